//! Waits for the end of other tasks, or for their messages, with locks held.
//!
//! A lock that is held while its task waits for another one, and that the other one acquires,
//! closes a cycle through the wait. The run that shows it did not hang, because the other task
//! acquired the lock first. If spawns, joins or messages made it do so, nothing is said. Something
//! that the engine does not see, such as an atomic flag, may have made it do so, therefore the
//! level is a warning. Sources: cross-release and DEPT, two proposals for the kernel's lockdep.

use std::sync::PoisonError;

use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::id::{ClassId, LockId, Subclass, TaskId};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::view::View;
use crate::check::violation::{Code, CycleStep, Detail, Evidence, Level, Violation};
use crate::mutant::{self, Mutant};
use crate::state::acquired::Noted;
use crate::state::segment::Segment;

/// A task whose end or message another task waited for.
#[derive(Clone, Copy, Debug)]
pub struct EndedTask<'a> {
    /// The task.
    pub task: TaskId,
    /// Where it was spawned, or sent the message.
    pub spawned_at: Site,
    /// What it had acquired by then; see [`Validator::acquired`].
    pub acquired: &'a [Noted],
}

impl Validator {
    /// Announces that the task has waited at `site` for the end of others, or for a message of
    /// another. What it holds and one of them acquired is a violation (LD0101), one for each lock.
    /// A message is announced as received after that.
    ///
    /// `class_fn` is asked at most once, for the class of what was awaited. Without one nothing can
    /// be reported, and that is counted as dropped.
    pub fn waited_for_end(
        &self,
        task: &TaskContext,
        ended: &[EndedTask<'_>],
        site: Site,
        class_fn: &mut dyn FnMut() -> Option<ClassId>,
        stacks: &dyn StackSource,
    ) -> Outcome {
        // Kernel: a wait is no dependency.
        if !self.config.evidence || mutant::is(Mutant::NoWaitHoldingLock) {
            return Outcome::CLEAN;
        }
        let mut findings = EventFindings::default();
        let mut awaited = None;
        for index in 0..task.held.len() {
            let view = self.view(task);
            if !view.is_checked(&task.held[index]) {
                continue;
            }
            let held = view.acquisition(index);
            let Some((child, wanted)) = self.conflicting(task, &held, ended) else { continue };
            if awaited.is_none() {
                awaited = class_fn().map(|class| acquisition(class, child.task, site, stacks));
            }
            let Some(awaited) = awaited else {
                self.count_dropped();
                continue;
            };
            let violation = violation(&view, held, awaited, child, wanted);
            let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
            self.admit(&mut knowledge, &mut findings, violation);
        }
        findings.into()
    }

    /// The first acquisition of the same lock that could not have succeeded while it was held so,
    /// and that nothing ordered before. A try waits for no task.
    fn conflicting<'a>(
        &self,
        task: &TaskContext,
        held: &Acquisition,
        ended: &'a [EndedTask<'a>],
    ) -> Option<(&'a EndedTask<'a>, &'a Acquisition)> {
        let excludes = |wanted: &Acquisition| held.mode == Mode::Exclusive || wanted.mode == Mode::Exclusive;
        let is_it =
            |wanted: &Acquisition| wanted.lock == held.lock && wanted.wait != Wait::Try && excludes(wanted);
        let all = |blocking: bool| {
            ended.iter().find_map(|child| {
                let acquired = child.acquired.iter().filter(|noted| is_it(&noted.acquisition));
                let mut wanted =
                    acquired.filter(|noted| (noted.acquisition.wait == Wait::Blocking) == blocking);
                let wanted = wanted.find(|noted| !self.is_ordered_before(task, child.task, noted))?;
                Some((child, &wanted.acquisition))
            })
        };
        all(true).or_else(|| all(false))
    }

    /// Whether the other task had to make this acquisition before the task came here, or may have
    /// had to.
    fn is_ordered_before(&self, task: &TaskContext, other: TaskId, noted: &Noted) -> bool {
        if mutant::is(Mutant::WaitOrderIgnored) {
            return false;
        }
        let is_unknown = noted.moment < task.moment && !mutant::is(Mutant::UnknownWaitsDoNotOrder);
        let acquired_in = Segment { task: other, number: noted.segment };
        is_unknown || self.segments.may_be_before(acquired_in, task.segment())
    }
}

/// The wait as one more acquisition: of what has to come.
fn acquisition(class: ClassId, child: TaskId, site: Site, stacks: &dyn StackSource) -> Acquisition {
    Acquisition {
        lock: LockId::new(class, u64::from(child.0)),
        class,
        subclass: Subclass::ZERO,
        mode: Mode::Exclusive,
        wait: Wait::Blocking,
        address: 0,
        site,
        stack: stacks.capture(),
        stack_exact: true,
    }
}

fn violation(
    view: &View<'_>,
    held: Acquisition,
    awaited: Acquisition,
    child: &EndedTask<'_>,
    wanted: &Acquisition,
) -> Violation {
    let started = Acquisition { site: child.spawned_at, stack: None, ..awaited };
    let kind = |from: Mode, to: Mode| View::kind(from, to, Wait::Blocking).named();
    let step = |from: Acquisition, to: Acquisition, task, segment, closing| CycleStep {
        from,
        to,
        kind: kind(from.mode, to.mode),
        task,
        segment,
        count: 1,
        closing,
    };
    let is_timed = wanted.wait == Wait::Timed;
    // Its guard may be with another task, which may have released it.
    let movable = view.is_movable(held.lock.class());
    let mut violation = view.violation(Code::WaitHoldingLock, Detail::None);
    violation.level = if is_timed || movable { Level::Note } else { Level::Warning };
    violation.cycle = vec![
        step(started, *wanted, child.task, 0, false),
        step(held, awaited, view.task.id, view.task.segment, true),
    ];
    violation.subject = Some(awaited);
    violation.conflict = Some(held);
    violation.evidence = Evidence {
        same_instances: true,
        writer_seen: true,
        timed: is_timed,
        movable,
        n_tasks: 2,
        ..Evidence::default()
    };
    violation
}
