//! Wound/wait: several locks of one class in any order, with back-off (LD0013).
//!
//! A transaction is a pseudo-lock that serialises everything taken in it: the locks name it as
//! their nest lock, so that their order among themselves does not matter. In return the protocol
//! must be kept: a task that has to back off gives up everything, and takes the contended lock
//! first. Kernel: `ww_acquire_ctx`, with the checks of `CONFIG_DEBUG_MUTEXES`.
//!
//! Kernel: orders the pseudo-lock like any other, and holds a second one that stands for the first
//! lock taken, because it knows that only as the entry that all later ones were merged into. No
//! task ever waits for either, so under the default policy neither is ordered: the real locks are,
//! the first of a transaction like one outside of it.

use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::event::{Acquire, AcquireFlags};
use crate::base::id::LockId;
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Detail, Misuse};
use crate::config::SameClassPolicy;
use crate::mutant::{self, Mutant};

/// One multi-lock transaction (the kernel's `ww_acquire_ctx`).
#[derive(Clone, Debug)]
pub struct WoundWait {
    /// The pseudo-lock that stands for the transaction: the nest lock of everything taken in it.
    pub context: LockId,
    /// Of the class of the locks. Under the kernel's policy a pseudo-lock that stands for the first
    /// one taken, which may be released early.
    pub first: LockId,
    /// How many locks it owns.
    pub n_acquired: u32,
    /// Whether its acquire phase was closed.
    pub is_done: bool,
    /// The lock over which it was told to back off.
    pub contended: Option<LockId>,
}

impl Validator {
    /// Opens a transaction. `context` is a lock of the transaction class, `first` one of the class
    /// of the locks; both belong to the transaction and to nothing else. LD0013 if the task has
    /// another one of the class open: each would wait for what the other holds, and neither could
    /// be told to back off.
    pub fn ww_begin(
        &self,
        task: &mut TaskContext,
        context: LockId,
        first: LockId,
        site: Site,
        stacks: &dyn StackSource,
    ) -> (WoundWait, Outcome) {
        let mut all = EventFindings::default();
        let plain = Acquire::new(context, Mode::Exclusive, Wait::Blocking, site);
        if self.is_kernel_policy() {
            let nested = Acquire { lock: first, nest: Some(context), ..plain };
            for event in [plain, nested] {
                append(&mut all, self.acquire(task, &event, stacks));
            }
        } else {
            if task.open_transactions.iter().any(|(_, class)| *class == first.class()) {
                self.broken(task, context, site, Misuse::ContextInsideContext, &mut all);
            }
            append(
                &mut all,
                self.acquire(task, &Acquire { flags: AcquireFlags::UNCHECKED, ..plain }, stacks),
            );
        }
        task.open_transactions.push((context, first.class()));
        (WoundWait { context, first, n_acquired: 0, is_done: false, contended: None }, all.into())
    }

    /// Announces that a lock is wanted, inside a transaction or (with `None`) outside of one; sent
    /// before it is waited for. `slow`: after a back-off, for the contended lock. Inside a
    /// transaction [`Validator::ww_acquired`] or [`Validator::ww_backed_off`] must follow.
    ///
    /// LD0013 if it is waited for without the transaction of its class that is open: no other task
    /// could make it back off.
    pub fn ww_acquire(
        &self,
        task: &mut TaskContext,
        transaction: Option<&WoundWait>,
        event: &Acquire,
        slow: bool,
        stacks: &dyn StackSource,
    ) -> Outcome {
        let mut all = EventFindings::default();
        let Some(transaction) = transaction else {
            let is_open = task.open_transactions.iter().any(|(_, class)| *class == event.lock.class());
            if is_open && event.wait != Wait::Try && !self.is_kernel_policy() {
                let misuse = Misuse::OutsideContext;
                self.broken(task, event.lock, event.site, misuse, &mut all);
            }
            append(&mut all, self.acquire(task, event, stacks));
            return all.into();
        };
        if slow && transaction.contended.is_none() {
            let misuse = Misuse::SlowWithoutBackOff;
            self.broken(task, event.lock, event.site, misuse, &mut all);
        }
        let nested = Acquire { nest: Some(transaction.context), ..*event };
        append(&mut all, self.acquire(task, &nested, stacks));
        all.into()
    }

    /// Announces that the lock was acquired in the transaction.
    pub fn ww_acquired(
        &self,
        task: &mut TaskContext,
        transaction: &mut WoundWait,
        lock: LockId,
        site: Site,
    ) -> Outcome {
        let mut all = EventFindings::default();
        if transaction.first.class() != lock.class() {
            self.broken(task, lock, site, Misuse::OtherClass, &mut all);
        }
        if transaction.is_done {
            let misuse = Misuse::AfterDone;
            self.broken(task, lock, site, misuse, &mut all);
        }
        if let Some(contended) = transaction.contended.take() {
            if contended != lock {
                let misuse = Misuse::NotContendedFirst;
                self.broken(task, lock, site, misuse, &mut all);
            } else if transaction.n_acquired > 0 {
                let misuse = Misuse::BackOffIncomplete;
                self.broken(task, lock, site, misuse, &mut all);
            }
        }
        transaction.n_acquired = transaction.n_acquired.saturating_add(1);
        all.into()
    }

    /// Announces that the lock that was just acquired in a transaction still names another one as
    /// its owner: it was released by an ordinary release, or its owner is gone.
    pub fn ww_stale_owner(&self, task: &TaskContext, lock: LockId, site: Site) -> Outcome {
        let mut all = EventFindings::default();
        self.broken(task, lock, site, Misuse::StaleOwner, &mut all);
        all.into()
    }

    /// Announces that the transaction has to back off from the lock instead of getting it.
    pub fn ww_backed_off(
        &self,
        task: &mut TaskContext,
        transaction: &mut WoundWait,
        lock: LockId,
        site: Site,
    ) -> Outcome {
        let mut all = EventFindings::default();
        if transaction.contended.is_some() {
            self.broken(task, lock, site, Misuse::BackOffTwice, &mut all);
        }
        append(&mut all, self.release(task, lock, site));
        transaction.contended = Some(lock);
        all.into()
    }

    /// Announces that a lock is released; `transaction` is the one it was taken in, if any.
    pub fn ww_release(
        &self,
        task: &mut TaskContext,
        transaction: Option<&mut WoundWait>,
        lock: LockId,
        site: Site,
    ) -> Outcome {
        let mut all = EventFindings::default();
        if let Some(transaction) = transaction {
            match transaction.n_acquired.checked_sub(1) {
                Some(left) => transaction.n_acquired = left,
                None => {
                    let misuse = Misuse::OwnsNothing;
                    self.broken(task, lock, site, misuse, &mut all);
                }
            }
        }
        append(&mut all, self.release(task, lock, site));
        all.into()
    }

    /// Announces that the acquire phase ends: everything needed is held.
    pub fn ww_done(&self, task: &mut TaskContext, transaction: &mut WoundWait, site: Site) -> Outcome {
        let mut all = EventFindings::default();
        if transaction.is_done {
            self.broken(task, transaction.context, site, Misuse::DoneTwice, &mut all);
        }
        transaction.is_done = true;
        all.into()
    }

    /// Announces that the transaction ends; everything taken in it must have been released.
    pub fn ww_end(&self, task: &mut TaskContext, transaction: &mut WoundWait, site: Site) -> Outcome {
        let mut all = EventFindings::default();
        let is_kernel = self.is_kernel_policy();
        if is_kernel {
            append(&mut all, self.release(task, transaction.first, site));
        }
        if is_kernel || transaction.n_acquired == 0 {
            append(&mut all, self.release(task, transaction.context, site));
        } else {
            // That what it serialised is still held is one mistake, and has a name of its own.
            self.drop_held(task, transaction.context);
        }
        task.open_transactions.retain(|(context, _)| *context != transaction.context);
        if transaction.n_acquired > 0 {
            let misuse = Misuse::EndsOwning;
            self.broken(task, transaction.context, site, misuse, &mut all);
        }
        all.into()
    }

    fn is_kernel_policy(&self) -> bool {
        self.config.same_class == SameClassPolicy::Kernel
    }

    /// LD0013.
    fn broken(
        &self,
        task: &TaskContext,
        lock: LockId,
        site: Site,
        misuse: Misuse,
        findings: &mut EventFindings,
    ) {
        if mutant::is(Mutant::NoWoundWait) {
            return;
        }
        let mut violation = self.view(task).violation(Code::WoundWait, Detail::Misuse(misuse));
        violation.subject = Some(super::release::bare(lock, site));
        self.find(findings, violation);
    }
}

fn append(all: &mut EventFindings, outcome: Outcome) {
    if let Some(found) = outcome.into_findings() {
        all.violations.extend(found.violations);
        all.dependencies.extend(found.dependencies);
    }
}
