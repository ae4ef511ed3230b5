//! The tree of an address space (`mm_mt`): readable under RCU, and then as stale as the reader is slow.
//!
//! Readers walk an immutable snapshot without a lock and without a write; a writer builds the next snapshot by copying
//! one path and publishes it with one store. So a lookup can return a VMA that was detached, or recycled, after the
//! snapshot was taken: the per-VMA lock exists to notice that.
// Kernel: a maple tree in RCU mode, which replaces nodes one by one; here a whole edit becomes visible at once.

use std::fmt;
use std::marker::PhantomData;

use crossbeam_epoch::{Atomic, Owned, Shared};

use super::mm::Mm;
use super::node::{Entry, Node};
use super::probe::reached;
use super::rcu::{RcuGuard, rcu_read_lock};
use super::step::Point;
use super::sync::Ordering;
use super::vma::Vma;
use super::warn::{WarningKind, warn_on};

/// The tree.
pub(crate) struct VmaTree {
    // INVARIANT: null (empty) or an `Owned<Node>` that is replaced, never changed, and destroyed after a grace period.
    root: Atomic<Node>,
}

/// Edits of the tree that become visible together.
pub(crate) struct Edit {
    root: Option<Node>,
}

impl Edit {
    /// Maps `vma` at `start..end`.
    pub(crate) fn store(&mut self, start: usize, end: usize, vma: &'static Vma) {
        let entry = Entry { start, end, vma };
        self.root = Some(self.root.as_ref().map_or_else(|| Node::of(entry), |root| root.with(entry)));
    }

    /// Clears what starts at `start`.
    pub(crate) fn clear(&mut self, start: usize) {
        self.root = self.root.as_ref().and_then(|root| root.without(start));
    }
}

impl VmaTree {
    pub(crate) fn new() -> Self {
        Self { root: Atomic::null() }
    }

    /// Runs `edit` and publishes its result (`vma_iter_store`, `vma_iter_clear`). The caller holds the mmap write lock.
    #[track_caller]
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Edit)) {
        let rcu = rcu_read_lock();
        // ORDERING: Acquire; pairs with the Release below: the nodes of the last edit.
        let old = self.root.load(Ordering::Acquire, &rcu.guard);
        // SAFETY: the root is null or was published by this function, and is destroyed only after `rcu` ends.
        let root = unsafe { old.as_ref() }.cloned();
        let mut next = Edit { root };
        edit(&mut next);
        let outcome = match next.root {
            // ORDERING: Release on success; pairs with the Acquire loads of readers: they see whole nodes. Relaxed on
            // failure: nothing is read.
            Some(root) => self
                .root
                .compare_exchange(old, Owned::new(root), Ordering::Release, Ordering::Relaxed, &rcu.guard)
                .is_ok(),
            None => self
                .root
                // ORDERING: as above.
                .compare_exchange(old, Shared::null(), Ordering::Release, Ordering::Relaxed, &rcu.guard)
                .is_ok(),
        };
        if !outcome {
            // Two writers: one edit is lost, which is the callers' bug; the tree stays whole.
            warn_on(WarningKind::TreeWriterRace, std::ptr::from_ref(self).addr());
        } else if !old.is_null() {
            // SAFETY: the exchange removed `old` from the only place where readers find it, exactly once.
            unsafe { rcu.guard.defer_destroy(old) };
        }
    }

    /// Removes everything.
    pub(crate) fn clear_all(&self) {
        self.edit(|edit| edit.root = None);
    }

    /// The VMA that the present snapshot has at `addr`.
    pub(crate) fn covering(&self, addr: usize) -> Option<&'static Vma> {
        let rcu = rcu_read_lock();
        self.snapshot(&rcu)?.covering(addr).map(|entry| entry.vma)
    }

    /// The first VMA that ends above `addr` in the present snapshot.
    pub(crate) fn ending_above(&self, addr: usize) -> Option<&'static Vma> {
        let rcu = rcu_read_lock();
        self.snapshot(&rcu)?.ending_above(addr).map(|entry| entry.vma)
    }

    fn snapshot<'r>(&self, rcu: &'r RcuGuard) -> Option<&'r Node> {
        // ORDERING: Acquire; pairs with the Release in `edit`.
        let root = self.root.load(Ordering::Acquire, &rcu.guard);
        // SAFETY: the root is null or was published by `edit`, and is destroyed only after `rcu` ends.
        unsafe { root.as_ref() }
    }
}

impl Drop for VmaTree {
    fn drop(&mut self) {
        self.clear_all();
    }
}

impl fmt::Debug for VmaTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VmaTree")
    }
}

/// A position in the tree (`struct vma_iterator`), to be used under RCU or under the mmap lock.
///
/// It keeps the snapshot in which it walks while one RCU section lasts. When the section ends the snapshot may go, so
/// the iterator must be [set](Self::set) before it is used again; forgetting that was a bug in Linux (270065f514c5).
/// Here it is a warning, and the iterator sets itself.
#[derive(Debug)]
pub struct VmaIterator<'mm> {
    mm: &'mm Mm,
    /// What [`next`](Self::next) searches above.
    address: usize,
    // INVARIANT: if set, the snapshot was loaded in the RCU section of that number of this thread.
    state: Option<(u64, *const Node)>,
    _not_send: PhantomData<*const ()>,
}

impl<'mm> VmaIterator<'mm> {
    /// An iterator over `mm` that starts at `address` (`VMA_ITERATOR`).
    #[must_use]
    pub fn new(mm: &'mm Mm, address: usize) -> Self {
        Self { mm, address, state: None, _not_send: PhantomData }
    }

    /// The address space.
    #[must_use]
    pub fn mm(&self) -> &'mm Mm {
        self.mm
    }

    /// Moves the iterator to `address` and forgets its snapshot (`vma_iter_set`).
    pub fn set(&mut self, address: usize) {
        self.address = address;
        self.state = None;
    }

    /// The VMA at the iterator's address, as the snapshot has it (`mas_walk`). It may be stale.
    #[track_caller]
    pub fn walk(&mut self, rcu: &RcuGuard) -> Option<&'static Vma> {
        let address = self.address;
        self.snapshot(rcu)?.covering(address).map(|entry| entry.vma)
    }

    /// The first VMA that ends above the iterator's address, and moves behind it (`vma_next`). It may be stale.
    #[track_caller]
    pub fn next(&mut self, rcu: &RcuGuard) -> Option<&'static Vma> {
        let address = self.address;
        let entry = self.snapshot(rcu)?.ending_above(address)?;
        self.address = entry.end;
        Some(entry.vma)
    }

    /// The snapshot that the iterator walks in this section.
    #[track_caller]
    fn snapshot<'r>(&mut self, rcu: &'r RcuGuard) -> Option<&'r Node> {
        match self.state {
            Some((section, node)) if section == rcu.section() => {
                // SAFETY: `node` was loaded in this very RCU section of this thread (neither the iterator nor the guard
                // can change threads, and section numbers are not used twice), so its grace period has not ended.
                Some(unsafe { &*node })
            }
            state => {
                if state.is_some() {
                    warn_on(WarningKind::IteratorStale, self.mm.address());
                }
                reached(Point::TreeWalk);
                let node = self.mm.mm_mt.snapshot(rcu)?;
                self.state = Some((rcu.section(), std::ptr::from_ref(node)));
                Some(node)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mm::MmRef;
    use super::*;

    fn entry(start: usize) -> (usize, usize, &'static Vma) {
        (start, start + 10, Box::leak(Box::new(Vma::new())))
    }

    /// Against a BTreeMap, with a fixed pseudo-random sequence, so that splits and merges of all levels happen.
    #[test]
    fn agrees_with_a_btree_map() {
        let tree = VmaTree::new();
        let mut model = std::collections::BTreeMap::new();
        let mut state = 12345_usize;
        for round in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let start = (state >> 33) % 3000 * 20;
            // Grows for the first half, shrinks in the second.
            if (state >> 20) % 8 < if round < 10_000 { 6 } else { 2 } {
                let (start, end, vma) = entry(start);
                tree.edit(|edit| edit.store(start, end, vma));
                model.insert(start, vma);
            } else if model.remove(&start).is_some() {
                tree.edit(|edit| edit.clear(start));
            }
            let probe = (state >> 13) % 60_100;
            let floor = model.range(..=probe).next_back().filter(|(start, _)| probe < **start + 10);
            assert!(same(tree.covering(probe), floor.map(|(_, vma)| *vma)), "covering {probe}");
            let above = floor.or_else(|| model.range(probe..).next());
            assert!(same(tree.ending_above(probe), above.map(|(_, vma)| *vma)), "ending above {probe}");
        }
    }

    fn same(a: Option<&'static Vma>, b: Option<&'static Vma>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => a.is_same(b),
            (None, None) => true,
            _ => false,
        }
    }

    #[test]
    fn an_open_section_keeps_its_snapshot_and_a_new_one_demands_set() {
        let mm = MmRef::new();
        let (start, end, vma) = entry(0);
        mm.mm_mt.edit(|edit| edit.store(start, end, vma));
        let mut iterator = VmaIterator::new(&mm, 5);
        let rcu = rcu_read_lock();
        assert!(iterator.walk(&rcu).is_some());
        mm.mm_mt.clear_all();
        assert!(iterator.walk(&rcu).is_some(), "the snapshot is stale, as it should be");
        drop(rcu);
        let rcu = rcu_read_lock();
        let (found, warnings) = super::super::warn::capture(|| iterator.walk(&rcu));
        assert!(found.is_none());
        assert_eq!(warnings[0].kind, WarningKind::IteratorStale);
    }
}
