//! The life of a lock object besides its acquisitions: where it was made, its id, its end.

use lockdep_validator::LockId;

use super::enter::enter;
use super::found::id_of;
use super::held::on_held;
use crate::lock::{CreationSite, LockRef, Slot};
use crate::runtime::identity::site::site;
use crate::runtime::process::internal_error;

/// Returns who made a lock that the library made for its caller; `site` itself where the stack may
/// not be looked at.
#[cold]
#[inline(never)]
pub(crate) fn creation_site(site: CreationSite) -> CreationSite {
    let Some(mut entered) = enter() else { return site };
    let runtime = entered.task().runtime;
    if !runtime.config.backtrace {
        return site;
    }
    internal_error::guard(|| runtime.callers.find(site)).unwrap_or(site)
}

/// The lock's id, given out now if it has none.
pub(crate) fn lock_id(lock: LockRef<'_>) -> Option<LockId> {
    let mut entered = enter()?;
    id_of(entered.task(), &lock)
}

/// Code of the program got at the raw lock.
#[cold]
pub(crate) fn unverified(lock: LockRef<'_>) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    if let Some(id) = id_of(task, &lock) {
        task.runtime.set_unverified(id);
    }
}

/// The lock object goes away, and that means something. `by_owner`: no other code can reach it.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn dropped_slow(slot: &Slot, by_owner: bool) {
    on_held(slot, |task, id, at| {
        if task.runtime.take_unverified(id) && task.context.holds(id) {
            // Code of the program has the raw lock: the held entry proves nothing.
            task.runtime.validator.forget(&mut task.context, id);
        }
        if by_owner {
            return task.runtime.validator.dropped(&mut task.context, id, &task.runtime.stacks);
        }
        task.runtime.validator.freed(&mut task.context, id, site(at))
    });
}

/// The lock object is initialised again.
#[track_caller]
pub(crate) fn reinitialised(slot: &Slot) {
    on_held(slot, |task, id, at| task.runtime.validator.reinitialised(&mut task.context, id, site(at)));
}
