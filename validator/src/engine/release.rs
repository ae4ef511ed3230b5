//! Release, and everything else that takes a lock off the held stack.

use super::{Outcome, TaskContext, Validator};
use crate::base::id::LockId;
use crate::base::site::Site;

impl Validator {
    /// A release, in any order; sent before the real one. A lock that is not held is a bad release (LD0007).
    #[inline]
    pub fn release(&self, task: &mut TaskContext, lock: LockId, site: Site) -> Outcome {
        if let Some(newest) = task.held.last() {
            if newest.lock == lock && !newest.is_rare && newest.depth as usize == task.entered.len() {
                task.chain = newest.previous_chain;
                task.held.pop();
                return Outcome::CLEAN;
            }
        }
        self.release_slow(task, lock, site)
    }

    #[cold]
    #[inline(never)]
    fn release_slow(&self, task: &mut TaskContext, lock: LockId, _site: Site) -> Outcome {
        self.drop_held(task, lock);
        Outcome::CLEAN
    }

    /// A release by a task that did not acquire the lock, where the program may do so (a guard that was sent, `force_unlock`):
    /// counted, not a violation.
    pub fn handed_over(&self, task: &mut TaskContext, lock: LockId) {
        if !self.drop_held(task, lock) {
            self.count_unseen();
        }
    }

    /// The held entry of the lock turned out to be stale: another thread released it. Dropped and counted.
    pub fn forget(&self, task: &mut TaskContext, lock: LockId) {
        self.drop_held(task, lock);
        self.count_unseen();
    }

    /// The memory of a lock object goes away, or another object takes its place. A violation if the task holds it (LD0008).
    pub fn freed(&self, _task: &mut TaskContext, _lock: LockId, _site: Site) -> Outcome {
        Outcome::CLEAN
    }

    /// A range of memory goes away; addresses as given with the acquisitions.
    pub fn freed_range(
        &self,
        _task: &mut TaskContext,
        _start: usize,
        _n_bytes: usize,
        _site: Site,
    ) -> Outcome {
        Outcome::CLEAN
    }

    /// A lock object is initialised again (LD0008 if the task holds it).
    pub fn reinitialised(&self, task: &mut TaskContext, lock: LockId, site: Site) -> Outcome {
        self.freed(task, lock, site)
    }

    /// Takes the newest entry of the lock off the stack; `false` if there is none.
    pub(super) fn drop_held(&self, task: &mut TaskContext, lock: LockId) -> bool {
        let Some(index) = task.held.iter().rposition(|held| held.lock == lock) else { return false };
        if index + 1 == task.held.len() {
            task.chain = task.held[index].previous_chain;
        }
        task.held.remove(index);
        true
    }
}
