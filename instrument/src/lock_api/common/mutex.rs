//! A mutex around anyone's raw mutex.

#[cfg(feature = "arc_lock")]
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::super::hook::{LockInfo, LockRef, OwnedLockMap, Tracked};
use super::super::raw::{RawCell, RawMutex, RawMutexFair, RawMutexTimed, raw_of};
use super::super::seam::{self, MutexState};
use super::event::{self, OnDrop, Want, is_sendable};
#[cfg(feature = "arc_lock")]
use super::guard::impl_arc_guard;
use super::guard::{impl_deref, impl_deref_mut, impl_lock_guard, impl_stable_address};

/// A mutual exclusion lock: the raw mutex `R`, the data `T`, and what the validator needs to know
/// about both.
///
/// The class of the mutex is the place where `new` is called, together with the name of `T`.
pub struct Mutex<R, T: ?Sized> {
    pub(crate) map: OwnedLockMap,
    pub(crate) raw: RawCell<R>,
    pub(crate) data: UnsafeCell<T>,
}

// SAFETY: the raw mutex lets one thread at a time at the data, which therefore need not be `Sync`
// itself.
unsafe impl<R: RawMutex + Sync, T: ?Sized + Send> Sync for Mutex<R, T> {}

impl<R, T: ?Sized> Mutex<R, T> {
    pub(crate) const INFO: LockInfo = LockInfo::of::<T>("Mutex").measured().publishes_waits();
}

impl<R: RawMutex, T> Mutex<R, T> {
    /// Makes an unlocked mutex around `val`. The place of the call is the identity of its class.
    #[track_caller]
    #[inline]
    pub const fn new(val: T) -> Self {
        Self::from_raw(R::INIT, val)
    }

    /// Gives the data back.
    #[inline]
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<R: RawMutex, T: ?Sized> Mutex<R, T> {
    /// What is known where the mutex is taken: whether its guards can be sent as well.
    pub(crate) const TAKEN: LockInfo = Self::INFO.sendable_if(is_sendable::<MutexState<R>>);

    #[inline]
    pub(crate) fn raw_mutex(&self) -> &R {
        raw_of(&self.raw)
    }

    #[track_caller]
    #[inline]
    fn acquire(&self) -> MutexState<R> {
        let raw = self.raw_mutex();
        event::blocking(&self.map, &Self::TAKEN, Want::EXCLUSIVE, || seam::lock(raw), || seam::try_lock(raw))
    }

    #[track_caller]
    #[inline]
    pub(crate) fn reacquire(&self, slot: &mut ManuallyDrop<MutexState<R>>) {
        let raw = self.raw_mutex();
        event::reacquire(
            &self.map,
            &Self::TAKEN,
            Want::EXCLUSIVE,
            slot,
            || seam::lock(raw),
            || seam::try_lock(raw),
        );
    }

    #[track_caller]
    #[inline]
    fn acquire_by_try(&self) -> Option<MutexState<R>> {
        event::tried(&self.map, &Self::TAKEN, Want::EXCLUSIVE, seam::try_lock(self.raw_mutex()))
    }

    /// # Safety
    ///
    /// The mutex must be held, by the acquisition that `state` came from.
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn release(&self, state: MutexState<R>) {
        self.map.release_by_any_thread();
        // SAFETY: the caller's promise.
        unsafe { seam::unlock(self.raw_mutex(), state) };
    }

    /// # Safety
    ///
    /// The mutex must be held, by the acquisition that `state` came from, and no other guard of it
    /// may be alive.
    #[inline]
    pub(crate) unsafe fn guard(&self, state: MutexState<R>) -> MutexGuard<'_, R, T> {
        MutexGuard { lock: self, state: ManuallyDrop::new(state), marker: PhantomData }
    }

    /// Takes the mutex, waiting for it if need be.
    ///
    /// # Panics
    ///
    /// If this thread already holds the mutex, validation is on, and `LOCKDEP_ON_DEADLOCK=panic`
    /// (the default); without validation the call then never returns.
    #[track_caller]
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, R, T> {
        let state = self.acquire();
        // SAFETY: just taken.
        unsafe { self.guard(state) }
    }

    /// Takes the mutex if that needs no waiting.
    #[track_caller]
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_by_try().map(|state| unsafe { self.guard(state) })
    }

    /// Returns the data, which no other thread can reach while the mutex is borrowed mutably.
    #[inline]
    pub const fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// Returns whether any thread holds the mutex at this moment.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.raw_mutex().is_locked()
    }

    /// Returns where the data is.
    #[inline]
    pub const fn data_ptr(&self) -> *mut T {
        self.data.get()
    }
}

impl<R: RawMutexFair, T: ?Sized> Mutex<R, T> {
    /// # Safety
    ///
    /// As [`release`](Self::release).
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn release_fair(&self, state: MutexState<R>) {
        self.map.release_by_any_thread();
        // SAFETY: the caller's promise.
        unsafe { seam::unlock_fair(self.raw_mutex(), state) };
    }

    /// # Safety
    ///
    /// The mutex must be held, by the acquisition that `state` came from.
    #[track_caller]
    #[inline]
    unsafe fn bump(&self, state: &mut MutexState<R>) {
        // SAFETY: the caller's promise.
        event::yielded(&self.map, &Self::TAKEN, Want::EXCLUSIVE, || unsafe {
            seam::bump(self.raw_mutex(), state)
        });
    }
}

impl<R: RawMutexTimed, T: ?Sized> Mutex<R, T> {
    #[track_caller]
    #[inline]
    fn acquire_for(&self, timeout: R::Duration) -> Option<MutexState<R>> {
        let raw = self.raw_mutex();
        let attempt = || seam::try_lock_for(raw, timeout);
        event::timed(&self.map, &Self::TAKEN, Want::EXCLUSIVE, attempt, || seam::try_lock(raw))
    }

    #[track_caller]
    #[inline]
    fn acquire_until(&self, timeout: R::Instant) -> Option<MutexState<R>> {
        let raw = self.raw_mutex();
        let attempt = || seam::try_lock_until(raw, timeout);
        event::timed(&self.map, &Self::TAKEN, Want::EXCLUSIVE, attempt, || seam::try_lock(raw))
    }

    /// Takes the mutex, waiting at most `timeout`.
    #[track_caller]
    #[inline]
    pub fn try_lock_for(&self, timeout: R::Duration) -> Option<MutexGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_for(timeout).map(|state| unsafe { self.guard(state) })
    }

    /// Takes the mutex, waiting until `timeout` at the latest.
    #[track_caller]
    #[inline]
    pub fn try_lock_until(&self, timeout: R::Instant) -> Option<MutexGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_until(timeout).map(|state| unsafe { self.guard(state) })
    }
}

impl<R: RawMutex, T: Default> Default for Mutex<R, T> {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        let mut made = Self::new(T::default());
        made.map.relocate();
        made
    }
}

impl<R: RawMutex, T> From<T> for Mutex<R, T> {
    #[track_caller]
    #[inline]
    fn from(val: T) -> Self {
        let mut made = Self::new(val);
        made.map.relocate();
        made
    }
}

impl<R: RawMutex, T: ?Sized + fmt::Debug> fmt::Debug for Mutex<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => out.field("data", &&*guard),
            None => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}

impl<R, T: ?Sized> Tracked for Mutex<R, T> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.map.as_ref(&Self::INFO)
    }
}

/// Access to the data of a [`Mutex`], until it is dropped.
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, R: RawMutex, T: ?Sized> {
    lock: &'a Mutex<R, T>,
    pub(crate) state: ManuallyDrop<MutexState<R>>,
    marker: PhantomData<&'a mut T>,
}

impl<'a, R: RawMutex + 'a, T: ?Sized + 'a> MutexGuard<'a, R, T> {
    /// Returns the mutex that the guard holds.
    #[inline]
    pub fn mutex(s: &Self) -> &'a Mutex<R, T> {
        s.lock
    }

    /// Keeps the mutex locked forever and gives the data away for as long as the mutex lives.
    #[inline]
    pub fn leak(s: Self) -> &'a mut T {
        let (lock, state) = Self::into_parts(s);
        lock.map.handed_over();
        // Never given back: the mutex stays locked.
        let _ = ManuallyDrop::new(state);
        // SAFETY: the mutex stays locked, so this is the only way to the data.
        unsafe { &mut *lock.data.get() }
    }
}

impl_deref!(['a, R: RawMutex + 'a, T: ?Sized + 'a] MutexGuard<'a, R, T>, T);
impl_deref_mut!(['a, R: RawMutex + 'a, T: ?Sized + 'a] MutexGuard<'a, R, T>, T);
impl_stable_address!(['a, R: RawMutex + 'a, T: ?Sized + 'a] MutexGuard<'a, R, T>);
impl_lock_guard!(
    ['a, R: RawMutex + 'a, T: ?Sized + 'a] ['a, R: RawMutexFair + 'a, T: ?Sized + 'a] MutexGuard<'a, R, T>,
    holder &'a Mutex<R, T>, data T, state MutexState<R>, reacquire, release, release_fair, bump
);

/// A [`MutexGuard`] that shares the mutex instead of borrowing it, so that it can outlive the place
/// that made it.
#[cfg(feature = "arc_lock")]
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct ArcMutexGuard<R: RawMutex, T: ?Sized> {
    lock: Arc<Mutex<R, T>>,
    state: ManuallyDrop<MutexState<R>>,
    marker: PhantomData<T>,
}

#[cfg(feature = "arc_lock")]
impl_deref!([R: RawMutex, T: ?Sized] ArcMutexGuard<R, T>, T);
#[cfg(feature = "arc_lock")]
impl_deref_mut!([R: RawMutex, T: ?Sized] ArcMutexGuard<R, T>, T);
#[cfg(feature = "arc_lock")]
impl_lock_guard!(
    [R: RawMutex, T: ?Sized] [R: RawMutexFair, T: ?Sized] ArcMutexGuard<R, T>,
    holder Arc<Mutex<R, T>>, data T, state MutexState<R>, reacquire, release, release_fair, bump
);
#[cfg(feature = "arc_lock")]
impl_arc_guard!(
    [R: RawMutex, T: ?Sized] [R: RawMutexFair, T: ?Sized] ArcMutexGuard<R, T>,
    Mutex<R, T>, mutex, release, release_fair
);

#[cfg(feature = "arc_lock")]
impl<R: RawMutex, T: ?Sized> Mutex<R, T> {
    /// # Safety
    ///
    /// As [`guard`](Self::guard).
    #[inline]
    pub(crate) unsafe fn arc_guard(self: &Arc<Self>, state: MutexState<R>) -> ArcMutexGuard<R, T> {
        ArcMutexGuard { lock: Arc::clone(self), state: ManuallyDrop::new(state), marker: PhantomData }
    }

    /// Does what [`lock`](Self::lock) does, with a guard that shares the mutex.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    #[track_caller]
    #[inline]
    pub fn lock_arc(self: &Arc<Self>) -> ArcMutexGuard<R, T> {
        let state = self.acquire();
        // SAFETY: just taken.
        unsafe { self.arc_guard(state) }
    }

    /// Does what [`try_lock`](Self::try_lock) does, with a guard that shares the mutex.
    #[track_caller]
    #[inline]
    pub fn try_lock_arc(self: &Arc<Self>) -> Option<ArcMutexGuard<R, T>> {
        // SAFETY: just taken.
        self.acquire_by_try().map(|state| unsafe { self.arc_guard(state) })
    }
}

#[cfg(feature = "arc_lock")]
impl<R: RawMutexTimed, T: ?Sized> Mutex<R, T> {
    /// Does what [`try_lock_for`](Self::try_lock_for) does, with a guard that shares the mutex.
    #[track_caller]
    #[inline]
    pub fn try_lock_arc_for(self: &Arc<Self>, timeout: R::Duration) -> Option<ArcMutexGuard<R, T>> {
        // SAFETY: just taken.
        self.acquire_for(timeout).map(|state| unsafe { self.arc_guard(state) })
    }

    /// Does what [`try_lock_until`](Self::try_lock_until) does, with a guard that shares the mutex.
    #[track_caller]
    #[inline]
    pub fn try_lock_arc_until(self: &Arc<Self>, timeout: R::Instant) -> Option<ArcMutexGuard<R, T>> {
        // SAFETY: just taken.
        self.acquire_until(timeout).map(|state| unsafe { self.arc_guard(state) })
    }
}
