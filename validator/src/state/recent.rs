//! What was last validated for each lock of a class that nests in itself, or is suspect.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 1 << 10;
const N_CHUNKS: usize = 1 << 10;

/// Slots of the pool; a power of two.
const N_POOLED: usize = 1 << 16;

/// The key that was last validated for each instance number (modulo a million). So the second walk
/// over a long list, or a tree, finds each of its steps known without a lock. What a newer key
/// pushed out is in a pool for all. So locks that nest in many ways (shards, two at a time) are
/// known as well. A cache: losing an entry costs time only.
///
/// Instance numbers are dense, hence so is the memory: eight bytes for each lock between the first
/// and the last, and half a megabyte for the pool as soon as anything is pushed out.
#[derive(Debug)]
pub(crate) struct Recent {
    chunks: Box<[OnceLock<Box<[AtomicU64]>>]>,
    pool: OnceLock<Box<[AtomicU64]>>,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self { chunks: (0..N_CHUNKS).map(|_| OnceLock::new()).collect(), pool: OnceLock::new() }
    }

    /// Whether `key` was validated for the instance.
    #[inline]
    pub(crate) fn has(&self, instance: u64, key: u64) -> bool {
        let (chunk, offset) = place(instance);
        let last = self.chunks.get(chunk).and_then(OnceLock::get).and_then(|chunk| chunk.get(offset));
        let older = || self.pool.get().and_then(|pool| pool.get(pooled(key)));
        // ORDERING: Relaxed: a key names all it stands for, and what it stands for was learned
        // under the knowledge lock before it was stored. Nothing is read through it.
        let is_in = |slot: &AtomicU64| slot.load(Ordering::Relaxed) == key;
        key != 0 && (last.is_some_and(is_in) || older().is_some_and(is_in))
    }

    /// Remembers what was validated for the instance.
    pub(crate) fn remember(&self, instance: u64, key: u64) {
        let (chunk, offset) = place(instance);
        let Some(chunk) = self.chunks.get(chunk) else { return };
        let Some(last) = chunk.get_or_init(|| empty(CHUNK)).get(offset) else { return };
        // ORDERING: Relaxed: see `has`. Two threads at once lose a key, which costs time only.
        let pushed_out = last.load(Ordering::Relaxed);
        if pushed_out != 0 && pushed_out != key {
            let pool = self.pool.get_or_init(|| empty(N_POOLED));
            if let Some(slot) = pool.get(pooled(pushed_out)) {
                // ORDERING: Relaxed: see `has`.
                slot.store(pushed_out, Ordering::Relaxed);
            }
        }
        // ORDERING: Relaxed: see `has`.
        last.store(key, Ordering::Relaxed);
    }
}

fn empty(n_slots: usize) -> Box<[AtomicU64]> {
    (0..n_slots).map(|_| AtomicU64::new(0)).collect()
}

#[inline]
fn pooled(key: u64) -> usize {
    // The upper bits of a product are its best.
    #[expect(clippy::cast_possible_truncation, reason = "masked by the shift")]
    {
        (key >> (u64::BITS - N_POOLED.ilog2())) as usize
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both parts are masked to a few bits")]
fn place(instance: u64) -> (usize, usize) {
    ((instance as usize / CHUNK) % N_CHUNKS, instance as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_key_of_an_instance_is_known() {
        let recent = Recent::new();
        assert!(!recent.has(5, 77));
        recent.remember(5, 77);
        assert!(recent.has(5, 77) && !recent.has(6, 77));
        recent.remember(5 + (CHUNK * N_CHUNKS) as u64, 78);
        assert!(recent.has(5, 78) && recent.has(5, 77), "the key that was pushed out went to the pool");
    }

    #[test]
    fn a_lock_that_nests_in_many_ways_is_known_in_all_of_them() {
        let recent = Recent::new();
        let key = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (1..=1000).for_each(|n| recent.remember(n % 64, key(n)));
        let n_known = (1..=1000).filter(|n| recent.has(n % 64, key(*n))).count();
        assert!(n_known > 950, "{n_known}");
        assert!(!recent.has(3, key(1001)) && !recent.has(3, 0));
    }
}
