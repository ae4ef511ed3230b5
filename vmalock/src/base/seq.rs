//! `mm_lock_seq`: the sequence that write-locks, and with one store releases, every VMA of an
//! address space.
//!
//! Odd while the mmap lock is held for writing, even otherwise. A VMA is write-locked when its
//! stamp `vm_lock_seq` equals the sequence *and* the mmap write lock is held; ending the section
//! changes the sequence, which makes every stamp stale at once. The same word lets readers
//! speculate: see [`MmLockSeq::speculate_try_begin`].
//!
//! Kernel: its counter has 32 bits and is allowed to wrap. After exactly 2³¹ write sections an old
//! stamp then looks current, to a reader (harmless: it falls back) and to the writer (not harmless:
//! it would not wait for readers). Ours has 64 bits, which do not wrap in any run of a program.
//!
//! Source: `include/linux/mmap_lock.h`, `include/linux/seqlock.h`.

use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::record;
use super::super::probe::step::Step;
use super::sync::{AtomicU64, Ordering, fence};

/// The sequence word of an address space.
#[derive(Debug)]
pub struct MmLockSeq {
    // INVARIANT: odd exactly between begin and end of the mmap write owner.
    sequence: AtomicU64,
}

impl MmLockSeq {
    /// Makes a sequence of 0: not write-locked (`mm_lock_seqcount_init`).
    #[must_use]
    pub fn new() -> Self {
        Self { sequence: AtomicU64::new(0) }
    }

    /// Sets the sequence to 0 for a new life of its address space.
    pub(crate) fn reset(&self) {
        // ORDERING: Relaxed; no other thread has a reference to an address space that is being
        // made.
        self.sequence.store(0, Ordering::Relaxed);
    }

    /// Makes the sequence odd, right after the mmap lock was taken for writing
    /// (`mm_lock_seqcount_begin`).
    pub(crate) fn begin(&self) {
        // ORDERING: Relaxed; only the mmap write owner writes the sequence.
        let sequence = self.sequence.load(Ordering::Relaxed);
        // ORDERING: Relaxed, ordered before the owner's later stores by the fence.
        self.sequence.store(step(sequence), Ordering::Relaxed);
        // ORDERING: Release fence; pairs with the Acquire fence in `speculate_retry`: a speculating
        // reader that saw any store of the section sees the changed sequence.
        fence(Ordering::Release);
        record(Step::SeqBegin);
    }

    /// Makes the sequence even, right before the mmap lock is released or downgraded
    /// (`mm_lock_seqcount_end`).
    pub(crate) fn end(&self) {
        // ORDERING: Relaxed; only the mmap write owner writes the sequence.
        let sequence = self.sequence.load(Ordering::Relaxed);
        let order = if seeded(Mutant::H4a) { Ordering::Relaxed } else { Ordering::Release };
        // ORDERING: Release; pairs with the Acquire load in `raw_read`: a reader that sees the
        // section as finished sees everything that was stored in it (Linux fixed exactly this in
        // b1f02b95758d). Relaxed only as a mutant.
        // Kernel: a store-store barrier, which does not order the writer's loads; Release orders
        // both.
        self.sequence.store(step(sequence), order);
        record(Step::SeqEnd);
    }

    /// Reads the sequence, whatever its parity (`raw_read_seqcount`).
    #[inline]
    pub(crate) fn raw_read(&self) -> u64 {
        // ORDERING: Acquire; pairs with the Release in `end`. Relaxed only as a mutant.
        let order = if seeded(Mutant::H4b) { Ordering::Relaxed } else { Ordering::Acquire };
        self.sequence.load(order)
    }

    /// Reads the sequence without ordering: for the owner of the mmap write lock, and for guesses.
    #[inline]
    pub(crate) fn read_relaxed(&self) -> u64 {
        // ORDERING: Relaxed; the owner wrote it itself, and a guess is checked later.
        self.sequence.load(Ordering::Relaxed)
    }

    /// Samples the sequence for [`speculate_retry`](Self::speculate_retry); `Err` with the sample
    /// if a writer is active, so that speculation is pointless (`mmap_lock_speculate_try_begin`).
    /// Never waits.
    ///
    /// # Errors
    ///
    /// The sampled sequence, which is odd.
    #[inline]
    pub fn speculate_try_begin(&self) -> Result<u64, u64> {
        // ORDERING: Acquire; pairs with the Release in `end`: the speculation reads at least what
        // finished sections stored.
        let sequence = self.sequence.load(Ordering::Acquire);
        if sequence & 1 == 0 { Ok(sequence) } else { Err(sequence) }
    }

    /// Returns whether anything may have changed since `sequence` was sampled
    /// (`mmap_lock_speculate_retry`).
    ///
    /// True after *any* write section, even one that changed nothing; read locks do not matter.
    #[inline]
    #[must_use]
    pub fn speculate_retry(&self, sequence: u64) -> bool {
        // ORDERING: Acquire fence; pairs with the Release fence in `begin`: the speculative loads
        // before this line cannot have seen a section whose sequence the load below does not see.
        fence(Ordering::Acquire);
        // ORDERING: Relaxed, ordered after the speculative loads by the fence.
        self.sequence.load(Ordering::Relaxed) != sequence
    }
}

impl Default for MmLockSeq {
    fn default() -> Self {
        Self::new()
    }
}

/// The value after `sequence`.
fn step(sequence: u64) -> u64 {
    let next = sequence.wrapping_add(1);
    if seeded(Mutant::M30) { next & 3 } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speculation_fails_over_any_write_section() {
        let seq = MmLockSeq::new();
        let sample = seq.speculate_try_begin().expect("no thread writes");
        assert!(!seq.speculate_retry(sample));
        seq.begin();
        assert_eq!(seq.speculate_try_begin(), Err(1));
        assert!(seq.speculate_retry(sample));
        seq.end();
        assert!(seq.speculate_retry(sample), "the section is over, the sample is still stale");
        assert_eq!(seq.speculate_try_begin(), Ok(2));
    }
}
