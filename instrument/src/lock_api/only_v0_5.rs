//! What only the 0.5 line has: guards made of a state, and the raw lock given back.

use super::hook::OwnedLockMap;
#[cfg(feature = "arc_lock")]
use alloc::sync::Arc;
use core::cell::UnsafeCell;

use super::common::event;
#[cfg(feature = "arc_lock")]
use super::common::{ArcMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard};
use super::common::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use super::raw::{RawMutex, RawMutexFair, RawRwLock, RawRwLockFair, RawRwLockUpgrade, raw_cell};
use super::seam::{ExclusiveState, MutexState, SharedState, UpgradableState};

impl<R, T> Mutex<R, T> {
    /// Returns a mutex around `val` that starts in the state of `raw_mutex`. The place of the call
    /// is the identity of its class.
    #[track_caller]
    #[inline]
    pub const fn from_raw(raw_mutex: R, val: T) -> Self {
        Self { map: OwnedLockMap::new(), raw: raw_cell(raw_mutex), data: UnsafeCell::new(val) }
    }

    /// Gives the raw mutex and the data back.
    #[inline]
    pub fn into_inner_with_raw(self) -> (R, T) {
        (self.raw, self.data.into_inner())
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
    #[inline]
    pub unsafe fn raw(&self) -> &R {
        event::raw_taken(&self.map, &Self::TAKEN);
        self.raw_mutex()
    }

    /// Returns a guard of an acquisition whose guard was forgotten.
    ///
    /// # Safety
    ///
    /// The mutex must be held, by the acquisition that `guard` came from.
    #[inline]
    pub unsafe fn make_guard_unchecked(&self, guard: MutexState<R>) -> MutexGuard<'_, R, T> {
        // SAFETY: the caller's promise.
        unsafe { self.guard(guard) }
    }

    /// Gives the mutex up although its guard was forgotten.
    ///
    /// # Safety
    ///
    /// The mutex must be held, by the acquisition that `guard` came from.
    #[track_caller]
    #[inline]
    pub unsafe fn force_unlock(&self, guard: MutexState<R>) {
        // SAFETY: the caller's promise.
        unsafe { self.release(guard) };
    }

    /// Returns a guard, sharing the mutex, of an acquisition whose guard was forgotten.
    ///
    /// # Safety
    ///
    /// As [`make_guard_unchecked`](Self::make_guard_unchecked).
    #[cfg(feature = "arc_lock")]
    #[inline]
    pub unsafe fn make_arc_guard_unchecked(self: &Arc<Self>, guard: MutexState<R>) -> ArcMutexGuard<R, T> {
        // SAFETY: the caller's promise.
        unsafe { self.arc_guard(guard) }
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
    pub unsafe fn force_unlock_fair(&self, guard: MutexState<R>) {
        // SAFETY: the caller's promise.
        unsafe { self.release_fair(guard) };
    }
}

#[cfg(feature = "atomic_usize")]
impl<R: RawMutex, G, T> super::common::ReentrantMutex<R, G, T> {
    /// Gives the raw mutex, the source of thread numbers and the data back.
    #[inline]
    pub fn into_inner_with_raw(self) -> (R, G, T) {
        (self.raw.mutex, self.raw.thread_ids, self.data.into_inner())
    }
}

impl<R, T> RwLock<R, T> {
    /// Gives the raw lock and the data back.
    #[inline]
    pub fn into_inner_with_raw(self) -> (R, T) {
        (self.raw, self.data.into_inner())
    }
}

/// Guards without an acquisition, and releases without a guard.
macro_rules! unchecked {
    ($bound:ident: $($make:ident $guard:ident, $make_arc:ident $arc:ident, $state:ident;)*) => {
        impl<R: $bound, T: ?Sized> RwLock<R, T> {$(
            /// A guard of an acquisition whose guard was forgotten.
            ///
            /// # Safety
            ///
            /// The lock must be held in this mode, by the acquisition that `guard` came from.
            #[inline]
            pub unsafe fn $make(&self, guard: $state<R>) -> $guard<'_, R, T> {
                // SAFETY: the caller's promise.
                unsafe { $guard::assume(self, guard) }
            }

            /// A guard, sharing the lock, of an acquisition whose guard was forgotten.
            ///
            /// # Safety
            ///
            /// The lock must be held in this mode, by the acquisition that `guard` came from.
            #[cfg(feature = "arc_lock")]
            #[inline]
            pub unsafe fn $make_arc(self: &Arc<Self>, guard: $state<R>) -> $arc<R, T> {
                // SAFETY: the caller's promise.
                unsafe { $arc::assume(Arc::clone(self), guard) }
            }
        )*}
    };
    (release $bound:ident: $($force:ident $release:ident, $state:ident;)*) => {
        impl<R: $bound, T: ?Sized> RwLock<R, T> {$(
            /// Gives the lock up although its guard was forgotten.
            ///
            /// # Safety
            ///
            /// The lock must be held in this mode, by the acquisition that `guard` came from.
            #[track_caller]
            #[inline]
            pub unsafe fn $force(&self, guard: $state<R>) {
                // SAFETY: the caller's promise.
                unsafe { self.$release(guard) };
            }
        )*}
    };
}

unchecked! { RawRwLock:
    make_read_guard_unchecked RwLockReadGuard, make_arc_read_guard_unchecked ArcRwLockReadGuard, SharedState;
    make_write_guard_unchecked RwLockWriteGuard, make_arc_write_guard_unchecked ArcRwLockWriteGuard, ExclusiveState;
}
unchecked! { RawRwLockUpgrade:
    make_upgradable_guard_unchecked RwLockUpgradableReadGuard,
    make_upgradable_arc_guard_unchecked ArcRwLockUpgradableReadGuard, UpgradableState;
}
unchecked! { release RawRwLock:
    force_unlock_read release_shared, SharedState;
    force_unlock_write release_exclusive, ExclusiveState;
}
unchecked! { release RawRwLockFair:
    force_unlock_read_fair release_shared_fair, SharedState;
    force_unlock_write_fair release_exclusive_fair, ExclusiveState;
}
