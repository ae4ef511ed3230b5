//! Pins: the lock must stay held.

use std::panic::Location;

use lockdep_validator::PinCookie;

use super::enter::enter;
use super::found::{id_of, looked_at};
use super::held::on_held;
use crate::lock::LockRef;
use crate::runtime::identity::site::site;

/// The lock must stay held from here on.
#[cold]
#[track_caller]
pub(crate) fn pin(lock: LockRef<'_>) -> Option<PinCookie> {
    let caller = Location::caller();
    let mut entered = enter()?;
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
    on_held(lock.slot, |task, id, at| task.runtime.validator.unpin(&mut task.context, id, cookie, site(at)));
}

/// It must again.
#[cold]
#[track_caller]
pub(crate) fn repin(lock: LockRef<'_>, cookie: PinCookie) {
    on_held(lock.slot, |task, id, at| task.runtime.validator.repin(&mut task.context, id, cookie, site(at)));
}
