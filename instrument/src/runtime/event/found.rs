//! What every event needs: the lock's id, the event as the engine takes it, the engine run safely,
//! and what follows from what it found.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use lockdep_validator::{Acquire, LockId, Mode, Outcome, OwnStack, Wait};

use super::classes;
use crate::lock::{AcquireOptions, LockRef};
use crate::runtime::identity::site::site;
use crate::runtime::output::report;
use crate::runtime::process::internal_error;
use crate::runtime::task::{self, Task};

/// An event that cannot panic found something.
#[cold]
#[inline(never)]
pub(super) fn found(task: &mut Task, outcome: Outcome) {
    report::handle(task, outcome).defer(task);
}

/// Runs an event that cannot panic, and reports what it found.
pub(super) fn looked_at(task: &mut Task, event: impl FnOnce(&mut Task) -> Outcome) {
    let outcome = judge(|| event(task));
    if !outcome.is_clean() {
        found(task, outcome);
    }
}

/// The lock's id; made now if this is its first acquisition. `None` if the table of classes is
/// full.
#[inline(always)]
pub(super) fn id_of(task: &mut Task, lock: &LockRef<'_>) -> Option<LockId> {
    match lock.slot.id() {
        Some(id) => Some(id),
        None => first_use(task, lock),
    }
}

#[inline(never)]
fn first_use(task: &mut Task, lock: &LockRef<'_>) -> Option<LockId> {
    let runtime = task.runtime;
    if task::is_allocators(std::ptr::from_ref(lock.slot).addr()) {
        crate::runtime::count_unseen();
        return None;
    }
    let class = match task.classes.peek(lock.key, lock.info) {
        Some(class) => class,
        None => internal_error::guard(|| classes::find(&mut task.classes, runtime, lock.key, lock.info))
            .flatten()?,
    };
    let id = runtime.validator.new_lock(&mut task.context, class);
    if runtime.validator.has_several_locks(class) {
        task.classes.note_plural(lock.key, lock.info);
    }
    Some(lock.slot.fill(id))
}

#[inline(always)]
pub(super) fn event(
    lock: &LockRef<'_>,
    id: LockId,
    mode: Mode,
    wait: Wait,
    options: &AcquireOptions,
    caller: &'static Location<'static>,
) -> Acquire {
    Acquire {
        lock: id,
        address: std::ptr::from_ref(lock.slot).addr(),
        subclass: options.subclass,
        mode,
        wait,
        flags: options.flags,
        nest: options.nest,
        site: site(caller),
        is_first: false,
        own_stack: OwnStack::UNKNOWN,
    }
}

/// The event with what is known of where the stack lies.
pub(super) fn placed(task: &Task, event: Acquire, is_first: bool) -> Acquire {
    let (start, end) = task.stack.in_use();
    Acquire { is_first, own_stack: OwnStack { start, end }, ..event }
}

/// Runs the engine. A panic in it is an internal error: it turns validation off and never reaches
/// the program.
#[inline(always)]
pub(super) fn judge(run: impl FnOnce() -> Outcome) -> Outcome {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome,
        Err(payload) => {
            internal_error::disable(&*payload);
            Outcome::CLEAN
        }
    }
}
