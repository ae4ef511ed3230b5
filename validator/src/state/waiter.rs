//! A task that waits for something that other tasks bring, as it is remembered.

use std::ops::Range;

use super::acquired::When;
use super::segment::Segment;
use super::trail::Trail;
use crate::base::acquisition::Acquisition;
use crate::base::id::{LockId, StackId, TaskId};
use crate::base::site::Site;

/// A task that waits, or has waited, and what it holds meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) task: TaskId,
    /// The stretch of the task up to the wait.
    pub(crate) segment: Segment,
    pub(crate) when: When,
    /// When a join or a message ordered something before the task last.
    pub(crate) ordered: u64,
    /// When its stretch began.
    pub(crate) began: u64,
    /// As in the task.
    pub(crate) sleep: Range<u64>,
    pub(crate) trail: Trail,
    /// What is held over the wait, oldest first.
    pub(crate) held: Vec<HeldOver>,
    pub(crate) site: Site,
    pub(crate) stack: Option<StackId>,
}

/// A lock that is held over a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldOver {
    pub(crate) acquisition: Acquisition,
    /// Whether it takes part in ordering.
    pub(crate) is_checked: bool,
    /// Whether its guard may be with another task, which may have released it.
    pub(crate) is_movable: bool,
}

impl Waiter {
    /// What the task acquired after this moment and before it waited, but for these locks, each
    /// once; `None` if that is not known.
    pub(crate) fn acquired_since(&self, clock: u64, but: &[LockId]) -> Option<bool> {
        let mut left: Vec<LockId> = but.to_vec();
        let mut others = self.trail.later_than(clock)?.filter(|(lock, _)| {
            let known = left.iter().position(|other| other == lock);
            known.map(|index| left.swap_remove(index)).is_none()
        });
        Some(others.next().is_some())
    }
}
