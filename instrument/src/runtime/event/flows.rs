//! Tasks that threads run by turns: a thread begins to run one, or ends, and the task awaits locks.

use std::panic::Location;

use lockdep_validator::{Acquire, AcquireFlags, Flow, Level, Mode, TaskId, Wait};

use super::acquire::{acquire_at, try_acquired_at};
use super::enter::{Entered, enter, enter_anywhere};
use super::found::{event, judge};
use super::release::released;
use super::self_deadlock::take_pending;
use crate::lock::{AcquireOptions, LockRef, Slot, Verdict};
use crate::runtime;
use crate::runtime::identity::site::site;
use crate::runtime::output::{flow_level, report};
use crate::runtime::system::extra_stack;
use crate::runtime::system::statics::is_in_program;
use crate::runtime::task::queued::Waiter;
use crate::runtime::task::{self, FlowPlace};

/// How a lock is awaited.
const AWAITED: AcquireOptions = AcquireOptions::new().flags(AcquireFlags::ASYNC);

/// What a flow holds while no thread runs it. While one does, what that thread held before.
#[derive(Debug)]
pub(crate) struct FlowState {
    flow: Flow,
    place: Option<FlowPlace>,
    /// Whether one thread alone runs the flow.
    is_local: bool,
}

impl FlowState {
    pub(crate) const fn new(made_at: &'static Location<'static>, is_local: bool) -> Self {
        let place = FlowPlace { made_at, start: 0, n_bytes: 0 };
        Self { flow: Flow::new(TaskId::of_flow(0)), place: Some(place), is_local }
    }

    /// The running thread begins to run the flow, whose future lies at this address; false if the
    /// state of the thread cannot be used now. Then [`leave`](Self::leave) must not be called.
    pub(crate) fn enter(&mut self, start: usize, n_bytes: usize) -> bool {
        let Some(mut entered) = self.enter_lightly() else { return false };
        if let Some(place) = &mut self.place {
            (place.start, place.n_bytes) = (start, n_bytes);
        }
        if self.flow.id() == TaskId::of_flow(0) {
            self.flow = Flow::new(task::new_flow());
        }
        let task = entered.task();
        for parked in task.parked.run(self.flow.id()) {
            let (holder, held) = (parked.holder, parked.held);
            let outcome = judge(|| task.runtime.validator.held_across_await(&task.context, holder, held));
            report::handle(task, outcome).defer(task);
        }
        self.exchange(&mut entered);
        true
    }

    /// The thread ends to run it, because it waits, or has ended.
    pub(crate) fn leave(&mut self, waits: bool) {
        match self.enter_lightly() {
            Some(mut entered) => {
                let task = entered.task();
                if waits && task.context.holds_thread_locks() {
                    task.name_flow();
                    let locks = task.runtime.validator.thread_locks(&task.context);
                    task.parked.add(task.context.id(), locks, self.is_local);
                }
                self.exchange(&mut entered);
            }
            // What the thread held before is lost.
            None => runtime::count_unseen(),
        }
    }

    /// Takes the thread's state, with a look for signal handlers only where an exchange may
    /// allocate: most tasks hold nothing when their thread changes.
    fn enter_lightly(&self) -> Option<Entered> {
        let mut entered = enter_anywhere()?;
        let task = entered.task();
        if task.context.is_idle() && self.flow.is_idle() && task.parked.is_empty() {
            return Some(entered);
        }
        entered.outside_handlers()
    }

    fn exchange(&mut self, entered: &mut Entered) {
        let task = entered.task();
        task.context.exchange(&mut self.flow);
        std::mem::swap(&mut task.flow, &mut self.place);
    }

    /// The future has ended or was dropped.
    pub(crate) fn ended(&mut self) {
        if self.flow.n_held() > 0
            && let Some(mut entered) = enter()
        {
            entered.task().runtime.validator.flow_ended(&mut self.flow);
        }
    }
}

/// The thread's state, if it runs a flow, or waits for an async lock as threads do. Before it
/// allocates or locks, the caller asks whether it is in a signal handler.
fn enter_flow() -> Option<Entered> {
    let mut entered = enter_anywhere()?;
    let task = entered.task();
    if task.context.id().is_flow() || task.blocks {
        return Some(entered);
    }
    // Another task may run on this thread before this one goes on.
    runtime::count_unseen();
    None
}

/// The running thread begins to wait for an async lock, or has it now. Returns what was said last.
pub(crate) fn set_blocks(blocks: bool) -> bool {
    let Some(mut entered) = enter_anywhere() else { return false };
    std::mem::replace(&mut entered.task().blocks, blocks)
}

/// A task is about to await the lock. `None` if no flow is running.
#[track_caller]
pub(crate) fn want(lock: LockRef<'_>, mode: Mode, caller: &'static Location<'static>) -> Option<Verdict> {
    drop(enter_flow()?);
    let is_first = !lock.slot.is_used();
    let slot = lock.slot;
    let verdict = acquire_at(lock, mode, Wait::Blocking, &AWAITED, caller);
    if is_first {
        static_moves(slot);
    }
    Some(verdict)
}

/// The guard of a static borrows nothing that ends: it can outlive the task that acquired it.
#[cold]
fn static_moves(slot: &Slot) {
    if is_in_program(std::ptr::from_ref(slot).addr()) {
        movable(slot);
    }
}

/// The lock that was just asked for is not there yet: the future at `address` queues for it.
pub(crate) fn queued(lock: LockRef<'_>, mode: Mode, caller: &'static Location<'static>, address: usize) {
    withdrawn(lock.slot);
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    let runtime = task.runtime;
    let (Some(id), Some(place)) = (lock.slot.id(), task.flow) else { return };
    task.name_flow();
    let event = event(&lock, id, mode, Wait::Blocking, &AWAITED, caller);
    let seen = runtime.validator.seen(&event, &runtime.stacks);
    let is_inside = place.contains(address);
    let waiter = Waiter { address, flow: task.context.id(), is_inside, seen };
    for ahead in runtime.queued.join(waiter) {
        let mut level = None;
        extra_stack::run(task.stack, || level = flow_level::futurelock(runtime, &ahead, &seen));
        let most = if lock.info.hands_over { Level::Error } else { Level::Warning };
        let Some(level) = level.map(|level| most.min(level)) else { continue };
        let outcome = judge(|| runtime.validator.futurelock(&task.context, ahead.seen, seen, level));
        report::handle(task, outcome).defer(task);
    }
}

/// The future at `address` queues no longer.
pub(crate) fn left(slot: &Slot, address: usize) {
    if let (Some(id), Some(runtime)) = (slot.id(), runtime::running()) {
        runtime.queued.leave(id, address);
    }
}

/// The lock that was just asked for is not there.
pub(crate) fn withdrawn(slot: &Slot) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    if let Some(id) = slot.id() {
        task.runtime.validator.queued(&mut task.context, id);
    }
}

/// The task has got the lock that it awaited; false if no flow is running.
pub(crate) fn granted(lock: LockRef<'_>, mode: Mode, caller: &'static Location<'static>) -> bool {
    let entered = enter_flow().and_then(Entered::outside_handlers);
    let Some(mut entered) = entered else { return false };
    let task = entered.task();
    let Some(id) = lock.slot.id() else { return false };
    let event: Acquire = event(&lock, id, mode, Wait::Blocking, &AWAITED, caller);
    let runtime = task.runtime;
    runtime.validator.granted(&mut task.context, &event, &runtime.stacks);
    true
}

/// A task tried the lock, and has it; false if no flow is running.
pub(crate) fn tried(lock: LockRef<'_>, mode: Mode, caller: &'static Location<'static>) -> bool {
    let is_seen = enter_flow().is_some();
    if is_seen {
        let is_first = !lock.slot.is_used();
        let slot = lock.slot;
        try_acquired_at(lock, mode, &AWAITED, caller);
        if is_first {
            static_moves(slot);
        }
    }
    is_seen
}

/// A guard of the lock is dropped, by any task.
pub(crate) fn gave_up(slot: &Slot, at: &'static Location<'static>) {
    released(slot, site(at), lockdep_validator::Validator::release_by_any_task);
}

/// Guards of the lock's class can outlive the task that acquired them.
pub(crate) fn movable(slot: &Slot) {
    let Some(mut entered) = enter() else { return };
    if let Some(id) = slot.id() {
        entered.task().runtime.validator.set_movable(id.class());
    }
}

/// A task awaits a lock that it seems to hold, and the lock could not be had. Returns if the task
/// may get it all the same, or is to wait. `is_owned`: a guard that owns its lock is nearly always
/// given away, so nothing is reported.
///
/// # Panics
///
/// If it never gets the lock, as `LOCKDEP_ON_DEADLOCK` says.
#[cold]
#[track_caller]
pub(crate) fn waits_for_itself(slot: &Slot, is_owned: bool) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    let Some(mut pending) = take_pending(task, slot) else { return };
    let (runtime, lock) = (task.runtime, pending.acquire.lock);
    runtime.validator.notice_releases(&mut task.context);
    if is_owned || !task.context.holds(lock) {
        return;
    }
    if runtime.validator.is_movable(lock) {
        pending.violation.level = Level::Note;
        pending.violation.evidence.movable = true;
    }
    let Some(judged) = flow_level::judged(runtime, &pending.violation) else { return };
    let headline = report::deliver(task, &judged).headline;
    if judged.level == Level::Error
        && let Some(message) = report::deadlock_ends(runtime, &judged, &headline)
    {
        drop(entered);
        report::raise(&message);
    }
}
