//! The fast path: an acquisition that was validated before, the release of the newest lock, the
//! uneventful end of a lock.
//!
//! What these functions compile to is written down in the book, "The fast path", and guarded by the
//! instruction counts of the benches. They call nothing but their slow halves, in tail position, so
//! that they need no stack frame: that is why the mode is a type here (what is stored for it is
//! then a constant) and why the slow halves take the arguments as they are.

use std::panic::Location;

use lockdep_validator::{Acquire, AcquireFlags, LockId, Mode, OwnStack, Subclass, Wait};

use super::acquire::{acquire, try_acquired};
use super::lifetime::dropped_slow;
use super::release::{
    release_by_any_thread_slow, release_by_guard_slow, release_of_guard_slow, release_slow,
};
use crate::hook::{AcquireOptions, KeyKind, KeyedSlot, LockInfo, LockRef, Slot, Verdict};
use crate::runtime::identity::site::site;
use crate::runtime::task::{self, Task};

/// A way to acquire that is common enough to have code of its own.
pub(crate) trait How {
    /// The mode.
    const MODE: Mode;
    /// Blocking, or a try that succeeded.
    const WAIT: Wait;
}

/// About to wait for exclusive ownership.
#[derive(Debug)]
pub(crate) struct WantedExclusive;
/// About to wait as a fair reader.
#[derive(Debug)]
pub(crate) struct WantedShared;
/// Exclusive ownership was tried for, and had.
#[derive(Debug)]
pub(crate) struct TriedExclusive;
/// A fair read lock was tried for, and had.
#[derive(Debug)]
pub(crate) struct TriedShared;

impl How for WantedExclusive {
    const MODE: Mode = Mode::Exclusive;
    const WAIT: Wait = Wait::Blocking;
}

impl How for WantedShared {
    const MODE: Mode = Mode::Shared;
    const WAIT: Wait = Wait::Blocking;
}

impl How for TriedExclusive {
    const MODE: Mode = Mode::Exclusive;
    const WAIT: Wait = Wait::Try;
}

impl How for TriedShared {
    const MODE: Mode = Mode::Shared;
    const WAIT: Wait = Wait::Try;
}

/// An acquisition without options.
#[track_caller]
#[inline(always)]
pub(crate) fn acquire_plain<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    let caller = Location::caller();
    let slot = &keyed.slot;
    let Some(lock) = slot.id() else { return acquire_fresh::<K, H>(keyed, info) };
    let is_known = task::quickly(|task| {
        let acquire = plain(slot, lock, H::MODE, H::WAIT, caller);
        task.runtime.validator.acquire_known(&mut task.context, &acquire)
    });
    if is_known { Verdict::Proceed } else { acquire_unknown::<K, H>(keyed, info) }
}

#[inline(always)]
fn plain(slot: &Slot, lock: LockId, mode: Mode, wait: Wait, caller: &'static Location<'static>) -> Acquire {
    Acquire {
        lock,
        address: std::ptr::from_ref(slot).addr(),
        subclass: Subclass::ZERO,
        mode,
        wait,
        flags: AcquireFlags::NONE,
        nest: None,
        site: site(caller),
        is_first: false,
        own_stack: OwnStack::UNKNOWN,
    }
}

/// The first acquisition of a lock. If its class is one that this thread has used lately, and is
/// known to have several locks, the lock gets its id here, and the order is looked up as for any
/// other.
#[inline(never)]
#[track_caller]
fn acquire_fresh<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    let caller = Location::caller();
    let slot = &keyed.slot;
    let is_known = task::quickly(|task| {
        let Task { runtime, context, classes, .. } = task;
        let Some(class) = classes.peek_plural(keyed.key.any(), info) else { return false };
        let lock = slot.fill(runtime.validator.another_lock(context, class));
        runtime.validator.acquire_known(context, &plain(slot, lock, H::MODE, H::WAIT, caller))
    });
    if is_known { Verdict::Proceed } else { acquire_first::<K, H>(keyed, info) }
}

/// The first acquisition of a lock, where it is looked at. It may have got its id above.
#[inline(never)]
#[track_caller]
fn acquire_first<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    look_at::<H>(keyed.as_ref(info), &AcquireOptions { is_first: true, ..AcquireOptions::new() })
}

/// An acquisition that the fast path does not know: locks of one class nested, something new, or a
/// thread that is not in order.
#[inline(never)]
#[track_caller]
fn acquire_unknown<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    if knows_instances(&keyed.slot, H::MODE, H::WAIT, Location::caller()) {
        return Verdict::Proceed;
    }
    look_at::<H>(keyed.as_ref(info), &AcquireOptions::new())
}

#[inline(always)]
#[track_caller]
fn look_at<H: How>(lock: LockRef<'_>, options: &AcquireOptions) -> Verdict {
    match H::WAIT {
        Wait::Try => {
            try_acquired(lock, H::MODE, options);
            Verdict::Proceed
        }
        wait => acquire(lock, H::MODE, wait, options),
    }
}

/// The second fast path: an order that the single locks decide. Allocates nothing and takes no
/// lock, like the first one.
#[inline(never)]
fn knows_instances(slot: &Slot, mode: Mode, wait: Wait, caller: &'static Location<'static>) -> bool {
    task::quickly(|task| {
        let Some(lock) = slot.id() else { return false };
        let acquire = plain(slot, lock, mode, wait, caller);
        task.runtime.validator.acquire_known_instances(&mut task.context, &acquire)
    })
}

/// A release. Never panics.
#[track_caller]
pub(crate) fn release(slot: &Slot) {
    if !release_newest(slot) {
        release_unknown(slot);
    }
}

/// A release by the end of a guard that does not know where it was made: the place of the call
/// would be the drop glue.
pub(crate) fn release_by_guard(slot: &Slot) {
    if !release_newest(slot) {
        release_by_guard_unknown(slot);
    }
}

/// A release by a guard that may have been sent here.
#[track_caller]
pub(crate) fn release_by_any_thread(slot: &Slot) {
    if !release_newest(slot) {
        release_by_any_thread_unknown(slot);
    }
}

/// A release by the end of a guard of a lock whose author says where it was made.
pub(crate) fn release_of_guard(slot: &Slot, made: &'static Location<'static>) {
    if !release_newest(slot) {
        release_of_guard_unknown(slot, made);
    }
}

#[inline(always)]
fn release_newest(slot: &Slot) -> bool {
    task::quickly(|task| task.context.release_newest(std::ptr::from_ref(slot).addr()))
}

/// A release that is not the newest acquisition's: hand over hand, or one that has to be looked at.
#[inline(never)]
#[track_caller]
fn release_unknown(slot: &Slot) {
    if !release_hand_over_hand(slot) {
        release_slow(slot);
    }
}

/// The same by the end of a guard.
#[inline(never)]
fn release_by_guard_unknown(slot: &Slot) {
    if !release_hand_over_hand(slot) {
        release_by_guard_slow(slot);
    }
}

/// The same by a guard that may have been sent here.
#[inline(never)]
#[track_caller]
fn release_by_any_thread_unknown(slot: &Slot) {
    if !release_hand_over_hand(slot) {
        release_by_any_thread_slow(slot);
    }
}

/// The same by the end of a guard that knows where it was made.
#[inline(never)]
fn release_of_guard_unknown(slot: &Slot, made: &'static Location<'static>) {
    if !release_hand_over_hand(slot) {
        release_of_guard_slow(slot, made);
    }
}

#[inline(always)]
fn release_hand_over_hand(slot: &Slot) -> bool {
    task::quickly(|task| slot.id().is_some_and(|lock| task.context.release_below_newest(lock)))
}

/// The lock object goes away. It has an id. `by_owner`: no other code can reach it.
#[track_caller]
pub(crate) fn dropped(slot: &Slot, by_owner: bool) {
    let Some(lock) = slot.id_of_dropped() else { return };
    if !task::peek(|task| !task.runtime.validator.minds_freed(&task.context, lock)) {
        dropped_slow(slot, by_owner);
    }
}
