//! Whether the process validates: the one word that every event reads first.

use std::sync::atomic::{AtomicU8, Ordering};

/// The environment has not been read yet. Counts as on: the first event finds out.
const UNINITIALISED: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNINITIALISED);

/// Whether events can be skipped.
#[inline(always)]
pub(crate) fn is_off() -> bool {
    // ORDERING: Relaxed. The word guards no data: a thread that reads a stale "uninitialised" or
    // "on" takes the slow way to the runtime, which is published by its own once-cell; one that
    // reads "off" does nothing.
    STATE.load(Ordering::Relaxed) == OFF
}

/// Whether events must be looked at, which they must also while that is open.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    !is_off()
}

/// Records what the environment says, once known.
pub(crate) fn set(validate: bool) {
    // ORDERING: Relaxed, as in `is_off`.
    STATE.store(if validate { ON } else { OFF }, Ordering::Relaxed);
}
