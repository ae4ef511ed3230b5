//! A second look at chains that were validated.
//!
//! A chain of classes is validated once. Its first sighting may be where a function makes an
//! object, before others have it; a source shows that, and then the order weighs less. Whether the
//! order is seen on an object that two tasks have has to be looked for, where that costs least:
//! when a chain is not in a task's own cache. The chain of a new object stays out of the caches for
//! a few acquisitions more.

use std::sync::PoisonError;

use super::rules::Pass;
use super::{EventFindings, StackSource, TaskContext, Validator};
use crate::base::event::Acquire;
use crate::base::id::{ClassId, LockId, StackId, TaskId};
use crate::check::cycle;
use crate::check::judge;
use crate::check::knowledge::Knowledge;
use crate::check::shared::{self, Shared};
use crate::check::signature;
use crate::check::view::{View, Wanted};
use crate::check::violation::{Code, CycleStep, Violation};
use crate::graph::PathStep;
use crate::mutant::{self, Mutant};
use crate::state::chains::Looks;

impl Validator {
    /// Looks again at a chain that was validated before, if that may show something. `true` if the
    /// chain has to stay out of the task's caches.
    pub(super) fn look_again(
        &self,
        task: &TaskContext,
        (acquire, class): (&Acquire, ClassId),
        (key, is_known): (u64, bool),
        stacks: &dyn StackSource,
        findings: &mut EventFindings,
    ) -> bool {
        if task.held.is_empty() || !self.config.evidence || mutant::is(Mutant::NoSecondLook) {
            return false;
        }
        if !is_known {
            return findings.is_open && acquire.is_first;
        }
        let Some(looks) = self.chains.looks(key) else { return false };
        let Some(cost) = looks.cost(task.id, acquire.is_first) else { return false };
        let wanted = Wanted::new(acquire, class, None);
        let (shared, is_open) = Pass::new(self, task, &wanted, false, findings).look();
        if !shared.is_empty() {
            // No lock of ours is held meanwhile.
            let stack = stacks.capture();
            let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
            give_stack(&mut knowledge, &shared, stack);
            let view = self.view(task);
            self.repeat(&view, &mut knowledge, findings, &shared);
            self.raise(&view, &mut knowledge, findings);
        }
        self.chains.spend(key, if is_open { cost } else { u16::MAX });
        is_open && (acquire.is_first || looks.is_generous())
    }

    /// Remembers an error about locks of one class. The class is reported once: what other locks of
    /// it do later is for run records alone. Their source may show that the reported locks cannot
    /// hang, and that these can.
    pub(super) fn tell_of_locks(
        &self,
        knowledge: &mut Knowledge,
        findings: &mut EventFindings,
        path: &[PathStep<LockId>],
        mut violation: Violation,
        is_news: bool,
    ) {
        let n_told = knowledge.told_of_locks.len();
        let looks_again = shared::tell(knowledge, path);
        if !is_news && knowledge.told_of_locks.len() > n_told {
            violation.fingerprint = signature::fingerprint(&self.registry, &violation);
            findings.repeated.push(violation);
        }
        if looks_again {
            self.bump_epoch();
        }
    }

    /// Has the errors about locks of one class told again whose orders were now seen on objects
    /// that two tasks have.
    pub(super) fn repeat_pairs(
        &self,
        task: &TaskContext,
        findings: &mut EventFindings,
        stacks: &dyn StackSource,
    ) {
        let pairs = std::mem::take(&mut findings.shared_pairs);
        if pairs.is_empty() {
            return;
        }
        // No lock of ours is held meanwhile.
        let stack = stacks.capture();
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        let knowledge = &mut *knowledge;
        for &pair in &pairs {
            knowledge.give_shared_stack(pair, stack);
        }
        // What is reported just now says all that is known.
        if findings.violations.iter().any(|violation| violation.code == Code::SameClassOrder) {
            return;
        }
        let is_about =
            |path: &&Vec<PathStep<LockId>>| path.iter().any(|step| pairs.contains(&(step.from, step.to)));
        let told: Vec<Vec<PathStep<LockId>>> =
            knowledge.told_of_locks.iter().filter(is_about).cloned().collect();
        let view = self.view(task);
        for path in told {
            let assessment = judge::judge_instances(&view, knowledge, &path);
            let seen: Vec<_> =
                path.iter().filter_map(|step| cycle::instance_sighting(knowledge, step)).collect();
            let mut violation =
                cycle::violation(&view, &self.segments, Code::SameClassOrder, &seen, &assessment);
            violation.fingerprint = signature::fingerprint(&self.registry, &violation);
            findings.repeated.push(violation);
        }
    }

    /// Has the errors told again, for run records, whose orders were now seen on objects that two
    /// tasks have.
    pub(super) fn repeat(
        &self,
        view: &View<'_>,
        knowledge: &mut Knowledge,
        findings: &mut EventFindings,
        shared: &[Shared],
    ) {
        let is_about =
            |path: &&Vec<PathStep>| path.iter().any(|step| shared.iter().any(|(of, _)| of == step));
        let told: Vec<Vec<PathStep>> = knowledge.told.iter().filter(is_about).cloned().collect();
        for path in told {
            let assessment = judge::judge(view, knowledge, &path);
            let seen = judge::sightings(view, knowledge, &path, &assessment);
            let mut violation =
                cycle::violation(view, &self.segments, Code::CircularDependency, &seen, &assessment);
            violation.fingerprint = signature::fingerprint(&self.registry, &violation);
            let is_news = |step: &CycleStep| {
                let seen = step.shared.as_ref().map(|seen| (seen.from.lock, seen.to.lock));
                seen.is_some_and(|seen| shared.iter().any(|(_, pair)| *pair == seen))
            };
            if violation.cycle.iter().any(is_news) {
                findings.repeated.push(violation);
            }
        }
    }
}

impl EventFindings {
    /// How often a chain that was just validated may be looked at again.
    pub(super) fn looks(&self, task: TaskId, is_of_new: bool) -> Looks {
        if self.is_open { Looks::all(task, is_of_new) } else { Looks::NONE }
    }
}

/// Gives the sightings the stack of their inner lock.
fn give_stack(knowledge: &mut Knowledge, shared: &[Shared], stack: Option<StackId>) {
    for (step, pair) in shared {
        let edge = knowledge.graph.edge_mut(step.from, step.to);
        let sighting = edge.and_then(|edge| edge.sighting_mut(step.kind));
        let mut all = sighting.into_iter().flat_map(|sighting| &mut sighting.shared);
        if let Some(seen) = all.find(|seen| (seen.from.lock, seen.to.lock) == *pair) {
            (seen.to.stack, seen.to.stack_exact) = (stack, stack.is_some());
        }
        if let Some(stack) = stack {
            knowledge.give_stack(*pair, stack);
        }
    }
}
