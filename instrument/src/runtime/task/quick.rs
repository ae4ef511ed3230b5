//! The quick stack: the locks that a thread holds, where the fast path finds them.
//!
//! The engine's own held stack is behind it: what was acquired and released here is reported to the
//! engine when the thread's state is entered for an event that has to be looked at
//! ([`Task::catch_up`]), and what the engine made of it is read back afterwards
//! ([`Task::keep_up`]).
//!
//! The thread's word leads to the newest place. A place above it is free; it still says which lock
//! was held there last, and under which key that acquisition is known. So the same lock acquired
//! again under the same held locks is one comparison of that key, and one of the address.
//!
//! Signal handlers come between any two instructions. A handler that leaves the stack as it found
//! it never changes what the word leads to, nor anything below. So an acquisition first moves the
//! word up, and is then alone with the place; one store tells that the lock is held. A release
//! stores that it is not, and then moves the word down. In between the newest place is not held:
//! events that need the thread's state are then treated as inside the validator.

use std::num::NonZeroU64;
use std::ptr;
use std::sync::atomic::{Ordering, fence as processor_fence};

use lockdep_validator::{Acquire, ChainKey, LockId, Manner, TaskContext, Validator};

use super::Task;
use super::newest::Taken;
pub(crate) use super::newest::{acquire_again, acquire_next, release_below, release_newest};
use super::place::{NOTHING, NOWHERE, Place, fence};
use super::places::{BASE, N_ROOM, OPAQUE};
use super::pointer::Pointer;
use crate::runtime::identity::known_class::KnownClass;

impl Task {
    /// Has every place lead to this state, which does not move any more.
    pub(crate) fn settle(&mut self) {
        let task = ptr::from_mut(self);
        let places = self.quick.places();
        for (index, place) in places.iter_mut().enumerate() {
            let goes_on = index <= N_ROOM || index == OPAQUE;
            place.task = if goes_on { task } else { ptr::null_mut() };
            if matches!(index, BASE | OPAQUE) {
                // ORDERING: Relaxed, in all of this file: one thread and its signal handlers.
                place.held.store(NOWHERE, Ordering::Relaxed);
            }
        }
        self.keep_up();
    }

    /// Tells the engine what was acquired and released since it was last told.
    pub(in crate::runtime) fn catch_up(&mut self) {
        let n_held = self.quick.n_held();
        if n_held == OPAQUE {
            return;
        }
        let Self { quick, context, .. } = self;
        context.catch_up(quick.places()[BASE + 1..=n_held].iter().filter_map(Place::held));
    }

    /// Makes the quick stack what the engine says is held. Nothing is known any more.
    pub(in crate::runtime) fn keep_up(&mut self) {
        let n_before = self.quick.n_held();
        let Self { quick, context, parked, .. } = self;
        let Some(held) = context.quick_held(N_ROOM).filter(|_| parked.is_empty()) else {
            quick.top = quick.base().wrapping_add(OPAQUE);
            return;
        };
        let places = quick.places();
        places[BASE].chain = context.chain_on(0).0;
        let mut n_held = 0;
        for ((held, chain, may_pop), place) in held.zip(&mut places[BASE + 1..]) {
            place.set(&held, chain, may_pop);
            n_held += 1;
        }
        let n_used = if n_before == OPAQUE { N_ROOM } else { n_before };
        places[n_held + 1..=n_used.max(n_held + 1)].iter_mut().for_each(Place::empty);
        quick.top = quick.base().wrapping_add(n_held);
    }
}

/// The locks held, with their addresses, oldest first. INVARIANT: from one place of a stack to a
/// newer one, which nothing changes while this exists.
struct Locks {
    place: *mut Place,
    newest: *mut Place,
}

impl Iterator for Locks {
    type Item = (LockId, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.place == self.newest {
            return None;
        }
        self.place = self.place.wrapping_add(1);
        // SAFETY: as the invariant says.
        let (lock, address) = unsafe { ((*self.place).lock, (*self.place).address_held()) };
        Some((LockId::from_known(NonZeroU64::new(lock)?), address))
    }
}

/// Whether the newest lock is of the same class, so that the classes do not decide.
#[inline(always)]
pub(crate) fn is_of_newest_class(lock: LockId) -> bool {
    let Some(word) = Pointer::near() else { return false };
    // SAFETY: the word leads to a place; no signal handler changes it.
    is_same_class(unsafe { (*word.load()).lock }, lock)
}

#[inline(always)]
fn is_same_class(newest: u64, lock: LockId) -> bool {
    newest ^ lock.raw() < 1 << LockId::INSTANCE_BITS
}

/// Acquires a lock whose chain was validated before; the place remembers it under `key`.
// Its frame is not to stay on a small stack where nothing is optimised.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn acquire_known(key: u64, acquire: &Acquire) -> bool {
    // ORDERING: Acquire pairs with the Release of a new epoch: who saw its key sees the validator's
    // epoch too.
    processor_fence(Ordering::Acquire);
    let Some(mut taken) = Taken::take() else { return false };
    // Two locks of one class are never known by it.
    if is_same_class(taken.newest(), acquire.lock) {
        return taken.leave();
    }
    let chain = taken.chain();
    let task = taken.task();
    match task.runtime.validator.knows_chain(&task.context, chain, acquire) {
        Some(chain) => taken.push((key, acquire.address), acquire, chain),
        None => taken.leave(),
    }
}

/// The same for a lock that gets its id only now. The place remembers its class, for the next such
/// lock, under `key`: that of a lock whose word is zero.
// Its frame is not to stay on a small stack where nothing is optimised.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn acquire_made(
    key: u64,
    make: impl FnOnce(&mut Task) -> Option<(Acquire, *const KnownClass)>,
) -> bool {
    // ORDERING: Acquire: as in `acquire_known`.
    processor_fence(Ordering::Acquire);
    let Some(mut taken) = Taken::take() else { return false };
    let Some((acquire, class)) = make(taken.task()) else { return taken.leave() };
    let chain = taken.chain();
    let task = taken.task();
    match task.runtime.validator.knows_chain(&task.context, chain, &acquire) {
        Some(chain) => taken.push((key, KnownClass::tagged(class)), &acquire, chain),
        None => taken.leave(),
    }
}

/// Acquires a lock whose order the single locks decide, if this thread validated these very locks
/// lately.
// Its frame is not to stay on a small stack where nothing is optimised.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn acquire_known_locks(key: impl FnOnce() -> u64, acquire: &Acquire) -> bool {
    among_locks(key, acquire, Validator::knows_locks_lately)
}

/// The same, if any thread validated these very locks.
#[inline(never)]
pub(crate) fn acquire_shared_locks(key: u64, acquire: &Acquire) -> bool {
    among_locks(|| key, acquire, Validator::knows_locks)
}

#[inline(always)]
fn among_locks(
    key: impl FnOnce() -> u64,
    acquire: &Acquire,
    knows: impl FnOnce(&Validator, &TaskContext, ChainKey, &Acquire, Locks) -> Option<ChainKey>,
) -> bool {
    // ORDERING: Acquire: as in `acquire_known`.
    processor_fence(Ordering::Acquire);
    let Some(mut taken) = Taken::take() else { return false };
    let (chain, newest) = (taken.chain(), taken.top);
    let task = taken.task();
    let held = Locks { place: task.quick.base(), newest };
    match knows(&task.runtime.validator, &task.context, chain, acquire, held) {
        Some(chain) => taken.push((key(), acquire.address), acquire, chain),
        None => taken.leave(),
    }
}

/// Releases, hand over hand, the lock at `address` if it is right below the newest.
// Its frame is not to stay on a small stack where nothing is optimised.
#[cfg_attr(debug_assertions, inline(never))]
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn release_below_newest(address: usize) -> bool {
    let Some(mut taken) = Taken::take() else { return false };
    let (top, below) = (taken.top, taken.top.wrapping_sub(1));
    // SAFETY: a place; nothing else uses it, since the word says BUSY.
    // ORDERING: Relaxed, as in `acquire_again`, and so in all of this function.
    let newest = unsafe { (*top).held.load(Ordering::Relaxed) };
    if newest & 1 != 0 || !taken.task().context.is_plain() {
        // Its release has to be looked at, or no lock is held: that is the address of the base.
        return taken.leave();
    }
    // SAFETY: below a place with a held lock lies another one, or the base, which has no lock's
    // address; nothing else uses them, since the word says BUSY.
    unsafe {
        // ORDERING: Relaxed, as above.
        if (*below).held.load(Ordering::Relaxed) != address {
            return taken.leave();
        }
        let (lock, manner) = ((*top).lock, Manner::from_raw((*top).manner).moved());
        let difference = lock ^ (*below).lock;
        if difference == 0 {
            return taken.leave();
        }
        // Another lock of the same class, held alike, has the same chain.
        if difference >> LockId::INSTANCE_BITS != 0 || manner.raw() != (*below).manner {
            (*below).manner = manner.raw();
            (*below).chain = manner.chain_after(ChainKey((*below.wrapping_sub(1)).chain), lock).0;
        }
        (*below).known = NOTHING;
        (*below).address = newest;
        (*below).lock = lock;
        // ORDERING: Relaxed, as above.
        (*below).call.store((*top).call.load(Ordering::Relaxed), Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        (*below).held.store(newest, Ordering::Relaxed);
        (*top).empty();
    }
    fence();
    taken.word.store(below);
    true
}

/// Whether nothing is to be said about the end of the lock: it is not held, and no order of it is
/// remembered.
#[inline(always)]
pub(crate) fn ends_quietly(lock: LockId) -> bool {
    let Some(word) = Pointer::near() else { return false };
    let mut place = word.load();
    // SAFETY: as in `acquire_again`. The state is only read: `quick` and `runtime` never change,
    // and what the validator answers does not depend on the thread.
    unsafe {
        let task = (*place.wrapping_add(1)).task;
        if task.is_null() {
            return false;
        }
        let base = (*task).quick.base();
        while place != base {
            if (*place).lock == lock.raw() {
                return false;
            }
            place = place.wrapping_sub(1);
        }
        !(*task).runtime.validator.minds_end(lock)
    }
}
