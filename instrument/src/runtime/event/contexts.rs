//! Contexts that can be looked at where they are.

use std::panic::Location;

use lockdep_validator::{ContextId, Outcome};

use super::enter::enter;
use super::found::looked_at;
use crate::runtime::identity::site::site;
use crate::runtime::process::internal_error;
use crate::runtime::task::Task;

/// Enters a context that can be looked at where it is.
pub(crate) fn context_enter(context: ContextId) -> bool {
    let Some(mut entered) = enter() else { return false };
    let task = entered.task();
    internal_error::guard(|| task.runtime.validator.context_enter(&mut task.context, context, None)).is_some()
}

/// Leaves it.
#[track_caller]
pub(crate) fn context_exit(context: ContextId) {
    in_context(|task, at| {
        let stacks = &task.runtime.stacks;
        task.runtime.validator.context_exit(&mut task.context, context, site(at), stacks)
    });
}

/// The context cannot interrupt the thread from here on.
pub(crate) fn context_mask(context: ContextId) -> bool {
    let Some(mut entered) = enter() else { return false };
    let task = entered.task();
    let n_masks = &mut task.n_masks[context.index()];
    *n_masks = n_masks.saturating_add(1);
    internal_error::guard(|| task.runtime.validator.context_mask(&mut task.context, context)).is_some()
}

/// It may again, if this was the last mask.
#[track_caller]
pub(crate) fn context_unmask(context: ContextId) {
    in_context(|task, at| {
        let n_masks = &mut task.n_masks[context.index()];
        *n_masks = n_masks.saturating_sub(1);
        if *n_masks > 0 {
            return Outcome::CLEAN;
        }
        let stacks = &task.runtime.stacks;
        task.runtime.validator.context_unmask(&mut task.context, context, site(at), stacks)
    });
}

#[track_caller]
fn in_context(event: impl FnOnce(&mut Task, &'static Location<'static>) -> Outcome) {
    let caller = Location::caller();
    let Some(mut entered) = enter() else { return };
    looked_at(entered.task(), |task| event(task, caller));
}
