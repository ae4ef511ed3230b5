//! Guards of a reentrant mutex that share it instead of borrowing it.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::super::raw::{GetThreadId, GuardNoSend, RawMutex, RawMutexFair, RawMutexTimed};
use super::event::OnDrop;
use super::guard::{impl_arc_guard, impl_deref, impl_lock_guard};
use super::remutex::ReentrantMutex;

/// A [`ReentrantMutexGuard`](super::remutex::ReentrantMutexGuard) that shares the mutex instead of
/// borrowing it.
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct ArcReentrantMutexGuard<R: RawMutex, G: GetThreadId, T: ?Sized> {
    lock: Arc<ReentrantMutex<R, G, T>>,
    state: ManuallyDrop<()>,
    marker: PhantomData<(GuardNoSend, PhantomData<T>)>,
}

impl_deref!([R: RawMutex, G: GetThreadId, T: ?Sized] ArcReentrantMutexGuard<R, G, T>, T);
impl_lock_guard!(
    [R: RawMutex, G: GetThreadId, T: ?Sized] [R: RawMutexFair, G: GetThreadId, T: ?Sized] ArcReentrantMutexGuard<R, G, T>,
    holder Arc<ReentrantMutex<R, G, T>>, data T, state (), reacquire, release, release_fair, bump
);
impl_arc_guard!(
    [R: RawMutex, G: GetThreadId, T: ?Sized] [R: RawMutexFair, G: GetThreadId, T: ?Sized] ArcReentrantMutexGuard<R, G, T>,
    ReentrantMutex<R, G, T>, remutex, release, release_fair
);

/// The same acquisitions with guards that share the mutex.
macro_rules! arc_acquisitions {
    ($bound:ident: $($name:ident $(($timeout:ident))? => $acquire:ident, $plain:literal;)*) => {
                impl<R: $bound, G: GetThreadId, T: ?Sized> ReentrantMutex<R, G, T> {$(
            #[doc = concat!("[`", $plain, "`](Self::", $plain, ") with a guard that shares the mutex.")]
            #[track_caller]
            #[inline]
            pub fn $name(self: &Arc<Self> $(, timeout: R::$timeout)?) -> Option<ArcReentrantMutexGuard<R, G, T>> {
                let taken = self.$acquire($({ let timeout: R::$timeout = timeout; timeout })?);
                // SAFETY: just taken.
                taken.map(|()| unsafe { self.make_arc_guard_unchecked() })
            }
        )*}
    };
}

arc_acquisitions! { RawMutex: try_lock_arc => acquire_by_try, "try_lock"; }
arc_acquisitions! { RawMutexTimed:
    try_lock_arc_for(Duration) => acquire_for, "try_lock_for";
    try_lock_arc_until(Instant) => acquire_until, "try_lock_until";
}

impl<R: RawMutex, G: GetThreadId, T: ?Sized> ReentrantMutex<R, G, T> {
    /// Does what [`lock`](Self::lock) does, with a guard that shares the mutex.
    #[track_caller]
    #[inline]
    pub fn lock_arc(self: &Arc<Self>) -> ArcReentrantMutexGuard<R, G, T> {
        self.acquire();
        // SAFETY: just taken.
        unsafe { self.make_arc_guard_unchecked() }
    }

    /// Returns a guard, sharing the mutex, of an acquisition whose guard was forgotten.
    ///
    /// # Safety
    ///
    /// As [`make_guard_unchecked`](Self::make_guard_unchecked).
    #[inline]
    pub unsafe fn make_arc_guard_unchecked(self: &Arc<Self>) -> ArcReentrantMutexGuard<R, G, T> {
        ArcReentrantMutexGuard { lock: Arc::clone(self), state: ManuallyDrop::new(()), marker: PhantomData }
    }
}
