//! Events that are counted and timed (`LOCKDEP_STAT=1`), and nothing else.

use lockdep_validator::{Acquire, LockId};

use super::enter::enter;
use crate::lock::Slot;
use crate::runtime::stat;
use crate::runtime::task::Task;

/// An acquisition was made, or is about to wait. Has the next one come this way too.
pub(super) fn counted(task: &mut Task, event: &Acquire) {
    let runtime = task.runtime;
    let Some(stats) = &runtime.stats else { return };
    let Some(thread) = task.stat() else { return };
    if stat::was_forked() {
        stats.clear();
        thread.forget();
    }
    thread.count(event);
    task.context.look_again();
}

/// The real lock could not be had at once.
#[cold]
#[inline(never)]
pub(crate) fn contended(slot: &Slot) {
    let Some(mut entered) = enter() else { return };
    if let (Some(thread), Some(id)) = (entered.task().stat(), slot.id()) {
        thread.contended(id);
    }
}

/// The real lock was had, after a wait or without one.
#[cold]
#[inline(never)]
pub(crate) fn acquired(slot: &Slot) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    let (Some(thread), Some(id)) = (task.stat(), slot.id()) else { return };
    if thread.acquired(id) {
        task.runtime.validator.mind_release(&mut task.context, id);
    }
}

/// The lock is no longer held by this thread.
pub(super) fn released(task: &mut Task, id: LockId) {
    if let Some(thread) = task.stat() {
        thread.released(id);
    }
}

/// The acquisition was given up.
pub(super) fn gave_up(task: &mut Task, id: LockId) {
    if let Some(thread) = task.stat() {
        thread.gave_up(id);
    }
}
