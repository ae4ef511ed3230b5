//! What happens when an event arrives and validation is not off.
//!
//! Nothing here is generic over types of the watched program, so that the code is compiled once, with this crate's optimisation
//! level, however the program itself is built.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use lockdep_validator::{Acquire, ContextId, HeldQuery, LockId, Mode, Outcome, Wait};

use crate::deferred::{self, Aside};
use crate::fault;
use crate::hook::{AcquireOptions, Held, LockRef, Slot, Verdict};
use crate::report;
use crate::site::site;
use crate::task::{self, Entered, Pending, Task};

/// An acquisition, before it waits.
#[track_caller]
pub(crate) fn acquire(lock: LockRef<'_>, mode: Mode, wait: Wait, options: &AcquireOptions) -> Verdict {
    let caller = Location::caller();
    let Some(mut entered) = task::enter() else {
        put_aside(&lock, mode, wait, options, caller);
        return Verdict::Proceed;
    };
    let task = entered.task();
    let Some(id) = id_of(task, &lock) else { return Verdict::Proceed };
    let event = event(&lock, id, mode, wait, options, caller);
    let outcome = judge(|| task.runtime.validator.acquire(&mut task.context, &event, &task.runtime.stacks));
    if outcome.is_clean() && task.panic_due.is_none() {
        return Verdict::Proceed;
    }
    acquire_found(entered, &event, outcome)
}

/// The acquisition found something, or an older finding is due.
#[cold]
#[inline(never)]
#[track_caller]
fn acquire_found(mut entered: Entered, event: &Acquire, outcome: Outcome) -> Verdict {
    let task = entered.task();
    let outcome = match self_deadlock_of(task, event, outcome) {
        Ok(outcome) => outcome,
        Err(pending) => {
            task.pending = Some(pending);
            return Verdict::SelfDeadlock;
        }
    };
    let due = report::handle(task, outcome).into_message().or_else(|| task.panic_due.take());
    if let Some(message) = due
        && !std::thread::panicking()
    {
        task.runtime.validator.acquire_failed(&mut task.context, event.lock);
        drop(entered);
        panic!("{message}");
    }
    Verdict::Proceed
}

/// Takes a self-deadlock out of the outcome. The rest of the outcome is made again when the wrapper has tried the real lock.
fn self_deadlock_of(task: &mut Task, event: &Acquire, outcome: Outcome) -> Result<Outcome, Box<Pending>> {
    if !outcome.is_self_deadlock() {
        return Ok(outcome);
    }
    if task.runtime.is_unverified(event.lock) {
        // Somebody has the raw lock: the held entry proves nothing.
        task.runtime.validator.forget(&mut task.context, event.lock);
        return Ok(judge(|| task.runtime.validator.acquire(&mut task.context, event, &task.runtime.stacks)));
    }
    let mut findings = outcome.into_findings().unwrap_or_default();
    let at = findings.violations.iter().position(lockdep_validator::Violation::is_self_deadlock);
    let Some(at) = at else { return Ok(Outcome::from(*findings)) };
    let violation = findings.violations.remove(at);
    let aftermath = report::handle(task, Outcome::from(*findings));
    aftermath.defer(task);
    Err(Box::new(Pending { acquire: *event, violation }))
}

/// After [`Verdict::SelfDeadlock`], when the real lock could not be had.
#[cold]
#[track_caller]
pub(crate) fn self_deadlock(slot: &Slot) {
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    let Some(pending) = take_pending(task, slot) else { return };
    let runtime = task.runtime;
    if runtime.validator.confirm(&pending.violation) {
        report::deliver(task, &pending.violation);
    }
    if let Some(message) = report::deadlock_ends(runtime, &pending.violation) {
        // The lock stays held by its first acquisition, whose guard is about to be dropped.
        drop(entered);
        panic!("{message}");
    }
    // The thread will hang. The entry is replaced, so that the release is still understood should the lock come after all.
    runtime.validator.forget(&mut task.context, pending.acquire.lock);
    let outcome = judge(|| runtime.validator.acquire(&mut task.context, &pending.acquire, &runtime.stacks));
    report::handle(task, outcome).defer(task);
}

/// After [`Verdict::SelfDeadlock`], when the real lock was had: the held entry was stale.
#[cold]
#[track_caller]
pub(crate) fn stale_holder(slot: &Slot) {
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    let Some(pending) = take_pending(task, slot) else { return };
    let runtime = task.runtime;
    runtime.validator.forget(&mut task.context, pending.acquire.lock);
    let outcome = judge(|| runtime.validator.acquire(&mut task.context, &pending.acquire, &runtime.stacks));
    // The lock is held by now, and no guard exists yet: a panic would leave it locked for ever.
    report::handle(task, outcome).defer(task);
}

fn take_pending(task: &mut Task, slot: &Slot) -> Option<Box<Pending>> {
    let id = slot.id()?;
    task.pending.take_if(|pending| pending.acquire.lock == id)
}

/// A try that succeeded.
#[track_caller]
pub(crate) fn try_acquired(lock: LockRef<'_>, mode: Mode, options: &AcquireOptions) {
    let caller = Location::caller();
    let Some(mut entered) = task::enter() else {
        return put_aside(&lock, mode, Wait::Try, options, caller);
    };
    let task = entered.task();
    let Some(id) = id_of(task, &lock) else { return };
    let event = event(&lock, id, mode, Wait::Try, options, caller);
    let outcome = judge(|| task.runtime.validator.acquire(&mut task.context, &event, &task.runtime.stacks));
    if !outcome.is_clean() {
        try_found(task, &event, outcome);
    }
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

/// An acquisition in a place where it cannot be looked at.
#[cold]
#[inline(never)]
fn put_aside(
    lock: &LockRef<'_>,
    mode: Mode,
    wait: Wait,
    options: &AcquireOptions,
    caller: &'static Location<'static>,
) {
    if let Some(task) = task::deferred_state() {
        deferred::acquire(task, lock, |id| event(lock, id, mode, wait, options, caller));
    }
}

/// Another event in such a place.
#[cold]
#[inline(never)]
fn put_aside_of(slot: &Slot, make: impl FnOnce(LockId) -> Aside) {
    if let (Some(_), Some(id)) = (task::deferred_state(), slot.id()) {
        deferred::push(make(id));
    }
}

/// Looks at an event that was put aside.
#[cold]
pub(crate) fn replay(task: &mut Task, aside: Aside) {
    let (validator, stacks) = (&task.runtime.validator, &task.runtime.stacks);
    let context = &mut task.context;
    let outcome = judge(|| match aside {
        Aside::Enter(entered) => {
            validator.context_enter(context, entered, None);
            Outcome::CLEAN
        }
        Aside::Exit(left, at) => validator.context_exit(context, left, at, stacks),
        Aside::Acquire(acquire) => validator.acquire(context, &acquire, stacks),
        Aside::Release(lock, at) => validator.release(context, lock, at),
        Aside::Failed(lock) => {
            validator.acquire_failed(context, lock);
            Outcome::CLEAN
        }
        Aside::Unknown(key, info) => {
            // Registers the class and keeps it in the thread's cache.
            let _ = task.classes.find(task.runtime, key, &info);
            Outcome::CLEAN
        }
    });
    // A self-deadlock would have hung before it came here.
    if !outcome.is_clean() && !outcome.is_self_deadlock() {
        found(task, outcome);
    }
}

/// An acquisition that gave up.
pub(crate) fn acquire_failed(slot: &Slot) {
    let Some(mut entered) = task::enter() else { return put_aside_of(slot, Aside::Failed) };
    let task = entered.task();
    if let Some(id) = slot.id() {
        task.runtime.validator.acquire_failed(&mut task.context, id);
    }
}

/// A release. Never panics.
#[track_caller]
pub(crate) fn release(slot: &Slot) {
    let caller = Location::caller();
    let Some(mut entered) = task::enter() else {
        return put_aside_of(slot, |id| Aside::Release(id, site(caller)));
    };
    let task = entered.task();
    // A lock without an id was never acquired with validation on: nothing to say about its release.
    let Some(id) = slot.id() else { return };
    let outcome = judge(|| task.runtime.validator.release(&mut task.context, id, site(caller)));
    if !outcome.is_clean() {
        found(task, outcome);
    }
}

/// An event that cannot panic found something.
#[cold]
#[inline(never)]
fn found(task: &mut Task, outcome: Outcome) {
    report::handle(task, outcome).defer(task);
}

/// An exclusive (or upgradable) hold becomes a shared one.
#[track_caller]
pub(crate) fn downgrade(slot: &Slot, _mode: Mode) {
    on_held(slot, |task, id, at| {
        task.runtime.validator.downgrade(&mut task.context, id, site(at), &task.runtime.stacks)
    });
}

/// An upgradable hold is about to wait for the plain readers.
#[track_caller]
pub(crate) fn upgrade(lock: LockRef<'_>, wait: Wait) -> Verdict {
    let caller = Location::caller();
    let Some(mut entered) = task::enter() else { return Verdict::Proceed };
    let task = entered.task();
    let Some(id) = lock.slot.id() else { return Verdict::Proceed };
    let outcome = judge(|| {
        task.runtime.validator.upgrade(&mut task.context, id, wait, site(caller), &task.runtime.stacks)
    });
    if outcome.is_clean() {
        return Verdict::Proceed;
    }
    if let Some(message) = report::handle(task, outcome).into_message()
        && !std::thread::panicking()
    {
        task.runtime.validator.upgrade_failed(&mut task.context, id);
        drop(entered);
        panic!("{message}");
    }
    Verdict::Proceed
}

/// A try-upgrade succeeded.
#[track_caller]
pub(crate) fn upgraded(slot: &Slot) {
    on_held(slot, |task, id, at| {
        task.runtime.validator.upgrade(&mut task.context, id, Wait::Try, site(at), &task.runtime.stacks)
    });
}

/// An upgrade gave up.
#[track_caller]
pub(crate) fn upgrade_failed(slot: &Slot) {
    on_held(slot, |task, id, _| {
        task.runtime.validator.upgrade_failed(&mut task.context, id);
        Outcome::CLEAN
    });
}

/// An exclusive hold becomes upgradable.
#[track_caller]
pub(crate) fn downgrade_to_upgradable(slot: &Slot) {
    on_held(slot, |task, id, at| {
        let stacks = &task.runtime.stacks;
        task.runtime.validator.downgrade_to_upgradable(&mut task.context, id, site(at), stacks)
    });
}

/// The caller waits for every section of the lock to end.
#[track_caller]
pub(crate) fn sync(lock: LockRef<'_>) {
    let options = AcquireOptions::new().flags(lockdep_validator::AcquireFlags::SYNC);
    // Never held, so there is no real lock to try: what the engine says goes.
    if acquire(lock, Mode::Exclusive, Wait::Blocking, &options) == Verdict::SelfDeadlock {
        self_deadlock(lock.slot);
    }
}

/// The guard left this thread.
#[track_caller]
pub(crate) fn handed_over(slot: &Slot) {
    on_held(slot, |task, id, _| {
        task.runtime.validator.handed_over(&mut task.context, id);
        Outcome::CLEAN
    });
}

/// Somebody got at the raw lock.
#[cold]
pub(crate) fn unverified(lock: LockRef<'_>) {
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    if let Some(id) = id_of(task, &lock) {
        task.runtime.set_unverified(id);
    }
}

/// The lock object goes away.
#[track_caller]
pub(crate) fn dropped(slot: &Slot) {
    on_held(slot, |task, id, at| task.runtime.validator.freed(&mut task.context, id, site(at)));
}

/// The lock object is initialised again.
#[track_caller]
pub(crate) fn reinitialised(slot: &Slot) {
    on_held(slot, |task, id, at| task.runtime.validator.reinitialised(&mut task.context, id, site(at)));
}

/// An event about a lock that has been acquired before, which cannot panic.
#[track_caller]
#[inline]
fn on_held(slot: &Slot, event: impl FnOnce(&mut Task, LockId, &'static Location<'static>) -> Outcome) {
    let caller = Location::caller();
    // A lock without an id was never acquired with validation on, and is not held.
    let Some(id) = slot.id() else { return };
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    let outcome = judge(|| event(task, id, caller));
    if !outcome.is_clean() {
        found(task, outcome);
    }
}

/// Whether the thread holds the lock.
pub(crate) fn is_held(slot: &Slot, mode: Option<Mode>) -> Held {
    let Some(mut entered) = task::enter() else { return Held::Unknown };
    let task = entered.task();
    let Some(id) = slot.id() else { return Held::No };
    task.runtime.validator.is_held(&task.context, id, mode)
}

/// Demands that the thread holds the lock, or does not, as `query` says.
#[track_caller]
pub(crate) fn assert_held(lock: LockRef<'_>, query: HeldQuery) {
    asserted(|task, at| match id_of(task, &lock) {
        Some(id) => task.runtime.validator.assert_held(&mut task.context, id, query, site(at)),
        None => Outcome::CLEAN,
    });
}

/// Demands that the thread holds nothing.
#[track_caller]
pub(crate) fn assert_none_held() {
    asserted(|task, at| task.runtime.validator.assert_none_held(&mut task.context, site(at)));
}

/// Demands that the thread may wait here.
#[track_caller]
pub(crate) fn assert_may_block() {
    asserted(|task, at| task.runtime.validator.assert_may_block(&mut task.context, site(at)));
}

/// An assertion: as with std's, its failure may panic where it stands.
#[track_caller]
#[inline]
fn asserted(assertion: impl FnOnce(&mut Task, &'static Location<'static>) -> Outcome) {
    let caller = Location::caller();
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    let outcome = judge(|| assertion(task, caller));
    if outcome.is_clean() {
        return;
    }
    if let Some(message) = report::handle(task, outcome).into_message()
        && !std::thread::panicking()
    {
        drop(entered);
        panic!("{message}");
    }
}

/// Enters a context that can be looked at where it is.
pub(crate) fn context_enter(context: ContextId) -> bool {
    let Some(mut entered) = task::enter() else { return false };
    let task = entered.task();
    fault::guard(|| task.runtime.validator.context_enter(&mut task.context, context, None)).is_some()
}

/// Leaves it.
#[track_caller]
pub(crate) fn context_exit(context: ContextId) {
    in_context(|task, at| {
        let stacks = &task.runtime.stacks;
        task.runtime.validator.context_exit(&mut task.context, context, site(at), stacks)
    });
}

/// The context cannot interrupt the thread from here on.
pub(crate) fn context_mask(context: ContextId) -> bool {
    let Some(mut entered) = task::enter() else { return false };
    let task = entered.task();
    let n_masks = &mut task.n_masks[context.index()];
    *n_masks = n_masks.saturating_add(1);
    fault::guard(|| task.runtime.validator.context_mask(&mut task.context, context)).is_some()
}

/// It may again, if this was the last mask.
#[track_caller]
pub(crate) fn context_unmask(context: ContextId) {
    in_context(|task, at| {
        let n_masks = &mut task.n_masks[context.index()];
        *n_masks = n_masks.saturating_sub(1);
        if *n_masks > 0 {
            return Outcome::CLEAN;
        }
        let stacks = &task.runtime.stacks;
        task.runtime.validator.context_unmask(&mut task.context, context, site(at), stacks)
    });
}

#[track_caller]
fn in_context(event: impl FnOnce(&mut Task, &'static Location<'static>) -> Outcome) {
    let caller = Location::caller();
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    let outcome = judge(|| event(task, caller));
    if !outcome.is_clean() {
        found(task, outcome);
    }
}

/// The lock's id, given out now if it has none.
pub(crate) fn lock_id(lock: LockRef<'_>) -> Option<LockId> {
    let mut entered = task::enter()?;
    id_of(entered.task(), &lock)
}

/// The running thread ends.
#[cold]
pub(crate) fn thread_exit(mut task: Task) {
    // No place in the program is at work here; the report names where each lock was acquired.
    let outcome =
        judge(|| task.runtime.validator.thread_exit(&mut task.context, lockdep_validator::Site::UNKNOWN));
    if !outcome.is_clean() {
        // The thread is past every place that could panic.
        report::handle(&mut task, outcome).forget();
    }
}

/// The lock's id; made now if this is its first acquisition. `None` if the table of classes is full.
#[inline(always)]
pub(crate) fn id_of(task: &mut Task, lock: &LockRef<'_>) -> Option<LockId> {
    match lock.slot.id() {
        Some(id) => Some(id),
        None => first_use(task, lock),
    }
}

#[inline(never)]
fn first_use(task: &mut Task, lock: &LockRef<'_>) -> Option<LockId> {
    let runtime = task.runtime;
    let class = match task.classes.peek(lock.key, lock.info) {
        Some(class) => class,
        None => fault::guard(|| task.classes.find(runtime, lock.key, lock.info)).flatten()?,
    };
    let id = runtime.validator.new_lock(&mut task.context, class);
    Some(lock.slot.fill(id))
}

#[inline(always)]
fn event(
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
    }
}

/// Runs the engine. A panic in it is a fault of ours: it turns validation off and never reaches the program.
#[inline(always)]
fn judge(run: impl FnOnce() -> Outcome) -> Outcome {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome,
        Err(payload) => {
            fault::disable(&*payload);
            Outcome::CLEAN
        }
    }
}
