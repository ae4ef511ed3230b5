//! Segments: the stretches of a task between spawns, joins and messages, and which of them ran
//! before which.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::id::TaskId;
use crate::base::site::Site;

/// One stretch of a task; its number grows at every spawn and join, and at messages.
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
    /// (number of the first segment after the receive, the last one of the sender before the send).
    received: Vec<(u32, Segment)>,
}

/// A clock starts at one, so that zero is before everything.
#[derive(Debug)]
struct Clock(AtomicU64);

impl Default for Clock {
    fn default() -> Self {
        Self(AtomicU64::new(1))
    }
}

/// Who was spawned by whom, and who was joined when.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    tasks: Mutex<FxHashMap<TaskId, TaskOrigin>>,
    /// Whether something was not remembered, so that what seems to have no order may have one.
    is_incomplete: AtomicBool,
    /// Whether sends into channels with a bound are not looked at any more.
    is_room_unseen: AtomicBool,
    /// How many waits have ended whose order is not remembered.
    moment: AtomicU32,
    /// Grows at every acquisition that is noted, and at waits: what comes later in one run has a
    /// larger number, if anything ordered the two.
    clock: Clock,
    /// Where tasks have slept. Bounded.
    sleeps: Mutex<FxHashSet<Site>>,
}

/// More tasks than this are not remembered: their order is simply not told.
const MAX_TASKS: usize = 1 << 16;
/// So many places at which tasks sleep are remembered.
const MAX_SLEEPS: usize = 1 << 12;
/// More messages than this to one task are not remembered either.
const MAX_RECEIVED: usize = 1 << 12;

impl Segments {
    pub(crate) fn started(&self, task: TaskId, spawned_by: Segment) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() < MAX_TASKS {
            tasks.entry(task).or_default().spawned_by = Some(spawned_by);
        } else {
            self.forget();
        }
    }

    pub(crate) fn joined(&self, first_after: Segment, child: TaskId) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() < MAX_TASKS || tasks.contains_key(&first_after.task) {
            tasks.entry(first_after.task).or_default().joined.push((first_after.number, child));
        } else {
            self.forget();
        }
    }

    /// The task received what another one had sent at the end of `sent`.
    pub(crate) fn received(&self, first_after: Segment, sent: Segment) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() < MAX_TASKS || tasks.contains_key(&first_after.task) {
            let received = &mut tasks.entry(first_after.task).or_default().received;
            if received.len() < MAX_RECEIVED {
                received.push((first_after.number, sent));
                return;
            }
        }
        self.forget();
    }

    /// Something is not remembered.
    pub(crate) fn forget(&self) {
        // ORDERING: Relaxed: set under the lock under which it is read.
        self.is_incomplete.store(true, Ordering::Relaxed);
    }

    /// Returns how many waits have ended whose order is not remembered.
    pub(crate) fn moment(&self) -> u32 {
        // ORDERING: Relaxed: a task that such a wait orders after this one has synchronised with
        // it, and so sees a count that is not smaller.
        self.moment.load(Ordering::Relaxed)
    }

    /// A wait has ended whose order is not remembered: returns how many those are now.
    pub(crate) fn wait_ended(&self) -> u32 {
        // ORDERING: Relaxed, as in `moment`.
        self.moment.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Sends into channels with a bound are not looked at any more.
    pub(crate) fn room_unseen(&self) {
        // ORDERING: Relaxed: set before the first send that is not looked at, which is what orders.
        self.is_room_unseen.store(true, Ordering::Relaxed);
    }

    /// Whether a send into a channel with a bound may have ordered something unseen.
    pub(crate) fn may_be_ordered_by_room(&self) -> bool {
        // ORDERING: Relaxed, as above.
        self.is_room_unseen.load(Ordering::Relaxed)
    }

    /// Whether no task has slept there before, as far as is remembered.
    pub(crate) fn sleeps_first(&self, site: Site) -> bool {
        let mut sleeps = self.sleeps.lock().unwrap_or_else(PoisonError::into_inner);
        sleeps.len() < MAX_SLEEPS && sleeps.insert(site)
    }

    /// Returns the moment that the clock shows.
    pub(crate) fn clock(&self) -> u64 {
        // ORDERING: Relaxed: who synchronised with the task that moved it sees it moved.
        self.clock.0.load(Ordering::Relaxed)
    }

    /// Moves the clock on: returns a moment that no other event has.
    pub(crate) fn tick(&self) -> u64 {
        // ORDERING: Relaxed, as in `clock`.
        self.clock.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether all of `earlier` was over when `later` began, in every run, as far as is remembered:
    /// true as well if too much was not. Spawns, joins and messages order what they separate.
    pub(crate) fn may_be_before(&self, earlier: Segment, later: Segment) -> bool {
        const MAX_VISITS: usize = 1 << 12;
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // ORDERING: Relaxed: under the lock.
        if self.is_incomplete.load(Ordering::Relaxed) {
            return true;
        }
        let mut todo = vec![later];
        // Up to which of its segments each task was looked at.
        let mut seen = FxHashMap::<TaskId, u32>::default();
        for _ in 0..MAX_VISITS {
            let Some(at) = todo.pop() else { return false };
            if at.task == earlier.task && earlier.number <= at.number {
                return true;
            }
            if seen.get(&at.task).is_some_and(|number| *number >= at.number) {
                continue;
            }
            seen.insert(at.task, at.number);
            let Some(origin) = tasks.get(&at.task) else { continue };
            todo.extend(origin.spawned_by);
            let joined = origin.joined.iter().filter(|(number, _)| *number <= at.number);
            todo.extend(joined.map(|&(_, task)| Segment { task, number: u32::MAX }));
            let received = origin.received.iter().filter(|(number, _)| *number <= at.number);
            todo.extend(received.map(|&(_, sent)| sent));
        }
        true
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

    #[test]
    fn messages_order_what_they_separate() {
        let segments = Segments::default();
        // 1 sends at the end of 0 to 2, which is then in 1; 2 sends at the end of 4 to 3.
        segments.received(segment(2, 1), segment(1, 0));
        segments.received(segment(3, 1), segment(2, 4));
        let before = |earlier, later| segments.may_be_before(earlier, later);
        assert!(before(segment(1, 0), segment(2, 1)) && before(segment(1, 0), segment(3, 1)));
        assert!(!before(segment(1, 1), segment(2, 9)), "after the send");
        assert!(!before(segment(1, 0), segment(2, 0)), "before the receive");
        assert!(!before(segment(2, 5), segment(3, 1)) && before(segment(2, 4), segment(3, 2)));
        assert!(before(segment(2, 3), segment(2, 3)), "its own");
        segments.received(segment(1, 7), segment(3, 2));
        assert!(before(segment(1, 0), segment(1, 7)), "a ring of messages ends");
    }

    #[test]
    fn what_is_not_remembered_may_have_ordered() {
        let segments = Segments::default();
        assert!(!segments.may_be_before(segment(7, 0), segment(8, 0)));
        for number in 0..=u32::try_from(MAX_RECEIVED).expect("small") {
            segments.received(segment(1, number), segment(2, number));
        }
        assert!(segments.may_be_before(segment(7, 0), segment(8, 0)));
    }
}
