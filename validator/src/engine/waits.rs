//! Waits for the end of other tasks, or for their messages, with locks held.
//!
//! A lock that is held while its task waits for another one, and that the other one acquires,
//! closes a cycle through the wait. The run that shows it did not hang, because the other task
//! acquired the lock first. If spawns, joins or messages made it do so, nothing is said. Something
//! that the engine does not see, such as an atomic flag, may have made it do so; then the level is
//! a warning. Sources: cross-release and DEPT, two proposals for the kernel's lockdep.

use super::order::Order;
use super::{EventFindings, NoStacks, Outcome, StackSource, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::id::{ClassId, LockId, Subclass, TaskId};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::view::View;
use crate::check::violation::{Code, CycleStep, Detail, Evidence, Level, Violation};
use crate::mutant::{self, Mutant};
use crate::state::acquired::{Acquired, Noted};
use crate::state::waiter::{HeldOver, Waiter};

/// A task whose end or message another task waited for.
#[derive(Clone, Copy, Debug)]
pub struct EndedTask<'a> {
    /// The task.
    pub task: TaskId,
    /// Where it was spawned, or sent the message.
    pub spawned_at: Site,
    /// What it had acquired by then; see [`Validator::acquired`].
    pub acquired: &'a [Noted],
    /// Whether no other task could bring what was awaited.
    pub is_only_provider: bool,
}

/// What a task needs before it brings what another one waits for.
#[derive(Clone, Copy)]
pub(super) struct Need<'a> {
    pub(super) task: TaskId,
    /// Where it became the one to bring it.
    pub(super) since: Site,
    pub(super) acquisition: &'a Acquisition,
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
        if !self.config.evidence || task.held.is_empty() || mutant::is(Mutant::NoWaitHoldingLock) {
            return Outcome::CLEAN;
        }
        let mut findings = EventFindings::default();
        let mut waiter = self.waiter(task, site, &NoStacks);
        let mut class = None;
        for index in 0..waiter.held.len() {
            let Some((child, wanted, order)) = self.conflicting(&waiter, &waiter.held[index], ended) else {
                continue;
            };
            if class.is_none() {
                class = class_fn();
                waiter.stack = stacks.capture();
            }
            let Some(class) = class else {
                self.count_dropped();
                continue;
            };
            let need = Need { task: child.task, since: child.spawned_at, acquisition: wanted };
            let held = waiter.held[index];
            let is_sure = order == Order::ByChance
                && (child.is_only_provider || mutant::is(Mutant::OtherProvidersIgnored));
            let level = if is_sure { Level::Error } else { Level::Warning };
            self.find(&mut findings, violation(&waiter, &held, class, need, level));
        }
        findings.into()
    }

    /// The task as one that waits at `site`, with all that it holds.
    pub(super) fn waiter(&self, task: &TaskContext, site: Site, stacks: &dyn StackSource) -> Waiter {
        let view = self.view(task);
        let held = (0..task.held.len()).map(|index| HeldOver {
            acquisition: view.acquisition(index),
            is_checked: view.is_checked(&task.held[index]),
            is_movable: view.is_movable(task.held[index].base_class()),
        });
        Waiter {
            task: task.id,
            segment: task.segment(),
            held: held.collect(),
            when: self.when(task),
            ordered: task.ordered,
            began: task.began,
            sleep: task.sleep.clone(),
            trail: task.acquired.as_ref().map(Acquired::trail).cloned().unwrap_or_default(),
            site,
            stack: stacks.capture(),
        }
    }

    /// The first acquisition of the same lock that could not have succeeded while it was held so,
    /// and that nothing ordered before. A try waits for no task.
    fn conflicting<'a>(
        &self,
        waiter: &Waiter,
        held: &HeldOver,
        ended: &'a [EndedTask<'a>],
    ) -> Option<(&'a EndedTask<'a>, &'a Acquisition, Order)> {
        let all = |blocking: bool, wanted_order: Order| {
            ended.iter().find_map(|child| {
                let mut acquired = child.acquired.iter().filter(|noted| {
                    excludes(held, &noted.acquisition)
                        && (noted.acquisition.wait == Wait::Blocking) == blocking
                });
                let wanted = acquired.find(|noted| {
                    self.order_of(waiter, child.task, noted, &[held.acquisition.lock]) == wanted_order
                })?;
                Some((child, &wanted.acquisition, wanted_order))
            })
        };
        let orders = [Order::ByChance, Order::MaybeUnseen];
        orders
            .into_iter()
            .find_map(|order| all(true, order))
            .or_else(|| orders.into_iter().find_map(|order| all(false, order)))
    }
}

/// Whether another task has to wait for `wanted` as long as the lock is held so. A try waits for no
/// task.
pub(super) fn excludes(held: &HeldOver, wanted: &Acquisition) -> bool {
    let modes = [held.acquisition.mode, wanted.mode];
    held.is_checked
        && wanted.lock == held.acquisition.lock
        && wanted.wait != Wait::Try
        && modes.contains(&Mode::Exclusive)
}

/// A violation (LD0101) of the waiting task, of at most this level. `class`: of what is awaited.
pub(super) fn violation(
    waiter: &Waiter,
    held: &HeldOver,
    class: ClassId,
    need: Need<'_>,
    level: Level,
) -> Violation {
    // The wait as one more acquisition: of what has to come.
    let awaited = Acquisition {
        lock: LockId::new(class, u64::from(need.task.0)),
        class,
        subclass: Subclass::ZERO,
        mode: Mode::Exclusive,
        wait: Wait::Blocking,
        address: 0,
        site: waiter.site,
        stack: waiter.stack,
        stack_exact: true,
    };
    let started = Acquisition { site: need.since, stack: None, ..awaited };
    let kind = |from: Mode, to: Mode| View::kind(from, to, Wait::Blocking).named();
    let step = |from: Acquisition, to: Acquisition, task, segment, closing| CycleStep {
        from,
        to,
        kind: kind(from.mode, to.mode),
        task,
        segment,
        count: 1,
        closing,
        shared: None,
    };
    let timed = need.acquisition.wait == Wait::Timed;
    let movable = held.is_movable;
    Violation {
        code: Code::WaitHoldingLock,
        level: if timed || movable { Level::Note } else { level },
        fingerprint: 0,
        task: waiter.task,
        subject: Some(awaited),
        conflict: Some(held.acquisition),
        cycle: vec![
            step(started, *need.acquisition, need.task, 0, false),
            step(held.acquisition, awaited, waiter.task, waiter.segment.number, true),
        ],
        held: waiter.held.iter().map(|held| held.acquisition).collect(),
        evidence: Evidence {
            same_instances: true,
            writer_seen: true,
            timed,
            movable,
            n_tasks: 2,
            ..Evidence::default()
        },
        detail: Detail::None,
    }
}
