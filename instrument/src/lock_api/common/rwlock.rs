//! A reader-writer lock around anyone's raw reader-writer lock.

#[cfg(feature = "arc_lock")]
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::fmt;

use super::super::hook::{LockInfo, LockRef, OwnedLockMap, Tracked};
use super::super::raw::{RawRwLock, RawRwLockTimed, RawRwLockUpgrade, RawRwLockUpgradeTimed};
use super::event;
#[cfg(feature = "arc_lock")]
use super::guard::arc_acquisitions;
#[cfg(feature = "arc_lock")]
use super::rwlock_guard::{ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard, ArcRwLockWriteGuard};
use super::rwlock_guard::{RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard};

/// A reader-writer lock: the raw lock `R`, the data `T`, and what the validator needs to know about
/// both.
///
/// The class of the lock is the place where `new` is called, together with the name of `T`.
/// `read()` counts as a fair reader, one that queues behind a waiting writer: a thread that reads
/// twice hangs if a writer comes in between.
pub struct RwLock<R, T: ?Sized> {
    pub(crate) map: OwnedLockMap,
    pub(crate) raw: R,
    pub(crate) data: UnsafeCell<T>,
}

// SAFETY: the raw lock lets either one writer or any number of readers at the data: `T` is sent and
// shared.
unsafe impl<R: RawRwLock + Sync, T: ?Sized + Send + Sync> Sync for RwLock<R, T> {}

impl<R, T: ?Sized> RwLock<R, T> {
    pub(crate) const INFO: LockInfo =
        LockInfo::of::<T>("RwLock").measured().publishes_waits().recursive_reads();
}

impl<R: RawRwLock, T> RwLock<R, T> {
    /// Makes an unlocked lock around `val`. The place of the call is the identity of its class.
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

impl<R, T> RwLock<R, T> {
    /// Returns a lock around `val` that starts in the state of `raw_rwlock`. The place of the call
    /// is the identity of its class.
    #[track_caller]
    #[inline]
    pub const fn from_raw(raw_rwlock: R, val: T) -> Self {
        Self { map: OwnedLockMap::new(), raw: raw_rwlock, data: UnsafeCell::new(val) }
    }
}

impl<R: RawRwLock, T: ?Sized> RwLock<R, T> {
    /// Takes the lock for reading, waiting if need be.
    ///
    /// # Panics
    ///
    /// If this thread already holds the lock for writing, validation is on, and
    /// `LOCKDEP_ON_DEADLOCK=panic` (the default); without validation the call then never returns.
    #[track_caller]
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, R, T> {
        let state = self.acquire_shared();
        // SAFETY: just taken.
        unsafe { RwLockReadGuard::assume(self, state) }
    }

    /// Takes the lock for reading if that needs no waiting.
    #[track_caller]
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_shared_by_try().map(|state| unsafe { RwLockReadGuard::assume(self, state) })
    }

    /// Takes the lock for writing, waiting if need be.
    ///
    /// # Panics
    ///
    /// If this thread already holds the lock, validation is on, and `LOCKDEP_ON_DEADLOCK=panic`
    /// (the default); without validation the call then never returns.
    #[track_caller]
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, R, T> {
        let state = self.acquire_exclusive();
        // SAFETY: just taken.
        unsafe { RwLockWriteGuard::assume(self, state) }
    }

    /// Takes the lock for writing if that needs no waiting.
    #[track_caller]
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_exclusive_by_try().map(|state| unsafe { RwLockWriteGuard::assume(self, state) })
    }

    /// Returns the data, which no other thread can reach while the lock is borrowed mutably.
    #[inline]
    pub const fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// Returns whether any thread holds the lock at this moment.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Returns whether any thread holds the lock for writing at this moment.
    #[inline]
    pub fn is_locked_exclusive(&self) -> bool {
        self.raw.is_locked_exclusive()
    }

    /// Returns the raw lock.
    ///
    /// The validator cannot see what is done with it: from here on this object is unverified. No
    /// self-deadlock (LD0001), bad release (LD0007) or lock held at thread exit (LD0009) is
    /// reported for it.
    ///
    /// # Safety
    ///
    /// The raw lock must not be given up while a guard of it is alive.
    #[inline]
    pub unsafe fn raw(&self) -> &R {
        event::raw_taken(&self.map, &Self::TAKEN);
        &self.raw
    }

    /// Returns where the data is.
    #[inline]
    pub const fn data_ptr(&self) -> *mut T {
        self.data.get()
    }
}

impl<R: RawRwLockTimed, T: ?Sized> RwLock<R, T> {
    /// Takes the lock for reading, waiting at most `timeout`.
    #[track_caller]
    #[inline]
    pub fn try_read_for(&self, timeout: R::Duration) -> Option<RwLockReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_shared_for(timeout).map(|state| unsafe { RwLockReadGuard::assume(self, state) })
    }

    /// Takes the lock for reading, waiting until `timeout` at the latest.
    #[track_caller]
    #[inline]
    pub fn try_read_until(&self, timeout: R::Instant) -> Option<RwLockReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_shared_until(timeout).map(|state| unsafe { RwLockReadGuard::assume(self, state) })
    }

    /// Takes the lock for writing, waiting at most `timeout`.
    #[track_caller]
    #[inline]
    pub fn try_write_for(&self, timeout: R::Duration) -> Option<RwLockWriteGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_exclusive_for(timeout).map(|state| unsafe { RwLockWriteGuard::assume(self, state) })
    }

    /// Takes the lock for writing, waiting until `timeout` at the latest.
    #[track_caller]
    #[inline]
    pub fn try_write_until(&self, timeout: R::Instant) -> Option<RwLockWriteGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_exclusive_until(timeout).map(|state| unsafe { RwLockWriteGuard::assume(self, state) })
    }
}

impl<R: RawRwLockUpgrade, T: ?Sized> RwLock<R, T> {
    /// Takes the lock for reading with the right to become its writer; one thread at a time has it.
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write), if this thread holds the lock upgradable or for writing.
    #[track_caller]
    #[inline]
    pub fn upgradable_read(&self) -> RwLockUpgradableReadGuard<'_, R, T> {
        let state = self.acquire_upgradable();
        // SAFETY: just taken.
        unsafe { RwLockUpgradableReadGuard::assume(self, state) }
    }

    /// Takes the lock for upgradable reading if that needs no waiting.
    #[track_caller]
    #[inline]
    pub fn try_upgradable_read(&self) -> Option<RwLockUpgradableReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_upgradable_by_try()
            .map(|state| unsafe { RwLockUpgradableReadGuard::assume(self, state) })
    }
}

impl<R: RawRwLockUpgradeTimed, T: ?Sized> RwLock<R, T> {
    /// Takes the lock for upgradable reading, waiting at most `timeout`.
    #[track_caller]
    #[inline]
    pub fn try_upgradable_read_for(
        &self,
        timeout: R::Duration,
    ) -> Option<RwLockUpgradableReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_upgradable_for(timeout)
            .map(|state| unsafe { RwLockUpgradableReadGuard::assume(self, state) })
    }

    /// Takes the lock for upgradable reading, waiting until `timeout` at the latest.
    #[track_caller]
    #[inline]
    pub fn try_upgradable_read_until(
        &self,
        timeout: R::Instant,
    ) -> Option<RwLockUpgradableReadGuard<'_, R, T>> {
        // SAFETY: just taken.
        self.acquire_upgradable_until(timeout)
            .map(|state| unsafe { RwLockUpgradableReadGuard::assume(self, state) })
    }
}

#[cfg(feature = "arc_lock")]
arc_acquisitions! { waiting RawRwLock:
    read_arc => acquire_shared, ArcRwLockReadGuard, "read";
    write_arc => acquire_exclusive, ArcRwLockWriteGuard, "write";
}
#[cfg(feature = "arc_lock")]
arc_acquisitions! { waiting RawRwLockUpgrade:
    upgradable_read_arc => acquire_upgradable, ArcRwLockUpgradableReadGuard, "upgradable_read";
}
#[cfg(feature = "arc_lock")]
arc_acquisitions! { RawRwLock:
    try_read_arc => acquire_shared_by_try, ArcRwLockReadGuard, "try_read";
    try_write_arc => acquire_exclusive_by_try, ArcRwLockWriteGuard, "try_write";
}
#[cfg(feature = "arc_lock")]
arc_acquisitions! { RawRwLockUpgrade:
    try_upgradable_read_arc => acquire_upgradable_by_try, ArcRwLockUpgradableReadGuard, "try_upgradable_read";
}
#[cfg(feature = "arc_lock")]
arc_acquisitions! { RawRwLockTimed:
    try_read_arc_for(Duration) => acquire_shared_for, ArcRwLockReadGuard, "try_read_for";
    try_read_arc_until(Instant) => acquire_shared_until, ArcRwLockReadGuard, "try_read_until";
    try_write_arc_for(Duration) => acquire_exclusive_for, ArcRwLockWriteGuard, "try_write_for";
    try_write_arc_until(Instant) => acquire_exclusive_until, ArcRwLockWriteGuard, "try_write_until";
}
#[cfg(feature = "arc_lock")]
arc_acquisitions! { RawRwLockUpgradeTimed:
    try_upgradable_read_arc_for(Duration) => acquire_upgradable_for, ArcRwLockUpgradableReadGuard,
        "try_upgradable_read_for";
    try_upgradable_read_arc_until(Instant) => acquire_upgradable_until, ArcRwLockUpgradableReadGuard,
        "try_upgradable_read_until";
}

impl<R: RawRwLock, T: Default> Default for RwLock<R, T> {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        let mut made = Self::new(T::default());
        made.map.relocate();
        made
    }
}

impl<R: RawRwLock, T> From<T> for RwLock<R, T> {
    #[track_caller]
    #[inline]
    fn from(val: T) -> Self {
        let mut made = Self::new(val);
        made.map.relocate();
        made
    }
}

impl<R: RawRwLock, T: ?Sized + fmt::Debug> fmt::Debug for RwLock<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => out.field("data", &&*guard),
            None => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}

impl<R, T: ?Sized> Tracked for RwLock<R, T> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.map.as_ref(&Self::INFO)
    }
}
