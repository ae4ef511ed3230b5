//! Locks that change hands: acquired by one task, released by another.
//!
//! Where a guard is, the validator cannot see; that it left is known only when another task
//! releases the lock. That release is no violation. It leaves a note, and the task that acquired
//! the lock drops its held entry before it looks at anything that could rest on it. Until the note
//! is there, the entry may be stale without a sign. So a class whose guards can leave their task is
//! *movable*: it says so itself, or a release has shown it. What rests on a held lock of such a
//! class is sure once the task that took the lock has released it itself; before, it is a note. A
//! self-deadlock is sure only if no other thread exists, which the embedder knows.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{EventFindings, Outcome, TaskContext, Validator};
use crate::base::id::{ClassId, LockId};
use crate::base::site::Site;
use crate::state::held::{Rare, Unsure};
use crate::state::registry::fact;

impl Validator {
    /// Declares that the guards of the class's locks can be sent to other tasks.
    pub fn set_movable(&self, class: ClassId) {
        if let Some(record) = self.registry.record(class) {
            record.note(fact::MOVABLE);
        }
    }

    /// Returns whether the guard of the lock may be with another task than the one that acquired
    /// it.
    pub fn is_movable(&self, lock: LockId) -> bool {
        self.config.evidence && self.registry.is_movable(lock.class())
    }

    /// Announces a release by a guard that may have come from another task. The guard proves that
    /// the lock is held: if this task does not hold it, that is a hand-over and no violation.
    pub fn release_by_any_task(&self, task: &mut TaskContext, lock: LockId, site: Site) -> Outcome {
        if task.holds(lock) || !self.config.evidence {
            return self.release(task, lock, site);
        }
        self.released_for_another(task, lock);
        Outcome::CLEAN
    }

    /// The task released a lock that it does not hold; another one has an entry that is stale now.
    pub(super) fn released_for_another(&self, task: &mut TaskContext, lock: LockId) {
        if task.is_unknown || task.take_given_up(lock) {
            self.count_unseen();
            return;
        }
        if self.knowledge.lock().unwrap_or_else(PoisonError::into_inner).take_over(lock) {
            return;
        }
        self.count_unseen();
        self.set_movable(lock.class());
        self.released_elsewhere.leave(lock);
    }

    /// Announces a release that no task could be asked about: whichever has an entry of the lock
    /// drops it. Takes no lock and allocates nothing.
    pub fn released_unseen(&self, lock: LockId) {
        self.released_elsewhere.leave(lock);
    }

    /// The task released a lock that it does not hold, and that was reported. If another task holds
    /// it after all, nothing may rest on the entry of that one any more. What is acquired from now
    /// on is in no doubt: every task begins a new epoch before it.
    pub(super) fn doubt_older_entries(&self, lock: LockId) {
        // ORDERING: Relaxed: should another task begin an epoch meanwhile, the doubt is lost for a
        // task that sees only that one.
        let next = self.epoch.load(Ordering::Relaxed) + 1;
        self.released_elsewhere.doubt(lock, next);
        self.bump_epoch();
    }

    /// Drops what other tasks have released since the task acquired it; `true` if there was any.
    /// Every event that may rest on a held lock does so itself; an embedder asks before it acts on
    /// an older outcome.
    #[inline]
    pub fn notice_releases(&self, task: &mut TaskContext) -> bool {
        self.released_elsewhere.any() && self.drop_released(task)
    }

    #[cold]
    fn drop_released(&self, task: &mut TaskContext) -> bool {
        let mut is_any = false;
        let mut index = 0;
        // Oldest first: of two entries of one lock the older one is stale.
        while let Some(lock) = task.held.get(index).map(|held| held.lock) {
            if self.released_elsewhere.take(lock) || self.released_elsewhere.is_doubted(lock, task.epoch) {
                self.remove_held(task, index);
                task.give_up(lock);
                self.count_unseen();
                is_any = true;
            } else {
                index += 1;
            }
        }
        let in_overflow: Vec<LockId> = task.overflow.all().map(|held| held.lock).collect();
        for lock in in_overflow.into_iter().filter(|lock| self.released_elsewhere.take(*lock)) {
            is_any |= task.overflow.remove(lock);
            self.count_unseen();
        }
        is_any
    }

    /// Announces a lock that changes hands. Sent by the task that holds it, its release by any
    /// other task is no violation; sent by one that does not, it stands for a release that the
    /// program is allowed (a guard that was sent, `force_unlock`): counted.
    pub fn handed_over(&self, task: &mut TaskContext, lock: LockId) {
        if !self.drop_held(task, lock) {
            self.count_unseen();
        } else if !self.released_elsewhere.take(lock) {
            self.knowledge.lock().unwrap_or_else(PoisonError::into_inner).hand_over(lock);
        }
    }

    /// Announces that the held entry of the lock turned out to be stale: another thread released
    /// it. Dropped and counted.
    pub fn forget(&self, task: &mut TaskContext, lock: LockId) {
        if self.drop_held(task, lock) {
            self.released_elsewhere.take(lock);
        }
        self.count_unseen();
    }

    /// What the task holds from `first` on and may have given away: its end, or that of a context,
    /// says nothing about it.
    pub(super) fn drop_movable(&self, task: &mut TaskContext, first: usize) {
        self.notice_releases(task);
        if !self.config.evidence {
            return;
        }
        let mut index = first;
        while let Some(lock) = task.held.get(index).map(|held| held.lock) {
            if !self.is_movable(lock) {
                index += 1;
                continue;
            }
            self.remove_held(task, index);
            self.count_unseen();
            self.knowledge.lock().unwrap_or_else(PoisonError::into_inner).hand_over(lock);
        }
    }

    /// The task released a lock itself that it could have given away: what it did meanwhile, it did
    /// under it.
    pub(super) fn make_sure(&self, task: &TaskContext, rare: Option<Rare>, findings: &mut EventFindings) {
        let unsure = rare.map(|rare| rare.unsure).unwrap_or_default();
        if unsure.is_empty() {
            return;
        }
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_any = false;
        for Unsure { order, listed } in unsure {
            if knowledge.make_sure(order) {
                is_any = true;
                findings.dependencies.extend(listed);
            }
        }
        if is_any {
            self.raise(&self.view(task), &mut knowledge, findings);
        }
    }
}
