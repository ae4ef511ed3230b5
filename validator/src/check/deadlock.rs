//! A deadlock that has happened: tasks that wait for each other in a ring (LD0100).
//!
//! A waiter for a lock needs *every* other holder to go, and a waiter for an end needs that end. So
//! each edge of a ring alone blocks its task, and one ring is enough.
//!
//! Kernel: has no such rule. A stuck kernel task is reported by the hung-task watchdog, with its
//! own stack and the locks it holds.

use std::collections::VecDeque;

use super::violation::{Code, Detail, Evidence, Level, Violation};
use super::waiting::{Awaited, LockUse, WaitingTask};
use crate::base::id::LockId;
use crate::base::mode::Mode;

/// The tasks that wait, as they were at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a>(pub &'a [WaitingTask]);

impl<'a> Waiting<'a> {
    /// Finds the shortest ring of waiters that leads from the task at `start` back to it: indices,
    /// `start` first, each waiting for the next. A ring that no timeout opens is preferred.
    pub fn ring(self, start: usize) -> Option<Vec<usize>> {
        self.ring_among(start, false).or_else(|| self.ring_among(start, true))
    }

    fn ring_among(self, start: usize, with_timed: bool) -> Option<Vec<usize>> {
        let is_asked = |index: usize| with_timed || !self.0[index].is_timed;
        if !is_asked(start) {
            return None;
        }
        let mut came_from: Vec<Option<usize>> = vec![None; self.0.len()];
        let mut to_look_at = VecDeque::from([start]);
        while let Some(at) = to_look_at.pop_front() {
            for next in (0..self.0.len()).filter(|next| is_asked(*next)) {
                if next == at || came_from[next].is_some() || !self.waits_for(at, next, with_timed) {
                    continue;
                }
                came_from[next] = Some(at);
                if next == start {
                    return Some(path(&came_from, start));
                }
                to_look_at.push_back(next);
            }
        }
        None
    }

    /// Returns whether the task at `waiter` cannot go on before the one at `other` does.
    /// `with_timed`: a writer that gives up counts as one that readers queue behind.
    pub fn waits_for(self, waiter: usize, other: usize, with_timed: bool) -> bool {
        let other = &self.0[other];
        match &self.0[waiter].awaited {
            Awaited::End(task) => other.task == *task,
            Awaited::ScopeEnd(scope) => *scope != 0 && other.scope == *scope,
            Awaited::Lock(wanted) => {
                self.is_kept_by(wanted, &other.held, with_timed)
                    || is_behind_itself(&self.0[waiter], wanted, other)
            }
            Awaited::Notification { mutex, .. } => self.is_kept_by(mutex, &other.held, with_timed),
            Awaited::Upgrade(wanted) => other.held.iter().any(|held| held.lock() == wanted.lock()),
            // Which task will bring it cannot be known.
            Awaited::Event(_) => false,
        }
    }

    fn is_kept_by(self, wanted: &LockUse, held: &[LockUse], with_timed: bool) -> bool {
        held.iter().filter(|held| held.lock() == wanted.lock()).any(|held| {
            wanted.is_exclusive()
                || held.is_exclusive()
                || wanted.is_upgradable() && held.is_upgradable()
                || wanted.acquisition.mode == Mode::Shared && self.has_writer(wanted.lock(), with_timed)
        })
    }

    /// Whether a writer waits for the lock, so that a fair reader queues behind it.
    fn has_writer(self, lock: LockId, with_timed: bool) -> bool {
        self.writer(lock, with_timed).is_some()
    }

    fn writer(self, lock: LockId, with_timed: bool) -> Option<&'a WaitingTask> {
        self.0.iter().find(|task| wants_to_write(task, lock) && (with_timed || !task.is_timed))
    }

    /// Returns the task at `waiter`, with the writer that it queues behind.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn with_writer(self, waiter: usize) -> WaitingTask {
        let task = &self.0[waiter];
        let behind = match &task.awaited {
            Awaited::Lock(wanted) if wanted.acquisition.mode == Mode::Shared => {
                let holds = |held: &LockUse| held.lock() == wanted.lock() && held.is_exclusive();
                let is_written = self.0.iter().any(|task| task.held.iter().any(holds));
                if is_written { None } else { self.writer(wanted.lock(), true) }
            }
            _ => None,
        };
        WaitingTask { behind: behind.map(|writer| writer.task), ..task.clone() }
    }

    /// Returns the violation that a ring is, as [`ring`](Self::ring) found it, seen by its first
    /// task.
    ///
    /// # Panics
    ///
    /// If the ring is empty or names tasks that are not there.
    pub fn violation(self, ring: &[usize], is_movable: impl Fn(LockId) -> bool) -> Violation {
        let is_timed = self.ring_needs_timed(ring);
        let tasks: Vec<WaitingTask> = ring.iter().map(|index| self.with_writer(*index)).collect();
        let first = &tasks[0];
        let before = &tasks[tasks.len() - 1];
        let movable = tasks.iter().flat_map(|task| &task.held).any(|held| is_movable(held.lock()));
        Violation {
            code: Code::Deadlock,
            level: match (is_timed, movable) {
                (true, _) => Level::Note,
                (false, true) => Level::Warning,
                (false, false) => Level::Error,
            },
            fingerprint: 0,
            task: first.task,
            subject: first.awaited.lock().map(|wanted| wanted.acquisition),
            conflict: before
                .awaited
                .lock()
                .and_then(|wanted| first.held.iter().find(|held| held.lock() == wanted.lock()))
                .map(|held| held.acquisition),
            cycle: Vec::new(),
            held: first.held.iter().map(|held| held.acquisition).collect(),
            evidence: Evidence {
                same_instances: true,
                n_tasks: tasks.len(),
                timed: is_timed,
                movable,
                ..Evidence::default()
            },
            detail: Detail::Deadlock(tasks),
        }
    }

    /// Whether the ring is open once every timed wait has ended.
    fn ring_needs_timed(self, ring: &[usize]) -> bool {
        (0..ring.len()).any(|at| {
            let (waiter, next) = (ring[at], ring[(at + 1) % ring.len()]);
            self.0[waiter].is_timed || !self.waits_for(waiter, next, false)
        })
    }
}

/// Whether the reader waits for the lock behind a writer that waits for this reader's own first
/// read. Behind what other readers keep out, it waits for those readers.
fn is_behind_itself(reader: &WaitingTask, wanted: &LockUse, writer: &WaitingTask) -> bool {
    let has_read = |held: &LockUse| held.lock() == wanted.lock() && !held.is_exclusive();
    wanted.acquisition.mode == Mode::Shared
        && reader.held.iter().any(has_read)
        && wants_to_write(writer, wanted.lock())
}

fn wants_to_write(task: &WaitingTask, lock: LockId) -> bool {
    match &task.awaited {
        Awaited::Lock(wanted) => wanted.is_exclusive() && wanted.lock() == lock,
        Awaited::Upgrade(wanted) => wanted.lock() == lock,
        _ => false,
    }
}

fn path(came_from: &[Option<usize>], start: usize) -> Vec<usize> {
    let mut ring = vec![start];
    let mut at = start;
    while let Some(before) = came_from[at].filter(|before| *before != start) {
        ring.push(before);
        at = before;
    }
    ring[1..].reverse();
    ring
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::acquisition::Acquisition;
    use crate::base::event::AcquireFlags;
    use crate::base::id::{ClassId, Subclass, TaskId};
    use crate::base::mode::Wait;
    use crate::base::site::Site;
    use crate::check::waiting::{EventKind, EventUse};

    fn lock(number: u64, mode: Mode) -> LockUse {
        let class = ClassId::from_index(0).expect("small");
        let acquisition = Acquisition {
            lock: LockId::new(class, number),
            class,
            subclass: Subclass::ZERO,
            mode,
            wait: Wait::Blocking,
            address: 0,
            site: Site::UNKNOWN,
            stack: None,
            stack_exact: false,
        };
        LockUse { acquisition, flags: AcquireFlags::NONE }
    }

    fn upgradable(number: u64) -> LockUse {
        LockUse { flags: AcquireFlags::UPGRADABLE, ..lock(number, Mode::Shared) }
    }

    fn task(number: u32, awaited: Awaited, held: &[LockUse]) -> WaitingTask {
        let (task, site) = (TaskId(number), Site::UNKNOWN);
        WaitingTask {
            task,
            awaited,
            site,
            waited_ms: 0,
            is_timed: false,
            held: held.to_vec(),
            scope: 0,
            behind: None,
        }
    }

    fn wants(number: u64, mode: Mode) -> Awaited {
        Awaited::Lock(lock(number, mode))
    }

    const X: Mode = Mode::Exclusive;
    const S: Mode = Mode::Shared;
    const R: Mode = Mode::SharedRecursive;

    fn level(tasks: &[WaitingTask]) -> Option<Level> {
        let ring = Waiting(tasks).ring(0)?;
        Some(Waiting(tasks).violation(&ring, |_| false).level)
    }

    #[test]
    fn a_ring_is_found_from_each_of_its_tasks() {
        let mut tasks = vec![
            task(1, wants(2, X), &[lock(1, X)]),
            task(2, wants(3, X), &[lock(2, X)]),
            task(3, wants(1, X), &[lock(3, X)]),
            task(4, wants(1, X), &[]),
        ];
        assert_eq!(Waiting(&tasks).ring(1), Some(vec![1, 2, 0]));
        assert_eq!(Waiting(&tasks).ring(3), None, "it waits for a ring, and is not in it");
        tasks[2].awaited = wants(9, X);
        assert_eq!(Waiting(&tasks).ring(0), None);
    }

    #[test]
    fn readers_wait_for_a_writer_that_queues_and_for_no_other_reader() {
        let mut tasks = vec![task(1, wants(2, S), &[lock(1, X)]), task(2, wants(1, X), &[lock(2, S)])];
        assert_eq!(level(&tasks), None);
        tasks.push(task(3, wants(2, X), &[]));
        assert_eq!(level(&tasks), Some(Level::Error));
        assert_eq!(Waiting(&tasks).with_writer(0).behind, Some(TaskId(3)));
        assert_eq!(Waiting(&tasks).with_writer(1).behind, None, "it is no reader");
        tasks[2].is_timed = true;
        assert_eq!(level(&tasks), Some(Level::Note));
        tasks[2].is_timed = false;
        tasks[0].awaited = wants(2, R);
        assert_eq!(level(&tasks), None, "a recursive read does not queue");
    }

    #[test]
    fn a_reader_that_reads_again_waits_for_the_writer_in_between() {
        let mut tasks = vec![task(1, wants(1, S), &[lock(1, S)]), task(2, wants(1, X), &[])];
        assert_eq!(Waiting(&tasks).ring(0), Some(vec![0, 1]));
        assert_eq!(Waiting(&tasks).ring(1), Some(vec![1, 0]));
        assert_eq!(level(&tasks), Some(Level::Error));
        tasks[1].is_timed = true;
        assert_eq!(level(&tasks), Some(Level::Note), "the writer gives up");
        tasks[1] = task(2, wants(1, X), &[lock(2, X)]);
        tasks[0].awaited = wants(1, R);
        assert_eq!(level(&tasks), None, "a recursive read does not queue");
        tasks[0] = task(1, wants(1, S), &[]);
        assert_eq!(level(&tasks), None, "another reader keeps the writer out");
        tasks[0] = task(1, wants(1, S), &[lock(1, S)]);
        tasks[1].awaited = wants(2, X);
        assert_eq!(level(&tasks), None, "the writer wants another lock");
    }

    #[test]
    fn each_of_two_upgrades_waits_for_the_other_reader() {
        let upgrade = Awaited::Upgrade(lock(1, X));
        let tasks = [task(1, upgrade, &[upgradable(1)]), task(2, wants(1, X), &[lock(1, S)])];
        assert_eq!(level(&tasks), Some(Level::Error));
        let apart =
            [task(1, Awaited::Lock(upgradable(1)), &[lock(2, X)]), task(2, wants(2, X), &[upgradable(1)])];
        assert_eq!(level(&apart), Some(Level::Error), "upgradable readers exclude each other");
        let beside =
            [task(1, Awaited::Lock(upgradable(1)), &[lock(2, X)]), task(2, wants(2, X), &[lock(1, S)])];
        assert_eq!(level(&beside), None);
    }

    #[test]
    fn an_end_and_a_mutex_that_a_wait_takes_again_are_on_rings() {
        let joined = [task(1, Awaited::End(TaskId(2)), &[lock(1, X)]), task(2, wants(1, X), &[])];
        assert_eq!(level(&joined), Some(Level::Error));
        let mut scoped = joined;
        scoped[0].awaited = Awaited::ScopeEnd(8);
        assert_eq!(level(&scoped), None);
        scoped[1].scope = 8;
        assert_eq!(level(&scoped), Some(Level::Error));
        let mut notified = [
            task(1, wants(1, X), &[lock(2, X)]),
            task(
                2,
                Awaited::Notification {
                    mutex: lock(2, X),
                    event: EventUse::unknown(EventKind::Notification),
                },
                &[lock(1, X)],
            ),
        ];
        assert_eq!(level(&notified), Some(Level::Error));
        notified[0].is_timed = true;
        assert_eq!(level(&notified), Some(Level::Note));
    }
}
