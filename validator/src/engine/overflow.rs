//! A task that holds more locks than can be looked at one by one.
//!
//! Beyond [`MAX_ORDERED`] held locks an acquisition is still a dependency of its class on the
//! classes of those, and the lock is known as held: for recursion, releases, assertions, frees and
//! the end of the task, whatever the number. What is not looked at is counted as dropped: orders
//! between single locks, and orders on the locks beyond.

use super::acquire::entry;
use super::rare::keep_unsure;
use super::rules::Pass;
use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::LockId;
use crate::check::recursion::{self, Again};
use crate::check::view::{View, Wanted};
use crate::config::SameClassPolicy;
use crate::mutant::{self, Mutant};
use crate::state::chains::Looks;
use crate::state::class::Validation;
use crate::state::held::HeldLock;
use crate::state::overflow::MAX_ORDERED;

impl Validator {
    /// An acquisition by a task that holds so many.
    #[cold]
    pub(super) fn acquire_overflow(
        &self,
        task: &mut TaskContext,
        acquire: &Acquire,
        chain: u64,
        stacks: &dyn StackSource,
    ) -> Outcome {
        let validation = self.registry.validation(acquire.lock.class());
        if validation == Validation::Untracked {
            return Outcome::CLEAN;
        }
        let mut findings = EventFindings::default();
        let wanted = Wanted::new(acquire, self.class_of_level(acquire), None);
        if self.recurs_in_overflow(task, &wanted, &mut findings) {
            return findings.into();
        }
        if task.held.len() < MAX_ORDERED {
            let mut outcome = Outcome::from(findings);
            outcome.append(self.acquire_among_few(task, acquire, chain, stacks));
            return outcome;
        }
        let key = task.validation_key(chain);
        if validation == Validation::Full && !task.holds(acquire.lock) && !self.chains.contains(key) {
            let since = self.chains.generation();
            let stack = stacks.capture();
            let wanted = Wanted::new(acquire, wanted.acquisition.class, stack);
            Pass::new(self, task, &wanted, true, &mut findings).only_classes().run();
            let seen = (stack, acquire.site);
            if !keep_unsure(task, &mut findings) && !self.chains.insert(key, seen, Looks::NONE, since) {
                self.count_dropped();
            }
        }
        if acquire.flags.contains(AcquireFlags::SYNC) {
            return findings.into();
        }
        self.count_dropped();
        if task.n_held() >= self.config.max_held {
            task.is_unknown = true;
            return findings.into();
        }
        // A thread that drops a lock of the class has to look into the overflow.
        self.registry.note_ordered(acquire.lock.class());
        let held = entry(task, acquire, false);
        let depth = task.entered().len();
        task.overflow.add(held, depth);
        findings.into()
    }

    /// LD0001 for a lock that the task holds already; `true` if it would wait for itself.
    fn recurs_in_overflow(
        &self,
        task: &mut TaskContext,
        wanted: &Wanted,
        findings: &mut EventFindings,
    ) -> bool {
        if self.config.same_class == SameClassPolicy::Kernel || mutant::is(Mutant::NoRecursion) {
            return false;
        }
        let view = self.view(task);
        let Wanted { acquisition, flags, .. } = wanted;
        let in_overflow = task.overflow.get(acquisition.lock).map(|held| {
            let verdict =
                recursion::again((held.mode, held.flags), (acquisition.mode, *flags), acquisition.wait);
            (overflow_acquisition(&view, held), verdict)
        });
        let again = in_overflow.or_else(|| {
            // Where the stack has room, the ordinary way looks there.
            let is_full = task.held.len() >= MAX_ORDERED;
            let (index, verdict) = recursion::same_lock(&view, wanted).filter(|_| is_full)?;
            Some((view.acquisition(index), verdict))
        });
        match again {
            Some((conflict, Again::SelfDeadlock)) => {
                let violation = recursion::same_lock_violation(&view, wanted, conflict, Again::SelfDeadlock);
                let hangs = violation.is_self_deadlock();
                self.find(findings, violation);
                hangs
            }
            Some((_, Again::Stale)) => {
                self.forget(task, acquisition.lock);
                false
            }
            // That was found, if it is to be, when the lock was taken for the second time.
            Some((_, Again::BehindWriter | Again::Fine)) | None => false,
        }
    }

    /// The lock as violations name it, if it is held beyond the stack.
    pub(super) fn held_in_overflow(&self, task: &TaskContext, lock: LockId) -> Option<Acquisition> {
        task.overflow.get(lock).map(|held| overflow_acquisition(&self.view(task), held))
    }
}

/// A lock held beyond the stack as violations name it.
pub(super) fn overflow_acquisition(view: &View<'_>, held: &HeldLock) -> Acquisition {
    Acquisition {
        lock: held.lock,
        class: view.class_of(held),
        subclass: held.subclass,
        mode: held.mode,
        wait: held.wait,
        address: held.address,
        site: held.site,
        stack: None,
        stack_exact: true,
    }
}
