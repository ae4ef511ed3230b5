//! The fast path: an acquisition that was validated before, the release of the newest lock, the
//! uneventful end of a lock.
//!
//! What these functions compile to is written down in the book, "The fast path", and guarded by the
//! instruction counts of the benches. They call nothing but their slow halves, in tail position, so
//! that they need no stack frame: that is why the mode is a type here (what is stored for it is
//! then a constant) and why the slow halves take the arguments as they are.

use std::num::NonZeroU64;
use std::panic::Location;

use lockdep_validator::{Acquire, AcquireFlags, LockId, Mode, OwnStack, Subclass, Wait};

use super::acquire::{acquire, try_acquired};
use super::lifetime::dropped_slow;
use super::release::{
    release_by_any_thread_slow, release_by_guard_slow, release_of_guard_slow, release_slow,
};
use crate::lock::{AcquireOptions, KeyKind, KeyedSlot, LockInfo, LockRef, Slot, Verdict};
use crate::runtime::identity::known_class::Token;
use crate::runtime::identity::site::site;
use crate::runtime::process::state;
use crate::runtime::task::{Task, again, place, quick};

/// A way to acquire that is common enough to have code of its own.
pub(crate) trait How {
    /// The mode.
    const MODE: Mode;
    /// Blocking, or a try that succeeded.
    const WAIT: Wait;

    /// Returns what the quick stack knows such an acquisition of the lock by, in this epoch. A try
    /// is never looked for so.
    #[inline(always)]
    fn key(lock: LockId) -> u64 {
        Self::key_of_word(lock.raw())
    }

    /// Returns the same for a lock with this word, which is zero while it has no id.
    #[inline(always)]
    fn key_of_word(word: u64) -> u64 {
        let key = word ^ state::now().key();
        match (Self::WAIT, Self::MODE) {
            (Wait::Blocking, Mode::Exclusive) => key,
            (Wait::Blocking, Mode::Shared) => key ^ place::SHARED,
            _ => place::NOTHING,
        }
    }
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

/// An acquisition without options of another lock than the last one under these held locks, or a
/// try. Most are known all the same, by one of three ways.
#[track_caller]
#[inline(always)]
pub(crate) fn acquire_plain<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    match keyed.slot.id_of_used() {
        None if !again::KNOWS_ALL && acquire_next::<K, H>(keyed, info) => Verdict::Proceed,
        None => acquire_fresh::<K, H>(keyed, info),
        Some(lock) if !again::KNOWS_ALL && acquire_again::<H>(&keyed.slot, lock) => Verdict::Proceed,
        Some(lock) if quick::is_of_newest_class(lock) => acquire_among_instances::<K, H>(keyed, info),
        Some(_) => acquire_another::<K, H>(keyed, info),
    }
}

#[track_caller]
#[inline(always)]
fn acquire_again<H: How>(slot: &Slot, lock: LockId) -> bool {
    let call = std::ptr::from_ref(Location::caller()).addr();
    H::WAIT == Wait::Blocking && quick::acquire_again(H::key(lock), std::ptr::from_ref(slot).addr(), call)
}

#[track_caller]
// Its frame is not to stay on a small stack where nothing is optimised.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
fn acquire_next<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> bool {
    let call = std::ptr::from_ref(Location::caller()).addr();
    let token = Token::new(keyed.key.any(), info);
    let slot = &keyed.slot;
    let fill = |word| NonZeroU64::new(word).is_some_and(|word| slot.try_fill(LockId::from_known(word)));
    let place = (std::ptr::from_ref(slot).addr(), call);
    H::WAIT == Wait::Blocking
        && quick::acquire_next(H::key_of_word(0), place, |class| class.token == token, fill)
}

/// An acquisition that may be known by the classes.
#[inline(never)]
#[track_caller]
fn acquire_another<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    if let Some(lock) = keyed.slot.id_of_used()
        && quick::acquire_known(H::key(lock), &plain::<H>(&keyed.slot, lock, Location::caller()))
    {
        return Verdict::Proceed;
    }
    acquire_among_instances::<K, H>(keyed, info)
}

/// An acquisition whose order the single locks decide. Allocates nothing and takes no lock, like
/// the others above.
#[inline(never)]
#[track_caller]
fn acquire_among_instances<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    if let Some(lock) = keyed.slot.id_of_used() {
        let acquire = plain::<H>(&keyed.slot, lock, Location::caller());
        if quick::acquire_known_locks(|| H::key(lock), &acquire) {
            return Verdict::Proceed;
        }
    }
    acquire_unknown::<K, H>(keyed, info)
}

#[inline(always)]
fn plain<H: How>(slot: &Slot, lock: LockId, caller: &'static Location<'static>) -> Acquire {
    Acquire {
        lock,
        address: std::ptr::from_ref(slot).addr(),
        subclass: Subclass::ZERO,
        mode: H::MODE,
        wait: H::WAIT,
        flags: AcquireFlags::NONE,
        nest: None,
        site: site(caller),
        is_first: false,
        own_stack: OwnStack::UNKNOWN,
    }
}

/// The first acquisition of a lock. If this thread has used its class lately, and the class is
/// known to have several locks, the lock gets its id here. The order is then looked up as for any
/// other.
#[inline(never)]
#[track_caller]
fn acquire_fresh<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    let caller = Location::caller();
    let slot = &keyed.slot;
    let is_known = quick::acquire_made(H::key_of_word(0), |task| {
        let Task { runtime, context, classes, .. } = task;
        let (class, known) = classes.peek_plural(keyed.key.any(), info)?;
        let lock = slot.fill(runtime.validator.another_lock(context, class));
        Some((plain::<H>(slot, lock, caller), known))
    });
    if is_known { Verdict::Proceed } else { acquire_first::<K, H>(keyed, info) }
}

/// The first acquisition of a lock, where it is looked at. It may have got its id above.
#[inline(never)]
#[track_caller]
fn acquire_first<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    look_at::<H>(keyed.as_ref(info), &AcquireOptions { is_first: true, ..AcquireOptions::new() })
}

/// An acquisition that this thread does not know: one that another thread does, something new, or a
/// thread that is not in order.
#[inline(never)]
#[track_caller]
fn acquire_unknown<K: KeyKind, H: How>(keyed: &KeyedSlot<K>, info: &LockInfo) -> Verdict {
    if let Some(lock) = keyed.slot.id_of_used()
        && quick::acquire_shared_locks(H::key(lock), &plain::<H>(&keyed.slot, lock, Location::caller()))
    {
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

/// A release. Never panics.
#[track_caller]
pub(crate) fn release(slot: &Slot) {
    if !release_newest(slot) {
        release_unknown(slot);
    }
}

/// A release by the end of a guard that is not the newest acquisition's. The guard does not know
/// where it was made, and the place of the call would be the drop glue. Never panics.
#[cold]
pub(crate) extern "C" fn release_another(slot: &Slot) {
    // `again` does not know it: so it is no step to another lock of the class.
    if !quick::release_below_newest(std::ptr::from_ref(slot).addr()) {
        release_by_guard_slow(slot);
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
    quick::release_newest(std::ptr::from_ref(slot).addr())
}

/// A release that is not the newest acquisition's: hand over hand, or one that has to be looked at.
#[inline(never)]
#[track_caller]
fn release_unknown(slot: &Slot) {
    if !release_hand_over_hand(slot) {
        release_slow(slot);
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
    let address = std::ptr::from_ref(slot).addr();
    quick::release_below(address) || quick::release_below_newest(address)
}

/// The lock object goes away. It has an id. `by_owner`: no other code can reach it.
#[track_caller]
pub(crate) fn dropped(slot: &Slot, by_owner: bool) {
    let Some(lock) = slot.id_of_used() else { return };
    if !quick::ends_quietly(lock) {
        dropped_slow(slot, by_owner);
    }
}
