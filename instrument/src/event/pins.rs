//! Pins: the lock must stay held.

use std::panic::Location;

use lockdep_validator::{Outcome, PinCookie};

use super::{found, id_of, judge};
use crate::hook::LockRef;
use crate::site::site;
use crate::task::{self, Task};

/// The lock must stay held from here on.
#[cold]
#[track_caller]
pub(crate) fn pin(lock: LockRef<'_>) -> Option<PinCookie> {
    let caller = Location::caller();
    let mut entered = task::enter()?;
    let task = entered.task();
    let id = id_of(task, &lock)?;
    let mut cookie = None;
    looked_at(task, |task| {
        let (pinned, outcome) = task.runtime.validator.pin(&mut task.context, id, site(caller));
        cookie = pinned;
        outcome
    });
    cookie
}

/// It need not any more.
#[cold]
#[track_caller]
pub(crate) fn unpin(lock: LockRef<'_>, cookie: PinCookie) {
    let caller = Location::caller();
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    if let Some(id) = lock.slot.id() {
        looked_at(task, |task| task.runtime.validator.unpin(&mut task.context, id, cookie, site(caller)));
    }
}

/// It must again.
#[cold]
#[track_caller]
pub(crate) fn repin(lock: LockRef<'_>, cookie: PinCookie) {
    let caller = Location::caller();
    let Some(mut entered) = task::enter() else { return };
    let task = entered.task();
    if let Some(id) = lock.slot.id() {
        looked_at(task, |task| task.runtime.validator.repin(&mut task.context, id, cookie, site(caller)));
    }
}

/// Runs an event that cannot panic.
fn looked_at(task: &mut Task, event: impl FnOnce(&mut Task) -> Outcome) {
    let outcome = judge(|| event(task));
    if !outcome.is_clean() {
        found(task, outcome);
    }
}
