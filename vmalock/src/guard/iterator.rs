//! A position in the tree of an address space (`struct vma_iterator`).
//!
//! Source: `include/linux/mm_types.h`, `include/linux/mm.h` (v7.1).

use std::marker::PhantomData;

use super::super::base::rcu::RcuGuard;
use super::super::base::warn::{WarningKind, warn_on};
use super::super::object::mm::Mm;
use super::super::object::node::Node;
use super::super::object::vma::Vma;
use super::super::probe::reached;
use super::super::probe::step::Point;

/// A position in the tree (`struct vma_iterator`), to be used under RCU or under the mmap lock.
///
/// It keeps the snapshot in which it walks while one RCU section lasts. When the section ends the
/// snapshot may go, so the iterator must be [set](Self::set) before it is used again; forgetting
/// that was a bug in Linux (270065f514c5). Here it is a warning, and the iterator sets itself.
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
    /// Makes an iterator over `mm` that starts at `address` (`VMA_ITERATOR`).
    #[must_use]
    pub fn new(mm: &'mm Mm, address: usize) -> Self {
        Self { mm, address, state: None, _not_send: PhantomData }
    }

    /// Returns the address space.
    #[must_use]
    pub fn mm(&self) -> &'mm Mm {
        self.mm
    }

    /// Moves the iterator to `address` and forgets its snapshot (`vma_iter_set`).
    pub fn set(&mut self, address: usize) {
        self.address = address;
        self.state = None;
    }

    /// Moves the iterator to `address` in the snapshot that it walks.
    pub(crate) fn move_to(&mut self, address: usize) {
        self.address = address;
    }

    /// Returns the VMA at the iterator's address, as the snapshot has it (`mas_walk`). It may be
    /// stale.
    #[track_caller]
    pub fn walk(&mut self, rcu: &RcuGuard) -> Option<&'static Vma> {
        let address = self.address;
        self.snapshot(rcu)?.covering(address).map(|entry| entry.vma)
    }

    /// Returns the first VMA that ends above the iterator's address, and moves behind it
    /// (`vma_next`). It may be stale.
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
                // SAFETY: `node` was loaded in this very RCU section of this thread (neither the
                // iterator nor the guard can change threads, and section numbers are not used
                // twice), so its grace period has not ended.
                Some(unsafe { &*node })
            }
            _ => {
                if self.state.take().is_some() {
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
    use super::super::super::base::rcu::rcu_read_lock;
    use super::super::super::object::mm::MmRef;
    use super::*;

    #[test]
    fn an_open_section_keeps_its_snapshot_and_a_new_one_demands_set() {
        let mm = MmRef::new();
        let (start, end) = (0, 10);
        let vma: &'static Vma = Box::leak(Box::new(Vma::new()));
        mm.mm_mt.edit(|edit| edit.store(start, end, vma));
        let mut iterator = VmaIterator::new(&mm, 5);
        let rcu = rcu_read_lock();
        assert!(iterator.walk(&rcu).is_some());
        mm.mm_mt.clear_all();
        assert!(iterator.walk(&rcu).is_some(), "the snapshot is stale, as it should be");
        drop(rcu);
        let rcu = rcu_read_lock();
        let (found, warnings) = super::super::super::base::warn::capture(|| iterator.walk(&rcu));
        assert!(found.is_none());
        assert_eq!(warnings[0].kind, WarningKind::IteratorStale);
    }
}
