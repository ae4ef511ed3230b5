//! What the author of a class says about the order of its locks.

use lockdep_validator::ClassOrder;

use super::classes;
use super::enter::enter;
use super::found::id_of;
use crate::lock::LockRef;
use crate::runtime::process::internal_error;

/// The class of the lock gets an order.
#[cold]
pub(crate) fn order_class(lock: LockRef<'_>, order: ClassOrder) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    if let Some(id) = id_of(task, &lock) {
        let runtime = task.runtime;
        internal_error::guard(|| classes::order(runtime, id.class(), order));
    }
}

/// The lock gets a key.
#[cold]
pub(crate) fn set_order_key(lock: LockRef<'_>, key: u64) {
    let Some(mut entered) = enter() else { return };
    let task = entered.task();
    let is_new = lock.slot.id().is_none();
    if let Some(id) = id_of(task, &lock) {
        let runtime = task.runtime;
        internal_error::guard(|| runtime.validator.set_order_key(id, key, is_new));
    }
}
