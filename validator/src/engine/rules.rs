//! One pass of the rules over one acquisition, under the knowledge lock.

use std::sync::PoisonError;

use super::{EventFindings, NewDependency, Validator};
use crate::base::event::AcquireFlags;
use crate::base::id::LockId;
use crate::base::mode::Wait;
use crate::check::circular::{self, Recorded};
use crate::check::judge::{self, FoundCycle};
use crate::check::knowledge::Knowledge;
use crate::check::lowered::{Assessment, Lowered};
use crate::check::recursion::{self, Nesting};
use crate::check::shared::{self, PairLook};
use crate::check::unpublished::{Standing, UnpublishedOrder};
use crate::check::usage::{self, Usage};
use crate::check::view::{View, Wanted};
use crate::check::violation::{Code, Level, Violation};
use crate::check::{cycle, instance_order, wait_type};
use crate::graph::{Gate, Kind, PathStep, Witness};
use crate::mutant::{self, Mutant};
use crate::state::held::{Order, Unsure};
use crate::state::task::TaskContext;

/// Which rules a pass runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    All,
    /// The acquisition was made by another task: its usage and wait type were judged there.
    Dependencies,
    /// The task holds too many locks to look at each of them.
    Classes,
    /// The task holds the lock already, outside the context it is in: it waits for no other task,
    /// but uses the lock.
    Usage,
}

/// One acquisition under the rules.
pub(super) struct Pass<'a> {
    validator: &'a Validator,
    view: View<'a>,
    wanted: &'a Wanted,
    /// Whether the chain was never validated before.
    is_new_chain: bool,
    /// A held entry that the walk over holders passes over: the lock itself, on an upgrade.
    skip: Option<usize>,
    scope: Scope,
    findings: &'a mut EventFindings,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        validator: &'a Validator,
        task: &'a TaskContext,
        wanted: &'a Wanted,
        is_new_chain: bool,
        findings: &'a mut EventFindings,
    ) -> Self {
        Self {
            validator,
            view: validator.view(task),
            wanted,
            is_new_chain,
            skip: None,
            scope: Scope::All,
            findings,
        }
    }

    pub(super) fn skipping(self, skip: usize) -> Self {
        Self { skip: Some(skip), ..self }
    }

    pub(super) fn only_dependencies(self) -> Self {
        Self { scope: Scope::Dependencies, ..self }
    }

    pub(super) fn only_usage(self) -> Self {
        Self { scope: Scope::Usage, ..self }
    }

    pub(super) fn only_classes(self) -> Self {
        Self { scope: Scope::Classes, ..self }
    }

    /// Looks only at who is at the lock objects; gives the orders that were seen on shared objects
    /// for the first time, and whether there are others.
    pub(super) fn look(self) -> (Vec<shared::Shared>, bool) {
        if !self.is_ordered() {
            return (Vec::new(), false);
        }
        let holders = circular::holders(&self.view, self.skip);
        let knowledge = self.validator.knowledge.lock();
        let mut knowledge = knowledge.unwrap_or_else(PoisonError::into_inner);
        let looked = shared::look(&self.view, &mut knowledge, &holders, self.wanted);
        (looked.shared, looked.is_open)
    }

    /// Runs every rule; gives whether another thread can have the lock.
    pub(super) fn run(mut self) -> Standing {
        let orders = self.scope != Scope::Usage;
        let nesting = if orders { self.nesting() } else { Nesting::Fine };
        let pairs = if orders && self.scope != Scope::Classes { self.instance_pairs() } else { Vec::new() };
        let knowledge = self.validator.knowledge.lock();
        let mut knowledge = knowledge.unwrap_or_else(PoisonError::into_inner);
        let knowledge = &mut *knowledge;
        if self.note_facts(knowledge) {
            self.validator.raise(&self.view, knowledge, self.findings);
        }
        let standing = self.touch(knowledge);
        self.findings.violations.append(&mut knowledge.pending);
        // ORDERING: Relaxed: the flag only saves looking; the list itself is behind the lock that
        // is held here.
        self.validator.has_pending.store(false, std::sync::atomic::Ordering::Relaxed);
        if self.is_new_chain && self.scope != Scope::Dependencies {
            if let Some(violation) = wait_type::check(&self.view, self.wanted) {
                self.admit(knowledge, violation);
            }
            self.mark_usage(knowledge);
        }
        if !orders {
            return standing;
        }
        self.check_nest_lock(knowledge);
        match nesting {
            Nesting::Forbidden(index) => {
                let violation = recursion::same_class_violation(&self.view, self.wanted, index);
                self.admit(knowledge, violation);
                // The chain is not looked at again: what it says about other classes has to be
                // learned now. Kernel: is off after this report.
                if self.is_new_chain {
                    self.dependencies(knowledge, standing);
                }
            }
            Nesting::Serialised if !mutant::is(Mutant::NestAddsDependencies) => {}
            Nesting::Fine | Nesting::Serialised => {
                if self.is_new_chain || knowledge.unpublished.is_used() {
                    self.dependencies(knowledge, standing);
                }
                for holder in pairs {
                    self.instance_order(knowledge, holder, standing);
                }
            }
        }
        standing
    }

    /// Notes who is at the lock object, and where it lies: what was seen there before may count
    /// from now on.
    fn touch(&mut self, knowledge: &mut Knowledge) -> Standing {
        if !self.view.config.evidence {
            return Standing::Published;
        }
        let lock = self.wanted.acquisition.lock;
        if self.scope == Scope::Dependencies {
            return knowledge.unpublished.standing(lock);
        }
        let touched = knowledge.unpublished.touch(self.view.task, self.wanted);
        if touched.is_new {
            self.view.registry.note_ordered(lock.class());
            if !mutant::is(Mutant::UnpublishedUnwatched) {
                self.validator.suspect(lock.class());
            }
        }
        if !touched.taken_back.is_empty() {
            self.take_back(knowledge, &touched.taken_back);
        }
        touched.standing
    }

    /// Orders that end in an object which another thread has after all count fully.
    fn take_back(&mut self, knowledge: &mut Knowledge, orders: &[UnpublishedOrder]) {
        let mut found = Vec::new();
        for order in orders {
            if order.is_of_locks {
                let closed = instance_order::publish(&self.view, knowledge, order);
                if let Some((path, assessment)) = closed {
                    self.report_instances(knowledge, path, &assessment);
                }
            } else {
                let recorded = circular::publish(&self.view, knowledge, order);
                if recorded.is_listed {
                    let listed = self.listed(knowledge, &recorded, &order.witness, order.direct);
                    self.findings.dependencies.extend(listed);
                }
                found.extend(circular::find_cycle(&self.view, knowledge, &recorded));
            }
        }
        self.report_cycles(knowledge, found);
        self.validator.raise(&self.view, knowledge, self.findings);
    }

    fn note_facts(&self, knowledge: &mut Knowledge) -> bool {
        // What another task acquired was noted there, with what that one held.
        self.scope != Scope::Dependencies
            && self.validator.note_facts(&self.view, knowledge, self.wanted, self.skip)
    }

    fn is_ordered(&self) -> bool {
        let Wanted { acquisition, flags, .. } = self.wanted;
        let skip_sync = flags.contains(AcquireFlags::SYNC) && mutant::is(Mutant::SyncUnchecked);
        !flags.contains(AcquireFlags::UNCHECKED)
            && !skip_sync
            && circular::can_wait(self.view.config, acquisition.wait)
    }

    /// The same-class rule; asks order functions, so it runs before the lock is taken.
    fn nesting(&self) -> Nesting {
        if !self.is_ordered() {
            return Nesting::Fine;
        }
        if recursion::is_kernel_rule(&self.view) {
            return recursion::same_class_kernel(&self.view, self.wanted, self.skip);
        }
        if recursion::is_serialised(&self.view, self.wanted) {
            return Nesting::Serialised;
        }
        recursion::against_order(&self.view, self.wanted).map_or(Nesting::Fine, Nesting::Forbidden)
    }

    fn instance_pairs(&self) -> Vec<usize> {
        let mut pairs = Vec::new();
        if self.view.config.evidence && self.is_ordered() && !self.view.task.held.is_empty() {
            pairs = instance_order::pairs(&self.view, self.wanted);
            pairs.retain(|holder| Some(*holder) != self.skip);
        }
        pairs
    }

    fn admit(&mut self, knowledge: &mut Knowledge, violation: Violation) {
        self.validator.admit(knowledge, self.findings, violation);
    }

    fn mark_usage(&mut self, knowledge: &mut Knowledge) {
        let Wanted { acquisition, flags, .. } = self.wanted;
        let contexts = &self.validator.contexts;
        if flags.contains(AcquireFlags::UNCHECKED) || contexts.registered().is_empty() {
            return;
        }
        let task = self.view.task;
        let mut marks = Vec::new();
        // Neither a try nor a wait with a timeout can hang the interrupted task forever.
        if acquisition.wait == Wait::Blocking {
            marks.extend(task.entered_contexts().iter().map(|context| (context, Usage::UsedIn)));
        }
        if !flags.contains(AcquireFlags::SYNC) {
            marks.extend(contexts.enabled(task.toggled).iter().map(|context| (context, Usage::Enabled)));
        }
        for mark in marks {
            if let Some(violation) = usage::mark(&self.view, knowledge, contexts, mark, acquisition) {
                self.admit(knowledge, violation);
            }
        }
    }

    /// LD0011.
    fn check_nest_lock(&mut self, knowledge: &mut Knowledge) {
        let Some(nest) = self.wanted.nest else { return };
        let is_held = self.view.holds(nest) || self.view.is_movable(nest.class());
        if is_held || mutant::is(Mutant::NestNeedNotBeHeld) || mutant::is(Mutant::NestIgnored) {
            return;
        }
        let violation = self.validator.nest_violation(&self.view, self.wanted.acquisition);
        self.admit(knowledge, violation);
    }

    fn dependencies(&mut self, knowledge: &mut Knowledge, standing: Standing) {
        if !self.is_ordered() {
            return;
        }
        let (mut found, mut is_published_now) = (Vec::new(), false);
        let holders = circular::holders(&self.view, self.skip);
        for &holder in &holders {
            let seen = (standing, self.is_new_chain);
            let Some(recorded) = circular::record(&self.view, knowledge, holder, self.wanted, seen) else {
                continue;
            };
            is_published_now |= recorded.is_published_now;
            let order = Order::Classes(recorded.step.from, recorded.step.to);
            let is_unsure = self.is_unsure(knowledge, holder.index, order);
            if is_unsure || recorded.is_listed {
                let witness = self.view.witness(holder.index, self.wanted.acquisition);
                let listed = self.listed(knowledge, &recorded, &witness, holder.direct);
                if is_unsure {
                    self.findings.unsure.push((holder.index, Unsure { order, listed }));
                } else {
                    self.findings.dependencies.extend(listed);
                }
            }
            found.extend(circular::find_cycle(&self.view, knowledge, &recorded));
            if recorded.is_new {
                let contexts = &self.validator.contexts;
                let violation =
                    usage::check_dependency(&self.view, knowledge, contexts, recorded.step, self.wanted);
                if let Some(violation) = violation {
                    self.admit(knowledge, violation);
                }
            }
        }
        let mut looked = shared::Looked::default();
        if self.scope == Scope::All && self.view.config.evidence {
            looked = shared::look(&self.view, knowledge, &holders, self.wanted);
            self.findings.is_open = looked.is_open;
            self.validator.repeat(&self.view, knowledge, self.findings, &looked.shared);
        }
        self.report_cycles(knowledge, found);
        if is_published_now || !looked.shared.is_empty() {
            self.validator.raise(&self.view, knowledge, self.findings);
        }
    }

    fn report_cycles(&mut self, knowledge: &mut Knowledge, found: Vec<FoundCycle>) {
        let mut told: Vec<FoundCycle> = Vec::new();
        for cycle in circular::surest_first(found) {
            if told.iter().any(|other| circular::is_detour(&cycle, other)) {
                continue;
            }
            let n_before = self.findings.violations.len();
            self.validator.report_cycle(
                &self.view,
                knowledge,
                self.findings,
                cycle.path.clone(),
                &cycle.assessment,
            );
            // A cycle that was reported long ago hides nothing: what runs around it now may be
            // news.
            if self.findings.violations.len() > n_before {
                told.push(cycle);
            }
        }
    }

    /// Whether the guard of the held lock may have left the task, for all that is known of this
    /// order.
    fn is_unsure(&self, knowledge: &Knowledge, holder: usize, order: Order) -> bool {
        let held = &self.view.task.held[holder];
        self.view.is_movable(held.base_class()) && !knowledge.is_sure(order)
    }

    /// A new dependency for run records, or a known one that is direct for the first time.
    fn listed(
        &self,
        knowledge: &Knowledge,
        recorded: &Recorded,
        witness: &Witness,
        direct: bool,
    ) -> Option<NewDependency> {
        if !self.view.config.list_dependencies {
            return None;
        }
        let step = recorded.step;
        let sighting = knowledge.graph.edge(step.from, step.to)?.sighting(step.kind)?;
        let new = listed_dependency(&self.view, step.kind, witness, sighting.gates.all());
        let unpublished = !knowledge.graph.is_published(&step);
        Some(NewDependency { direct, unpublished, ..new })
    }

    fn instance_order(&mut self, knowledge: &mut Knowledge, holder: usize, standing: Standing) {
        let (view, wanted) = (self.view, self.wanted);
        let order = Order::Locks(view.task.held[holder].lock, wanted.acquisition.lock);
        let is_unsure = self.is_unsure(knowledge, holder, order);
        let (mut listed, mut is_new) = (None, false);
        let skip = self.skip;
        let list = |kind: Kind, standing: Standing| {
            is_new = true;
            let is_one_class = view.task.held[holder].base_class() == wanted.acquisition.lock.class();
            if view.config.list_dependencies && !is_one_class {
                let witness = view.witness(holder, wanted.acquisition);
                let new = listed_dependency(&view, kind, &witness, &view.gates(holder));
                let holders = circular::holders(&view, skip);
                let direct = holders.iter().any(|one| one.index == holder && one.direct);
                let unpublished = standing == Standing::Unpublished;
                listed = Some(NewDependency { direct, unpublished, ..new });
            }
        };
        let closed = instance_order::record(&view, knowledge, holder, wanted, standing, list);
        match shared::look_at_pair(&view, knowledge, holder, wanted) {
            PairLook::Closed => {}
            PairLook::Open => self.findings.is_pair_open = true,
            PairLook::News => {
                self.findings.shared_pairs.push((view.task.held[holder].lock, wanted.acquisition.lock));
            }
        }
        if is_unsure {
            self.findings.unsure.push((holder, Unsure { order, listed }));
        } else {
            self.findings.dependencies.extend(listed);
        }
        if is_new && !wanted.acquisition.stack_exact {
            let pair = (view.task.held[holder].lock, wanted.acquisition.lock);
            self.findings.without_stack.extend(knowledge.lacks_stack(pair).then_some(pair));
        }
        if let Some((path, assessment)) = closed {
            self.report_instances(knowledge, path, &assessment);
        }
    }

    fn report_instances(
        &mut self,
        knowledge: &mut Knowledge,
        path: Vec<PathStep<LockId>>,
        assessment: &Assessment,
    ) {
        let is_one_class = judge::is_of_one_class(&path);
        // A cycle of several classes was reported when the classes closed it; here it can only
        // become an error.
        if !is_one_class && assessment.level < Level::Error {
            return;
        }
        if !is_one_class && judge::is_gated(&self.view, knowledge, &judge::classes_of(&path)) {
            return;
        }
        let code = if is_one_class { Code::SameClassOrder } else { Code::CircularDependency };
        let seen: Vec<_> = path.iter().filter_map(|step| cycle::instance_sighting(knowledge, step)).collect();
        let violation = cycle::violation(&self.view, &self.validator.segments, code, &seen, assessment);
        let n_before = self.findings.violations.len();
        let again = (is_one_class && assessment.level == Level::Error).then(|| violation.clone());
        self.admit(knowledge, violation);
        let is_news = self.findings.violations.len() > n_before;
        if is_news && assessment.level < Level::Error {
            knowledge.lowered.push(Lowered::Instances(path));
        } else if let Some(violation) = again {
            self.validator.tell_of_locks(knowledge, self.findings, &path, violation, is_news);
        }
    }
}

fn listed_dependency(view: &View<'_>, kind: Kind, witness: &Witness, gates: &[Gate]) -> NewDependency {
    let exclusive = gates.iter().filter(|gate| gate.exclusive).map(|gate| gate.lock);
    let (gates, guards) = exclusive.partition(|lock| view.is_gate(*lock));
    NewDependency {
        from: witness.from,
        to: witness.to,
        task: witness.task,
        segment: witness.segment,
        kind: kind.named(),
        direct: true,
        unpublished: false,
        gates,
        guards,
    }
}
