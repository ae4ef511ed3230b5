//! Whether the process validates: the one word that every event reads first.

use std::sync::atomic::{AtomicU64, Ordering};

/// The environment has not been read yet. Counts as on: the first event finds out.
const UNINITIALISED: u64 = 0;
pub(crate) const OFF: u64 = 1;

/// [`UNINITIALISED`], [`OFF`], or what makes the keys of the [quick
/// stack](crate::runtime::task::quick): another number for each epoch.
static STATE: AtomicU64 = AtomicU64::new(UNINITIALISED);

/// How many numbers were given out.
static N_KEYS: AtomicU64 = AtomicU64::new(0);

/// What the word says while events must be looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// An epoch of a test.
    #[cfg(test)]
    pub(crate) fn of(key: u64) -> Self {
        Self(key)
    }

    /// Returns what distinguishes this epoch from every other.
    #[inline(always)]
    pub(crate) fn key(self) -> u64 {
        self.0
    }

    /// Whether events can be skipped.
    #[inline(always)]
    pub(crate) fn is_off(self) -> bool {
        self.0 == OFF
    }
}

/// Returns where the word is, for the assembly that compares it.
#[inline(always)]
pub(crate) fn word() -> *const AtomicU64 {
    &raw const STATE
}

/// Returns what [`now`] returns.
///
/// # Safety
/// `word` is what [`word`] returned.
#[inline(always)]
pub(crate) unsafe fn at(word: *const AtomicU64) -> Epoch {
    // SAFETY: it is the address of a static.
    // ORDERING: Relaxed, as in `now`.
    Epoch(unsafe { &*word }.load(Ordering::Relaxed))
}

/// Returns what the word says: the epoch, for an event that is looked at.
#[inline(always)]
pub(crate) fn now() -> Epoch {
    // ORDERING: Relaxed. The word guards no data: a thread that reads a stale "uninitialised" or
    // an older epoch takes the slow way to the runtime, which is published by its own once-cell, or
    // goes on as if the event had come a moment earlier; one that reads "off" does nothing.
    Epoch(STATE.load(Ordering::Relaxed))
}

/// Whether events can be skipped.
#[inline(always)]
pub(crate) fn is_off() -> bool {
    now().is_off()
}

/// Whether events must be looked at, which they must also while that is open.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    !is_off()
}

/// Records what the environment says, once known.
pub(crate) fn set(validate: bool) {
    // ORDERING: Relaxed, as in `now`.
    STATE.store(if validate { new_key() } else { OFF }, Ordering::Relaxed);
}

/// The validator has begun an epoch: what quick stacks know is void.
pub(crate) fn begin_epoch() {
    let key = new_key();
    let renew = |state| if state > OFF { Some(key) } else { None };
    // ORDERING: Release pairs with the Acquire fence of a thread that finds its quick stack void:
    // it sees the validator's new epoch too.
    let _ = STATE.fetch_update(Ordering::Release, Ordering::Relaxed, renew);
}

/// A number without a pattern that was never given out before: no lock's word, joined with one such
/// number, is another lock's word joined with another.
fn new_key() -> u64 {
    // ORDERING: Relaxed: the numbers need to be distinct, nothing else.
    let mut key = N_KEYS.fetch_add(1, Ordering::Relaxed).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    key = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    key = (key ^ key >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    // Neither of the two small numbers.
    (key ^ key >> 31) | 1 << 63
}
