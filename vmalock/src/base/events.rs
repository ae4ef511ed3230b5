//! Counters of the locks of an address space: `VMA_LOCK_SUCCESS`, `ABORT`, `RETRY`, `MISS` of
//! `/proc/vmstat`, and how long waits took.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::super::probe::mutant::{Mutant, seeded};

/// How often the VMA lock of an address space sufficed, and how often it did not.
///
/// Each success is counted in a place that few threads share, so that counting does not join what
/// the locks keep apart.
#[derive(Debug, Default)]
pub struct VmaLockEvents {
    n_miss: AtomicU64,
    n_abort: AtomicU64,
    n_retry: AtomicU64,
    n_success: [Shard; N_SHARDS],
    pub(crate) after_abort: Waits,
    pub(crate) after_retry: Waits,
    pub(crate) after_miss: Waits,
}

const N_SHARDS: usize = 16;

/// A count with cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(AtomicU64);

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

std::thread_local! {
    /// Where the thread counts; `usize::MAX` until it counted first.
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn shard() -> usize {
    let known = SHARD.get();
    if known != usize::MAX {
        return known;
    }
    // ORDERING: Relaxed; only spreads the threads.
    let new = NEXT_SHARD.fetch_add(1, Ordering::Relaxed) % N_SHARDS;
    SHARD.set(new);
    new
}

impl VmaLockEvents {
    /// Returns the number of faults for which the VMA lock sufficed.
    #[must_use]
    pub fn n_success(&self) -> u64 {
        // ORDERING: Relaxed; a statistic.
        self.n_success.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum()
    }

    /// Returns the number of faults that had the VMA lock and could not go on under it: the mmap
    /// lock was taken instead.
    #[must_use]
    pub fn n_retry(&self) -> u64 {
        // ORDERING: Relaxed; a statistic.
        self.n_retry.load(Ordering::Relaxed)
    }

    /// Returns the number of lookups that met a detached VMA and looked again.
    #[must_use]
    pub fn n_miss(&self) -> u64 {
        // ORDERING: Relaxed; a statistic.
        self.n_miss.load(Ordering::Relaxed)
    }

    /// Returns the number of lookups that gave up: the caller takes the mmap lock instead.
    #[must_use]
    pub fn n_abort(&self) -> u64 {
        // ORDERING: Relaxed; a statistic.
        self.n_abort.load(Ordering::Relaxed)
    }

    /// Begins to count from zero, for a new life of the address space.
    pub(crate) fn reset(&self) {
        let counts = [&self.n_miss, &self.n_abort, &self.n_retry];
        for count in counts.into_iter().chain(self.n_success.iter().map(|shard| &shard.0)) {
            // ORDERING: Relaxed; a statistic.
            count.store(0, Ordering::Relaxed);
        }
        [&self.after_abort, &self.after_retry, &self.after_miss].into_iter().for_each(Waits::reset);
    }

    #[inline]
    pub(crate) fn success(&self) {
        // ORDERING: Relaxed; a statistic.
        self.n_success[shard()].0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn retry(&self) {
        // ORDERING: Relaxed; a statistic.
        self.n_retry.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn miss(&self) {
        // ORDERING: Relaxed; a statistic.
        self.n_miss.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn abort(&self) {
        if seeded(Mutant::M45) {
            return;
        }
        // ORDERING: Relaxed; a statistic.
        self.n_abort.fetch_add(1, Ordering::Relaxed);
    }
}

/// What was waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WaitKind {
    /// The mmap lock, for reading: waits that slept.
    MmapRead,
    /// The mmap lock, for writing: waits that slept.
    MmapWrite,
    /// The readers of a VMA that is write-locked or detached: waits that slept.
    VmaWrite,
    /// `VMA_LOCK_ABORT`: a fault that found no VMA lock, until it had the mmap lock, or knew that
    /// nothing is mapped.
    AfterAbort,
    /// `VMA_LOCK_RETRY`: a fault that could not go on under the VMA lock, until it had the mmap
    /// lock.
    AfterRetry,
    /// `VMA_LOCK_MISS`: a lookup that met a detached VMA, from there to its end.
    AfterMiss,
}

impl WaitKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::MmapRead,
        Self::MmapWrite,
        Self::VmaWrite,
        Self::AfterAbort,
        Self::AfterRetry,
        Self::AfterMiss,
    ];
}

/// How many powers of two of nanoseconds are distinguished: up to nine minutes.
const N_BUCKETS: usize = 40;

/// How long waits took, counted by powers of two of nanoseconds.
#[derive(Debug)]
pub(crate) struct Waits([AtomicU64; N_BUCKETS]);

impl Default for Waits {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; N_BUCKETS])
    }
}

impl Waits {
    pub(crate) fn record(&self, took: Duration) {
        let bucket = took.as_nanos().checked_ilog2().unwrap_or(0) as usize;
        // ORDERING: Relaxed; a statistic.
        self.0[bucket.min(N_BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reset(&self) {
        // ORDERING: Relaxed; a statistic.
        self.0.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
    }

    pub(crate) fn times(&self) -> WaitTimes {
        // ORDERING: Relaxed; a statistic.
        WaitTimes { buckets: std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed)) }
    }
}

/// A histogram of waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WaitTimes {
    buckets: [u64; N_BUCKETS],
}

impl WaitTimes {
    /// Returns how many waits there were.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the number of waits of `2^i` up to `2^(i+1)` nanoseconds, for each `i`.
    #[must_use]
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// Returns a time that `percent` of the waits did not exceed, rounded up to a power of two;
    /// none if there were no waits.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let wanted = (self.n() * percent.min(100)).div_ceil(100).max(1);
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|n| {
            seen += n;
            seen >= wanted
        })?;
        Some(Duration::from_nanos(2 << bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_upper_bounds() {
        let waits = Waits::default();
        assert_eq!(waits.times().percentile(50), None);
        (0..99).for_each(|_| waits.record(Duration::from_nanos(1000)));
        waits.record(Duration::from_millis(3));
        let times = waits.times();
        assert_eq!((times.n(), times.buckets()[9]), (100, 99));
        assert_eq!(times.percentile(99), Some(Duration::from_nanos(1024)));
        assert!(times.percentile(100).is_some_and(|most| most >= Duration::from_millis(3)));
        waits.record(Duration::ZERO);
        waits.record(Duration::MAX);
        assert_eq!(waits.times().n(), 102);
        waits.reset();
        assert_eq!(waits.times().n(), 0);
    }

    #[test]
    fn counts_of_many_threads_add_up() {
        let events = VmaLockEvents::default();
        std::thread::scope(|scope| {
            (0..40).for_each(|_| drop(scope.spawn(|| (0..100).for_each(|_| events.success()))));
        });
        assert_eq!(events.n_success(), 4000);
        events.reset();
        assert_eq!(events.n_success(), 0);
    }
}
