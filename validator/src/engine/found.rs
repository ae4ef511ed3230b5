//! What is found: admitted once, watched if it is not an error, and raised when the reason for that
//! goes away.

use std::sync::PoisonError;

use super::{EventFindings, StackSource, Validator};
use crate::base::mode::{Mode, Wait};
use crate::check::cycle;
use crate::check::judge;
use crate::check::knowledge::Knowledge;
use crate::check::lowered::{Assessment, FairRead, Lowered};
use crate::check::recursion::{self, Again};
use crate::check::view::{View, Wanted};
use crate::check::violation::{Code, Detail, Level, Violation};
use crate::graph::{Gates, PathStep};
use crate::mutant::{self, Mutant};
use crate::state::held::{Order, Unsure};
use crate::state::registry::fact;
use crate::state::task::TaskContext;

impl Validator {
    /// LD0011.
    pub(super) fn nest_violation(
        &self,
        view: &View<'_>,
        subject: crate::base::acquisition::Acquisition,
    ) -> Violation {
        let mut violation = view.violation(Code::NestLockNotHeld, Detail::None);
        violation.subject = Some(subject);
        violation
    }

    /// Puts a violation into the findings unless it was reported before.
    pub(super) fn admit(
        &self,
        knowledge: &mut Knowledge,
        findings: &mut EventFindings,
        mut violation: Violation,
    ) {
        use crate::check::signature;
        violation.fingerprint = signature::fingerprint(&self.registry, &violation);
        let signature = signature::signature(&violation);
        let admitted = match () {
            () if !self.config.evidence => knowledge.admit(signature, violation.level),
            // Counts as reported only when the embedder has tried the real lock.
            () if violation.is_self_deadlock() => true,
            // Only when the embedder has seen which futures it is about.
            () if violation.rests_on_flow() => knowledge.is_news(signature, violation.level),
            () => knowledge.admit(signature, violation.level),
        };
        if admitted {
            findings.violations.push(violation);
        }
    }

    /// The same for rules that need nothing else from the knowledge.
    pub(super) fn find(&self, findings: &mut EventFindings, violation: Violation) {
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        self.admit(&mut knowledge, findings, violation);
    }

    /// Notes what an acquisition shows about its class whether or not its chain is known: a second
    /// lock, a writer, and what that one holds (`skip` is the lock itself, on an upgrade). `true`
    /// if a level may rise by it.
    pub(super) fn note_facts(
        &self,
        view: &View<'_>,
        knowledge: &mut Knowledge,
        wanted: &Wanted,
        skip: Option<usize>,
    ) -> bool {
        let acquisition = &wanted.acquisition;
        let Some(record) = self.registry.record(acquisition.class) else { return false };
        let base = self.registry.record(acquisition.lock.class()).unwrap_or(record);
        let several = base.note_instance(acquisition.lock) && base.has(fact::GATE);
        // A writer with a timeout does not queue forever, so readers do not wait behind it forever.
        if acquisition.mode != Mode::Exclusive || acquisition.wait != Wait::Blocking {
            return several;
        }
        let is_first = !record.has(fact::WRITER_SEEN) && record.note(fact::WRITER_SEEN);
        let writer = (view.task.id, acquisition.site);
        let has_lost_gate = knowledge.note_writer(acquisition.class, writer, || {
            let mut gates = view.gates_but(skip);
            gates.retain(|gate| gate.lock != acquisition.lock);
            gates
        });
        several
            || is_first && !mutant::is(Mutant::WriterRaisesNothing)
            || has_lost_gate && record.has(fact::GATED_WRITERS)
    }

    /// LD0014: a fair read by a reader of the same lock.
    pub(super) fn behind_writer(
        &self,
        task: &TaskContext,
        wanted: &Wanted,
        index: usize,
        stacks: &dyn StackSource,
        findings: &mut EventFindings,
    ) {
        if mutant::is(Mutant::NoRecursiveFairRead) {
            return;
        }
        let view = self.view(task);
        let violation =
            recursion::same_lock_violation(&view, wanted, view.acquisition(index), Again::BehindWriter);
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        if violation.evidence.timed {
            self.admit(&mut knowledge, findings, violation);
            return;
        }
        let order = Order::Again(wanted.acquisition.class);
        if view.is_movable(wanted.acquisition.lock.class()) && !knowledge.is_sure(order) {
            findings.unsure.push((index, Unsure { order, listed: None }));
        }
        let mut seen =
            FairRead { class: wanted.acquisition.class, gates: Gates::new(&view.gates(index)), violation };
        // Assessment under the lock under which facts are noted: a writer that turned up in between
        // would raise nothing any more.
        seen.judge(&view, &knowledge);
        self.admit(&mut knowledge, findings, seen.violation.clone());
        if seen.violation.level == Level::Error || !knowledge.watch_fair_read(seen) {
            return;
        }
        drop(knowledge);
        // By the time that a writer raises it this stack is gone. No lock of ours is held while one
        // is captured.
        let stack = stacks.capture();
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        // Unless a writer was faster, or another reader that is less protected.
        if let Some(known) = knowledge.fair_read(wanted.acquisition.class)
            && let Some(subject) = &mut known.violation.subject
            && (subject.lock, subject.site) == (wanted.acquisition.lock, wanted.acquisition.site)
        {
            (subject.stack, subject.stack_exact) = (stack, true);
        }
    }

    /// Reports a cycle of classes, and has an eye on it from now on.
    pub(super) fn report_cycle(
        &self,
        view: &View<'_>,
        knowledge: &mut Knowledge,
        findings: &mut EventFindings,
        path: Vec<PathStep>,
        assessment: &Assessment,
    ) {
        let seen = judge::sightings(view, knowledge, &path, assessment);
        let violation = cycle::violation(view, &self.segments, Code::CircularDependency, &seen, assessment);
        let n_before = findings.violations.len();
        self.admit(knowledge, findings, violation);
        if findings.violations.len() == n_before {
            return;
        }
        if assessment.level == Level::Error {
            knowledge.told.push(path);
            return;
        }
        let mut is_new = false;
        for step in &path {
            // Locks know their class, not the level they are taken at: the class is suspect with
            // all its levels.
            let mut base = self.registry.record(step.from).map_or(step.from, |record| record.base);
            if mutant::is(Mutant::SuspectWithoutLevels) {
                base = step.from;
            }
            if let Some(record) = self.registry.record(base) {
                is_new |= record.note(fact::SUSPECT);
            }
        }
        knowledge.lowered.push(Lowered::Cycle(path));
        if is_new {
            // ORDERING: Relaxed: published by the epoch below.
            self.n_suspects.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.bump_epoch();
        }
    }

    /// Looks again at everything that was lowered: a writer was seen, a gate lost. What rises is
    /// reported again.
    pub(super) fn raise(&self, view: &View<'_>, knowledge: &mut Knowledge, findings: &mut EventFindings) {
        let lowered = std::mem::take(&mut knowledge.lowered);
        for entry in lowered {
            let level = match &entry {
                Lowered::Cycle(path) => self.raise_cycle(view, knowledge, findings, path),
                Lowered::Instances(path) => {
                    let assessment = judge::judge_instances(view, knowledge, path);
                    let seen: Vec<_> =
                        path.iter().filter_map(|step| cycle::instance_sighting(knowledge, step)).collect();
                    let violation =
                        cycle::violation(view, &self.segments, Code::SameClassOrder, &seen, &assessment);
                    self.admit(knowledge, findings, violation);
                    assessment.level
                }
                Lowered::FairRead(seen) => {
                    let mut seen = seen.clone();
                    seen.judge(view, knowledge);
                    let level = seen.violation.level;
                    self.admit(knowledge, findings, seen.violation);
                    level
                }
            };
            if level < Level::Error {
                knowledge.lowered.push(entry);
            }
        }
    }

    fn raise_cycle(
        &self,
        view: &View<'_>,
        knowledge: &mut Knowledge,
        findings: &mut EventFindings,
        path: &[PathStep],
    ) -> Level {
        let assessment = judge::judge(view, knowledge, path);
        let seen = judge::sightings(view, knowledge, path, &assessment);
        let violation = cycle::violation(view, &self.segments, Code::CircularDependency, &seen, &assessment);
        self.admit(knowledge, findings, violation);
        assessment.level
    }
}
