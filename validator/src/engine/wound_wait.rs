//! Wound/wait: several locks of one class in any order, with back-off (LD0013).
//!
//! A transaction is a pseudo-lock that serialises everything taken in it: the locks name it as their nest lock, so that
//! their order among themselves does not matter. In return the protocol must be kept: whoever is told to back off gives up
//! everything, and takes the contended lock first. Kernel: `ww_acquire_ctx`, with the checks of `CONFIG_DEBUG_MUTEXES`.

use super::{Findings, Outcome, StackSource, TaskContext, Validator};
use crate::base::event::Acquire;
use crate::base::id::LockId;
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Detail};
use crate::fault::{self, Fault};

/// One multi-lock transaction (the kernel's `ww_acquire_ctx`).
#[derive(Clone, Debug)]
pub struct WoundWait {
    /// The pseudo-lock that stands for the transaction: the nest lock of everything taken in it.
    pub context: LockId,
    /// The pseudo-lock that stands for the first lock taken, of the class of the locks: the first real one may be released early.
    pub first: LockId,
    /// How many locks it owns.
    pub n_acquired: u32,
    /// Whether its acquire phase was closed.
    pub is_done: bool,
    /// The lock over which it was told to back off.
    pub contended: Option<LockId>,
}

impl Validator {
    /// Opens a transaction. `context` is a lock of the transaction class, `first` one of the class of the locks; both belong
    /// to the transaction and to nothing else.
    pub fn ww_begin(
        &self,
        task: &mut TaskContext,
        context: LockId,
        first: LockId,
        site: Site,
        stacks: &dyn StackSource,
    ) -> (WoundWait, Outcome) {
        let plain = Acquire::new(context, Mode::Exclusive, Wait::Blocking, site);
        let nested = Acquire { lock: first, nest: Some(context), ..plain };
        let mut all = Findings::default();
        for event in [plain, nested] {
            append(&mut all, self.acquire(task, &event, stacks));
        }
        (WoundWait { context, first, n_acquired: 0, is_done: false, contended: None }, all.into())
    }

    /// A lock is wanted, inside a transaction or (with `None`) outside of one; sent before it is waited for. `slow`: after a
    /// back-off, for the contended lock. Inside a transaction [`Validator::ww_acquired`] or [`Validator::ww_backed_off`] must follow.
    pub fn ww_acquire(
        &self,
        task: &mut TaskContext,
        transaction: Option<&WoundWait>,
        event: &Acquire,
        slow: bool,
        stacks: &dyn StackSource,
    ) -> Outcome {
        let Some(transaction) = transaction else { return self.acquire(task, event, stacks) };
        let mut all = Findings::default();
        if slow && transaction.contended.is_none() {
            self.broken(task, event.lock, event.site, "slow path without a back-off before it", &mut all);
        }
        let nested = Acquire { nest: Some(transaction.context), ..*event };
        append(&mut all, self.acquire(task, &nested, stacks));
        all.into()
    }

    /// The lock was acquired in the transaction.
    pub fn ww_acquired(
        &self,
        task: &mut TaskContext,
        transaction: &mut WoundWait,
        lock: LockId,
        site: Site,
    ) -> Outcome {
        let mut all = Findings::default();
        if transaction.first.class() != lock.class() {
            self.broken(task, lock, site, "lock of another class than the transaction's", &mut all);
        }
        if transaction.is_done {
            self.broken(task, lock, site, "lock taken after the acquire phase was closed", &mut all);
        }
        if let Some(contended) = transaction.contended.take() {
            if contended != lock {
                self.broken(task, lock, site, "another lock taken than the one backed off from", &mut all);
            } else if transaction.n_acquired > 0 {
                self.broken(task, lock, site, "back-off without releasing what is held", &mut all);
            }
        }
        transaction.n_acquired = transaction.n_acquired.saturating_add(1);
        all.into()
    }

    /// The lock that was just acquired in a transaction still names another one as its owner: it was released by an ordinary
    /// release, or its owner is gone.
    pub fn ww_stale_owner(&self, task: &TaskContext, lock: LockId, site: Site) -> Outcome {
        let mut all = Findings::default();
        self.broken(task, lock, site, "lock still names another transaction as its owner", &mut all);
        all.into()
    }

    /// The transaction was told to back off from the lock instead of getting it.
    pub fn ww_backed_off(
        &self,
        task: &mut TaskContext,
        transaction: &mut WoundWait,
        lock: LockId,
        site: Site,
    ) -> Outcome {
        let mut all = Findings::default();
        if transaction.contended.is_some() {
            self.broken(task, lock, site, "back-off while another one is pending", &mut all);
        }
        append(&mut all, self.release(task, lock, site));
        transaction.contended = Some(lock);
        all.into()
    }

    /// A lock is released; `transaction` is the one it was taken in, if any.
    pub fn ww_release(
        &self,
        task: &mut TaskContext,
        transaction: Option<&mut WoundWait>,
        lock: LockId,
        site: Site,
    ) -> Outcome {
        let mut all = Findings::default();
        if let Some(transaction) = transaction {
            match transaction.n_acquired.checked_sub(1) {
                Some(left) => transaction.n_acquired = left,
                None => self.broken(task, lock, site, "release in a transaction that owns nothing", &mut all),
            }
        }
        append(&mut all, self.release(task, lock, site));
        all.into()
    }

    /// The acquire phase ends: everything needed is held.
    pub fn ww_done(&self, task: &mut TaskContext, transaction: &mut WoundWait, site: Site) -> Outcome {
        let mut all = Findings::default();
        if transaction.is_done {
            self.broken(task, transaction.context, site, "acquire phase closed twice", &mut all);
        }
        transaction.is_done = true;
        all.into()
    }

    /// The transaction ends; everything taken in it must have been released.
    pub fn ww_end(&self, task: &mut TaskContext, transaction: &mut WoundWait, site: Site) -> Outcome {
        let mut all = Findings::default();
        append(&mut all, self.release(task, transaction.first, site));
        append(&mut all, self.release(task, transaction.context, site));
        if transaction.n_acquired > 0 {
            self.broken(task, transaction.context, site, "transaction ended while it owns locks", &mut all);
        }
        all.into()
    }

    /// LD0013.
    fn broken(&self, task: &TaskContext, lock: LockId, site: Site, message: &str, findings: &mut Findings) {
        if fault::is(Fault::NoWoundWait) {
            return;
        }
        let mut violation = self.view(task).violation(Code::WoundWait, Detail::Message(message.to_owned()));
        violation.subject = Some(super::release::bare(lock, site));
        self.find(findings, violation);
    }
}

fn append(all: &mut Findings, outcome: Outcome) {
    if let Some(found) = outcome.into_findings() {
        all.violations.extend(found.violations);
        all.dependencies.extend(found.dependencies);
    }
}
