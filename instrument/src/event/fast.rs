//! The fast path: an acquisition that was validated before, the release of the newest lock, the end of a lock that nobody minds.
//!
//! What these functions compile to is written down in the book, "The fast path", and guarded by the instruction counts of the
//! benches. They call nothing but their slow halves, in tail position, so that they need no stack frame: that is why the mode is a
//! type here (what is stored for it is then a constant) and why the slow halves take the arguments as they are.

use std::panic::Location;

use lockdep_validator::{Acquire, AcquireFlags, Mode, Subclass, Wait};

use crate::hook::{ClassKey, LockInfo, LockMap, Slot, Verdict};
use crate::site::site;
use crate::task;

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
pub(crate) fn acquire_plain<K: ClassKey, H: How>(map: &LockMap<K>, info: &LockInfo) -> Verdict {
    let caller = Location::caller();
    let slot = map.slot();
    let is_known = task::quickly(|task| {
        let Some(lock) = slot.id() else { return false };
        let acquire = Acquire {
            lock,
            address: std::ptr::from_ref(slot).addr(),
            subclass: Subclass::ZERO,
            mode: H::MODE,
            wait: H::WAIT,
            flags: AcquireFlags::NONE,
            nest: None,
            site: site(caller),
        };
        task.runtime.validator.acquire_known(&mut task.context, &acquire)
    });
    if is_known { Verdict::Proceed } else { acquire_unknown::<K, H>(map, info) }
}

/// An acquisition that is new, or the first of its lock, or by a thread that is not in order.
#[cold]
#[inline(never)]
#[track_caller]
fn acquire_unknown<K: ClassKey, H: How>(map: &LockMap<K>, info: &LockInfo) -> Verdict {
    let options = crate::hook::AcquireOptions::new();
    match H::WAIT {
        Wait::Try => {
            super::try_acquired(map.as_ref(info), H::MODE, &options);
            Verdict::Proceed
        }
        wait => super::acquire(map.as_ref(info), H::MODE, wait, &options),
    }
}

/// A release. Never panics.
#[track_caller]
pub(crate) fn release(slot: &Slot) {
    let is_done = task::quickly(|task| slot.id().is_some_and(|lock| task.context.release_newest(lock)));
    if !is_done {
        super::release_slow(slot);
    }
}

/// The lock object goes away.
#[track_caller]
pub(crate) fn dropped(slot: &Slot) {
    // A lock without an id was never acquired with validation on.
    let Some(lock) = slot.id() else { return };
    if !task::peek(|task| !task.runtime.validator.minds_freed(&task.context, lock)) {
        super::dropped_slow(slot);
    }
}
