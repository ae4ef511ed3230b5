//! What happens when an event arrives and validation is not off.
//!
//! Nothing here is generic over types of the watched program, so that the code is compiled once, with this crate's optimisation
//! level, however the program itself is built.

mod aside;
mod claims;
mod contexts;
mod fast;
mod modes;
mod orders;
mod pins;
mod self_deadlock;
mod stat;
mod unseen;
mod wound_wait;

use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use lockdep_validator::{Acquire, LockId, Mode, Outcome, OwnStack, Site, TaskContext, Validator, Wait};

use crate::hook::{AcquireOptions, CreationSite, LockInfo, LockRef, Slot, Verdict};
use crate::runtime::identity::site::site;
use crate::runtime::output::report;
use crate::runtime::process::fault;
use crate::runtime::task::deferred::Aside;
use crate::runtime::task::{self, Entered, Task};

pub(crate) use aside::replay;
pub(crate) use claims::{assert_held, assert_may_block, assert_none_held, assertion_broken, is_held};
pub(crate) use contexts::{context_enter, context_exit, context_mask, context_unmask};
pub(crate) use fast::{
    TriedExclusive, TriedShared, WantedExclusive, WantedShared, acquire_plain, dropped, release,
    release_by_any_thread, release_by_guard, release_of_guard,
};
pub(crate) use modes::{downgrade, downgrade_to_upgradable, upgrade, upgrade_failed, upgraded};
pub(crate) use orders::{order_class, set_order_key};
pub(crate) use pins::{pin, repin, unpin};
pub(crate) use self_deadlock::{self_deadlock, stale_holder};
pub(crate) use stat::{acquired, contended};
pub(crate) use wound_wait::{
    ww_acquire, ww_acquired, ww_backed_off, ww_begin, ww_done, ww_end, ww_release, ww_try_acquired,
};

use aside::{put_aside, put_aside_of};
use self_deadlock::self_deadlock_of;

/// An acquisition, before it waits.
#[track_caller]
pub(crate) fn acquire(lock: LockRef<'_>, mode: Mode, wait: Wait, options: &AcquireOptions) -> Verdict {
    let caller = Location::caller();
    let aside = || {
        put_aside(&lock, mode, wait, options, caller);
        Verdict::Proceed
    };
    let Some(mut entered) = task::enter_anywhere() else { return aside() };
    if let Some(event) = lock.slot.id().map(|id| event(&lock, id, mode, wait, options, caller))
        && is_known(entered.task(), &event)
    {
        if entered.task().errand.is_none() {
            return Verdict::Proceed;
        }
        return acquire_found(entered, &event, lock.info, Outcome::CLEAN);
    }
    let Some(mut entered) = entered.outside_handlers() else { return aside() };
    let task = entered.task();
    let is_first = options.is_first || !lock.slot.is_used();
    let Some(id) = id_of(task, &lock) else { return Verdict::Proceed };
    let event = placed(task, event(&lock, id, mode, wait, options, caller), is_first);
    let outcome = judge(|| task.runtime.validator.acquire(&mut task.context, &event, &task.runtime.stacks));
    if outcome.is_clean() && task.errand.is_none() {
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
fn acquire_found(mut entered: Entered, event: &Acquire, info: &LockInfo, outcome: Outcome) -> Verdict {
    let task = entered.task();
    let outcome = match self_deadlock_of(task, event, outcome) {
        Ok(outcome) => outcome,
        Err(pending) => {
            task.pending = Some(pending);
            return Verdict::SelfDeadlock;
        }
    };
    let due = report::handle(task, outcome).into_message().or_else(|| task.take_panic());
    if let Some(message) = due
        && !std::thread::panicking()
    {
        task.runtime.validator.acquire_failed(&mut task.context, event.lock);
        drop(entered);
        panic!("{message}");
    }
    stat::counted(task, event);
    let measures = info.is_measured && event.wait == Wait::Blocking && task.errand.is_some();
    if measures { Verdict::Measure } else { Verdict::Proceed }
}

/// A try that succeeded.
#[track_caller]
pub(crate) fn try_acquired(lock: LockRef<'_>, mode: Mode, options: &AcquireOptions) {
    let caller = Location::caller();
    let aside = || put_aside(&lock, mode, Wait::Try, options, caller);
    let Some(mut entered) = task::enter_anywhere() else { return aside() };
    let mut event = lock.slot.id().map(|id| event(&lock, id, mode, Wait::Try, options, caller));
    if !event.is_some_and(|event| is_known(entered.task(), &event)) {
        let Some(outside) = entered.outside_handlers() else { return aside() };
        entered = outside;
        event = try_new(entered.task(), &lock, mode, options, caller);
    }
    let (task, Some(event)) = (entered.task(), event) else { return };
    if task.errand.is_some() {
        stat::counted(task, &event);
        // A panic that is due: not here, where the lock is held already. The next acquisition has to come this way again.
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

/// Who made a lock that the library made on somebody's behalf. Left as it is where nobody may look at the stack.
#[cold]
#[inline(never)]
pub(crate) fn creation_site(site: CreationSite) -> CreationSite {
    let Some(mut entered) = task::enter() else { return site };
    let runtime = entered.task().runtime;
    if !runtime.config.backtrace {
        return site;
    }
    fault::guard(|| runtime.callers.find(site)).unwrap_or(site)
}

/// An acquisition that gave up.
pub(crate) fn acquire_failed(slot: &Slot) {
    let Some(mut entered) = enter_for(slot) else { return put_aside_of(slot, Aside::Failed) };
    let task = entered.task();
    if let Some(id) = slot.id() {
        task.runtime.validator.acquire_failed(&mut task.context, id);
        stat::gave_up(task, id);
    }
}

/// A release that is not the newest acquisition's, or whose thread is not in order. Never panics.
#[cold]
#[inline(never)]
#[track_caller]
fn release_slow(slot: &Slot) {
    released(slot, site(Location::caller()), Validator::release);
}

/// The same by the end of a guard of this crate, which may have been sent here.
#[cold]
#[inline(never)]
fn release_by_guard_slow(slot: &Slot) {
    // The report takes the place from the stack.
    released(slot, Site::UNKNOWN, Validator::release_by_any_task);
}

/// The same by another guard that may have been sent here.
#[cold]
#[inline(never)]
#[track_caller]
fn release_by_any_thread_slow(slot: &Slot) {
    released(slot, site(Location::caller()), Validator::release_by_any_task);
}

/// The same by the end of a guard that knows where it was made.
#[cold]
#[inline(never)]
fn release_of_guard_slow(slot: &Slot, made: &'static Location<'static>) {
    released(slot, site(made), |validator, held, lock, at| validator.release(held, lock, at).by_guard());
}

fn released(
    slot: &Slot,
    at: Site,
    release: impl FnOnce(&Validator, &mut TaskContext, LockId, Site) -> Outcome,
) {
    let Some(mut entered) = enter_for(slot) else {
        return put_aside_of(slot, |id| Aside::Release(id, at));
    };
    let task = entered.task();
    // A lock without an id was never acquired with validation on: nothing to say about its release.
    let Some(id) = slot.id() else { return };
    if unseen::any() && !task.context.holds(id) && unseen::take(slot) {
        // Acquired where nothing could be looked at, in a report callback for one.
        return;
    }
    let outcome = judge(|| release(&task.runtime.validator, &mut task.context, id, at));
    stat::released(task, id);
    if !outcome.is_clean() {
        found(task, outcome);
    }
}

/// Enters the thread's state for the end of a hold. Outside signal handlers, unless the thread holds
/// the lock: then nothing will be allocated.
#[inline]
fn enter_for(slot: &Slot) -> Option<Entered> {
    let mut entered = task::enter_anywhere()?;
    match slot.id() {
        Some(id) if entered.task().context.holds(id) => Some(entered),
        _ => entered.outside_handlers(),
    }
}

/// An event that cannot panic found something.
#[cold]
#[inline(never)]
fn found(task: &mut Task, outcome: Outcome) {
    report::handle(task, outcome).defer(task);
}

/// The caller waits for every section of the lock to end.
#[track_caller]
pub(crate) fn sync(lock: LockRef<'_>, mode: Mode) {
    let options = AcquireOptions::new().flags(lockdep_validator::AcquireFlags::SYNC);
    // Never held, so there is no real lock to try: what the engine says goes.
    if acquire(lock, mode, Wait::Blocking, &options) == Verdict::SelfDeadlock {
        self_deadlock(lock.slot);
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

/// Somebody got at the raw lock.
#[cold]
pub(crate) fn unverified(lock: LockRef<'_>) {
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    if let Some(id) = id_of(task, &lock) {
        task.runtime.set_unverified(id);
    }
}

/// The lock object goes away, and that means something. `by_owner`: nobody else can reach it.
#[cold]
#[inline(never)]
#[track_caller]
fn dropped_slow(slot: &Slot, by_owner: bool) {
    on_held(slot, |task, id, at| {
        if task.runtime.take_unverified(id) && task.context.holds(id) {
            // Somebody has the raw lock: the held entry proves nothing.
            task.runtime.validator.forget(&mut task.context, id);
        }
        if by_owner {
            return task.runtime.validator.dropped(&mut task.context, id, &task.runtime.stacks);
        }
        task.runtime.validator.freed(&mut task.context, id, site(at))
    });
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
    looked_at(entered.task(), |task| event(task, id, caller));
}

/// Runs an event that cannot panic, and tells what it found.
fn looked_at(task: &mut Task, event: impl FnOnce(&mut Task) -> Outcome) {
    let outcome = judge(|| event(task));
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
pub(crate) fn thread_exit(task: &mut Task) {
    // No place in the program is at work here; the report names where each lock was acquired.
    let outcome = judge(|| task.runtime.validator.thread_exit(&mut task.context, Site::UNKNOWN));
    if !outcome.is_clean() {
        // The thread is past every place that could panic.
        report::handle(task, outcome).forget();
    }
    let runtime = task.runtime;
    if let (Some(stats), Some(thread)) = (&runtime.stats, task.stat()) {
        stats.end_thread(thread);
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
    if runtime.validator.has_several_locks(class) {
        task.classes.note_plural(lock.key, lock.info);
    }
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
        is_first: false,
        own_stack: OwnStack::UNKNOWN,
    }
}

/// The event with what is known of where the stack lies.
fn placed(task: &Task, event: Acquire, is_first: bool) -> Acquire {
    let (start, end) = task.stack.in_use();
    Acquire { is_first, own_stack: OwnStack { start, end }, ..event }
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
