//! The end of a hold: releases that the fast path does not know, and a guard that leaves its
//! thread.

use std::panic::Location;

use lockdep_validator::{LockId, Outcome, Site, TaskContext, Validator};

use super::deferred::defer_of;
use super::enter::{Entered, enter_anywhere};
use super::found::{found, judge};
use super::held::on_held;
use super::{stat, unseen};
use crate::lock::Slot;
use crate::runtime::identity::site::site;
use crate::runtime::task::deferred::DeferredEvent;
use crate::runtime::task::has_flows;

/// A release that is not the newest acquisition's, or whose thread is not in order. Never panics.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn release_slow(slot: &Slot) {
    released(slot, site(Location::caller()), Validator::release);
}

/// The same by the end of a guard of this crate, which may have been sent here. Not of Rust's ABI:
/// so the callers know that it does not unwind.
#[cold]
#[inline(never)]
pub(super) extern "C" fn release_by_guard_slow(slot: &Slot) {
    // The report takes the place from the stack.
    released(slot, Site::UNKNOWN, Validator::release_by_any_task);
}

/// The same by another guard that may have been sent here.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn release_by_any_thread_slow(slot: &Slot) {
    released(slot, site(Location::caller()), Validator::release_by_any_task);
}

/// The same by the end of a guard that knows where it was made.
#[cold]
#[inline(never)]
pub(super) fn release_of_guard_slow(slot: &Slot, made: &'static Location<'static>) {
    released(slot, site(made), |validator, held, lock, at| validator.release(held, lock, at).by_guard());
}

pub(super) fn released(
    slot: &Slot,
    at: Site,
    release: impl FnOnce(&Validator, &mut TaskContext, LockId, Site) -> Outcome,
) {
    let Some(mut entered) = enter_for(slot) else {
        return defer_of(slot, |id| DeferredEvent::Release(id, at));
    };
    let task = entered.task();
    // A lock without an id was never acquired with validation on: nothing to say about its release.
    let Some(id) = slot.id() else { return };
    if unseen::any() && !task.context.holds(id) && unseen::take(slot) {
        // Acquired where nothing could be looked at, in a report callback for one.
        return;
    }
    task.parked.forget(id);
    let outcome = judge(|| {
        let validator = &task.runtime.validator;
        if has_flows() {
            // Another flow of this thread may have acquired it.
            validator.release_by_any_task(&mut task.context, id, at)
        } else {
            release(validator, &mut task.context, id, at)
        }
    });
    stat::released(task, id);
    if !outcome.is_clean() {
        found(task, outcome);
    }
}

/// Enters the thread's state for the end of a hold. Outside signal handlers, unless the thread
/// holds the lock: then nothing will be allocated.
#[inline]
pub(super) fn enter_for(slot: &Slot) -> Option<Entered> {
    let mut entered = enter_anywhere()?;
    match slot.id() {
        Some(id) if entered.task().context.holds(id) => Some(entered),
        _ => entered.outside_handlers(),
    }
}

/// The guard left this thread.
#[track_caller]
pub(crate) fn handed_over(slot: &Slot) {
    on_held(slot, |task, id, _| {
        task.runtime.validator.handed_over(&mut task.context, id);
        stat::released(task, id);
        Outcome::CLEAN
    });
}
