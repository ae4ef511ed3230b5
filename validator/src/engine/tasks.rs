//! Tasks: start, spawn, join, end.

use super::chain::rechain;
use super::rare::keep_unsure;
use super::rules::Pass;
use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::event::{AcquireFlags, OwnStack};
use crate::base::id::TaskId;
use crate::base::mode::Wait;
use crate::base::site::Site;
use crate::check::view::Wanted;
use crate::state::acquired::Acquired;
use crate::state::segment::Segment;

impl Validator {
    /// Announces a new task, and what had run before it, if that is known ([`Validator::spawned`]).
    pub fn start_task(&self, id: TaskId, spawned_by: Option<Segment>) -> TaskContext {
        if let Some(parent) = spawned_by {
            self.segments.started(id, parent);
        }
        TaskContext::new(id)
    }

    /// Announces that the task is about to spawn another one: returns the segment that ran before
    /// it.
    pub fn spawned(&self, parent: &mut TaskContext) -> Segment {
        let segment = parent.segment();
        parent.segment = parent.segment.saturating_add(1);
        segment
    }

    /// Announces that the task has joined another one.
    pub fn joined(&self, task: &mut TaskContext, child: TaskId) {
        task.segment = task.segment.saturating_add(1);
        self.segments.joined(task.segment(), child);
    }

    /// Makes the task remember what it acquires, for [`Validator::waited_for_end`].
    ///
    /// A task of a `thread::scope` has to remember each class (`completely`), for
    /// [`Validator::joined_holding`]. Any other one may miss a lock that is nested in one of its
    /// own class and was validated by another task: it keeps the fast path.
    pub fn record_acquired(&self, task: &mut TaskContext, completely: bool) {
        task.acquired = Some(Acquired::new(completely));
    }

    /// Returns what the task acquired since [`Validator::record_acquired`].
    pub fn take_acquired(&self, task: &mut TaskContext) -> Vec<Acquisition> {
        task.acquired.take().map(Acquired::into_list).unwrap_or_default()
    }

    /// Announces that the task waits for a task that may need `acquired` (the end of a
    /// `thread::scope`): whatever the task holds *now* gets dependencies to them. Locks that it
    /// dropped inside the scope get none.
    pub fn joined_holding(
        &self,
        task: &mut TaskContext,
        acquired: &[Acquisition],
        site: Site,
        stacks: &dyn StackSource,
    ) -> Outcome {
        let mut all = EventFindings::default();
        if task.held.is_empty() || acquired.is_empty() {
            return Outcome::CLEAN;
        }
        let stack = stacks.capture();
        for child in acquired {
            // What the parent holds itself, the children cannot have waited for: they got it.
            if child.wait == Wait::Try || task.position(child.lock).is_some() {
                continue;
            }
            let acquisition = Acquisition {
                site: if child.site == Site::UNKNOWN { site } else { child.site },
                stack: child.stack.or(stack),
                stack_exact: child.stack.is_none() || child.stack_exact,
                ..*child
            };
            let (flags, own_stack) = (AcquireFlags::SYNC, OwnStack::UNKNOWN);
            let wanted = Wanted { acquisition, flags, nest: None, is_first: false, own_stack };
            Pass::new(self, task, &wanted, true, &mut all).only_dependencies().run();
            keep_unsure(task, &mut all);
        }
        all.into()
    }

    /// Announces that the task ends. What it still holds is a violation (LD0009), one for all of
    /// it.
    pub fn thread_exit(&self, task: &mut TaskContext, _site: Site) -> Outcome {
        let mut findings = EventFindings::default();
        self.drop_movable(task, 0);
        if task.n_held() > 0 {
            self.report_held_at_end(task, 0, &mut findings);
        }
        task.clear();
        rechain(task, 0);
        findings.into()
    }
}
