//! Events about a lock that has been acquired before, which cannot panic.

use std::panic::Location;

use lockdep_validator::{LockId, Outcome};

use super::enter::enter;
use super::found::looked_at;
use crate::lock::Slot;
use crate::runtime::task::Task;

/// An event about a lock that has been acquired before, which cannot panic.
#[track_caller]
#[inline]
pub(super) fn on_held(
    slot: &Slot,
    event: impl FnOnce(&mut Task, LockId, &'static Location<'static>) -> Outcome,
) {
    let caller = Location::caller();
    // A lock without an id was never acquired with validation on, and is not held.
    let Some(id) = slot.id() else { return };
    let Some(mut entered) = enter() else { return };
    looked_at(entered.task(), |task| event(task, id, caller));
}
