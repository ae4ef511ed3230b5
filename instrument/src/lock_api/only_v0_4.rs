//! What only the 0.4 line has: guards made of nothing, recursive reads as a method, `const_new`.

use super::hook::OwnedLockMap;
#[cfg(feature = "arc_lock")]
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::marker::PhantomData;

use super::common::event::{self, Want};
#[cfg(feature = "arc_lock")]
use super::common::{
    ArcMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard,
    guard::arc_acquisitions,
};
use super::common::{
    MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
#[cfg(feature = "atomic_usize")]
use super::common::{MappedReentrantMutexGuard, ReentrantMutexGuard};
#[cfg(feature = "atomic_usize")]
use super::raw::GetThreadId;
use super::raw::{
    RawMutex, RawMutexFair, RawRwLock, RawRwLockFair, RawRwLockRecursive, RawRwLockRecursiveTimed,
    RawRwLockUpgrade, raw_cell,
};
use super::seam::SharedState;

impl<R, T> Mutex<R, T> {
    /// Returns a mutex around `val` that starts in the state of `raw_mutex`. The place of the call
    /// is the identity of its class.
    #[track_caller]
    #[inline]
    pub const fn from_raw(raw_mutex: R, val: T) -> Self {
        Self { map: OwnedLockMap::new(), raw: raw_cell(raw_mutex), data: UnsafeCell::new(val) }
    }

    /// Does what [`from_raw`](Self::from_raw) does, under its older name.
    #[track_caller]
    #[inline]
    pub const fn const_new(raw_mutex: R, val: T) -> Self {
        Self::from_raw(raw_mutex, val)
    }
}

impl<R: RawMutex, T: ?Sized> Mutex<R, T> {
    /// Returns the raw mutex.
    ///
    /// The validator cannot see what is done with it: from here on this object is unverified. No
    /// self-deadlock (LD0001), bad release (LD0007) or lock held at thread exit (LD0009) is
    /// reported for it.
    ///
    /// # Safety
    ///
    /// The raw mutex must not be given up while a guard of it is alive.
    #[track_caller]
    #[inline]
    pub unsafe fn raw(&self) -> &R {
        super::raw_mutex_taken(&self.map, &Self::TAKEN);
        self.raw_mutex()
    }

    /// Returns a guard of an acquisition whose guard was forgotten.
    ///
    /// # Safety
    ///
    /// The mutex must be held, by an acquisition that no other guard stands for.
    #[inline]
    pub unsafe fn make_guard_unchecked(&self) -> MutexGuard<'_, R, T> {
        // SAFETY: the caller's promise.
        unsafe { self.guard(PhantomData) }
    }

    /// Gives the mutex up although its guard was forgotten.
    ///
    /// # Safety
    ///
    /// The mutex must be held, and no guard may be left that gives it up too.
    #[track_caller]
    #[inline]
    pub unsafe fn force_unlock(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.release(PhantomData) };
    }

    /// Returns a guard, sharing the mutex, of an acquisition whose guard was forgotten.
    ///
    /// # Safety
    ///
    /// As [`make_guard_unchecked`](Self::make_guard_unchecked).
    #[cfg(feature = "arc_lock")]
    #[inline]
    pub unsafe fn make_arc_guard_unchecked(self: &Arc<Self>) -> ArcMutexGuard<R, T> {
        // SAFETY: the caller's promise.
        unsafe { self.arc_guard(PhantomData) }
    }
}

impl<R: RawMutexFair, T: ?Sized> Mutex<R, T> {
    /// Does what [`force_unlock`](Self::force_unlock) does, to the thread that has waited longest.
    ///
    /// # Safety
    ///
    /// As [`force_unlock`](Self::force_unlock).
    #[track_caller]
    #[inline]
    pub unsafe fn force_unlock_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.release_fair(PhantomData) };
    }
}

#[cfg(feature = "atomic_usize")]
impl<R: RawMutex, G, T> super::common::ReentrantMutex<R, G, T> {
    /// Does what [`from_raw`](Self::from_raw) does, under its older name.
    #[track_caller]
    #[inline]
    pub const fn const_new(raw_mutex: R, get_thread_id: G, val: T) -> Self {
        Self::from_raw(raw_mutex, get_thread_id, val)
    }
}

impl<R, T> RwLock<R, T> {
    /// Does what [`from_raw`](Self::from_raw) does, under its older name.
    #[track_caller]
    #[inline]
    pub const fn const_new(raw_rwlock: R, val: T) -> Self {
        Self::from_raw(raw_rwlock, val)
    }
}

/// Guards without an acquisition, and releases without a guard.
macro_rules! unchecked {
    ($bound:ident: $($make:ident $guard:ident, $make_arc:ident $arc:ident;)*) => {
        impl<R: $bound, T: ?Sized> RwLock<R, T> {$(
            /// A guard of an acquisition whose guard was forgotten.
            ///
            /// # Safety
            ///
            /// The lock must be held in this mode, by an acquisition that no other guard stands
            /// for.
            #[inline]
            pub unsafe fn $make(&self) -> $guard<'_, R, T> {
                // SAFETY: the caller's promise.
                unsafe { $guard::assume(self, PhantomData) }
            }

            /// A guard, sharing the lock, of an acquisition whose guard was forgotten.
            ///
            /// # Safety
            ///
            /// The lock must be held in this mode, by an acquisition that no other guard stands
            /// for.
            #[cfg(feature = "arc_lock")]
            #[inline]
            pub unsafe fn $make_arc(self: &Arc<Self>) -> $arc<R, T> {
                // SAFETY: the caller's promise.
                unsafe { $arc::assume(Arc::clone(self), PhantomData) }
            }
        )*}
    };
    (release $bound:ident: $($force:ident $release:ident;)*) => {
        impl<R: $bound, T: ?Sized> RwLock<R, T> {$(
            /// Gives the lock up although its guard was forgotten.
            ///
            /// # Safety
            ///
            /// The lock must be held in this mode, and no guard may be left that gives it up too.
            #[track_caller]
            #[inline]
            pub unsafe fn $force(&self) {
                // SAFETY: the caller's promise.
                unsafe { self.$release(PhantomData) };
            }
        )*}
    };
}

unchecked! { RawRwLock:
    make_read_guard_unchecked RwLockReadGuard, make_arc_read_guard_unchecked ArcRwLockReadGuard;
    make_write_guard_unchecked RwLockWriteGuard, make_arc_write_guard_unchecked ArcRwLockWriteGuard;
}
unchecked! { RawRwLockUpgrade:
    make_upgradable_guard_unchecked RwLockUpgradableReadGuard, make_upgradable_arc_guard_unchecked ArcRwLockUpgradableReadGuard;
}
unchecked! { release RawRwLock:
    force_unlock_read release_shared;
    force_unlock_write release_exclusive;
}
unchecked! { release RawRwLockFair:
    force_unlock_read_fair release_shared_fair;
    force_unlock_write_fair release_exclusive_fair;
}

impl<R: RawRwLockRecursive, T: ?Sized> RwLock<R, T> {
    #[track_caller]
    #[inline]
    fn acquire_recursive(&self) -> SharedState<R> {
        let lock = || {
            self.raw.lock_shared_recursive();
            PhantomData
        };
        let try_lock = || self.raw.try_lock_shared_recursive().then_some(PhantomData);
        event::blocking(&self.map, &Self::TAKEN, Want::RECURSIVE, lock, try_lock)
    }

    #[track_caller]
    #[inline]
    fn acquire_recursive_by_try(&self) -> Option<SharedState<R>> {
        let taken = self.raw.try_lock_shared_recursive().then_some(PhantomData);
        event::tried(&self.map, &Self::TAKEN, Want::RECURSIVE, taken)
    }

    /// Takes the lock for reading without queueing behind a waiting writer, so that a thread that
    /// already reads may read again.
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    #[track_caller]
    #[inline]
    pub fn read_recursive(&self) -> RwLockReadGuard<'_, R, T> {
        let state = self.acquire_recursive();
        // SAFETY: just taken.
        unsafe { RwLockReadGuard::assume(self, state) }
    }

    /// Does what [`read_recursive`](Self::read_recursive) does if that needs no waiting.
    #[track_caller]
    #[inline]
    pub fn try_read_recursive(&self) -> Option<RwLockReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_recursive_by_try().map(|state| unsafe { RwLockReadGuard::assume(self, state) })
    }
}

impl<R: RawRwLockRecursiveTimed, T: ?Sized> RwLock<R, T> {
    #[track_caller]
    #[inline]
    fn acquire_recursive_for(&self, timeout: R::Duration) -> Option<SharedState<R>> {
        let attempt = || self.raw.try_lock_shared_recursive_for(timeout).then_some(PhantomData);
        let try_lock = || self.raw.try_lock_shared_recursive().then_some(PhantomData);
        event::timed(&self.map, &Self::TAKEN, Want::RECURSIVE, attempt, try_lock)
    }

    #[track_caller]
    #[inline]
    fn acquire_recursive_until(&self, timeout: R::Instant) -> Option<SharedState<R>> {
        let attempt = || self.raw.try_lock_shared_recursive_until(timeout).then_some(PhantomData);
        let try_lock = || self.raw.try_lock_shared_recursive().then_some(PhantomData);
        event::timed(&self.map, &Self::TAKEN, Want::RECURSIVE, attempt, try_lock)
    }

    /// Does what [`read_recursive`](Self::read_recursive) does, waiting at most `timeout`.
    #[track_caller]
    #[inline]
    pub fn try_read_recursive_for(&self, timeout: R::Duration) -> Option<RwLockReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_recursive_for(timeout).map(|state| unsafe { RwLockReadGuard::assume(self, state) })
    }

    /// Does what [`read_recursive`](Self::read_recursive) does, waiting until `timeout` at the
    /// latest.
    #[track_caller]
    #[inline]
    pub fn try_read_recursive_until(&self, timeout: R::Instant) -> Option<RwLockReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_recursive_until(timeout).map(|state| unsafe { RwLockReadGuard::assume(self, state) })
    }
}

#[cfg(feature = "arc_lock")]
arc_acquisitions! { waiting RawRwLockRecursive:
    read_arc_recursive => acquire_recursive, ArcRwLockReadGuard, "read_recursive";
}
#[cfg(feature = "arc_lock")]
arc_acquisitions! { RawRwLockRecursive:
    try_read_recursive_arc => acquire_recursive_by_try, ArcRwLockReadGuard, "try_read_recursive";
}
#[cfg(feature = "arc_lock")]
arc_acquisitions! { RawRwLockRecursiveTimed:
    try_read_arc_recursive_for(Duration) => acquire_recursive_for, ArcRwLockReadGuard, "try_read_recursive_for";
    try_read_arc_recursive_until(Instant) => acquire_recursive_until, ArcRwLockReadGuard, "try_read_recursive_until";
}

impl<'a, R: RawRwLock + 'a, T: ?Sized + 'a> MappedRwLockReadGuard<'a, R, T> {
    /// Does what [`try_map_or_err`](Self::try_map_or_err) does, under the name that this line gave
    /// it.
    ///
    /// # Errors
    ///
    /// The guard itself and the error of `f`.
    #[inline]
    pub fn try_map_or_else<U: ?Sized, F, E>(
        s: Self,
        f: F,
    ) -> Result<MappedRwLockReadGuard<'a, R, U>, (Self, E)>
    where
        F: FnOnce(&T) -> Result<&U, E>,
    {
        Self::try_map_or_err(s, f)
    }
}

/// In this line a guard's marker decides whether it is `Send`, and never whether it is `Sync`.
macro_rules! sync_whatever_the_marker {
    ($([$($generics:tt)*] $guard:ty;)*) => {$(
        // SAFETY: a shared guard gives out `&T`, and `T` is `Sync`.
        unsafe impl<$($generics)*> Sync for $guard {}
    )*};
}

sync_whatever_the_marker! {
    ['a, R: RawMutex + Sync + 'a, T: ?Sized + Sync + 'a] MutexGuard<'a, R, T>;
    ['a, R: RawMutex + Sync + 'a, T: ?Sized + Sync + 'a] MappedMutexGuard<'a, R, T>;
    ['a, R: RawRwLock + Sync + 'a, T: ?Sized + Sync + 'a] RwLockReadGuard<'a, R, T>;
    ['a, R: RawRwLock + Sync + 'a, T: ?Sized + Sync + 'a] RwLockWriteGuard<'a, R, T>;
    ['a, R: RawRwLockUpgrade + 'a, T: ?Sized + Sync + 'a] RwLockUpgradableReadGuard<'a, R, T>;
    ['a, R: RawRwLock + 'a, T: ?Sized + Sync + 'a] MappedRwLockReadGuard<'a, R, T>;
    ['a, R: RawRwLock + 'a, T: ?Sized + Sync + 'a] MappedRwLockWriteGuard<'a, R, T>;
}
#[cfg(feature = "atomic_usize")]
sync_whatever_the_marker! {
    ['a, R: RawMutex + Sync + 'a, G: GetThreadId + Sync + 'a, T: ?Sized + Sync + 'a] ReentrantMutexGuard<'a, R, G, T>;
    ['a, R: RawMutex + Sync + 'a, G: GetThreadId + Sync + 'a, T: ?Sized + Sync + 'a] MappedReentrantMutexGuard<'a, R, G, T>;
}
#[cfg(feature = "arc_lock")]
sync_whatever_the_marker! {
    [R: RawMutex + Sync, T: ?Sized + Send + Sync] ArcMutexGuard<R, T>;
    [R: RawRwLock + Sync + Send, T: ?Sized + Send + Sync] ArcRwLockReadGuard<R, T>;
    [R: RawRwLock + Sync + Send, T: ?Sized + Send + Sync] ArcRwLockWriteGuard<R, T>;
    [R: RawRwLockUpgrade + Sync + Send, T: ?Sized + Send + Sync] ArcRwLockUpgradableReadGuard<R, T>;
}
