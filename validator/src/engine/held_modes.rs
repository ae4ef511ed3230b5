//! Changes to locks that stay held: downgrade, upgrade, another class, pins.

use super::chain::rechain;
use super::rare::{change_rare, keep_unsure};
use super::release::bare;
use super::rules::Pass;
use super::{EventFindings, Outcome, PinCookie, StackSource, TaskContext, Validator};
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::{LockId, Subclass};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::recursion;
use crate::check::recursion::Again;
use crate::check::view::Wanted;
use crate::check::violation::{Code, Detail, Misuse};
use crate::mutant::{self, Mutant};
use crate::state::held::Rare;

impl Validator {
    /// Announces that an exclusively held lock becomes a fair reader's (the kernel's
    /// `lock_downgrade`). LD0007 if it is not held, or neither exclusively nor upgradable.
    ///
    /// What was acquired above it keeps its dependencies: they were recorded under the exclusive
    /// mode, which blocks more.
    pub fn downgrade(
        &self,
        task: &mut TaskContext,
        lock: LockId,
        site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        if mutant::is(Mutant::DowngradeIgnored) {
            return Outcome::CLEAN;
        }
        self.change_mode(task, lock, site, |flags| AcquireFlags(flags.0 & !AcquireFlags::UPGRADABLE.0))
    }

    /// Announces that an exclusively held lock becomes an upgradable reader's.
    pub fn downgrade_to_upgradable(
        &self,
        task: &mut TaskContext,
        lock: LockId,
        site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        self.change_mode(task, lock, site, |flags| flags.union(AcquireFlags::UPGRADABLE))
    }

    fn change_mode(
        &self,
        task: &mut TaskContext,
        lock: LockId,
        site: Site,
        flags_fn: impl Fn(AcquireFlags) -> AcquireFlags,
    ) -> Outcome {
        // An upgradable reader may become a plain one; plain reads of the same lock may be held
        // above it.
        let stronger = |held: &crate::state::held::HeldLock| {
            held.lock == lock
                && (held.mode == Mode::Exclusive || held.flags.contains(AcquireFlags::UPGRADABLE))
        };
        let Some(index) = task.held.iter().rposition(stronger) else {
            if let Some(held) = task.overflow.get_mut(lock).filter(|held| stronger(held)) {
                (held.mode, held.flags) = (Mode::Shared, flags_fn(held.flags));
                return Outcome::CLEAN;
            }
            let misuse = if task.position(lock).is_none() {
                Misuse::DowngradeNotHeld
            } else {
                Misuse::DowngradeNotExclusive
            };
            return self.not_held(task, lock, site, misuse);
        };
        task.held[index].mode = Mode::Shared;
        task.held[index].flags = flags_fn(task.held[index].flags);
        if let Some(rare) = task.rare_of_mut(index) {
            rare.is_upgraded = false;
        }
        task.held[index].is_first_sighting = false;
        rechain(task, index);
        Outcome::CLEAN
    }

    /// LD0007 for a use that is wrong by itself.
    fn not_held(&self, task: &TaskContext, lock: LockId, site: Site, misuse: Misuse) -> Outcome {
        if mutant::is(Mutant::BadReleaseAccepted) {
            return Outcome::CLEAN;
        }
        self.misused(task, lock, site, Code::BadRelease, misuse)
    }

    /// A use of a lock that is wrong by itself, unless the validator cannot know whether it is.
    fn misused(&self, task: &TaskContext, lock: LockId, site: Site, code: Code, misuse: Misuse) -> Outcome {
        if task.is_unknown {
            return Outcome::CLEAN;
        }
        if self.is_movable(lock) || task.overflow.get(lock).is_some() {
            self.count_unseen();
            return Outcome::CLEAN;
        }
        let mut findings = EventFindings::default();
        let mut violation = self.view(task).violation(code, Detail::Misuse(misuse));
        violation.subject = Some(bare(lock, site));
        violation.conflict = task.position(lock).map(|index| self.view(task).acquisition(index));
        self.find(&mut findings, violation);
        findings.into()
    }

    /// Announces that an upgradable reader wants to become exclusive: sent before it waits for the
    /// other readers, or after a try succeeded. The lock counts as exclusively held from here on;
    /// [`Validator::upgrade_failed`] undoes it.
    ///
    /// The wait is a dependency of the lock on everything else that the task holds, whether it was
    /// acquired before or after. A plain read of the same lock by the same task is what the upgrade
    /// waits for: it never returns.
    pub fn upgrade(
        &self,
        task: &mut TaskContext,
        lock: LockId,
        wait: Wait,
        site: Site,
        stacks: &dyn StackSource,
    ) -> Outcome {
        self.notice_releases(task);
        let own = |held: &crate::state::held::HeldLock| {
            held.lock == lock && held.flags.contains(AcquireFlags::UPGRADABLE)
        };
        let Some(index) = task.held.iter().rposition(own) else {
            return self.not_held(task, lock, site, Misuse::UpgradeNotUpgradable);
        };
        let held = task.held[index];
        let event = Acquire {
            address: held.address,
            subclass: held.subclass,
            flags: AcquireFlags(held.flags.0 & !AcquireFlags::UPGRADABLE.0),
            ..Acquire::new(lock, Mode::Exclusive, wait, site)
        };
        let class = self.view(task).class_of(&held);
        let mut findings = EventFindings::default();
        let other = task
            .held
            .iter()
            .enumerate()
            .find(|(other, held)| *other != index && held.lock == lock)
            .map(|(other, _)| other);
        let wanted = Wanted::new(&event, class, None);
        if let Some(other) =
            other.filter(|_| wait != Wait::Try && !event.flags.contains(AcquireFlags::REENTRANT))
        {
            let view = self.view(task);
            let conflict = view.acquisition(other);
            let violation = recursion::same_lock_violation(&view, &wanted, conflict, Again::SelfDeadlock);
            let hangs = violation.is_self_deadlock();
            self.find(&mut findings, violation);
            if hangs {
                return findings.into();
            }
        }
        let wanted = Wanted::new(&event, class, stacks.capture());
        Pass::new(self, task, &wanted, true, &mut findings).skipping(index).run();
        keep_unsure(task, &mut findings);
        task.held[index].mode = Mode::Exclusive;
        task.held[index].is_first_sighting = false;
        // The locks above it do not connect it to what comes: they were acquired while others could
        // still read.
        change_rare(task, index, |rare| rare.is_upgraded = true);
        rechain(task, index);
        findings.into()
    }

    /// Announces that an upgrade gave up.
    pub fn upgrade_failed(&self, task: &mut TaskContext, lock: LockId) {
        let own = |held: &crate::state::held::HeldLock| {
            held.lock == lock && held.flags.contains(AcquireFlags::UPGRADABLE)
        };
        if let Some(index) = task.held.iter().rposition(own) {
            task.held[index].mode = Mode::Shared;
            change_rare(task, index, |rare| rare.is_upgraded = false);
            rechain(task, index);
        }
    }

    /// Gives a held lock another class (the kernel's `lock_set_class`): `new` is the same object
    /// with another class part. What was acquired after it is looked at again. LD0007 if it is not
    /// held.
    pub fn set_class(
        &self,
        task: &mut TaskContext,
        old: LockId,
        new: LockId,
        subclass: Subclass,
        site: Site,
        stacks: &dyn StackSource,
    ) -> Outcome {
        let Some(index) = task.position(old) else {
            return self.not_held(task, old, site, Misuse::ClassOfNotHeld);
        };
        let start = task.context_start();
        if index < start {
            return self.not_held(task, old, site, Misuse::ClassOutsideContext);
        }
        self.note_instance(task, new);
        task.held[index].lock = new;
        task.held[index].subclass = subclass;
        self.reacquire_from(task, index, stacks)
    }

    /// Takes the entries from `first` on off the stack and acquires them again, oldest first, with
    /// what they were acquired with.
    fn reacquire_from(&self, task: &mut TaskContext, first: usize, stacks: &dyn StackSource) -> Outcome {
        let again: Vec<_> = task.held.split_off(first);
        let rare = task.take_rare_from(first);
        rechain(task, first);
        let mut all = EventFindings::default();
        for (offset, held) in again.into_iter().enumerate() {
            let known = rare.iter().find(|rare| rare.index == first + offset);
            let event = Acquire {
                address: held.address,
                subclass: held.subclass,
                flags: held.flags,
                nest: known.and_then(|rare| rare.nest),
                ..Acquire::new(held.lock, held.mode, held.wait, held.site)
            };
            let n_before = task.held.len();
            if let Some(found) = self.acquire(task, &event, stacks).into_findings() {
                all.violations.extend(found.violations);
                all.dependencies.extend(found.dependencies);
            }
            if let Some(known) = known.filter(|_| task.held.len() > n_before) {
                task.set_rare(Rare { index: n_before, ..known.clone() });
            }
        }
        all.into()
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

    /// Pins a held lock: its release before [`Validator::unpin`] is a violation (LD0012). For a
    /// callee that must not drop and re-take its caller's lock. No cookie, and LD0012, if the lock
    /// is not held.
    pub fn pin(&self, task: &mut TaskContext, lock: LockId, site: Site) -> (Option<PinCookie>, Outcome) {
        // Kernel: one plus sixteen bits of the clock, and a sum of them in the lock. Here each pin
        // is distinct from every other.
        task.n_pins += 1;
        let cookie = PinCookie(task.n_pins);
        if self.put_pin(task, lock, cookie, site) {
            return (Some(cookie), Outcome::CLEAN);
        }
        (None, self.bad_pin(task, lock, site, Misuse::PinNotHeld))
    }

    /// Takes a pin back. LD0012 if the lock is not held, or not pinned so. That of a lock which
    /// went away pinned was told then.
    pub fn unpin(&self, task: &mut TaskContext, lock: LockId, cookie: PinCookie, site: Site) -> Outcome {
        let index = task.position(lock);
        if let Some(rare) = index.and_then(|index| task.rare_of_mut(index))
            && let Some(pin) = rare.pins.iter().rposition(|(pin, _)| *pin == cookie.0)
        {
            rare.pins.remove(pin);
            return Outcome::CLEAN;
        }
        if task.take_lost_pin(cookie.0) {
            return Outcome::CLEAN;
        }
        let misuse = if index.is_some() { Misuse::UnpinWithoutPin } else { Misuse::UnpinNotHeld };
        self.bad_pin(task, lock, site, misuse)
    }

    /// Puts a pin that was taken back into force again (after a wait that released and re-acquired
    /// the lock). LD0012 if the lock is not held.
    pub fn repin(&self, task: &mut TaskContext, lock: LockId, cookie: PinCookie, site: Site) -> Outcome {
        if self.put_pin(task, lock, cookie, site) {
            return Outcome::CLEAN;
        }
        self.bad_pin(task, lock, site, Misuse::RepinNotHeld)
    }

    fn put_pin(&self, task: &mut TaskContext, lock: LockId, cookie: PinCookie, site: Site) -> bool {
        let Some(index) = task.position(lock) else { return false };
        change_rare(task, index, |rare| rare.pins.push((cookie.0, site)));
        true
    }

    /// LD0012 for a use that is wrong by itself.
    fn bad_pin(&self, task: &TaskContext, lock: LockId, site: Site, misuse: Misuse) -> Outcome {
        if mutant::is(Mutant::PinsIgnored) {
            return Outcome::CLEAN;
        }
        self.misused(task, lock, site, Code::PinnedLockReleased, misuse)
    }

    /// Has the release of the held lock take the slow path, for an embedder that measures how long
    /// it is held.
    pub fn mind_release(&self, task: &mut TaskContext, lock: LockId) {
        // The entry is out of the ordinary, and that is all.
        if let Some(index) = task.position(lock) {
            change_rare(task, index, |_| {});
        }
    }

    /// How the task holds the lock, if it does: the oldest entry decides, as in the kernel. An
    /// entry merged from several acquisitions stands for every lock of its class.
    pub(super) fn mode_of(&self, task: &TaskContext, lock: LockId) -> Option<Mode> {
        let is_merged = |index: usize| task.rare_of(index).is_some_and(|rare| rare.references > 0);
        let mut held = task.held.iter().enumerate();
        let found = held.find(|(index, held)| {
            held.lock == lock || (held.is_rare && held.base_class() == lock.class() && is_merged(*index))
        });
        found.map(|(_, held)| held.mode).or_else(|| task.overflow.get(lock).map(|held| held.mode))
    }
}
