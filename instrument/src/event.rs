//! What happens when an event arrives and validation is not off. Nothing here is generic over user types, so that the
//! code is compiled once, with this crate's optimisation level.
#![expect(clippy::needless_pass_by_value, unused_variables, reason = "signatures first")]

use std::panic::Location;

use lockdep_validator::{LockId, Mode, Wait};

use crate::hook::{AcquireOptions, Held, LockRef, Slot, Verdict};

type Caller = &'static Location<'static>;

pub(crate) fn acquire(
    lock: LockRef<'_>,
    mode: Mode,
    wait: Wait,
    options: &AcquireOptions,
    caller: Caller,
) -> Verdict {
    Verdict::Proceed
}
pub(crate) fn try_acquired(lock: LockRef<'_>, mode: Mode, options: &AcquireOptions, caller: Caller) {}
pub(crate) fn acquire_failed(slot: &Slot) {}
pub(crate) fn release(slot: &Slot, caller: Caller) {}
pub(crate) fn downgrade(slot: &Slot, mode: Mode, caller: Caller) {}
pub(crate) fn upgrade(lock: LockRef<'_>, wait: Wait, caller: Caller) -> Verdict {
    Verdict::Proceed
}
pub(crate) fn upgraded(slot: &Slot, caller: Caller) {}
pub(crate) fn upgrade_failed(slot: &Slot) {}
pub(crate) fn downgrade_to_upgradable(slot: &Slot, caller: Caller) {}
pub(crate) fn sync(lock: LockRef<'_>, caller: Caller) {}
pub(crate) fn self_deadlock(slot: &Slot, caller: Caller) {}
pub(crate) fn stale_holder(slot: &Slot, caller: Caller) {}
pub(crate) fn handed_over(slot: &Slot) {}
pub(crate) fn unverified(slot: &Slot) {}
pub(crate) fn dropped(slot: &Slot, caller: Caller) {}
pub(crate) fn reinitialised(slot: &Slot, caller: Caller) {}
pub(crate) fn is_held(slot: &Slot, mode: Option<Mode>) -> Held {
    Held::Unknown
}
pub(crate) fn lock_id(lock: LockRef<'_>) -> Option<LockId> {
    None
}
