//! Segments: the stretches of a task between spawns and joins, and which of them ran before which.

use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::id::TaskId;

/// One stretch of a task; its number grows at every spawn and join.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Segment {
    /// The task.
    pub task: TaskId,
    /// The stretch within the task, from zero.
    pub number: u32,
}

/// Why two sightings could not overlap in the observed run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ordered {
    /// One thread ran both.
    Program,
    /// One ran before the other's thread was spawned.
    Spawn,
    /// One's thread was joined before the other ran.
    Join,
}

impl Ordered {
    /// Returns the reason as reports write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Spawn => "spawn",
            Self::Join => "join",
        }
    }

    /// Reads what [`Ordered::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Program, Self::Spawn, Self::Join].into_iter().find(|ordered| ordered.as_str() == text)
    }
}

#[derive(Debug, Default)]
struct TaskOrigin {
    /// The last segment of the parent that ran before this task started.
    spawned_by: Option<Segment>,
    /// (number of the first segment after the join, who was joined).
    joined: Vec<(u32, TaskId)>,
}

/// Who was spawned by whom, and who was joined when.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    tasks: Mutex<FxHashMap<TaskId, TaskOrigin>>,
}

/// More tasks than this are not remembered: their order is simply not told.
const MAX_TASKS: usize = 1 << 16;

impl Segments {
    pub(crate) fn started(&self, task: TaskId, spawned_by: Segment) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() < MAX_TASKS {
            tasks.entry(task).or_default().spawned_by = Some(spawned_by);
        }
    }

    pub(crate) fn joined(&self, first_after: Segment, child: TaskId) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() < MAX_TASKS || tasks.contains_key(&first_after.task) {
            tasks.entry(first_after.task).or_default().joined.push((first_after.number, child));
        }
    }

    /// How two sightings were ordered in the observed run, if they were.
    pub(crate) fn order(&self, one: Segment, other: Segment) -> Option<Ordered> {
        if one.task == other.task {
            return Some(Ordered::Program);
        }
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        before(&tasks, one, other).or_else(|| before(&tasks, other, one))
    }
}

/// Whether `earlier` ran before `later`, and by what: walks back from `later` over spawns and
/// joins.
fn before(tasks: &FxHashMap<TaskId, TaskOrigin>, earlier: Segment, later: Segment) -> Option<Ordered> {
    const MAX_VISITS: usize = 4096;
    let mut todo = vec![(later, None)];
    let mut seen = FxHashSet::default();
    while let Some((at, how)) = todo.pop() {
        if at.task == earlier.task && earlier.number <= at.number {
            return how;
        }
        if seen.len() > MAX_VISITS || !seen.insert(at) {
            continue;
        }
        let Some(origin) = tasks.get(&at.task) else { continue };
        // What a child did before its parent joined it was ordered by the join; what the parent did
        // before the spawn, by that.
        todo.extend(origin.spawned_by.map(|parent| (parent, how.or(Some(Ordered::Spawn)))));
        for &(_, child) in origin.joined.iter().filter(|(number, _)| *number <= at.number) {
            todo.push((Segment { task: child, number: u32::MAX }, how.or(Some(Ordered::Join))));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(task: u32, number: u32) -> Segment {
        Segment { task: TaskId(task), number }
    }

    #[test]
    fn spawn_and_join_order_what_they_separate() {
        let segments = Segments::default();
        // Task 1: segment 0, spawn 2, segment 1, join 2, segment 2, spawn 3, segment 3.
        segments.started(TaskId(2), segment(1, 0));
        segments.joined(segment(1, 2), TaskId(2));
        segments.started(TaskId(3), segment(1, 2));
        assert_eq!(segments.order(segment(1, 0), segment(1, 3)), Some(Ordered::Program));
        assert_eq!(segments.order(segment(1, 0), segment(2, 0)), Some(Ordered::Spawn));
        assert_eq!(segments.order(segment(2, 0), segment(1, 1)), None, "side by side");
        assert_eq!(segments.order(segment(1, 2), segment(2, 0)), Some(Ordered::Join));
        assert_eq!(segments.order(segment(2, 5), segment(3, 0)), Some(Ordered::Spawn), "over the parent");
        assert_eq!(segments.order(segment(9, 0), segment(3, 0)), None, "never heard of");
    }
}
