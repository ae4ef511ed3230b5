//! Which thread started which, and who waits for whom at the end of a `thread::scope`.

use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use lockdep_validator::base::acquisition::Acquisition;
use lockdep_validator::{Outcome, Segment, TaskId};
use rustc_hash::FxHashMap;

use crate::runtime::identity::site::site;
use crate::runtime::output::report;
use crate::runtime::process::{ending, fault, state};
use crate::runtime::task;

/// What the threads of each running scope acquired, by the address of the scope. A leaf lock.
#[derive(Debug, Default)]
pub(crate) struct Scopes(Mutex<FxHashMap<usize, Acquired>>);

/// What the ended threads of one scope acquired, and who they were.
#[derive(Debug, Default)]
struct Acquired {
    acquisitions: Vec<Acquisition>,
    tasks: Vec<TaskId>,
}

/// The thread that starts another one, as the other needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent {
    segment: Segment,
    child: TaskId,
    scope: Option<usize>,
}

impl Parent {
    /// The running thread is about to start another one; `None` if nobody watches.
    pub(crate) fn announce(scope: Option<usize>) -> Option<Self> {
        if state::is_off() {
            return None;
        }
        let mut entered = task::enter()?;
        let task = entered.task();
        let segment = fault::guard(|| task.runtime.validator.spawned(&mut task.context))?;
        Some(Self { segment, child: task::new_id(), scope })
    }

    /// The new thread begins.
    pub(crate) fn start_child(self) -> Child {
        task::start_spawned(self.child, self.segment);
        if self.scope.is_some()
            && let Some(mut entered) = task::enter()
        {
            let task = entered.task();
            fault::guard(|| task.runtime.validator.record_acquired(&mut task.context));
        }
        Child(self)
    }

    /// The running thread has joined the new one.
    pub(crate) fn joined(self) {
        if state::is_off() {
            return;
        }
        let Some(mut entered) = task::enter() else { return };
        let task = entered.task();
        fault::guard(|| task.runtime.validator.joined(&mut task.context, self.child));
    }
}

/// The new thread, until its function has returned or unwound.
#[derive(Debug)]
pub(crate) struct Child(Parent);

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut entered) = task::enter() else { return };
        let task = entered.task();
        if !task.is_ending {
            task.is_ending = true;
            ending::begin();
        }
        let Some(scope) = self.0.scope else { return };
        let Some(acquired) = fault::guard(|| task.runtime.validator.take_acquired(&mut task.context)) else {
            return;
        };
        let mut scopes = task.runtime.scopes.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A scope whose opener is not watched has no entry, and nobody asks.
        if let Some(all) = scopes.get_mut(&scope) {
            all.acquisitions.extend(acquired);
            all.tasks.push(self.0.child);
        }
    }
}

/// A `thread::scope` whose opener is watched.
#[derive(Debug)]
pub(crate) struct Family(usize);

impl Family {
    /// The running thread has opened a scope; `None` if nobody watches.
    pub(crate) fn open(scope: usize) -> Option<Self> {
        if state::is_off() {
            return None;
        }
        let mut entered = task::enter()?;
        let scopes = &entered.task().runtime.scopes;
        scopes.0.lock().unwrap_or_else(PoisonError::into_inner).insert(scope, Acquired::default());
        Some(Self(scope))
    }

    /// Every thread of the scope has ended: the opener waited for them while it held what it still holds.
    #[track_caller]
    pub(crate) fn end(self) {
        let caller = Location::caller();
        let Some(mut entered) = task::enter() else { return };
        let task = entered.task();
        let runtime = task.runtime;
        let Some(all) = runtime.scopes.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0)
        else {
            return;
        };
        let outcome = fault::guard(|| {
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
