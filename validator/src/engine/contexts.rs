//! Contexts: entering, leaving, masking.

use super::{Outcome, StackSource, TaskContext, Validator};
use crate::base::site::Site;
use crate::state::class::WaitType;
use crate::state::context::{ContextAttributes, ContextId};

impl Validator {
    /// Registers a context, or finds the one of that name. `None` when there are [`ContextId::LIMIT`] already.
    pub fn register_context(&self, _name: &str, _attributes: ContextAttributes) -> Option<ContextId> {
        ContextId::from_index(0)
    }

    /// The task is interrupted: what follows runs in the context until [`Validator::context_exit`]. `limit` overrides the
    /// context's own wait limit (a threaded interrupt handler).
    pub fn context_enter(&self, _task: &mut TaskContext, _context: ContextId, _limit: Option<WaitType>) {}

    /// The task leaves the context that it entered last. What is still held from inside it is dropped and reported (LD0009).
    pub fn context_exit(
        &self,
        _task: &mut TaskContext,
        _context: ContextId,
        _site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        Outcome::CLEAN
    }

    /// The context cannot interrupt the task from here on. Masks do not nest.
    pub fn context_mask(&self, _task: &mut TaskContext, _context: ContextId) {}

    /// The context may interrupt the task again: everything held is marked as held where it may run.
    pub fn context_unmask(
        &self,
        _task: &mut TaskContext,
        _context: ContextId,
        _site: Site,
        _stacks: &dyn StackSource,
    ) -> Outcome {
        Outcome::CLEAN
    }
}
