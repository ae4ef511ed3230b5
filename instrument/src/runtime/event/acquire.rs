//! Acquisitions that the fast path does not know, tries that succeeded, and acquisitions that gave
//! up.
//!
//! The end of a hold is in `release.rs`.

use std::panic::Location;
use std::time::Duration;

use lockdep_validator::{Acquire, AcquireFlags, Mode, Outcome, Wait};

use super::deferred::{defer, defer_of};
use super::enter::{Entered, enter_anywhere};
use super::found::{event, id_of, judge, placed};
use super::release::enter_for;
use super::self_deadlock::{parked_until_tried, self_deadlock, self_deadlock_of};
use super::stat;
use crate::lock::{AcquireOptions, LockInfo, LockRef, Slot, Verdict};
use crate::runtime::output::report;
use crate::runtime::settings::config::OnViolation;
use crate::runtime::system::pause;
use crate::runtime::task::Task;
use crate::runtime::task::deferred::DeferredEvent;
use crate::runtime::wait;

/// An acquisition, before it waits.
#[track_caller]
pub(crate) fn acquire(lock: LockRef<'_>, mode: Mode, wait: Wait, options: &AcquireOptions) -> Verdict {
    acquire_at(lock, mode, wait, options, Location::caller())
}

/// The same, for an event that the place of its call says nothing about.
#[inline(always)]
#[track_caller]
pub(super) fn acquire_at(
    lock: LockRef<'_>,
    mode: Mode,
    wait: Wait,
    options: &AcquireOptions,
    caller: &'static Location<'static>,
) -> Verdict {
    let deferred = || {
        defer(&lock, mode, wait, options, caller);
        Verdict::Proceed
    };
    let Some(mut entered) = enter_anywhere() else { return deferred() };
    if let Some(event) = lock.slot.id().map(|id| event(&lock, id, mode, wait, options, caller))
        && entered.task().parked.is_empty()
        && is_known(entered.task(), &event)
    {
        if entered.task().extra.is_none() {
            return Verdict::Proceed;
        }
        return acquire_found(entered, &event, lock.info, Outcome::CLEAN);
    }
    let Some(mut entered) = entered.outside_handlers() else { return deferred() };
    let task = entered.task();
    task.name_flow();
    let is_first = options.is_first || !lock.slot.is_used();
    let Some(id) = id_of(task, &lock) else { return Verdict::Proceed };
    let event = placed(task, event(&lock, id, mode, wait, options, caller), is_first);
    if let Some(held) = task.parked.against(&event) {
        task.pending = parked_until_tried(task, &event, held);
        return Verdict::SelfDeadlock;
    }
    let outcome = judge(|| task.runtime.validator.acquire(&mut task.context, &event, &task.runtime.stacks));
    if outcome.is_clean() && task.extra.is_none() {
        return Verdict::Proceed;
    }
    acquire_found(entered, &event, lock.info, outcome)
}

/// Records the acquisition if the thread has validated it before. Neither allocates nor locks.
#[inline]
fn is_known(task: &mut Task, event: &Acquire) -> bool {
    let validator = &task.runtime.validator;
    validator.acquire_known(&mut task.context, event)
        || validator.acquire_known_instances(&mut task.context, event)
}

/// The acquisition found something, or an older finding is due.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn acquire_found(
    mut entered: Entered,
    event: &Acquire,
    info: &LockInfo,
    outcome: Outcome,
) -> Verdict {
    let task = entered.task();
    let outcome = match self_deadlock_of(task, event, outcome) {
        Ok(outcome) => outcome,
        Err(pending) => {
            task.pending = Some(pending);
            return Verdict::SelfDeadlock;
        }
    };
    let mut found = task.take_held_back();
    found.append(outcome);
    if may_come_later(task, event, info, &found) {
        task.hold_back(found);
        found = Outcome::CLEAN;
    }
    let due = report::handle(task, found).into_message().or_else(|| task.take_panic());
    if let Some(message) = due
        && !std::thread::panicking()
    {
        task.runtime.validator.acquire_failed(&mut task.context, event.lock);
        drop(entered);
        report::raise(&message);
    }
    stat::counted(task, event);
    let measures = info.is_measured && event.wait == Wait::Blocking && task.stat().is_some();
    if measures { Verdict::Measure } else { Verdict::Proceed }
}

/// Whether the report of what was found can wait for that of a deadlock which the wait for this
/// lock completes: to name the functions of a large program may take longer than to be sure of the
/// deadlock. Not where the program asks that the report stop the thread before it waits.
fn may_come_later(task: &mut Task, event: &Acquire, info: &LockInfo, found: &Outcome) -> bool {
    !found.is_clean()
        && info.publishes_waits
        && event.wait == Wait::Blocking
        && task.runtime.config.on_violation == OnViolation::Report
        && task.runtime.config.deadlock_check.is_some()
        && (wait::would_close_ring(task, event.lock) || closes_ring_soon(task, event, found))
}

/// Whether the wait closes a ring within a few moments. A new order alone is no report, and comes
/// too often to wait for each.
fn closes_ring_soon(task: &mut Task, event: &Acquire, found: &Outcome) -> bool {
    let may = !found.violations().is_empty() && wait::has_company(task);
    may && (0..N_LATER_LOOKS).any(|_| {
        pause::pause(BETWEEN_LOOKS);
        wait::would_close_ring(task, event.lock)
    })
}

/// How often a thread with something to report looks for a ring: the other thread of it may be
/// about to wait.
const N_LATER_LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// A try that succeeded.
#[track_caller]
pub(crate) fn try_acquired(lock: LockRef<'_>, mode: Mode, options: &AcquireOptions) {
    try_acquired_at(lock, mode, options, Location::caller());
}

#[inline(always)]
pub(super) fn try_acquired_at(
    lock: LockRef<'_>,
    mode: Mode,
    options: &AcquireOptions,
    caller: &'static Location<'static>,
) {
    let deferred = || defer(&lock, mode, Wait::Try, options, caller);
    let Some(mut entered) = enter_anywhere() else { return deferred() };
    let mut event = lock.slot.id().map(|id| event(&lock, id, mode, Wait::Try, options, caller));
    if !event.is_some_and(|event| is_known(entered.task(), &event)) {
        let Some(outside) = entered.outside_handlers() else { return deferred() };
        entered = outside;
        entered.task().name_flow();
        event = try_new(entered.task(), &lock, mode, options, caller);
    }
    let (task, Some(event)) = (entered.task(), event) else { return };
    if task.extra.is_some() {
        stat::counted(task, &event);
        // A panic that is due: not here, where the lock is held already. The next acquisition has
        // to come this way again.
        task.context.look_again();
    }
}

/// A try that succeeded and that the thread has not validated before.
fn try_new(
    task: &mut Task,
    lock: &LockRef<'_>,
    mode: Mode,
    options: &AcquireOptions,
    caller: &'static Location<'static>,
) -> Option<Acquire> {
    let is_first = options.is_first || !lock.slot.is_used();
    let id = id_of(task, lock)?;
    let event = placed(task, event(lock, id, mode, Wait::Try, options, caller), is_first);
    let outcome = judge(|| task.runtime.validator.acquire(&mut task.context, &event, &task.runtime.stacks));
    if !outcome.is_clean() {
        try_found(task, &event, outcome);
    }
    Some(event)
}

#[cold]
#[inline(never)]
fn try_found(task: &mut Task, event: &Acquire, outcome: Outcome) {
    // A try that succeeded on a lock that this thread seems to hold: the entry was stale.
    let outcome = if outcome.is_self_deadlock() {
        task.runtime.validator.forget(&mut task.context, event.lock);
        judge(|| task.runtime.validator.acquire(&mut task.context, event, &task.runtime.stacks))
    } else {
        outcome
    };
    report::handle(task, outcome).defer(task);
}

/// An acquisition that gave up.
pub(crate) fn acquire_failed(slot: &Slot) {
    let Some(mut entered) = enter_for(slot) else { return defer_of(slot, DeferredEvent::Failed) };
    let task = entered.task();
    if let Some(id) = slot.id() {
        task.runtime.validator.acquire_failed(&mut task.context, id);
        stat::gave_up(task, id);
    }
}

/// The caller waits for every section of the lock to end.
#[track_caller]
pub(crate) fn sync(lock: LockRef<'_>, mode: Mode) {
    let options = AcquireOptions::new().flags(AcquireFlags::SYNC);
    // Never held, so there is no real lock to try: what the engine says goes.
    if acquire(lock, mode, Wait::Blocking, &options) == Verdict::SelfDeadlock {
        self_deadlock(lock.slot);
    }
}
