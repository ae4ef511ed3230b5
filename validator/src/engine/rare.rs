//! The rare properties of held locks.

use super::{EventFindings, TaskContext};
use crate::state::held::Rare;

/// Changes the rare properties of a held lock, and gives it some if it has none.
pub(super) fn change_rare(task: &mut TaskContext, index: usize, change_fn: impl FnOnce(&mut Rare)) {
    let mut rare = task.rare_of(index).cloned().unwrap_or_else(|| Rare::at(index));
    change_fn(&mut rare);
    task.set_rare(rare);
}

/// Gives the orders that are not sure yet to the held locks whose release decides about them;
/// `true` if there are any.
pub(super) fn keep_unsure(task: &mut TaskContext, findings: &mut EventFindings) -> bool {
    let unsure = std::mem::take(&mut findings.unsure);
    let is_any = !unsure.is_empty();
    for (index, order) in unsure {
        change_rare(task, index, |rare| rare.unsure.push(order));
    }
    is_any
}
