//! The rings for threads that have no state: a thread takes one, and gives it back.

use super::ring::Ring;
use crate::runtime::task::sync::{AtomicBool, Ordering, Shared};

/// A ring that a thread without a state may take.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) is_taken: AtomicBool,
    /// INVARIANT: used by the thread that set `is_taken`, and by no other until that thread has
    /// cleared it. Empty while no thread has it.
    pub(super) ring: Shared<Ring>,
}

/// Takes a ring. Neither allocates nor waits.
pub(super) fn take(pool: &[Spare]) -> Option<&Spare> {
    pool.iter().find(|spare| {
        // ORDERING: Acquire pairs with the Release in `give_back`; Relaxed if another thread has
        // it.
        spare.is_taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    })
}

/// Gives a ring back, which the running thread took and has in no other place.
pub(super) fn give_back(spare: &Spare) {
    // SAFETY: the caller has it alone.
    spare.ring.with_mut(|ring| unsafe { (*ring).clear() });
    // ORDERING: Release pairs with the Acquire of the next thread that takes the ring: it finds it
    // empty.
    spare.is_taken.store(false, Ordering::Release);
}
