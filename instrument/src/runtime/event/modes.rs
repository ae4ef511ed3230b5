//! Locks that stay held but change how: downgrades and upgrades.

use std::panic::Location;

use lockdep_validator::{Acquire, Mode, Outcome, Wait};

use super::enter::enter;
use super::found::judge;
use super::held::on_held;
use super::self_deadlock::keep_until_tried;
use crate::lock::{LockRef, Slot, Verdict};
use crate::runtime::identity::site::site;
use crate::runtime::output::report;

/// An exclusive (or upgradable) hold becomes a shared one.
#[track_caller]
pub(crate) fn downgrade(slot: &Slot, _mode: Mode) {
    on_held(slot, |task, id, at| {
        task.runtime.validator.downgrade(&mut task.context, id, site(at), &task.runtime.stacks)
    });
}

/// An upgradable hold is about to wait for the plain readers.
#[track_caller]
pub(crate) fn upgrade(lock: LockRef<'_>, wait: Wait) -> Verdict {
    let caller = Location::caller();
    let Some(mut entered) = enter() else { return Verdict::Proceed };
    let task = entered.task();
    let Some(id) = lock.slot.id() else { return Verdict::Proceed };
    task.upgraded_at = site(caller);
    let outcome = judge(|| {
        task.runtime.validator.upgrade(&mut task.context, id, wait, site(caller), &task.runtime.stacks)
    });
    if outcome.is_clean() {
        return Verdict::Proceed;
    }
    let outcome = if outcome.is_self_deadlock() && !task.runtime.is_unverified(id) {
        let event = Acquire::new(id, Mode::Exclusive, wait, site(caller));
        match keep_until_tried(task, &event, true, outcome) {
            Ok(outcome) => outcome,
            Err(pending) => {
                task.pending = Some(pending);
                return Verdict::SelfDeadlock;
            }
        }
    } else {
        outcome
    };
    if let Some(message) = report::handle(task, outcome).into_message()
        && !std::thread::panicking()
    {
        task.runtime.validator.upgrade_failed(&mut task.context, id);
        drop(entered);
        report::raise(&message);
    }
    Verdict::Proceed
}

/// A try-upgrade succeeded.
#[track_caller]
pub(crate) fn upgraded(slot: &Slot) {
    on_held(slot, |task, id, at| {
        task.runtime.validator.upgrade(&mut task.context, id, Wait::Try, site(at), &task.runtime.stacks)
    });
}

/// An upgrade gave up.
#[track_caller]
pub(crate) fn upgrade_failed(slot: &Slot) {
    on_held(slot, |task, id, _| {
        task.runtime.validator.upgrade_failed(&mut task.context, id);
        Outcome::CLEAN
    });
}

/// An exclusive hold becomes upgradable.
#[track_caller]
pub(crate) fn downgrade_to_upgradable(slot: &Slot) {
    on_held(slot, |task, id, at| {
        let stacks = &task.runtime.stacks;
        task.runtime.validator.downgrade_to_upgradable(&mut task.context, id, site(at), stacks)
    });
}
