//! Locks around anyone's raw lock, for raw locks that implement the traits of `lock_api` 0.4.
//!
//! Write `lockdep::lock_api` where `lock_api` stood: the traits are `lock_api`'s own, the locks and
//! guards are ours and have the same methods. A lock library then looks like this, with validation
//! of every lock that it gives out:
//!
//! ```
//! use lockdep::lock_api::{self, GuardSend, RawMutex};
//! use std::sync::atomic::{AtomicBool, Ordering};
//!
//! pub struct RawSpin(AtomicBool);
//!
//! unsafe impl RawMutex for RawSpin {
//!     const INIT: Self = Self(AtomicBool::new(false));
//!     type GuardMarker = GuardSend;
//!     fn lock(&self) { while !self.try_lock() { std::hint::spin_loop(); } }
//!     fn try_lock(&self) -> bool { !self.0.swap(true, Ordering::Acquire) }
//!     unsafe fn unlock(&self) { self.0.store(false, Ordering::Release) }
//! }
//!
//! pub type SpinLock<T> = lock_api::Mutex<RawSpin, T>;
//!
//! static COUNTER: SpinLock<u32> = SpinLock::new(0);
//! *COUNTER.lock() += 1;
//! assert_eq!(*COUNTER.lock(), 1);
//! ```
//!
//! What a lock here cannot see: the raw lock used behind its back ([`Mutex::raw`],
//! [`RwLock::raw`]). Such a lock is *unverified* from then on.

mod common;
mod many;
mod only_v0_4;
#[path = "seam_v0_4.rs"]
mod seam;
mod seam_table;

pub use common::*;
pub use raw::{
    GetThreadId, GuardNoSend, GuardSend, RawMutex, RawMutexFair, RawMutexTimed, RawRwLock,
    RawRwLockDowngrade, RawRwLockFair, RawRwLockRecursive, RawRwLockRecursiveTimed, RawRwLockTimed,
    RawRwLockUpgrade, RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};

mod raw {
    pub use lock_api_0_4::{
        GetThreadId, GuardNoSend, GuardSend, RawMutex, RawMutexFair, RawMutexTimed, RawRwLock,
        RawRwLockDowngrade, RawRwLockFair, RawRwLockRecursive, RawRwLockRecursiveTimed, RawRwLockTimed,
        RawRwLockUpgrade, RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
    };

    /// The raw mutex, kept as a `lock_api` mutex of nothing: parking_lot's condition variable wants
    /// one to wait with.
    pub(crate) type RawCell<R> = lock_api_0_4::Mutex<R, ()>;

    pub(crate) const fn raw_cell<R>(raw: R) -> RawCell<R> {
        RawCell::from_raw(raw, ())
    }

    #[inline]
    pub(crate) fn raw_of<R: RawMutex>(cell: &RawCell<R>) -> &R {
        // SAFETY: every use of the raw mutex here is by a guard of ours, and the cell's own lock is
        // never used.
        unsafe { cell.raw() }
    }
}

/// The event interface.
mod hook {
    pub(crate) use crate::hook::{
        AcquireOptions, EventMap, LockInfo, LockMap, LockRef, OwnedLockMap, Tracked, Verdict, is_on,
    };
    pub(crate) use crate::{AcquireFlags, Mode, Wait};
}

impl<R: RawMutex, T: ?Sized> Mutex<R, T> {
    /// Lends the held mutex to `wait`, which gives it up and takes it again, as a condition
    /// variable does.
    ///
    /// Both events come before the wait: what the mutex is taken again under must be judged before
    /// the thread waits for it.
    ///
    /// # Safety
    ///
    /// The running thread must hold the mutex; `wait` must return, or unwind, with the mutex held.
    #[cfg(feature = "parking_lot_0_12")]
    #[track_caller]
    pub(crate) unsafe fn lend<Ret>(
        &self,
        event: &hook::EventMap,
        is_timed: bool,
        wait: impl FnOnce(&mut lock_api_0_4::MutexGuard<'_, R, ()>) -> Ret,
    ) -> Ret {
        event::yielded(&self.map, &Self::TAKEN, event::Want::EXCLUSIVE, || ());
        // SAFETY: the mutex is held, and the guard is never dropped.
        let mut guard = core::mem::ManuallyDrop::new(unsafe { self.raw.make_guard_unchecked() });
        self.map.wait_notified_by(event, is_timed, || wait(&mut guard))
    }
}

/// Code outside the wrapper reached the raw mutex of `map`.
fn raw_mutex_taken(map: &hook::LockMap, info: &hook::LockInfo) {
    event::raw_taken(map, info);
}
