//! Locks around anyone's raw lock, for raw locks that implement the traits of `lock_api` 0.5.
//!
//! As [`lockdep::lock_api`](crate::lock_api), for the line whose raw locks hand out a state with
//! each acquisition and want it back at the release. Its [`Condvar`] is generic too.

#[cfg_attr(
    feature = "lock_api_0_4",
    expect(clippy::duplicate_mod, reason = "one source for both lines is the point")
)]
#[path = "common/mod.rs"]
mod common;
#[path = "condvar_v0_5.rs"]
mod condvar;
#[cfg_attr(
    feature = "lock_api_0_4",
    expect(clippy::duplicate_mod, reason = "one source for both lines is the point")
)]
#[path = "many.rs"]
mod many;
#[path = "only_v0_5.rs"]
mod only_v0_5;
#[path = "seam_v0_5.rs"]
mod seam;
#[cfg_attr(
    feature = "lock_api_0_4",
    expect(clippy::duplicate_mod, reason = "one source for both lines is the point")
)]
#[path = "seam_table.rs"]
mod seam_table;

pub use common::*;
pub use condvar::{Condvar, WaitTimeoutResult};
pub use raw::{
    GetThreadId, GuardNoSend, GuardSend, RawCondvar, RawCondvarTimed, RawMutex, RawMutexFair, RawMutexTimed,
    RawRwLock, RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed, RawRwLockUpgrade,
    RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};

mod raw {
    pub use lock_api_0_5::{
        GetThreadId, GuardNoSend, GuardSend, RawCondvar, RawCondvarTimed, RawMutex, RawMutexFair,
        RawMutexTimed, RawRwLock, RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed, RawRwLockUpgrade,
        RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
    };

    /// The raw mutex as it is: condition variables of this line wait with it directly.
    pub(crate) type RawCell<R> = R;

    pub(crate) const fn raw_cell<R>(raw: R) -> RawCell<R> {
        raw
    }

    #[inline]
    pub(crate) fn raw_of<R: RawMutex>(cell: &RawCell<R>) -> &R {
        cell
    }
}

/// The event interface.
mod hook {
    pub(crate) use crate::hook::{
        AcquireOptions, EventMap, LockInfo, LockMap, LockRef, OwnedLockMap, Tracked, Verdict, is_on,
    };
    pub(crate) use crate::{AcquireFlags, Mode, Wait};
}
