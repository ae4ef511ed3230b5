//! What is found: admitted once, watched if it is not an error, and raised when the reason for that goes away.

use std::sync::PoisonError;

use super::{Findings, StackSource, Validator};
use crate::check::cycle;
use crate::check::judge::{self, Judged, Lowered};
use crate::check::knowledge::Knowledge;
use crate::check::recursion::{self, Again};
use crate::check::view::{View, Wanted};
use crate::check::violation::{Code, Detail, Level, Violation};
use crate::fault::{self, Fault};
use crate::graph::PathStep;
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
    pub(super) fn admit(&self, knowledge: &mut Knowledge, findings: &mut Findings, mut violation: Violation) {
        use crate::check::signature;
        violation.fingerprint = signature::fingerprint(&self.registry, &violation);
        // A self-deadlock counts as reported only when the embedder has tried the real lock.
        let admitted = violation.is_self_deadlock() && self.config.evidence
            || knowledge.admit(signature::signature(&violation), violation.level);
        if admitted {
            findings.violations.push(violation);
        }
    }

    /// The same for rules that need nothing else from the knowledge.
    pub(super) fn find(&self, findings: &mut Findings, violation: Violation) {
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        self.admit(&mut knowledge, findings, violation);
    }

    /// LD0014: a fair read by a reader of the same lock.
    pub(super) fn behind_writer(
        &self,
        task: &TaskContext,
        wanted: &Wanted,
        index: usize,
        stacks: &dyn StackSource,
        findings: &mut Findings,
    ) {
        if fault::is(Fault::NoRecursiveFairRead) {
            return;
        }
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        // Judged under the lock under which facts are noted: a writer that turned up in between would raise nothing any more.
        let violation = recursion::same_lock_violation(&self.view(task), wanted, index, Again::BehindWriter);
        let n_before = findings.violations.len();
        self.admit(&mut knowledge, findings, violation);
        let found = findings.violations.get(n_before).filter(|found| found.level == Level::Warning);
        let Some(mut lowered) = found.map(|found| Box::new(found.clone())) else { return };
        knowledge.lowered.push(Lowered::FairRead(lowered.clone(), wanted.acquisition.class));
        drop(knowledge);
        // By the time that a writer raises it this stack is gone. No lock of ours is held while one is captured.
        let told = lowered.clone();
        if let Some(subject) = &mut lowered.subject {
            (subject.stack, subject.stack_exact) = (stacks.capture(), true);
        }
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        let known = knowledge.lowered.iter_mut().rev().find_map(|entry| match entry {
            Lowered::FairRead(known, _) if *known == told => Some(known),
            _ => None,
        });
        // Unless a writer was faster.
        if let Some(known) = known {
            *known = lowered;
        }
    }

    /// Reports a cycle of classes, and has an eye on it from now on.
    pub(super) fn report_cycle(
        &self,
        view: &View<'_>,
        knowledge: &mut Knowledge,
        findings: &mut Findings,
        path: Vec<PathStep>,
        judged: &Judged,
    ) {
        let seen = cycle::sightings(&knowledge.graph, &path);
        let violation = cycle::violation(view, &self.segments, Code::CircularDependency, &seen, judged);
        let n_before = findings.violations.len();
        self.admit(knowledge, findings, violation);
        if findings.violations.len() == n_before || judged.level == Level::Error {
            return;
        }
        let mut is_new = false;
        for step in &path {
            // Locks know their class, not the level they are taken at: the class is suspect with all its levels.
            let mut base = self.registry.record(step.from).map_or(step.from, |record| record.base);
            if fault::is(Fault::SuspectWithoutLevels) {
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

    /// Looks again at everything that was lowered: a writer was seen, a gate lost. What rises is reported again.
    pub(super) fn raise(&self, view: &View<'_>, knowledge: &mut Knowledge, findings: &mut Findings) {
        let lowered = std::mem::take(&mut knowledge.lowered);
        for entry in lowered {
            let level = match &entry {
                Lowered::Cycle(path) => self.raise_cycle(view, knowledge, findings, path),
                Lowered::Instances(path) => {
                    let judged = judge::judge_instances(view, knowledge, path);
                    let seen: Vec<_> =
                        path.iter().filter_map(|step| cycle::instance_sighting(knowledge, step)).collect();
                    let violation =
                        cycle::violation(view, &self.segments, Code::SameClassOrder, &seen, &judged);
                    self.admit(knowledge, findings, violation);
                    judged.level
                }
                Lowered::FairRead(violation, class) => {
                    if view.writer_seen(*class) {
                        let mut violation = violation.clone();
                        violation.level = Level::Error;
                        violation.evidence.writer_seen = true;
                        self.admit(knowledge, findings, *violation);
                        Level::Error
                    } else {
                        Level::Warning
                    }
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
        findings: &mut Findings,
        path: &[PathStep],
    ) -> Level {
        let judged = judge::judge(view, knowledge, path);
        let seen = cycle::sightings(&knowledge.graph, path);
        let violation = cycle::violation(view, &self.segments, Code::CircularDependency, &seen, &judged);
        self.admit(knowledge, findings, violation);
        judged.level
    }
}
