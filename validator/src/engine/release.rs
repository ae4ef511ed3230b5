//! Release, and everything else that takes a lock off the held stack.

use std::sync::PoisonError;

use super::chain::{chain_with, rechain};
use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::id::{LockId, StackId, Subclass};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Detail, Level};
use crate::config::SameClassPolicy;
use crate::mutant::{self, Mutant};
use crate::state::class::Validation;
use crate::state::held::{HeldLock, Rare};
use crate::state::registry::fact;

impl Validator {
    /// Announces a release, in any order; sent before the real one. A lock that is not held is a
    /// bad release (LD0007).
    #[inline]
    pub fn release(&self, task: &mut TaskContext, lock: LockId, site: Site) -> Outcome {
        if task.pop_newest(|newest| newest.lock == lock) {
            return Outcome::CLEAN;
        }
        self.release_slow(task, lock, site)
    }

    #[cold]
    #[inline(never)]
    fn release_slow(&self, task: &mut TaskContext, lock: LockId, site: Site) -> Outcome {
        if mutant::is(Mutant::ReleasesNewest)
            && let Some(newest) = task.held.last().map(|held| held.lock)
        {
            self.drop_held(task, newest);
            return Outcome::CLEAN;
        }
        if task.release_below_newest(lock) {
            return Outcome::CLEAN;
        }
        let Some(index) = self.releasable(task, lock) else {
            return if task.overflow.remove(lock) {
                Outcome::CLEAN
            } else {
                self.bad_release(task, lock, site)
            };
        };
        let mut findings = EventFindings::default();
        if let Some(rare) = task.rare_of_mut(index) {
            if rare.references > 1 {
                rare.references -= 1;
                return Outcome::CLEAN;
            }
            let pinned_at = rare.pins.last().map(|(_, at)| *at);
            if let Some(at) = pinned_at.filter(|_| !mutant::is(Mutant::PinsIgnored)) {
                self.pinned_violation(task, index, site, at, &mut findings);
            }
        }
        let rare = task.rare_of(index).cloned();
        self.remove_held(task, index);
        self.make_sure(task, rare, &mut findings);
        self.check_nested_under(task, lock, index, &mut findings);
        findings.into()
    }

    /// LD0012.
    fn pinned_violation(
        &self,
        task: &TaskContext,
        index: usize,
        site: Site,
        at: Site,
        findings: &mut EventFindings,
    ) {
        let view = self.view(task);
        let held = view.acquisition(index);
        let mut violation = view.violation(Code::PinnedLockReleased, Detail::Pinned { at });
        violation.subject = Some(Acquisition { site, stack: None, stack_exact: true, ..held });
        violation.conflict = Some(held);
        self.find(findings, violation);
    }

    /// The entry that a release of the lock takes: the newest of this context. An entry that was
    /// merged from several acquisitions stands for any lock of its class.
    fn releasable(&self, task: &TaskContext, lock: LockId) -> Option<usize> {
        let start = task.context_start().min(task.held.len());
        let exact = task.held[start..].iter().rposition(|held| held.lock == lock).map(|index| start + index);
        exact.or_else(|| {
            let merged = task.rare().iter().filter(|rare| rare.references > 0 && rare.index >= start);
            merged.map(|rare| rare.index).find(|index| task.held[*index].base_class() == lock.class())
        })
    }

    /// LD0011, seen from the other end: a lock is released while another one that it serialises is
    /// still held. Kernel: finds this when it puts the later locks back onto its stack.
    fn check_nested_under(
        &self,
        task: &TaskContext,
        lock: LockId,
        from: usize,
        findings: &mut EventFindings,
    ) {
        if mutant::is(Mutant::NestNeedNotBeHeld) || task.holds(lock) || self.is_movable(lock) {
            return;
        }
        let nested = task.rare().iter().find(|rare| rare.nest == Some(lock) && rare.index >= from);
        if let Some(rare) = nested {
            let view = self.view(task);
            let violation = self.nest_violation(&view, view.acquisition(rare.index));
            self.find(findings, violation);
        }
    }

    /// LD0007.
    fn bad_release(&self, task: &mut TaskContext, lock: LockId, site: Site) -> Outcome {
        if self.registry.validation(lock.class()) == Validation::Untracked
            || mutant::is(Mutant::BadReleaseAccepted)
        {
            return Outcome::CLEAN;
        }
        if task.is_unknown || task.take_given_up(lock) {
            self.count_unseen();
            return Outcome::CLEAN;
        }
        if self.is_movable(lock) {
            self.released_for_another(task, lock);
            return Outcome::CLEAN;
        }
        if self.knowledge.lock().unwrap_or_else(PoisonError::into_inner).take_over(lock) {
            return Outcome::CLEAN;
        }
        self.doubt_older_entries(lock);
        let mut findings = EventFindings::default();
        let mut violation = self.view(task).violation(Code::BadRelease, Detail::None);
        violation.subject = Some(bare(lock, site));
        self.find(&mut findings, violation);
        findings.into()
    }

    /// Announces that the memory of a lock object goes away, or another object takes its place. A
    /// violation if the task holds it (LD0008). The entry is dropped: nothing that holds the lock
    /// is left.
    pub fn freed(&self, task: &mut TaskContext, lock: LockId, site: Site) -> Outcome {
        self.gone(task, lock, Level::Error, || (site, None))
    }

    fn gone(
        &self,
        task: &mut TaskContext,
        lock: LockId,
        level: Level,
        place_fn: impl FnOnce() -> (Site, Option<StackId>),
    ) -> Outcome {
        let mut findings = EventFindings::default();
        self.notice_releases(task);
        if let Some(held) = self.held_in_overflow(task, lock) {
            self.freed_violation(task, held, level, place_fn(), &mut findings);
            while task.overflow.remove(lock) {}
        } else if let Some(index) = task.position(lock) {
            let held = self.view(task).acquisition(index);
            self.freed_violation(task, held, level, place_fn(), &mut findings);
            if self.config.same_class != SameClassPolicy::Kernel {
                self.remove_held(task, index);
            }
        }
        self.forget_instance(lock);
        findings.into()
    }

    /// Announces that the owner of a lock object drops it, whom the compiler has shown to be the
    /// only one that can reach it. If the task holds it, its guard was leaked (LD0008); no thread
    /// is left that could wait for it, so that is a warning.
    ///
    /// Where that happens is in the stack that is captured then: a destructor has no caller.
    pub fn dropped(&self, task: &mut TaskContext, lock: LockId, stacks: &dyn StackSource) -> Outcome {
        let level = if self.config.evidence { Level::Warning } else { Level::Error };
        self.gone(task, lock, level, || (Site::UNKNOWN, stacks.capture()))
    }

    /// Returns whether [`freed`](Validator::freed) has anything to do for the lock; few are held or
    /// ordered when they go away.
    #[inline]
    pub fn minds_freed(&self, task: &TaskContext, lock: LockId) -> bool {
        task.has_entry(lock) || self.minds_end(lock)
    }

    /// Has [`minds_freed`](Validator::minds_freed) say yes for the locks of this one's class, for
    /// an embedder that keeps something about it.
    pub fn mind_freed(&self, lock: LockId) {
        self.registry.note_ordered(lock.class());
    }

    /// Whether orders between the locks of its class are remembered.
    #[inline]
    pub(super) fn is_ordered(&self, lock: LockId) -> bool {
        self.registry.has_ordered()
            && self.registry.record_of(lock).is_some_and(|record| record.has(fact::ORDERED))
    }

    /// Announces that a range of memory goes away; addresses as given with the acquisitions.
    pub fn freed_range(&self, task: &mut TaskContext, start: usize, n_bytes: usize, site: Site) -> Outcome {
        let mut findings = EventFindings::default();
        let end = start.saturating_add(n_bytes);
        while let Some(index) =
            task.held.iter().position(|held| held.address != 0 && (start..end).contains(&held.address))
        {
            let held = self.view(task).acquisition(index);
            self.freed_violation(task, held, Level::Error, (site, None), &mut findings);
            self.forget_instance(task.held[index].lock);
            self.remove_held(task, index);
        }
        let is_freed = |held: &&HeldLock| held.address != 0 && (start..end).contains(&held.address);
        let in_overflow: Vec<LockId> = task.overflow.all().filter(is_freed).map(|held| held.lock).collect();
        in_overflow.into_iter().for_each(|lock| {
            let mut outcome = self.gone(task, lock, Level::Error, || (site, None));
            findings.violations.append(&mut outcome.take_violations());
        });
        findings.into()
    }

    fn freed_violation(
        &self,
        task: &TaskContext,
        held: Acquisition,
        level: Level,
        (site, stack): (Site, Option<StackId>),
        findings: &mut EventFindings,
    ) {
        if mutant::is(Mutant::FreedAccepted) {
            return;
        }
        let mut violation = self.view(task).violation(Code::HeldLockFreed, Detail::None);
        violation.level = level;
        violation.subject = Some(Acquisition { site, stack, stack_exact: true, ..held });
        violation.conflict = Some(held);
        self.find(findings, violation);
    }

    /// Announces that a lock object is initialised again (LD0008 if the task holds it).
    pub fn reinitialised(&self, task: &mut TaskContext, lock: LockId, site: Site) -> Outcome {
        self.freed(task, lock, site)
    }

    /// Orders of a lock that is gone say nothing any more.
    fn forget_instance(&self, lock: LockId) {
        if self.is_ordered(lock) {
            self.registry.forget_order_key(lock);
            self.knowledge.lock().unwrap_or_else(PoisonError::into_inner).forget(lock);
        }
    }

    /// Takes the newest entry of the lock off the stack; `false` if there is none.
    pub(super) fn drop_held(&self, task: &mut TaskContext, lock: LockId) -> bool {
        let Some(index) = task.position(lock) else { return task.overflow.remove(lock) };
        self.remove_held(task, index);
        true
    }

    /// Takes one entry off the stack. The later ones keep their dependencies: whatever ran through
    /// the entry between them and the older ones was recorded when they were acquired, so nothing
    /// needs to be looked at again.
    pub(super) fn remove_held(&self, task: &mut TaskContext, index: usize) {
        let is_current = index >= task.context_start();
        self.keep_own_stacks(task, index + 1);
        let held = task.remove(index);
        if index == task.held.len() && is_current {
            task.chain = held.previous_chain;
        } else {
            rechain(task, index);
        }
    }

    /// Puts aside the stacks of first sightings from the held lock at `first` on: they are found by
    /// their chains, which are about to change.
    fn keep_own_stacks(&self, task: &mut TaskContext, first: usize) {
        for index in first..task.held.len() {
            if !task.held[index].is_first_sighting {
                continue;
            }
            let Some(stack) = self.view(task).acquisition(index).stack else { continue };
            match task.rare_of_mut(index) {
                Some(rare) => rare.stack = Some(stack),
                None => task.set_rare(Rare { stack: Some(stack), ..Rare::at(index) }),
            }
        }
    }
}

impl TaskContext {
    /// Releases, hand over hand, the lock right below the newest, if nothing about what is held is
    /// out of the ordinary; otherwise does nothing. Allocates nothing and cannot panic.
    #[inline]
    pub fn release_below_newest(&mut self, lock: LockId) -> bool {
        if self.is_plain()
            && let [.., below, newest] = self.held.as_mut_slice()
            && below.lock == lock
            && newest.lock != lock
        {
            // The stack stored for the new chain belongs to the task that first saw that chain.
            *below = HeldLock { previous_chain: below.previous_chain, is_first_sighting: false, ..*newest };
            self.chain = chain_with(below);
            self.held.pop();
            return true;
        }
        false
    }
}

/// A lock of which nothing but its name is known.
pub(super) fn bare(lock: LockId, site: Site) -> Acquisition {
    Acquisition {
        lock,
        class: lock.class(),
        subclass: Subclass::ZERO,
        mode: Mode::Exclusive,
        wait: Wait::Blocking,
        address: 0,
        site,
        stack: None,
        stack_exact: true,
    }
}
