//! What taking the raw mutex out of a mutex means: nothing that could be known, unless a condition
//! variable does it.

use lockdep::hook::{self, LockInfo, LockMap};

use super::common::event;

/// Code outside the wrapper reached the raw mutex of `map`.
///
/// `parking_lot`'s condition variable does, each time it waits: it gives the raw mutex up and takes
/// it again, while the caller keeps the guard. That is a release and a blocking acquisition.
/// Nothing about the mutex becomes uncertain, so it is distinguished from all other callers by
/// where the call is. The notification may order other threads before the caller, as any wait may.
#[track_caller]
#[inline]
pub(crate) fn raw_mutex_taken(map: &LockMap, info: &LockInfo) {
    if hook::is_on() {
        if is_parking_lot_condvar(core::panic::Location::caller().file()) {
            event::yielded(map, info, event::Want::EXCLUSIVE, || ());
            hook::waits_unseen();
        } else {
            event::raw_taken(map, info);
        }
    }
}

/// Whether `file` is `condvar.rs` of `parking_lot`, from a registry
/// (`…/parking_lot-0.12.5/src/condvar.rs`) or a checkout of it.
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
