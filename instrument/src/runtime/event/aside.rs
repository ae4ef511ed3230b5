//! Events in places where they cannot be looked at, and looking at them later.

use std::panic::Location;

use lockdep_validator::{LockId, Mode, Outcome, Wait};

use super::{event, found, judge, unseen};
use crate::hook::{AcquireOptions, LockRef, Slot};
use crate::runtime::task::deferred::{self, Aside};
use crate::runtime::task::{self, Task};

/// An acquisition in a place where it cannot be looked at.
#[cold]
#[inline(never)]
pub(super) fn put_aside(
    lock: &LockRef<'_>,
    mode: Mode,
    wait: Wait,
    options: &AcquireOptions,
    caller: &'static Location<'static>,
) {
    if let Some(task) = task::deferred_state() {
        deferred::acquire(task, lock, |id| event(lock, id, mode, wait, options, caller));
    } else if task::is_busy() {
        unseen::acquired(lock.slot);
    }
}

/// Another event in such a place.
#[cold]
#[inline(never)]
pub(super) fn put_aside_of(slot: &Slot, make: impl FnOnce(LockId) -> Aside) {
    if task::is_busy() {
        unseen::released(slot);
    } else if let (Some(_), Some(id)) = (task::deferred_state(), slot.id()) {
        deferred::push(make(id));
    }
}

/// Looks at an event that was put aside.
#[cold]
pub(crate) fn replay(task: &mut Task, aside: Aside) {
    if let Aside::Acquire(acquire) = aside
        && task.context.holds(acquire.lock)
    {
        // The thread had announced that it wants the lock, and was interrupted before it took it.
        task.runtime.set_unverified(acquire.lock);
    }
    let (validator, stacks) = (&task.runtime.validator, &task.runtime.stacks);
    let context = &mut task.context;
    let outcome = judge(|| match aside {
        Aside::Enter(entered) => {
            validator.context_enter(context, entered, None);
            Outcome::CLEAN
        }
        Aside::Exit(left, at) => validator.context_exit(context, left, at, stacks),
        Aside::Acquire(acquire) => validator.acquire(context, &acquire, stacks),
        Aside::Release(lock, at) => validator.release(context, lock, at),
        Aside::Failed(lock) => {
            validator.acquire_failed(context, lock);
            Outcome::CLEAN
        }
        Aside::Unknown(key, info) => {
            // Registers the class and keeps it in the thread's cache.
            let _ = task.classes.find(task.runtime, key, &info);
            Outcome::CLEAN
        }
    });
    // A self-deadlock would have hung before it came here.
    if !outcome.is_clean() && !outcome.is_self_deadlock() {
        found(task, outcome);
    }
}
