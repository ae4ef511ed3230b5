//! Stand-in for the crate `lock_api`, 0.4 line: the same items, and every lock reports to the validator.
//!
//! When rustc is asked to compile `lock_api` for a graph under validation, it gets this file instead. So every lock of
//! `parking_lot`, `dashmap`, `spin` and whoever else builds on `lock_api` is seen, and none of them is changed.
//!
//! The locks themselves are those of `lockdep::lock_api`, from the same files. Only what the real crate defines and
//! `lockdep` merely re-exports, the traits of raw locks, is written here.

#![no_std]

#[cfg(feature = "arc_lock")]
extern crate alloc;

#[path = "../../../src/lock_api/common/mod.rs"]
mod common;
#[path = "../../../src/lock_api/only_v0_4.rs"]
mod only_v0_4;
mod raw;
#[path = "../../../src/lock_api/seam_v0_4.rs"]
mod seam;

pub use common::*;
#[cfg(feature = "atomic_usize")]
pub use raw::GetThreadId;
pub use raw::{
    GuardNoSend, GuardSend, RawMutex, RawMutexFair, RawMutexTimed, RawRwLock, RawRwLockDowngrade,
    RawRwLockFair, RawRwLockRecursive, RawRwLockRecursiveTimed, RawRwLockTimed, RawRwLockUpgrade,
    RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};

/// The event interface.
mod hook {
    pub(crate) use lockdep::hook::{AcquireOptions, LockInfo, LockMap, LockRef, Tracked, Verdict, is_on};
    pub(crate) use lockdep::{AcquireFlags, Mode, Wait};
}

/// Somebody got at the raw mutex of `map`.
///
/// `parking_lot`'s condition variable does, each time it waits: it gives the raw mutex up and takes it again, while the
/// caller keeps the guard. That is a release and a blocking acquisition, and nothing about the mutex becomes uncertain, so it
/// is told from all other callers by where the call is.
#[track_caller]
#[inline]
fn raw_mutex_taken(map: &hook::LockMap, info: &hook::LockInfo) {
    if hook::is_on() {
        if is_parking_lot_condvar(core::panic::Location::caller().file()) {
            event::yielded(map, info, event::Want::EXCLUSIVE, || ());
        } else {
            event::raw_taken(map, info);
        }
    }
}

/// Whether `file` is `condvar.rs` of `parking_lot`, from a registry (`…/parking_lot-0.12.5/src/condvar.rs`) or a checkout
/// of it.
fn is_parking_lot_condvar(file: &str) -> bool {
    let Some(root) = file.strip_suffix("condvar.rs").and_then(|rest| rest.strip_suffix(['/', '\\'])) else {
        return false;
    };
    let Some(package) = root.strip_suffix("src").and_then(|rest| rest.strip_suffix(['/', '\\'])) else {
        return root == "src";
    };
    let folder = package.rsplit(['/', '\\']).next().unwrap_or(package);
    folder == "parking_lot"
        || folder
            .strip_prefix("parking_lot-")
            .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}
