//! A mutex that its holder may take again.

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::super::hook::{LockInfo, LockMap, LockRef, OwnedLockMap, Tracked};
use super::super::raw::{GetThreadId, GuardNoSend, RawMutex, RawMutexFair, RawMutexTimed};
use super::event::{self, OnDrop, Want};
use super::guard::{SharedPointer, impl_deref, impl_lock_guard, impl_map, impl_stable_address};
use super::raw_remutex::RawReentrantMutex;

/// A mutex that its holder may take again; it gives out shared access only.
///
/// To the validator only the outermost acquisition is one: what is taken again cannot be waited
/// for.
pub struct ReentrantMutex<R: RawMutex, G, T: ?Sized> {
    pub(crate) map: OwnedLockMap,
    pub(crate) raw: RawReentrantMutex<R, G>,
    pub(crate) data: UnsafeCell<T>,
}

// SAFETY: one thread at a time reaches the data, which therefore need not be `Sync` itself.
unsafe impl<R: RawMutex + Sync, G: GetThreadId + Sync, T: ?Sized + Send> Sync for ReentrantMutex<R, G, T> {}

impl<R: RawMutex, G, T: ?Sized> ReentrantMutex<R, G, T> {
    pub(crate) const INFO: LockInfo = LockInfo::of::<T>("ReentrantMutex");
}

impl<R: RawMutex, G: GetThreadId, T> ReentrantMutex<R, G, T> {
    /// Makes an unlocked mutex around `val`. The place of the call is the identity of its class.
    #[track_caller]
    #[inline]
    pub const fn new(val: T) -> Self {
        Self::from_raw(R::INIT, G::INIT, val)
    }

    /// Gives the data back.
    #[inline]
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<R: RawMutex, G, T> ReentrantMutex<R, G, T> {
    /// Returns a mutex around `val`, of an unlocked raw mutex. The place of the call is the
    /// identity of its class.
    #[track_caller]
    #[inline]
    pub const fn from_raw(raw_mutex: R, get_thread_id: G, val: T) -> Self {
        Self {
            map: OwnedLockMap::new(),
            raw: RawReentrantMutex::from_parts(raw_mutex, get_thread_id),
            data: UnsafeCell::new(val),
        }
    }
}

impl<R: RawMutex, G: GetThreadId, T: ?Sized> ReentrantMutex<R, G, T> {
    #[track_caller]
    #[inline]
    pub(super) fn acquire(&self) {
        if self.raw.is_owned_by_current_thread() {
            self.raw.lock();
        } else {
            let raw = &self.raw;
            event::blocking(
                &self.map,
                &Self::INFO,
                Want::REENTRANT,
                || raw.lock(),
                || raw.try_lock().then_some(()),
            );
        }
    }

    #[track_caller]
    #[inline]
    pub(super) fn reacquire(&self, slot: &mut ManuallyDrop<()>) {
        if self.raw.is_owned_by_current_thread() {
            self.raw.lock();
        } else {
            let raw = &self.raw;
            event::reacquire(
                &self.map,
                &Self::INFO,
                Want::REENTRANT,
                slot,
                || raw.lock(),
                || raw.try_lock().then_some(()),
            );
        }
    }

    #[track_caller]
    #[inline]
    pub(super) fn acquire_by_try(&self) -> Option<()> {
        if self.raw.is_owned_by_current_thread() {
            self.raw.lock();
            return Some(());
        }
        event::tried(&self.map, &Self::INFO, Want::REENTRANT, self.raw.try_lock().then_some(()))
    }

    /// # Safety
    ///
    /// The running thread must hold the mutex.
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn release(&self, (): ()) {
        // SAFETY: the caller's promise.
        unsafe {
            release_outermost(&self.map, &self.raw);
            self.raw.unlock();
        }
    }

    /// # Safety
    ///
    /// The running thread must hold the mutex, by an acquisition without a guard.
    #[inline]
    pub(crate) unsafe fn guard(&self) -> ReentrantMutexGuard<'_, R, G, T> {
        ReentrantMutexGuard { lock: self, state: ManuallyDrop::new(()), marker: PhantomData }
    }

    /// Takes the mutex, waiting for it if another thread holds it.
    #[track_caller]
    #[inline]
    pub fn lock(&self) -> ReentrantMutexGuard<'_, R, G, T> {
        self.acquire();
        // SAFETY: just taken.
        unsafe { self.guard() }
    }

    /// Takes the mutex unless another thread holds it.
    #[track_caller]
    #[inline]
    pub fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, R, G, T>> {
        // SAFETY: just taken.
        self.acquire_by_try().map(|()| unsafe { self.guard() })
    }

    /// Returns the data, which no other thread can reach while the mutex is borrowed mutably.
    #[inline]
    pub const fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// Returns whether any thread holds the mutex at this moment.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Returns whether the running thread holds the mutex.
    #[inline]
    pub fn is_owned_by_current_thread(&self) -> bool {
        self.raw.is_owned_by_current_thread()
    }

    /// Gives the mutex up once, although its guard was forgotten.
    ///
    /// # Safety
    ///
    /// The running thread must hold the mutex, and no guard may be left that gives it up too.
    #[track_caller]
    #[inline]
    pub unsafe fn force_unlock(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.release(()) };
    }

    /// Returns the raw mutex.
    ///
    /// The validator cannot see what is done with it: from here on this object is unverified. No
    /// self-deadlock (LD0001), bad release (LD0007) or lock held at thread exit (LD0009) is
    /// reported for it.
    ///
    /// # Safety
    ///
    /// The raw mutex must not be given up while a guard of it is alive.
    #[inline]
    pub unsafe fn raw(&self) -> &R {
        event::raw_taken(&self.map, &Self::INFO);
        &self.raw.mutex
    }

    /// Returns where the data is.
    #[inline]
    pub const fn data_ptr(&self) -> *mut T {
        self.data.get()
    }

    /// Returns a guard of an acquisition whose guard was forgotten.
    ///
    /// # Safety
    ///
    /// The running thread must hold the mutex, by an acquisition that no other guard stands for.
    #[inline]
    pub unsafe fn make_guard_unchecked(&self) -> ReentrantMutexGuard<'_, R, G, T> {
        // SAFETY: the caller's promise.
        unsafe { self.guard() }
    }
}

/// The event of a release, if it is the last.
///
/// # Safety
///
/// The running thread must hold the mutex.
#[track_caller]
#[inline]
unsafe fn release_outermost<R: RawMutex, G>(map: &LockMap, raw: &RawReentrantMutex<R, G>) {
    // SAFETY: the caller's promise.
    if unsafe { raw.depth() } == 1 {
        map.release_by_any_thread();
    }
}

impl<R: RawMutexFair, G: GetThreadId, T: ?Sized> ReentrantMutex<R, G, T> {
    /// # Safety
    ///
    /// The running thread must hold the mutex.
    #[track_caller]
    #[inline]
    pub(super) unsafe fn release_fair(&self, (): ()) {
        // SAFETY: the caller's promise.
        unsafe {
            release_outermost(&self.map, &self.raw);
            self.raw.unlock_fair();
        }
    }

    /// # Safety
    ///
    /// The running thread must hold the mutex.
    #[track_caller]
    #[inline]
    pub(super) unsafe fn bump(&self, (): &mut ()) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.raw.depth() == 1 {
                event::yielded(&self.map, &Self::INFO, Want::REENTRANT, || self.raw.bump());
            }
        }
    }

    /// Does what [`force_unlock`](Self::force_unlock) does, to the thread that has waited longest
    /// if it is the last.
    ///
    /// # Safety
    ///
    /// As [`force_unlock`](Self::force_unlock).
    #[track_caller]
    #[inline]
    pub unsafe fn force_unlock_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.release_fair(()) };
    }
}

/// Acquisitions that give up after a while.
macro_rules! timed {
    ($($name:ident $acquire:ident $timeout:ident $how_long:literal;)*) => {
        impl<R: RawMutexTimed, G: GetThreadId, T: ?Sized> ReentrantMutex<R, G, T> {$(
            #[track_caller]
            #[inline]
            pub(super) fn $acquire(&self, timeout: R::$timeout) -> Option<()> {
                if self.raw.is_owned_by_current_thread() {
                    self.raw.lock();
                    return Some(());
                }
                let attempt = || self.raw.$name(timeout).then_some(());
                let try_lock = || self.raw.try_lock().then_some(());
                event::timed(&self.map, &Self::INFO, Want::REENTRANT, attempt, try_lock)
            }

            #[doc = concat!("Takes the mutex, waiting ", $how_long, " if another thread holds it.")]
            #[track_caller]
            #[inline]
            pub fn $name(&self, timeout: R::$timeout) -> Option<ReentrantMutexGuard<'_, R, G, T>> {
                // SAFETY: just taken.
                self.$acquire(timeout).map(|()| unsafe { self.guard() })
            }
        )*}
    };
}

timed! {
    try_lock_for acquire_for Duration "at most `timeout`";
    try_lock_until acquire_until Instant "until `timeout` at the latest";
}

impl<R: RawMutex, G: GetThreadId, T: Default> Default for ReentrantMutex<R, G, T> {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        let mut made = Self::new(T::default());
        made.map.relocate();
        made
    }
}

impl<R: RawMutex, G: GetThreadId, T> From<T> for ReentrantMutex<R, G, T> {
    #[track_caller]
    #[inline]
    fn from(val: T) -> Self {
        let mut made = Self::new(val);
        made.map.relocate();
        made
    }
}

impl<R: RawMutex, G: GetThreadId, T: ?Sized + fmt::Debug> fmt::Debug for ReentrantMutex<R, G, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("ReentrantMutex");
        match self.try_lock() {
            Some(guard) => out.field("data", &&*guard),
            None => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}

impl<R: RawMutex, G, T: ?Sized> Tracked for ReentrantMutex<R, G, T> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.map.as_ref(&Self::INFO)
    }
}

/// Shared access to the data of a [`ReentrantMutex`], until it is dropped.
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct ReentrantMutexGuard<'a, R: RawMutex, G: GetThreadId, T: ?Sized> {
    lock: &'a ReentrantMutex<R, G, T>,
    state: ManuallyDrop<()>,
    marker: PhantomData<(&'a T, GuardNoSend)>,
}

/// A [`ReentrantMutexGuard`] narrowed to a part of the data, from [`ReentrantMutexGuard::map`].
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct MappedReentrantMutexGuard<'a, R: RawMutex, G: GetThreadId, T: ?Sized + 'a> {
    raw: &'a RawReentrantMutex<R, G>,
    map: &'a LockMap,
    data: SharedPointer<T>,
    marker: PhantomData<GuardNoSend>,
}

impl<'a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a> ReentrantMutexGuard<'a, R, G, T> {
    /// Returns the mutex that the guard holds.
    #[inline]
    pub fn remutex(s: &Self) -> &'a ReentrantMutex<R, G, T> {
        s.lock
    }
}

impl_deref!(['a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a] ReentrantMutexGuard<'a, R, G, T>, T);
impl_stable_address!(['a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a] ReentrantMutexGuard<'a, R, G, T>);
impl_lock_guard!(
    ['a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a]
    ['a, R: RawMutexFair + 'a, G: GetThreadId + 'a, T: ?Sized + 'a] ReentrantMutexGuard<'a, R, G, T>,
    holder &'a ReentrantMutex<R, G, T>, data T, state (), reacquire, release, release_fair, bump
);
impl_map!(
    ['a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a] ReentrantMutexGuard<'a, R, G, T>, T, [&] =>
    MappedReentrantMutexGuard<'a, R, G, U>, SharedPointer,
    |(lock, ()), data| MappedReentrantMutexGuard { raw: &lock.raw, map: &lock.map, data, marker: PhantomData },
    try_map_or_err
);

impl<'a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a> MappedReentrantMutexGuard<'a, R, G, T> {
    #[inline]
    fn pointer(s: &Self) -> *mut T {
        s.data.get()
    }

    /// Takes the guard apart without a release.
    #[inline]
    fn into_parts(s: Self) -> (&'a RawReentrantMutex<R, G>, &'a LockMap) {
        let s = ManuallyDrop::new(s);
        (s.raw, s.map)
    }
}

impl<'a, R: RawMutexFair + 'a, G: GetThreadId + 'a, T: ?Sized + 'a> MappedReentrantMutexGuard<'a, R, G, T> {
    /// Gives the mutex up to the thread that has waited longest, if this was the last acquisition
    /// and any waits.
    #[track_caller]
    pub fn unlock_fair(s: Self) {
        let (raw, map) = Self::into_parts(s);
        // SAFETY: the guard held the mutex, and guards cannot leave their thread.
        unsafe {
            release_outermost(map, raw);
            raw.unlock_fair();
        }
    }
}

impl<'a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a> Drop
    for MappedReentrantMutexGuard<'a, R, G, T>
{
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard holds the mutex, and guards cannot leave their thread.
        unsafe {
            release_outermost(self.map, self.raw);
            self.raw.unlock();
        }
    }
}

impl_deref!(['a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a] MappedReentrantMutexGuard<'a, R, G, T>, T);
impl_stable_address!(['a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a] MappedReentrantMutexGuard<'a, R, G, T>);
impl_map!(
    ['a, R: RawMutex + 'a, G: GetThreadId + 'a, T: ?Sized + 'a] MappedReentrantMutexGuard<'a, R, G, T>, T, [&] =>
    MappedReentrantMutexGuard<'a, R, G, U>, SharedPointer,
    |(raw, map), data| MappedReentrantMutexGuard { raw, map, data, marker: PhantomData },
    try_map_or_err
);
