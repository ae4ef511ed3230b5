//! Which thread started which, and who waits for whom: at a join, and at the end of a
//! `thread::scope`.

use std::panic::Location;

use lockdep_validator::{EndedTask, Noted, Outcome, Segment, TaskId};

use super::classes;
use super::enter::{enter, start_spawned};
use crate::runtime::identity::site::site;
use crate::runtime::output::report;
use crate::runtime::process::{ending, internal_error, state};
use crate::runtime::task::Task;
use crate::runtime::task::awaited::Thread;
use crate::runtime::wait::{self, Waiting, Wanted};
use crate::runtime::{Runtime, task};

/// The thread that starts another one, as the other needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent {
    segment: Segment,
    child: TaskId,
    /// The thread that led to both, and that no watched thread started.
    origin: Option<TaskId>,
    scope: Option<usize>,
}

impl Parent {
    /// The running thread is about to start another one; `None` if validation is off.
    #[track_caller]
    pub(crate) fn announce(scope: Option<usize>) -> Option<Self> {
        if state::is_off() {
            return None;
        }
        let caller = Location::caller();
        let mut entered = enter()?;
        let task = entered.task();
        let segment = internal_error::guard(|| task.runtime.validator.spawned(&mut task.context))?;
        let child = task::new_id();
        task.runtime.awaited.expect(child, scope, site(caller));
        Some(Self { segment, child, origin: task.wait.origin(), scope })
    }

    /// The new thread begins.
    pub(crate) fn start_child(self) -> Child {
        start_spawned(self.child, self.segment);
        if let Some(mut entered) = enter() {
            let task = entered.task();
            task.wait.set_scope(self.scope.unwrap_or(0) as u64);
            self.origin.inspect(|origin| task.wait.set_origin(*origin));
            // The end of a scope depends on each class that its threads acquire.
            let completely = self.scope.is_some();
            internal_error::guard(|| task.runtime.validator.record_acquired(&mut task.context, completely));
        }
        Child(self)
    }

    /// The running thread is about to wait for the new one's end.
    pub(crate) fn awaited(
        self,
        is_over: &mut dyn FnMut() -> bool,
        caller: &'static Location<'static>,
    ) -> Option<Waiting> {
        if state::is_off() || is_over() {
            return None;
        }
        let waiting = wait::begin(Wanted::End(self.child), caller)?;
        waiting.look(is_over);
        Some(waiting)
    }

    /// The running thread has joined the new one. `is_known_to_have_ended`: the program had asked
    /// before, so the join could not wait.
    #[track_caller]
    pub(crate) fn joined(self, is_known_to_have_ended: bool) {
        if state::is_off() {
            return;
        }
        let caller = Location::caller();
        let Some(mut entered) = enter() else { return };
        let task = entered.task();
        let thread = task.runtime.awaited.take(self.child).filter(|_| !is_known_to_have_ended);
        let outcome = internal_error::guard(|| {
            let threads = thread.as_slice();
            let outcome = waited(task, threads, "JoinHandle", caller);
            task.runtime.validator.joined(&mut task.context, self.child);
            outcome
        });
        // The thread's result is about to be returned: no place for a panic.
        report::handle(task, outcome.unwrap_or(Outcome::CLEAN)).defer(task);
    }

    /// The new thread will not be joined: it did not start, or its handle is gone.
    pub(crate) fn detached(self) {
        if self.scope.is_some() || state::is_off() {
            return;
        }
        let Some(mut entered) = enter() else { return };
        drop(entered.task().runtime.awaited.take(self.child));
    }
}

/// The running thread has waited for the end of these.
fn waited(
    task: &mut Task,
    threads: &[Thread],
    kind: &'static str,
    caller: &'static Location<'static>,
) -> Outcome {
    let runtime: &'static Runtime = task.runtime;
    let ended: Vec<EndedTask<'_>> = threads
        .iter()
        .map(|thread| EndedTask {
            task: thread.task,
            spawned_at: thread.spawned_at,
            acquired: &thread.acquired,
            is_only_provider: true,
        })
        .collect();
    // A scope is made where it is called, a thread where it is spawned.
    let made_at = match ended.as_slice() {
        [only] if kind == "JoinHandle" => only.spawned_at,
        _ => site(caller),
    };
    let mut class_fn = || classes::of_event(runtime, kind, made_at);
    runtime.validator.waited_for_end(&task.context, &ended, site(caller), &mut class_fn, &runtime.stacks)
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
        task.wait.set_scope(0);
        let Some(acquired) =
            internal_error::guard(|| task.runtime.validator.take_acquired(&mut task.context))
        else {
            return;
        };
        task.runtime.awaited.ended(self.0.child, acquired);
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
        entered.task().runtime.awaited.open(scope);
        Some(Self(scope))
    }

    /// The running thread is about to wait for the end of every thread of the scope.
    pub(crate) fn awaited(&self, caller: &'static Location<'static>) -> Option<Waiting> {
        let waiting = wait::begin(Wanted::ScopeEnd(self.0 as u64), caller)?;
        waiting.look(&mut || false);
        Some(waiting)
    }

    /// Every thread of the scope has ended: the opener waited for them while it held what it still
    /// holds.
    #[track_caller]
    pub(crate) fn end(self) {
        let caller = Location::caller();
        let Some(mut entered) = enter() else { return };
        let task = entered.task();
        let runtime = task.runtime;
        let Some((tasks, threads)) = runtime.awaited.close(self.0) else { return };
        let outcome = internal_error::guard(|| {
            let mut outcome = waited(task, &threads, "Scope", caller);
            let context = &mut task.context;
            let acquired: Vec<Noted> =
                threads.iter().flat_map(|thread| thread.acquired.iter().copied()).collect();
            outcome.append(runtime.validator.joined_holding(
                context,
                &acquired,
                site(caller),
                &runtime.stacks,
            ));
            tasks.iter().for_each(|&child| runtime.validator.joined(context, child));
            outcome
        });
        // The scope is over and its result is about to be returned: no place for a panic.
        report::handle(task, outcome.unwrap_or(Outcome::CLEAN)).defer(task);
    }
}
