//! Stand-in for the crate `lock_api`, 0.5 line: the same items, and every lock reports to the
//! validator.
//!
//! When rustc is asked to compile `lock_api` for a graph under validation, it gets this file
//! instead. So every lock of `parking_lot`, `dashmap`, `spin` and every other crate that builds on
//! `lock_api` is seen, and none of them is changed.
//!
//! The locks themselves are those of `lockdep::lock_api`, from the same files. Only what the real
//! crate defines and `lockdep` merely re-exports, the traits of raw locks, is written here.

#![no_std]

#[cfg(feature = "arc_lock")]
extern crate alloc;

#[path = "../../../src/lock_api/common/mod.rs"]
mod common;
#[path = "../../../src/lock_api/condvar_v0_5.rs"]
mod condvar;
#[path = "../../../src/lock_api/only_v0_5.rs"]
mod only_v0_5;
mod raw;
#[path = "../../../src/lock_api/seam_v0_5.rs"]
mod seam;
#[path = "../../../src/lock_api/seam_table.rs"]
mod seam_table;

pub use common::*;
pub use condvar::{Condvar, WaitTimeoutResult};
#[cfg(feature = "atomic_usize")]
pub use raw::GetThreadId;
pub use raw::{
    GuardNoSend, GuardSend, RawCondvar, RawCondvarTimed, RawMutex, RawMutexFair, RawMutexTimed, RawRwLock,
    RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed, RawRwLockUpgrade, RawRwLockUpgradeDowngrade,
    RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};

/// The event interface.
mod hook {
    pub(crate) use lockdep::hook::{AcquireOptions, EventMap, LockInfo, LockMap, LockRef, OwnedLockMap, Tracked, Verdict, is_on};
    pub(crate) use lockdep::{AcquireFlags, Mode, Wait};
}
