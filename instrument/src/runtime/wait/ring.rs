//! The thread whose wait closes a ring looks at it for a while, and reports it (LD0100).

use std::time::{Duration, Instant};

use lockdep_validator::{Level, LockId, Waiting as Tasks};

use super::publish::Waiting;
use super::slot::all;
use super::snapshot::Ring;
use crate::runtime::event::enter;
use crate::runtime::identity::stack::Naming;
use crate::runtime::output::report;
use crate::runtime::process::{ending, internal_error};
use crate::runtime::system::extra_stack;
use crate::runtime::system::pause;
use crate::runtime::task::Task;
use crate::runtime::{Runtime, running};

/// What came of a look.
#[derive(Debug)]
pub(crate) enum Looked {
    /// The try got what is waited for.
    Taken,
    /// The caller has to wait.
    GoOn,
    /// So does it, unless it can give up with a panic of this message: an error was reported.
    Reported(String),
}

/// Between two looks at a ring.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(20);

/// Once a ring has lasted for so long, the functions that its report shows are named meanwhile.
const NAMES_AFTER: Duration = Duration::from_millis(30);
/// The report waits for their names for so long, and does without those that are missing then.
const NAMES_FOR: Duration = Duration::from_millis(400);

impl Waiting {
    /// Looks whether this wait closes a ring. While it seems to, waits by `try_fn`. A ring that
    /// stays is reported, and then this returns.
    #[cold]
    pub(crate) fn look(&self, try_fn: &mut dyn FnMut() -> bool) -> Looked {
        let looked = self.look_for_ring(try_fn);
        self.report_held_back();
        looked
    }

    /// Reports what was held back until now, if anything was.
    pub(crate) fn report_held_back(&self) {
        if self.is_holding_back
            && let Some(mut entered) = enter()
        {
            report::handle_held_back(entered.task());
        }
    }

    fn look_for_ring(&self, try_fn: &mut dyn FnMut() -> bool) -> Looked {
        if !self.may_close_ring() {
            return Looked::GoOn;
        }
        let Some(runtime) = running() else { return Looked::GoOn };
        let Some(patience) = runtime.config.deadlock_check else { return Looked::GoOn };
        let find = || internal_error::guard(|| Ring::find(&runtime.validator, self.slot)).flatten();
        let Some(mut ring) = find() else { return Looked::GoOn };
        if self.is_timed {
            // A note, which needs no second look; the time belongs to the caller.
            report_ring(runtime, &ring);
            return Looked::GoOn;
        }
        let mut since = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let is_named = since.elapsed() < NAMES_AFTER || name_some(runtime, &ring, pause);
            if is_named {
                pause::pause(pause);
            }
            if try_fn() {
                return Looked::Taken;
            }
            let has_lasted = since.elapsed();
            if !ring.is_closed() {
                let Some(other) = find() else { return Looked::GoOn };
                (ring, since) = (other, Instant::now());
            } else if has_lasted >= patience
                && (is_named || has_lasted >= patience + NAMES_FOR)
                && ring.sleeps()
            {
                break;
            }
            pause = LAST_PAUSE.min(pause * 2);
        }
        // For how long each has waited by now.
        let Some(mut ring) = find() else { return Looked::GoOn };
        ring.forget_unnamed(&runtime.stacks);
        report_ring(runtime, &ring).map_or(Looked::GoOn, Looked::Reported)
    }
}

/// Names functions that the report of the ring shows, for so long. Returns whether it need not be
/// called again: all have names, or none can be given one.
fn name_some(runtime: &'static Runtime, ring: &Ring, time: Duration) -> bool {
    let Some(mut entered) = enter() else { return true };
    let start = Instant::now();
    let mut is_done = true;
    let mut name = || {
        is_done = ring.stacks().all(|stack| {
            loop {
                match runtime.stacks.name_one(stack) {
                    Naming::Done => return true,
                    Naming::Busy => return false,
                    Naming::NamedOne if start.elapsed() >= time => return false,
                    Naming::NamedOne => {}
                }
            }
        });
    };
    extra_stack::run(entered.task().stack, || _ = internal_error::guard(&mut name));
    if !is_done && start.elapsed() < time {
        // Another thread names functions.
        drop(entered);
        pause::pause(time);
    }
    is_done
}

/// Whether the running thread would close a ring by a wait for the lock that it has just announced.
pub(crate) fn would_close_ring(task: &mut Task, lock: LockId) -> bool {
    let validator = &task.runtime.validator;
    let find = |waiting: &Waiting| internal_error::guard(|| Ring::find(validator, waiting.slot)).flatten();
    Waiting::for_a_look(task, lock).is_some_and(|waiting| {
        waiting.may_close_ring() && find(&waiting).is_some_and(|ring| !ring.ends_by_itself())
    })
}

/// Whether another thread is watched, which may be about to wait.
pub(crate) fn has_company(task: &Task) -> bool {
    all().any(|other| !std::ptr::eq(other, task.wait) && other.owner().is_some())
}

/// Reports the ring, unless another of its threads has. Returns the message of a panic, if the
/// process wants one.
fn report_ring(runtime: &'static Runtime, ring: &Ring) -> Option<String> {
    let judged = internal_error::guard(|| runtime.validator.deadlock(Tasks(&ring.tasks), &ring.order));
    let violation = judged.flatten()?;
    let Some(mut entered) = enter() else {
        runtime.validator.count_unseen();
        return None;
    };
    let _reporting = ending::Reporting::begin();
    let delivered = report::deliver(entered.task(), &violation);
    // Before the process may end.
    report::handle_held_back(entered.task());
    if violation.level != Level::Error {
        return None;
    }
    report::deadlock_happened(runtime, &delivered)
}
