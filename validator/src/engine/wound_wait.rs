//! Wound/wait: several locks of one class in any order, with back-off.

use super::{Outcome, StackSource, TaskContext, Validator};
use crate::base::id::LockId;
use crate::base::site::Site;

/// One multi-lock transaction (the kernel's `ww_acquire_ctx`).
#[derive(Clone, Debug)]
pub struct WoundWait {
    /// The pseudo-lock that stands for the transaction: the nest lock of everything taken in it.
    pub context: LockId,
    /// The pseudo-lock that stands for the first lock taken, of the class of the locks.
    pub first: LockId,
    /// How many locks it owns.
    pub n_acquired: u32,
    /// Whether its acquire phase was closed.
    pub is_done: bool,
    /// The lock over which it was told to back off.
    pub contended: Option<LockId>,
}

impl Validator {
    /// Opens a transaction. `context` is a lock of the transaction class, `first` one of the class of the locks.
    pub fn ww_begin(
        &self,
        _task: &mut TaskContext,
        context: LockId,
        first: LockId,
        _site: Site,
        _stacks: &dyn StackSource,
    ) -> (WoundWait, Outcome) {
        (WoundWait { context, first, n_acquired: 0, is_done: false, contended: None }, Outcome::CLEAN)
    }
}
