//! Which thread started which, and who waits for whom at the end of a `thread::scope`.

use std::panic::Location;

use lockdep_validator::{Outcome, Segment, TaskId};

use super::enter::{enter, start_spawned};
use crate::runtime::identity::site::site;
use crate::runtime::output::report;
use crate::runtime::process::{ending, internal_error, state};
use crate::runtime::task;

/// The thread that starts another one, as the other needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent {
    segment: Segment,
    child: TaskId,
    scope: Option<usize>,
}

impl Parent {
    /// The running thread is about to start another one; `None` if validation is off.
    pub(crate) fn announce(scope: Option<usize>) -> Option<Self> {
        if state::is_off() {
            return None;
        }
        let mut entered = enter()?;
        let task = entered.task();
        let segment = internal_error::guard(|| task.runtime.validator.spawned(&mut task.context))?;
        Some(Self { segment, child: task::new_id(), scope })
    }

    /// The new thread begins.
    pub(crate) fn start_child(self) -> Child {
        start_spawned(self.child, self.segment);
        if self.scope.is_some()
            && let Some(mut entered) = enter()
        {
            let task = entered.task();
            internal_error::guard(|| task.runtime.validator.record_acquired(&mut task.context));
        }
        Child(self)
    }

    /// The running thread has joined the new one.
    pub(crate) fn joined(self) {
        if state::is_off() {
            return;
        }
        let Some(mut entered) = enter() else { return };
        let task = entered.task();
        internal_error::guard(|| task.runtime.validator.joined(&mut task.context, self.child));
    }
}

/// The new thread, until its function has returned or unwound.
#[derive(Debug)]
pub(crate) struct Child(Parent);

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut entered) = enter() else { return };
        let task = entered.task();
        if !task.is_ending {
            task.is_ending = true;
            ending::begin();
        }
        let Some(scope) = self.0.scope else { return };
        let Some(acquired) =
            internal_error::guard(|| task.runtime.validator.take_acquired(&mut task.context))
        else {
            return;
        };
        task.runtime.scopes.add(scope, self.0.child, acquired);
    }
}

/// A `thread::scope` whose opener is watched.
#[derive(Debug)]
pub(crate) struct Family(usize);

impl Family {
    /// The running thread has opened a scope; `None` if validation is off.
    pub(crate) fn open(scope: usize) -> Option<Self> {
        if state::is_off() {
            return None;
        }
        let mut entered = enter()?;
        entered.task().runtime.scopes.open(scope);
        Some(Self(scope))
    }

    /// Every thread of the scope has ended: the opener waited for them while it held what it still
    /// holds.
    #[track_caller]
    pub(crate) fn end(self) {
        let caller = Location::caller();
        let Some(mut entered) = enter() else { return };
        let task = entered.task();
        let runtime = task.runtime;
        let Some(all) = runtime.scopes.close(self.0) else { return };
        let outcome = internal_error::guard(|| {
            let context = &mut task.context;
            let outcome =
                runtime.validator.joined_holding(context, &all.acquisitions, site(caller), &runtime.stacks);
            all.tasks.iter().for_each(|&child| runtime.validator.joined(context, child));
            outcome
        });
        // The scope is over and its result is about to be returned: no place for a panic.
        report::handle(task, outcome.unwrap_or(Outcome::CLEAN)).defer(task);
    }
}
