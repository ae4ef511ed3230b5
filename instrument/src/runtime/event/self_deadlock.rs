//! A thread that waits for itself: the real lock is tried before anything is said.

use lockdep_validator::{Acquire, Acquisition, Code, Level, Outcome, Wait};

use super::enter::enter;
use super::found::judge;
use crate::lock::Slot;
use crate::runtime::life::fork;
use crate::runtime::output::report;
use crate::runtime::process::internal_error;
use crate::runtime::task::{Pending, Task};

/// Takes a self-deadlock out of the outcome. The rest of the outcome is made again when the wrapper
/// has tried the real lock.
pub(super) fn self_deadlock_of(
    task: &mut Task,
    event: &Acquire,
    outcome: Outcome,
) -> Result<Outcome, Box<Pending>> {
    if !outcome.is_self_deadlock() {
        return Ok(outcome);
    }
    if task.runtime.is_unverified(event.lock) {
        // Other code has the raw lock: the held entry proves nothing.
        task.runtime.validator.forget(&mut task.context, event.lock);
        return Ok(judge(|| task.runtime.validator.acquire(&mut task.context, event, &task.runtime.stacks)));
    }
    keep_until_tried(task, event, false, outcome)
}

/// The thread wants what a suspended task of its own holds: kept until the real lock was tried.
pub(super) fn parked_until_tried(task: &Task, event: &Acquire, held: Acquisition) -> Option<Box<Pending>> {
    let runtime = task.runtime;
    let violation = internal_error::guard(|| {
        runtime.validator.wanted_across_await(&task.context, held, event, &runtime.stacks)
    })?;
    Some(Box::new(Pending { acquire: *event, is_upgrade: false, violation }))
}

/// Keeps the self-deadlock of an outcome until the real lock was tried; what else was found is
/// reported now.
pub(super) fn keep_until_tried(
    task: &mut Task,
    event: &Acquire,
    is_upgrade: bool,
    outcome: Outcome,
) -> Result<Outcome, Box<Pending>> {
    let mut findings = outcome.into_findings().unwrap_or_default();
    let at = findings.violations.iter().position(lockdep_validator::Violation::is_self_deadlock);
    let Some(at) = at else { return Ok(Outcome::from(*findings)) };
    let violation = findings.violations.remove(at);
    let aftermath = report::handle(task, Outcome::from(*findings));
    aftermath.defer(task);
    Err(Box::new(Pending { acquire: *event, is_upgrade, violation }))
}

/// After [`Verdict::SelfDeadlock`](crate::lock::Verdict::SelfDeadlock), when the real lock could
/// not be had.
#[cold]
#[track_caller]
pub(crate) fn self_deadlock(slot: &Slot) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    let Some(mut pending) = take_pending(task, slot) else { return };
    let runtime = task.runtime;
    let lock = pending.acquire.lock;
    runtime.validator.notice_releases(&mut task.context);
    let is_parked = pending.violation.code == Code::HeldAcrossAwait && task.parked.has(lock);
    if !is_parked && !task.context.holds(lock) {
        // Another thread had it, and has released it since this one asked.
        return record_anyway(task, &pending);
    }
    if !is_parked && runtime.validator.is_movable(lock) && !fork::is_only_thread() {
        // That another thread holds the real lock looks the same as that this one does.
        pending.violation.level = Level::Note;
        pending.violation.evidence.movable = true;
        if runtime.validator.confirm(&pending.violation) {
            let _ = report::deliver(task, &pending.violation);
        }
        if !pending.is_upgrade {
            runtime.validator.handed_over(&mut task.context, lock);
        }
        return record_anyway(task, &pending);
    }
    let is_new = runtime.validator.confirm(&pending.violation);
    let headline = if is_new { report::deliver(task, &pending.violation).headline } else { String::new() };
    if let Some(message) = report::deadlock_ends(runtime, &pending.violation, &headline) {
        // The lock stays held by its first acquisition, whose guard is about to be dropped.
        drop(entered);
        report::raise(&message);
    }
    // The thread will hang. The entry is replaced, so that the release is still understood should
    // the lock come after all.
    record_anyway(task, &pending);
}

/// After [`Verdict::SelfDeadlock`](crate::lock::Verdict::SelfDeadlock), when the real lock was had:
/// the held entry was stale.
#[cold]
#[track_caller]
pub(crate) fn stale_holder(slot: &Slot) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    let Some(pending) = take_pending(task, slot) else { return };
    record_anyway(task, &pending);
}

/// Drops the entry that cannot be right and records what was wanted.
fn record_anyway(task: &mut Task, pending: &Pending) {
    let runtime = task.runtime;
    let (lock, site) = (pending.acquire.lock, pending.acquire.site);
    task.parked.forget(lock);
    let outcome = if pending.is_upgrade {
        // Which of the two entries is stale cannot be told apart by the lock: nothing more is
        // concluded from either.
        runtime.set_unverified(lock);
        judge(|| runtime.validator.upgrade(&mut task.context, lock, Wait::Try, site, &runtime.stacks))
    } else {
        runtime.validator.forget(&mut task.context, lock);
        judge(|| runtime.validator.acquire(&mut task.context, &pending.acquire, &runtime.stacks))
    };
    // The lock is held by now, and no guard exists yet: a panic would leave it locked forever.
    report::handle(task, outcome).defer(task);
}

pub(super) fn take_pending(task: &mut Task, slot: &Slot) -> Option<Box<Pending>> {
    let id = slot.id()?;
    task.pending.take_if(|pending| pending.acquire.lock == id)
}
