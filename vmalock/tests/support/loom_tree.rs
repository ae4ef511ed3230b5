//! The tree over loom: as the real one, it publishes a whole snapshot with one store, and readers
//! keep what they found.

use super::node::{Entry, Node};
use super::super::base::rcu::RcuGuard;
use super::super::base::sync::{AtomicPtr, Ordering};
use super::vma::Vma;

#[derive(Debug)]
pub(crate) struct VmaTree {
    // Snapshots are never freed: one execution makes few.
    root: AtomicPtr<Node>,
}

/// What an edit may do to its copy.
pub(crate) struct Edit(Node);

impl Edit {
    pub(crate) fn store(&mut self, start: usize, end: usize, vma: &'static Vma) {
        self.0.0.retain(|entry| entry.start != start);
        self.0.0.push(Entry { start, end, vma });
        self.0.0.sort_by_key(|entry| entry.start);
    }
}

impl VmaTree {
    pub(crate) fn new() -> Self {
        Self { root: AtomicPtr::new(Box::into_raw(Box::<Node>::default())) }
    }

    /// The caller holds the mmap write lock.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Edit)) {
        // ORDERING: Acquire and Release, as in the real one.
        let mut next = Edit(self.at(Ordering::Acquire).clone());
        edit(&mut next);
        self.root.store(Box::into_raw(Box::new(next.0)), Ordering::Release);
    }

    pub(crate) fn clear_all(&self) {}

    pub(crate) fn covering(&self, addr: usize) -> Option<&'static Vma> {
        self.at(Ordering::Acquire).covering(addr).map(|entry| entry.vma)
    }

    pub(crate) fn ending_above(&self, addr: usize) -> Option<Entry> {
        self.at(Ordering::Acquire).ending_above(addr)
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the real one, where an empty tree has no root")]
    pub(crate) fn snapshot<'r>(&self, _rcu: &'r RcuGuard) -> Option<&'r Node> {
        Some(self.at(Ordering::Acquire))
    }

    fn at(&self, order: Ordering) -> &'static Node {
        // ORDERING: the caller's, who says why.
        let root = self.root.load(order);
        // SAFETY: made from a box that is never freed, and never changed once it is here.
        unsafe { &*root }
    }
}
