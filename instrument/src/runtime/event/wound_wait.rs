//! Transactions over wound/wait locks.

use std::panic::Location;

use lockdep_validator::{LockId, Mode, Outcome, Wait, WoundWait};

use super::acquire::{acquire, acquire_found, try_acquired};
use super::enter::enter;
use super::found::{event, id_of, judge, looked_at};
use super::{classes, fast};
use crate::lock::{AcquireOptions, AnyKey, LockClassKey, LockInfo, LockRef, Verdict};
use crate::runtime::identity::site::site;
use crate::runtime::process::internal_error;
use crate::runtime::task::Task;

const CONTEXT: LockInfo = LockInfo::bare("acquire context");
const LOCK: LockInfo = LockInfo::bare("ww lock");

/// A transaction begins; gives the number that it is known by.
#[cold]
#[track_caller]
pub(crate) fn ww_begin(contexts: &'static LockClassKey, locks: &'static LockClassKey) -> Option<LockId> {
    let caller = Location::caller();
    let mut entered = enter()?;
    let task = entered.task();
    let mut pseudo_lock = |key, info| {
        let runtime = task.runtime;
        let class =
            internal_error::guard(|| classes::find(&mut task.classes, runtime, AnyKey::Named(key), info))
                .flatten()?;
        Some(runtime.validator.new_lock(&mut task.context, class))
    };
    let (context, first) = (pseudo_lock(contexts, &CONTEXT)?, pseudo_lock(locks, &LOCK)?);
    let mut begun = None;
    looked_at(task, |task| {
        let (validator, stacks) = (&task.runtime.validator, &task.runtime.stacks);
        let (transaction, outcome) =
            validator.ww_begin(&mut task.context, context, first, site(caller), stacks);
        begun = Some(transaction);
        outcome
    });
    task.transactions.push(begun?);
    Some(context)
}

/// Its acquire phase ends.
#[cold]
#[track_caller]
pub(crate) fn ww_done(context: LockId) {
    let at = site(Location::caller());
    in_transaction(context, |task, transaction| {
        task.runtime.validator.ww_done(&mut task.context, transaction, at)
    });
}

/// It ends.
#[cold]
#[track_caller]
pub(crate) fn ww_end(context: LockId) {
    let at = site(Location::caller());
    in_transaction(context, |task, transaction| {
        task.runtime.validator.ww_end(&mut task.context, transaction, at)
    });
    if let Some(mut entered) = enter() {
        entered.task().transactions.retain(|transaction| transaction.context != context);
    }
}

/// A lock is wanted, in a transaction or without one.
#[track_caller]
pub(crate) fn ww_acquire(lock: LockRef<'_>, context: Option<LockId>, is_slow: bool) -> Verdict {
    let caller = Location::caller();
    let options = AcquireOptions::new().nest(context);
    let Some(mut entered) = enter() else {
        // Where nothing can be looked at now, it is deferred like any other.
        return acquire(lock, Mode::Exclusive, Wait::Blocking, &options);
    };
    let task = entered.task();
    let Some(id) = id_of(task, &lock) else { return Verdict::Proceed };
    let event = event(&lock, id, Mode::Exclusive, Wait::Blocking, &options, caller);
    let Task { context: held, transactions, runtime, .. } = task;
    let transaction = transactions.iter().find(|transaction| Some(transaction.context) == context);
    let outcome = judge(|| runtime.validator.ww_acquire(held, transaction, &event, is_slow, &runtime.stacks));
    if outcome.is_clean() && task.extra.is_none() {
        return Verdict::Proceed;
    }
    acquire_found(entered, &event, lock.info, outcome)
}

/// A try succeeded.
#[track_caller]
pub(crate) fn ww_try_acquired(lock: LockRef<'_>, context: Option<LockId>) {
    try_acquired(lock, Mode::Exclusive, &AcquireOptions::new().nest(context));
}

/// The lock was had in the transaction; `is_stale`: it still named another one as its owner.
#[cold]
#[track_caller]
pub(crate) fn ww_acquired(lock: LockRef<'_>, context: LockId, is_stale: bool) {
    let (at, Some(id)) = (site(Location::caller()), lock.slot.id()) else { return };
    in_transaction(context, |task, transaction| {
        let validator = &task.runtime.validator;
        let mut outcome =
            if is_stale { validator.ww_stale_owner(&task.context, id, at) } else { Outcome::CLEAN };
        outcome.append(validator.ww_acquired(&mut task.context, transaction, id, at));
        outcome
    });
}

/// The transaction has to back off from the lock.
#[cold]
#[track_caller]
pub(crate) fn ww_backed_off(lock: LockRef<'_>, context: LockId) {
    let (at, Some(id)) = (site(Location::caller()), lock.slot.id()) else { return };
    in_transaction(context, |task, transaction| {
        task.runtime.validator.ww_backed_off(&mut task.context, transaction, id, at)
    });
}

/// The lock is released; `context` owns it, unless it has ended.
#[cold]
#[track_caller]
pub(crate) fn ww_release(lock: LockRef<'_>, context: LockId) {
    let (at, Some(id)) = (site(Location::caller()), lock.slot.id()) else { return };
    let is_open = in_transaction(context, |task, transaction| {
        task.runtime.validator.ww_release(&mut task.context, Some(transaction), id, at)
    });
    if !is_open {
        fast::release(lock.slot);
    }
}

/// Runs an event of a transaction of this thread, which cannot panic; `false` if it is none, or not
/// any more.
fn in_transaction(context: LockId, event: impl FnOnce(&mut Task, &mut WoundWait) -> Outcome) -> bool {
    let Some(mut entered) = enter() else { return false };
    let task = entered.task();
    let Some(index) = task.transactions.iter().position(|transaction| transaction.context == context) else {
        return false;
    };
    let mut transaction = task.transactions[index].clone();
    looked_at(task, |task| event(task, &mut transaction));
    task.transactions[index] = transaction;
    true
}
