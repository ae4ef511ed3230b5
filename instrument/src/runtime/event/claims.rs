//! Questions and demands about held locks.

use std::panic::Location;

use lockdep_validator::{Held, HeldQuery, LockId, Mode, Outcome};

use super::enter::{enter, enter_anywhere};
use super::found::{id_of, judge, looked_at};
use crate::lock::{LockRef, Slot};
use crate::runtime::identity::site::site;
use crate::runtime::output::report;
use crate::runtime::system::handler;
use crate::runtime::task::Task;

/// Whether the thread holds the lock.
pub(crate) fn is_held(slot: &Slot, mode: Option<Mode>) -> Held {
    let Some(mut entered) = enter_anywhere() else { return Held::Unknown };
    let task = entered.task();
    let Some(id) = slot.id() else { return Held::No };
    task.runtime.validator.is_held(&task.context, id, mode)
}

/// Demands that the thread holds the lock, or does not, as `query` says.
#[track_caller]
pub(crate) fn assert_held(lock: LockRef<'_>, query: HeldQuery) {
    asserted(|task, at| match lock.slot.id().or_else(|| first_id(task, &lock)) {
        Some(id) => task.runtime.validator.assert_held(&mut task.context, id, query, site(at)),
        None => Outcome::CLEAN,
    });
}

/// An id for a lock that has none; there is no memory for it in a signal handler.
#[cold]
fn first_id(task: &mut Task, lock: &LockRef<'_>) -> Option<LockId> {
    if handler::is_inside(task.stack) { None } else { id_of(task, lock) }
}

/// Demands that the thread holds nothing.
#[track_caller]
pub(crate) fn assert_none_held() {
    asserted(|task, at| task.runtime.validator.assert_none_held(&mut task.context, site(at)));
}

/// Demands that the thread may wait here.
#[track_caller]
pub(crate) fn assert_may_block() {
    asserted(|task, at| task.runtime.validator.assert_may_block(&mut task.context, site(at)));
}

/// The lock itself found one of its assertions broken. Never panics: it may do so while it is being
/// released.
#[cold]
#[inline(never)]
pub(crate) fn assertion_broken(
    lock: LockRef<'_>,
    message: &str,
    remedy: &'static str,
    at: &'static Location<'static>,
) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    let Some(id) = id_of(task, &lock) else { return };
    looked_at(task, |task| {
        task.runtime.validator.assertion_broken(&mut task.context, id, message, remedy, site(at))
    });
}

/// An assertion: as with std's, its failure may panic where it stands.
#[track_caller]
#[inline]
fn asserted(assertion: impl FnOnce(&mut Task, &'static Location<'static>) -> Outcome) {
    let caller = Location::caller();
    let Some(mut entered) = enter_anywhere() else { return };
    let task = entered.task();
    let outcome = judge(|| assertion(task, caller));
    if outcome.is_clean() {
        return;
    }
    if let Some(message) = report::handle(task, outcome).into_message()
        && !std::thread::panicking()
    {
        drop(entered);
        report::raise(&message);
    }
}
