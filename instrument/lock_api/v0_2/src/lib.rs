//! Stand-in for the crate `lock_api`, 0.1 and 0.2 lines: the same items, and every lock reports to
//! the validator.
//!
//! When rustc is asked to compile `lock_api` for a graph under validation, it gets this file
//! instead. So every lock of `parking_lot` 0.6 to 0.8 and every other crate that builds on this
//! `lock_api` is seen, and none of them is changed.
//!
//! The locks are those of the 0.4 line, from the same files, which has everything that this one
//! had. Only the traits of raw locks differ: those of the 0.3 line, but that a thread's number was
//! a plain `usize`.

#![no_std]
#![allow(unused_unsafe, reason = "the seam is written for the 0.4 line, where giving a lock up is unsafe")]

#[path = "../../../src/lock_api/common/mod.rs"]
mod common;
#[path = "../../../src/lock_api/only_v0_4.rs"]
mod only_v0_4;
#[path = "../../v0_3/src/raw.rs"]
mod raw;
#[path = "../../v0_4/src/raw_taken.rs"]
mod raw_taken;
#[path = "../../../src/lock_api/seam_v0_4.rs"]
mod seam;
#[path = "../../../src/lock_api/seam_table.rs"]
mod seam_table;
mod thread_id;

use common::event;
pub use common::*;
pub use raw::GetThreadId;
pub use raw::{
    GuardNoSend, GuardSend, RawMutex, RawMutexFair, RawMutexTimed, RawRwLock, RawRwLockDowngrade,
    RawRwLockFair, RawRwLockRecursive, RawRwLockRecursiveTimed, RawRwLockTimed, RawRwLockUpgrade,
    RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};
use raw_taken::raw_mutex_taken;

/// The event interface.
mod hook {
    pub(crate) use lockdep::hook::{AcquireOptions, LockInfo, LockMap, LockRef, OwnedLockMap, Tracked, Verdict, is_on};
    pub(crate) use lockdep::{AcquireFlags, Mode, Wait};
}
