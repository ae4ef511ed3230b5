//! The tree of an address space (`mm_mt`): readable under RCU, and then as stale as the reader is
//! slow.
//!
//! Readers walk an immutable snapshot without a lock and without a write; a writer builds the next
//! snapshot by copying one path and publishes it with one store. So a lookup can return a VMA that
//! was detached, or recycled, after the snapshot was taken: the per-VMA lock exists to notice that.
// Kernel: a maple tree in RCU mode, which replaces nodes one by one; here a whole edit becomes
// visible at once.

use std::fmt;
use std::ptr::NonNull;

use crossbeam_epoch::{Atomic, Shared};

use super::super::base::rcu::{RcuGuard, rcu_read_lock};
use super::super::base::sync::{AtomicU64, Ordering};
use super::super::base::warn::{WarningKind, warn_on};
use super::node::{Entry, Node};
use super::node_edit::Edit;
use super::vma::Vma;

/// The tree.
pub(crate) struct VmaTree {
    // INVARIANT: null (empty), or the root that the last edit published; destroyed after a grace
    // period.
    root: Atomic<Node>,
    /// How many edits were begun.
    n_edits: AtomicU64,
}

impl VmaTree {
    pub(crate) fn new() -> Self {
        Self { root: Atomic::null(), n_edits: AtomicU64::new(0) }
    }

    /// Runs `edit` and publishes its result (`vma_iter_store`, `vma_iter_clear`). The caller holds
    /// the mmap write lock.
    #[track_caller]
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Edit)) {
        let rcu = rcu_read_lock();
        // ORDERING: Acquire; pairs with the Release below: the nodes of the last edit.
        let old = self.root.load(Ordering::Acquire, &rcu.guard);
        // ORDERING: Relaxed; only uniqueness matters, and nodes of this edit are not shared before
        // it publishes.
        let id = self.n_edits.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the root was published by this function and is destroyed only after `rcu` ends;
        // the number is new.
        let mut next = unsafe { Edit::new(id, old.as_raw().cast_mut()) };
        edit(&mut next);
        let root = next.root();
        if std::ptr::eq(root, old.as_raw()) {
            return;
        }
        // ORDERING: Release on success; pairs with the Acquire loads of readers: they see whole
        // nodes. Relaxed on failure: nothing is read.
        let published = self.root.compare_exchange(
            old,
            Shared::from(root.cast_const()),
            Ordering::Release,
            Ordering::Relaxed,
            &rcu.guard,
        );
        if published.is_err() {
            // Two writers: one edit is lost, which is the callers' bug; the tree stays whole.
            warn_on(WarningKind::TreeWriterRace, std::ptr::from_ref(self).addr());
            // SAFETY: where the edit ended, and it was not published; `rcu` keeps what it shares
            // with the tree.
            unsafe { Edit::abandon(id, root) };
            return;
        }
        // SAFETY: it was just published.
        if let Some(replaced) = unsafe { next.finish() } {
            // SAFETY: the exchange removed the nodes from what readers find. It runs when every
            // reader that was on its way has left.
            unsafe { rcu.guard.defer_unchecked(move || replaced.give_back()) };
        }
    }

    /// Removes everything.
    pub(crate) fn clear_all(&self) {
        let rcu = rcu_read_lock();
        // ORDERING: AcqRel; Acquire pairs with the Release in `edit`, for the thread that destroys
        // the nodes; Release keeps this edit in the order of the others.
        let old = self.root.swap(Shared::null(), Ordering::AcqRel, &rcu.guard);
        if let Some(root) = NonNull::new(old.as_raw().cast_mut()) {
            // SAFETY: the swap removed the tree from the only place where readers find it, exactly
            // once.
            unsafe { rcu.guard.defer_unchecked(move || Node::destroy(root)) };
        }
    }

    /// The VMA that the present snapshot has at `addr`.
    pub(crate) fn covering(&self, addr: usize) -> Option<&'static Vma> {
        let rcu = rcu_read_lock();
        self.snapshot(&rcu)?.covering(addr).map(|entry| entry.vma)
    }

    /// The first entry that ends above `addr` in the present snapshot.
    pub(crate) fn ending_above(&self, addr: usize) -> Option<Entry> {
        let rcu = rcu_read_lock();
        self.snapshot(&rcu)?.ending_above(addr)
    }

    /// The root that readers find now; it stays whole while the section lasts.
    pub(crate) fn snapshot<'r>(&self, rcu: &'r RcuGuard) -> Option<&'r Node> {
        // ORDERING: Acquire; pairs with the Release in `edit`.
        let root = self.root.load(Ordering::Acquire, &rcu.guard);
        // SAFETY: the root is null or was published by `edit`, and is destroyed only after `rcu`
        // ends.
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

#[cfg(test)]
mod tests {
    use super::super::node::{N_CHILDREN, N_ENTRIES};
    use super::*;

    fn entry(start: usize) -> (usize, usize, &'static Vma) {
        (start, start + 10, Box::leak(Box::new(Vma::new())))
    }

    /// Against a BTreeMap, with a fixed pseudo-random sequence, so that splits and merges of all
    /// levels happen.
    #[test]
    fn agrees_with_a_btree_map() {
        let tree = VmaTree::new();
        let mut model = std::collections::BTreeMap::new();
        let mut state = 12345_usize;
        // Miri is a thousand times slower.
        let n_rounds = if cfg!(miri) { 1_500 } else { 20_000 };
        let n_starts = if cfg!(miri) { 600 } else { 3_000 };
        for round in 0..n_rounds {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let start = (state >> 33) % n_starts * 20;
            // Grows for the first half, shrinks in the second.
            if (state >> 20) % 8 < if round < n_rounds / 2 { 6 } else { 2 } {
                let (start, end, vma) = entry(start);
                tree.edit(|edit| edit.store(start, end, vma));
                model.insert(start, vma);
            } else if model.remove(&start).is_some() {
                tree.edit(|edit| edit.clear(start));
            }
            let probe = (state >> 13) % (n_starts * 20 + 100);
            let floor = model.range(..=probe).next_back().filter(|(start, _)| probe < **start + 10);
            assert!(same(tree.covering(probe), floor.map(|(_, vma)| *vma)), "covering {probe}");
            let above = floor.or_else(|| model.range(probe..).next());
            assert!(
                same(tree.ending_above(probe).map(|entry| entry.vma), above.map(|(_, vma)| *vma)),
                "ending above {probe}"
            );
        }
    }

    /// The same with ranges of any length, which grow over what others left: an address space
    /// merges and expands.
    #[test]
    fn ranges_that_reach_over_the_place_of_others_are_found() {
        let tree = VmaTree::new();
        let mut model = std::collections::BTreeMap::<usize, (usize, &'static Vma)>::new();
        let mut state = 54321_usize;
        let (n_rounds, n_starts) = if cfg!(miri) { (1_500, 2_000) } else { (150_000, 30_000) };
        let mut most = 0;
        for round in 0..n_rounds {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let start = (state >> 33) % n_starts;
            let next = model.range(start + 1..).next().map_or(n_starts + 100, |(next, _)| *next);
            // Grows, then shrinks, and so on, so that nodes of all levels are split and merged.
            let action = (state >> 20) % if round % (n_rounds / 4) < n_rounds / 8 { 6 } else { 11 };
            match action {
                // Up to the next one, or a little; where one starts already it grows or shrinks.
                0..4 => {
                    let is_free = model.range(..start).next_back().is_none_or(|(_, (end, _))| *end <= start);
                    if is_free {
                        let end = next.min(start + if action == 0 { 40 } else { 1 + action });
                        let vma = model.get(&start).map_or_else(|| entry(start).2, |(_, vma)| *vma);
                        tree.edit(|edit| edit.store(start, end, vma));
                        model.insert(start, (end, vma));
                    }
                }
                // As a merge does: the right one goes, and the left one reaches to its end.
                4 => {
                    let pair = model.range(..=start).next_back().map(|(left, _)| *left);
                    let right = model.range(start + 1..).next().map(|(right, of)| (*right, of.0));
                    if let (Some(left), Some((right, end))) = (pair, right)
                        && end - left < 80
                    {
                        model.remove(&right);
                        let vma = model[&left].1;
                        model.insert(left, (end, vma));
                        tree.edit(|edit| {
                            edit.clear(right);
                            edit.store(left, end, vma);
                        });
                    }
                }
                _ => {
                    if let Some(gone) = model.range(start..).next().map(|(gone, _)| *gone) {
                        model.remove(&gone);
                        tree.edit(|edit| edit.clear(gone));
                    }
                }
            }
            most = most.max(model.len());
            let probe = (state >> 13) % (n_starts + 200);
            let floor = model.range(..=probe).next_back().filter(|(_, (end, _))| probe < *end);
            assert!(same(tree.covering(probe), floor.map(|(_, (_, vma))| *vma)), "covering {probe}");
            let above = floor.or_else(|| model.range(probe..).next());
            assert!(
                same(tree.ending_above(probe).map(|entry| entry.vma), above.map(|(_, (_, vma))| *vma)),
                "ending above {probe}"
            );
        }
        assert!(cfg!(miri) || most > 2 * N_ENTRIES * N_CHILDREN, "three levels: {most}");
    }

    /// Many changes in one edit, which copies each node once and then changes it in place.
    #[test]
    fn an_edit_of_many_ranges_is_one_step() {
        let tree = VmaTree::new();
        let vmas: Vec<_> = (0..700).map(|n| entry(n * 20)).collect();
        tree.edit(|edit| vmas.iter().for_each(|&(start, end, vma)| edit.store(start, end, vma)));
        let rcu = rcu_read_lock();
        let before = tree.snapshot(&rcu).expect("not empty");
        tree.edit(|edit| {
            // Downwards, so that the first keys change; the last one twice, so that what the edit
            // made goes again.
            vmas.iter().rev().skip(1).for_each(|&(start, ..)| edit.clear(start));
            edit.store(5, 7, vmas[0].2);
            edit.clear(5);
            edit.clear(12345);
        });
        for (n, &(start, _, vma)) in vmas.iter().enumerate() {
            assert!(
                before.covering(start).is_some_and(|found| found.vma.is_same(vma)),
                "the old tree stays whole"
            );
            assert_eq!(tree.covering(start).is_some(), n == 699);
        }
        tree.edit(|edit| edit.clear(699 * 20));
        assert!(tree.snapshot(&rcu).is_none(), "an empty tree has no root");
    }

    /// Two tasks that change the tree at once break a rule; one edit is lost, and nothing else.
    #[test]
    fn racing_writers_leave_the_tree_whole() {
        let tree = VmaTree::new();
        let vmas: Vec<_> = (0..100).map(|n| entry(n * 20)).collect();
        tree.edit(|edit| vmas.iter().for_each(|&(start, end, vma)| edit.store(start, end, vma)));
        let ((), warnings) = super::super::super::base::warn::capture(|| {
            tree.edit(|outer| {
                outer.clear(0);
                outer.store(3, 5, vmas[1].2);
                tree.edit(|inner| inner.clear(40));
            });
        });
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].kind, WarningKind::TreeWriterRace);
        let missing: Vec<usize> = (0..100)
            .filter(|n| tree.covering(n * 20).is_none_or(|found| !found.is_same(vmas[*n].2)))
            .collect();
        assert_eq!(missing, [2], "the inner edit was first");
    }

    fn same(a: Option<&'static Vma>, b: Option<&'static Vma>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => a.is_same(b),
            (None, None) => true,
            _ => false,
        }
    }
}
