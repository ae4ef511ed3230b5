//! Changes to locks that stay held: downgrade, upgrade, another class, pins.

use super::{Outcome, PinCookie, StackSource, TaskContext, Validator};
use crate::base::id::{LockId, Subclass};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;

impl Validator {
    /// An exclusively held lock becomes a fair reader's (the kernel's `lock_downgrade`).
    pub fn downgrade(
        &self,
        _task: &mut TaskContext,
        _lock: LockId,
        _site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        Outcome::CLEAN
    }

    /// An upgradable reader wants to become exclusive: sent before it waits for the other readers, or after a try succeeded.
    /// The lock counts as exclusively held from here on; [`Validator::upgrade_failed`] undoes it.
    pub fn upgrade(
        &self,
        _task: &mut TaskContext,
        _lock: LockId,
        _wait: Wait,
        _site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        Outcome::CLEAN
    }

    /// An upgrade gave up.
    pub fn upgrade_failed(&self, _task: &mut TaskContext, _lock: LockId) {}

    /// An exclusively held lock becomes an upgradable reader's.
    pub fn downgrade_to_upgradable(
        &self,
        _task: &mut TaskContext,
        _lock: LockId,
        _site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        Outcome::CLEAN
    }

    /// Gives a held lock another class (the kernel's `lock_set_class`): `new` is the same object with another class part. What was
    /// acquired after it is looked at again.
    pub fn set_class(
        &self,
        _task: &mut TaskContext,
        _old: LockId,
        _new: LockId,
        _subclass: Subclass,
        _site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        Outcome::CLEAN
    }

    /// Moves a held lock to another nesting level (the kernel's `lock_set_subclass`).
    pub fn set_subclass(
        &self,
        task: &mut TaskContext,
        lock: LockId,
        subclass: Subclass,
        site: Site,
        stacks: &dyn StackSource,
    ) -> Outcome {
        self.set_class(task, lock, lock, subclass, site, stacks)
    }

    /// Pins a held lock: its release before [`Validator::unpin`] is a violation (LD0012). `None` if it is not held. For a
    /// callee that must not drop and re-take its caller's lock.
    pub fn pin(&self, _task: &mut TaskContext, _lock: LockId) -> Option<PinCookie> {
        None
    }

    /// Takes a pin back.
    pub fn unpin(&self, _task: &mut TaskContext, _lock: LockId, _cookie: PinCookie, _site: Site) -> Outcome {
        Outcome::CLEAN
    }

    /// Puts a pin that was taken back into force again (after a wait that released and re-acquired the lock).
    pub fn repin(&self, _task: &mut TaskContext, _lock: LockId, _cookie: PinCookie) -> bool {
        false
    }

    /// How the task holds the lock, if it does: the oldest entry decides, as in the kernel.
    pub(super) fn mode_of(&self, task: &TaskContext, lock: LockId) -> Option<Mode> {
        task.held.iter().find(|held| held.lock == lock).map(|held| held.mode)
    }
}
