//! Flows: locks that are wanted at one time and granted at another, and the end of a flow.
//!
//! A task that awaits a lock asks for it ([`Validator::acquire`]) before it waits. If it has to
//! wait, it does not have the lock yet ([`Validator::queued`]), and others may run on its thread
//! meanwhile. When it gets the lock ([`Validator::granted`]), nothing is judged again: what counts
//! is what it held when it began to wait.

use std::sync::PoisonError;

use super::acquire::push;
use super::chain::chain_of;
use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::{LockId, TaskId};
use crate::check::signature;
use crate::check::view::Wanted;
use crate::check::violation::{Code, Detail, Level, Violation};
use crate::state::class::Validation;
use crate::state::flow::Flow;
use crate::state::held::{HeldLock, Rare};
use crate::state::overflow::MAX_ORDERED;

impl Validator {
    /// Announces that the lock that was just asked for is not there yet.
    pub fn queued(&self, task: &mut TaskContext, lock: LockId) {
        self.drop_held(task, lock);
    }

    /// Announces that the task got a lock that it had asked for and waited for.
    pub fn granted(&self, task: &mut TaskContext, acquire: &Acquire, stacks: &dyn StackSource) {
        let mut acquire = *acquire;
        match self.registry.validation(acquire.lock.class()) {
            Validation::Untracked => return,
            Validation::Simple => acquire.flags = acquire.flags.union(AcquireFlags::UNCHECKED),
            Validation::Full => {}
        }
        // Another task gave the lock up since: what it left is about an entry of that one.
        self.notice_releases(task);
        if task.n_held() >= self.config.max_held.min(MAX_ORDERED) {
            task.is_unknown = true;
            return self.count_dropped();
        }
        push(task, &acquire, chain_of(task, &acquire), false);
        // The stack of the chain is that of the one that saw it first.
        if let Some(stack) = stacks.capture() {
            let index = task.held.len() - 1;
            task.set_rare(Rare { stack: Some(stack), nest: acquire.nest, ..Rare::at(index) });
        }
    }

    /// Returns the locks of threads that the task holds, without those whose guards can be sent to
    /// other threads. While the task is suspended, they stay locked.
    pub fn thread_locks(&self, task: &TaskContext) -> Vec<Acquisition> {
        let view = self.view(task);
        let is_one = |index: &usize| {
            let held = &task.held[*index];
            is_of_threads(held) && view.is_checked(held) && !view.is_movable(held.base_class())
        };
        (0..task.held.len()).filter(is_one).map(|index| view.acquisition(index)).collect()
    }

    /// Announces that the thread runs another task while `holder` is suspended and holds a lock of
    /// threads (LD0201).
    pub fn held_across_await(&self, task: &TaskContext, holder: TaskId, held: Acquisition) -> Outcome {
        let mut findings = EventFindings::default();
        let mut violation = self.view(task).violation(Code::HeldAcrossAwait, Detail::None);
        (violation.level, violation.task) = (Level::Warning, holder);
        (violation.subject, violation.held) = (Some(held), vec![held]);
        self.find(&mut findings, violation);
        findings.into()
    }

    /// The task is about to wait for a lock that a suspended task of its own thread holds: what is
    /// to be reported if the embedder has tried the real lock and failed (LD0201). It counts as
    /// reported once it is [confirmed](Self::confirm).
    pub fn wanted_across_await(
        &self,
        task: &TaskContext,
        held: Acquisition,
        acquire: &Acquire,
        stacks: &dyn StackSource,
    ) -> Violation {
        let view = self.view(task);
        let mut violation = view.violation(Code::HeldAcrossAwait, Detail::None);
        let wanted = Wanted::new(acquire, self.class_of_level(acquire), stacks.capture());
        (violation.subject, violation.conflict) = (Some(wanted.acquisition), Some(held));
        violation.fingerprint = signature::fingerprint(&self.registry, &violation);
        violation
    }

    /// Returns the acquisition as it is remembered, for [`futurelock`](Self::futurelock).
    pub fn seen(&self, acquire: &Acquire, stacks: &dyn StackSource) -> Acquisition {
        Wanted::new(acquire, self.class_of_level(acquire), stacks.capture()).acquisition
    }

    /// Announces that the task awaits `wanted`, for which a future of its own queues since `ahead`
    /// that it does not poll meanwhile (LD0202). How sure that is, the embedder knows.
    pub fn futurelock(
        &self,
        task: &TaskContext,
        ahead: Acquisition,
        wanted: Acquisition,
        level: Level,
    ) -> Outcome {
        let mut findings = EventFindings::default();
        let mut violation = self.view(task).violation(Code::Futurelock, Detail::None);
        violation.level = level;
        violation.evidence.timed = level == Level::Note;
        (violation.subject, violation.conflict) = (Some(wanted), Some(ahead));
        self.find(&mut findings, violation);
        findings.into()
    }

    /// Announces that a flow ended. What it still holds went on with its result, or was leaked; any
    /// task may release it.
    pub fn flow_ended(&self, flow: &mut Flow) {
        if flow.n_held() == 0 {
            return;
        }
        let ended = std::mem::replace(flow, Flow::new(flow.id()));
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        for lock in ended.locks() {
            if !self.released_elsewhere.take(lock) {
                knowledge.hand_over(lock);
            }
            self.count_unseen();
        }
    }
}

impl TaskContext {
    /// Returns whether it holds a lock of threads.
    #[inline]
    pub fn holds_thread_locks(&self) -> bool {
        self.held.iter().any(is_of_threads)
    }
}

fn is_of_threads(held: &HeldLock) -> bool {
    !held.flags.contains(AcquireFlags::ASYNC)
}
