//! What was last validated for each lock of a class that nests in itself, or is suspect.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 1 << 10;
const N_CHUNKS: usize = 1 << 10;

/// One key for each instance number (modulo a million), so that a traversal of a long list, or of a tree, finds each of its
/// steps known on the second walk without a lock. A cache: losing an entry costs time only.
///
/// Instance numbers are dense, hence so is the memory: eight bytes for each lock between the first and the last.
#[derive(Debug)]
pub(crate) struct Recent {
    chunks: Box<[OnceLock<Box<[AtomicU64]>>]>,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self { chunks: (0..N_CHUNKS).map(|_| OnceLock::new()).collect() }
    }

    /// Whether `key` is what was last validated for the instance.
    #[inline]
    pub(crate) fn has(&self, instance: u64, key: u64) -> bool {
        let (chunk, offset) = place(instance);
        let slot = self.chunks.get(chunk).and_then(OnceLock::get).and_then(|chunk| chunk.get(offset));
        // ORDERING: Relaxed: a key names all it stands for, and what it stands for was learned under the knowledge lock
        // before it was stored. Nothing is read through it.
        slot.is_some_and(|slot| slot.load(Ordering::Relaxed) == key)
    }

    /// Remembers what was validated for the instance.
    pub(crate) fn remember(&self, instance: u64, key: u64) {
        let (chunk, offset) = place(instance);
        let Some(chunk) = self.chunks.get(chunk) else { return };
        let slots = chunk.get_or_init(|| (0..CHUNK).map(|_| AtomicU64::new(0)).collect());
        if let Some(slot) = slots.get(offset) {
            // ORDERING: Relaxed: see `has`.
            slot.store(key, Ordering::Relaxed);
        }
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
        assert!(!recent.has(5, 77), "the place was taken");
    }
}
