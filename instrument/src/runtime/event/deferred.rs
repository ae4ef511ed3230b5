//! Deferring events in places where they cannot be looked at, and replaying them later.
//!
//! The memory that keeps them meanwhile is in `task/deferred/`.

use std::panic::Location;

use lockdep_validator::{Acquire, LockId, Mode, Outcome, Wait};

use super::found::{event, found, judge};
use super::{classes, unseen};
use crate::lock::{AcquireOptions, LockRef, Slot};
use crate::runtime;
use crate::runtime::task::deferred::{self, DeferredEvent};
use crate::runtime::task::{self, Task};

/// An acquisition in a place where it cannot be looked at.
#[cold]
#[inline(never)]
pub(super) fn defer(
    lock: &LockRef<'_>,
    mode: Mode,
    wait: Wait,
    options: &AcquireOptions,
    caller: &'static Location<'static>,
) {
    if let Some(task) = task::deferred_state() {
        defer_acquire(task, lock, |id| event(lock, id, mode, wait, options, caller));
    } else if task::is_busy() && !task::is_tried(std::ptr::from_ref(lock.slot).addr()) {
        unseen::acquired(lock.slot);
    }
}

/// Defers an acquisition; `task` is the thread's state, if the context did not interrupt its use.
fn defer_acquire(task: Option<&mut Task>, lock: &LockRef<'_>, make: impl FnOnce(LockId) -> Acquire) {
    let id = match (lock.slot.id(), task) {
        (Some(id), _) => Some(id),
        // A known class needs no allocation, only a number.
        (None, Some(task)) => task.classes.peek(lock.key, lock.info).map(|class| {
            let id = task.runtime.validator.new_lock(&mut task.context, class);
            lock.slot.fill(id)
        }),
        (None, None) => None,
    };
    match id {
        Some(id) => push(DeferredEvent::Acquire(make(id))),
        None => {
            runtime::count_unseen();
            push(DeferredEvent::Unknown(lock.key, *lock.info));
        }
    }
}

/// Another event in such a place.
#[cold]
#[inline(never)]
pub(super) fn defer_of(slot: &Slot, make: impl FnOnce(LockId) -> DeferredEvent) {
    if task::is_busy() {
        unseen::released(slot);
    } else if let (Some(_), Some(id)) = (task::deferred_state(), slot.id()) {
        push(make(id));
    }
}

/// Defers an event. Of a handler that was not announced, no end is seen: the event begins to wait
/// at once.
fn push(event: DeferredEvent) {
    deferred::push(event);
    if !task::is_announced() {
        deferred::wait_if_pending();
    }
}

/// Looks at everything that the thread deferred.
#[cold]
pub(super) fn replay_all(task: &mut Task) {
    let Some(taken) = deferred::take() else { return };
    for event in taken.events {
        replay(task, event);
    }
    // Their releases come by another way, and would look like those of locks that are not held.
    taken.lost.into_iter().for_each(|lock| task.runtime.set_unverified(lock));
    if taken.is_muddled {
        forget_held(task);
    }
}

/// Releases of locks that were held before did not fit. Which ones is not known: nothing certain
/// can be said of any lock that the thread seems to hold.
fn forget_held(task: &mut Task) {
    let held: Vec<LockId> = task.context.held_locks().collect();
    for lock in held {
        task.runtime.set_unverified(lock);
        task.runtime.validator.forget(&mut task.context, lock);
    }
}

/// Looks at a deferred event.
#[cold]
fn replay(task: &mut Task, deferred: DeferredEvent) {
    if let DeferredEvent::Acquire(acquire) = deferred
        && task.context.holds(acquire.lock)
    {
        // The thread had announced that it wants the lock, and was interrupted before it took it.
        task.runtime.set_unverified(acquire.lock);
    }
    if let DeferredEvent::Release(lock, _) = deferred
        && !task.context.holds(lock)
    {
        // A handler may have come while the thread changed its quick stack, and have left a known
        // acquisition there whose release was deferred: the thread has overwritten it since.
        task.runtime.set_unverified(lock);
        return runtime::count_unseen();
    }
    let (validator, stacks) = (&task.runtime.validator, &task.runtime.stacks);
    let context = &mut task.context;
    let outcome = judge(|| match deferred {
        DeferredEvent::Enter(entered) => {
            validator.context_enter(context, entered, None);
            Outcome::CLEAN
        }
        DeferredEvent::Exit(left, at) => validator.context_exit(context, left, at, stacks),
        DeferredEvent::Acquire(acquire) => validator.acquire(context, &acquire, stacks),
        DeferredEvent::Release(lock, at) => validator.release(context, lock, at),
        DeferredEvent::Failed(lock) => {
            validator.acquire_failed(context, lock);
            Outcome::CLEAN
        }
        DeferredEvent::Unknown(key, info) => {
            // Registers the class and keeps it in the thread's cache.
            let _ = classes::find(&mut task.classes, task.runtime, key, &info);
            Outcome::CLEAN
        }
    });
    // A self-deadlock would have hung before it came here.
    if !outcome.is_clean() && !outcome.is_self_deadlock() {
        found(task, outcome);
    }
}
