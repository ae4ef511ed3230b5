//! How sure it is what was found about tasks that threads run by turns: by the stacks, whether one
//! future did it.

use lockdep_report::await_path::{self, Futures};
use lockdep_validator::{Acquisition, Code, Level, Violation};

use crate::runtime::Runtime;
use crate::runtime::task::queued::Waiter;

/// The violation at the level that the stacks leave it, or `None` if it is none or is no news.
pub(crate) fn judged(runtime: &Runtime, violation: &Violation) -> Option<Violation> {
    let pair = violation.conflict.as_ref().zip(violation.subject.as_ref());
    let pair = pair.filter(|_| violation.cycle.is_empty());
    let steps = violation.cycle.iter().filter(|step| step.task.is_flow());
    let pairs = steps.map(|step| (&step.from, &step.to)).chain(pair);
    let surest = pairs.map(|(held, wanted)| futures(runtime, held, wanted)).max();
    let mut judged = violation.clone();
    match surest.unwrap_or(Futures::Unknown) {
        Futures::One => {}
        Futures::OneTimed => {
            judged.level = Level::Note;
            judged.evidence.timed = true;
        }
        Futures::OneBeside => {
            judged.level = judged.level.min(Level::Warning);
            judged.evidence.beside = true;
        }
        // One lock that is wanted twice in a task is nearly always wanted by two futures.
        Futures::Unknown if !is_about_one_lock(violation.code) => {
            judged.level = judged.level.min(Level::Warning);
            judged.evidence.two_futures = true;
        }
        Futures::Unknown | Futures::Two => {
            runtime.validator.count_unseen();
            return None;
        }
    }
    runtime.validator.confirm(&judged).then_some(judged)
}

const fn is_about_one_lock(code: Code) -> bool {
    matches!(code, Code::Recursion | Code::RecursiveFairRead)
}

/// To how many futures of a task two of its acquisitions belong.
pub(crate) fn futures(runtime: &Runtime, held: &Acquisition, wanted: &Acquisition) -> Futures {
    let exact = |seen: &Acquisition| seen.stack.filter(|_| seen.stack_exact);
    match (exact(held), exact(wanted)) {
        (Some(held), Some(wanted)) => {
            await_path::compare(&runtime.stacks.whole(held), &runtime.stacks.whole(wanted))
        }
        _ => Futures::Unknown,
    }
}

/// How sure it is that the task does not poll the future that is ahead in a lock's queue while it
/// awaits the lock; `None` if it may poll it.
pub(crate) fn futurelock(runtime: &Runtime, ahead: &Waiter, wanted: &Acquisition) -> Option<Level> {
    let pair = ahead.seen.stack.zip(wanted.stack)?;
    let compare = || await_path::compare(&runtime.stacks.whole(pair.0), &runtime.stacks.whole(pair.1));
    match runtime.queued.compared(pair, compare) {
        // What lies inside the task's own future no other task polls.
        Futures::One if ahead.is_inside => Some(Level::Error),
        Futures::One | Futures::OneBeside => Some(Level::Warning),
        Futures::OneTimed => Some(Level::Note),
        Futures::Unknown | Futures::Two => None,
    }
}
