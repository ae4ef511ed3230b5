//! What a thread does with locks while it is inside the validator: in a report callback, or in an
//! allocator that the validator calls.
//!
//! Nothing can be looked at there, but what stays locked, or unlocked, when the validator is left
//! must not be taken for a mistake later. Nothing here allocates or takes a lock.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::lock::Slot;
use crate::runtime;

/// How many locks may stay locked at once that were acquired so. Of more, one may be reported as
/// released without an acquisition.
const N_PLACES: usize = 64;

/// The addresses of locks that were acquired so, by any thread. A held lock cannot move, so its
/// address names it.
static ACQUIRED: [AtomicUsize; N_PLACES] = [const { AtomicUsize::new(0) }; N_PLACES];
static N_ACQUIRED: AtomicUsize = AtomicUsize::new(0);

fn address(slot: &Slot) -> usize {
    std::ptr::from_ref(slot).addr()
}

/// Whether any lock may be held that was acquired so.
pub(super) fn any() -> bool {
    // ORDERING: Relaxed: a thread that releases a lock has synchronised with its acquisition.
    N_ACQUIRED.load(Ordering::Relaxed) != 0
}

/// The lock was acquired inside the validator.
pub(super) fn acquired(slot: &Slot) {
    for place in &ACQUIRED {
        // ORDERING: Relaxed: as in `any`; nothing is read through the address.
        if place.compare_exchange(0, address(slot), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            // ORDERING: Relaxed: as in `any`.
            N_ACQUIRED.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }
}

/// The lock was released inside the validator, or its acquisition there was given up.
pub(super) fn released(slot: &Slot) {
    if take(slot) {
        return;
    }
    // Acquired outside: the entry on the stack of its thread is stale.
    if let (Some(id), Some(runtime)) = (slot.id(), runtime::running()) {
        runtime.validator.released_unseen(id);
    }
}

/// The lock is released: whether it was acquired inside the validator.
pub(super) fn take(slot: &Slot) -> bool {
    let is_taken = any()
        && ACQUIRED.iter().any(|place| {
            // ORDERING: Relaxed: as in `acquired`.
            place.compare_exchange(address(slot), 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        });
    if is_taken {
        // ORDERING: Relaxed: as in `any`.
        N_ACQUIRED.fetch_sub(1, Ordering::Relaxed);
    }
    is_taken
}
