//! What one task holds beyond the locks whose order it is asked about.

use rustc_hash::FxHashMap;

use super::held::HeldLock;
use crate::base::id::LockId;

/// How many held locks of one task are ordered against what it acquires. Each of them costs time at
/// every acquisition that no cache knows and at every release that is not the newest: twenty
/// thousand made that half a minute.
pub(crate) const MAX_ORDERED: usize = 1024;

/// A lock held beyond [`MAX_ORDERED`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverflowEntry {
    /// The first acquisition that is still held.
    pub(crate) held: HeldLock,
    /// How often the lock is held.
    n: u32,
    /// How many contexts had been entered.
    depth: usize,
}

/// Locks that are known to be held, and by which nothing is ordered. Found by the lock, whatever
/// their number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overflow(FxHashMap<LockId, OverflowEntry>);

impl Overflow {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, lock: LockId) -> Option<&HeldLock> {
        self.0.get(&lock).map(|entry| &entry.held)
    }

    pub(crate) fn get_mut(&mut self, lock: LockId) -> Option<&mut HeldLock> {
        self.0.get_mut(&lock).map(|entry| &mut entry.held)
    }

    pub(crate) fn add(&mut self, held: HeldLock, depth: usize) {
        let entry = self.0.entry(held.lock).or_insert(OverflowEntry { held, n: 0, depth });
        entry.n = entry.n.saturating_add(1);
    }

    /// Takes one acquisition of the lock away; `false` if there is none.
    pub(crate) fn remove(&mut self, lock: LockId) -> bool {
        let Some(entry) = self.0.get_mut(&lock) else { return false };
        entry.n -= 1;
        if entry.n == 0 {
            self.0.remove(&lock);
        }
        true
    }

    /// Every lock.
    pub(crate) fn all(&self) -> impl Iterator<Item = &HeldLock> {
        self.0.values().map(|entry| &entry.held)
    }

    /// Takes away what was acquired since `depth` contexts had been entered.
    pub(crate) fn leave(&mut self, depth: usize) -> Vec<HeldLock> {
        let left = self.0.extract_if(|_, entry| entry.depth >= depth);
        left.map(|(_, entry)| entry.held).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
