//! The nodes of the VMA tree: a B+tree whose published nodes never change.
//!
//! An edit copies the path that it changes and shares the rest; what it copied for itself it then
//! changes in place, so an edit of many ranges copies each node at most once. The copied originals
//! stay for readers that are on their way, and are handed back by the edit, to be destroyed after a
//! grace period.
//!
//! The shape serves the reader, who walks a large tree cold. A node is seven cache lines. Its keys
//! are scanned without a branch to mispredict and without one load waiting for another, so the
//! lines of a node arrive together: a level costs one memory latency, not one for each step of a
//! binary search. In a leaf, what belongs to a key lies beside it and came along.

use std::cell::Cell;
use std::ptr::NonNull;

use super::node_pool;
use super::vma::Vma;

/// The largest number of ranges of a leaf.
pub(super) const N_ENTRIES: usize = 17;
/// The largest number of children of an inner node. The two kinds of node have the same size.
pub(super) const N_CHILDREN: usize = 26;

/// Above every address: what an empty place reads.
pub(super) const ABOVE_ALL: usize = isize::MAX.cast_unsigned();

/// 1 if `key` is above `addr`, else 0: the borrow of a subtraction, which the compiler does for
/// several keys at a time. Both are at most `isize::MAX`.
#[inline(always)]
fn is_above(key: usize, addr: usize) -> usize {
    addr.wrapping_sub(key) >> (usize::BITS - 1)
}

/// `addr` as something to compare keys with: nothing is mapped up there.
#[inline(always)]
pub(super) fn comparable(addr: usize) -> usize {
    addr.min(ABOVE_ALL - 1)
}

/// One range of the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) vma: &'static Vma,
}

/// The place of an [`Entry`] in a leaf. An empty one is above every address.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) vma: Option<&'static Vma>,
}

/// A subtree and the lowest key that it was made for.
#[derive(Clone, Copy)]
pub(super) struct Child {
    pub(super) key: usize,
    pub(super) link: Link,
}

/// The children of an inner node. The keys of empty places are above every address.
#[derive(Clone, Copy)]
pub(super) struct Children {
    pub(super) keys: [usize; N_CHILDREN],
    pub(super) links: [Option<Link>; N_CHILDREN],
}

/// A pointer to a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Link(pub(super) NonNull<Node>);

/// The subtree under a root. Owned: made by an edit, given up with [`destroy`](Self::destroy).
#[repr(C, align(64))]
pub(crate) struct Node {
    /// The next node of a chain of nodes to be used again.
    // INVARIANT: looked at only by who owns a chain that the node is in; readers of the tree leave
    // it alone.
    pub(super) next: Cell<Option<NonNull<Self>>>,
    /// The edit that made the node: the only one that may change it, and only before it publishes.
    pub(super) edit: u64,
    /// How many places are taken.
    // INVARIANT: at least 1 in a published node, and the taken places come first, in ascending
    // order.
    pub(super) len: u32,
    pub(super) body: Body,
}

#[derive(Clone, Copy)]
pub(super) enum Body {
    // INVARIANT: sorted, not overlapping.
    Leaf([Slot; N_ENTRIES]),
    // INVARIANT: all keys of a child lie between its own key and the next one; the first child
    // takes what is below its key, too. All leaves are at one depth.
    Inner(Children),
}

pub(super) const EMPTY: Slot = Slot { start: ABOVE_ALL, end: ABOVE_ALL, vma: None };

// SAFETY: a published node is immutable but for `next`, which belongs to one thread at a time, and
// what it points to is `Sync`; an unpublished one belongs to one edit.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

/// How many slots start at `addr` or below.
#[inline(always)]
fn n_starting_at(slots: &[Slot; N_ENTRIES], addr: usize) -> usize {
    N_ENTRIES - slots.iter().fold(0, |n, slot| n + is_above(slot.start, addr))
}

/// How many slots end at `addr` or below.
#[inline(always)]
fn n_ending_at(slots: &[Slot; N_ENTRIES], addr: usize) -> usize {
    N_ENTRIES - slots.iter().fold(0, |n, slot| n + is_above(slot.end, addr))
}

/// Where a slot that starts at `start` is, or would be.
pub(super) fn position(slots: &[Slot; N_ENTRIES], start: usize) -> usize {
    start.checked_sub(1).map_or(0, |below| n_starting_at(slots, below))
}

impl Children {
    pub(super) const NONE: Self = Self { keys: [ABOVE_ALL; N_CHILDREN], links: [None; N_CHILDREN] };

    /// The child in whose key range `addr` lies.
    #[inline(always)]
    pub(super) fn index(&self, addr: usize) -> usize {
        let n_above = self.keys.iter().fold(0, |n, &key| n + is_above(key, addr));
        (N_CHILDREN - n_above).saturating_sub(1)
    }

    pub(super) fn open(&mut self, index: usize, child: Child) {
        open(&mut self.keys, index, child.key);
        open(&mut self.links, index, Some(child.link));
    }

    pub(super) fn close(&mut self, index: usize) {
        close(&mut self.keys, index, ABOVE_ALL);
        close(&mut self.links, index, None);
    }
}

impl Node {
    pub(super) fn make(edit: u64, len: u32, body: &Body) -> Link {
        let node = node_pool::take();
        // SAFETY: memory for a node that no other code refers to. `body` is not in it: that is
        // another node's, or on the stack.
        unsafe {
            let place = node.as_ptr();
            (&raw mut (*place).next).write(Cell::new(None));
            (&raw mut (*place).edit).write(edit);
            (&raw mut (*place).len).write(len);
            (&raw mut (*place).body).copy_from_nonoverlapping(body, 1);
        }
        Link(node)
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The entry that covers `addr`.
    #[inline]
    pub(crate) fn covering(&self, addr: usize) -> Option<Entry> {
        let addr = comparable(addr);
        let mut node = self;
        loop {
            match &node.body {
                Body::Leaf(slots) => {
                    let slot = slots[n_starting_at(slots, addr).checked_sub(1)?];
                    return if addr < slot.end { slot.entry() } else { None };
                }
                Body::Inner(children) => node = node.child(children, children.index(addr))?,
            }
        }
    }

    /// The first entry that ends above `addr`.
    pub(crate) fn ending_above(&self, addr: usize) -> Option<Entry> {
        let addr = comparable(addr);
        match &self.body {
            Body::Leaf(slots) => slots.get(n_ending_at(slots, addr))?.entry(),
            Body::Inner(children) => {
                let index = children.index(addr);
                // The child may hold `addr` in its key range and still end below it; then it is the
                // next one's first. The depth of the recursion is the height of the tree.
                (index..self.len()).take(2).find_map(|index| self.child(children, index)?.ending_above(addr))
            }
        }
    }

    /// The child at `index`, living as long as this node.
    #[inline(always)]
    fn child<'n>(&'n self, children: &'n Children, index: usize) -> Option<&'n Self> {
        // SAFETY: a node's children are destroyed after it, no matter what keeps it: readers pin
        // the epoch in which they found the root, and an edit gives a child up only together with,
        // or after, every node that points to it.
        children.links[index].map(|link| unsafe { link.0.as_ref() })
    }

    /// The lowest key.
    pub(super) fn first_key(&self) -> usize {
        match &self.body {
            Body::Leaf(slots) => slots[0].start,
            Body::Inner(children) => children.keys[0],
        }
    }

    /// Destroys a subtree. Recursive; the depth is the height of the tree.
    ///
    /// # Safety
    ///
    /// `root` was made by an edit, and no reader can reach it, now or later.
    pub(crate) unsafe fn destroy(root: NonNull<Self>) {
        // SAFETY: the caller vouches that the node is its own.
        if let Body::Inner(children) = unsafe { &root.as_ref().body } {
            for link in children.links.iter().flatten() {
                // SAFETY: a child has one parent in the tree of one root, and that is going.
                unsafe { Self::destroy(link.0) };
            }
        }
        // SAFETY: the caller vouches that no reader can reach it, and so it is in no chain.
        unsafe { node_pool::give_back(root) };
    }
}

impl Slot {
    #[inline]
    fn entry(self) -> Option<Entry> {
        let Self { start, end, vma } = self;
        vma.map(|vma| Entry { start, end, vma })
    }
}

/// Opens a place at `index`; what was last falls out.
pub(super) fn open<T: Copy>(places: &mut [T], index: usize, place: T) {
    let end = places.len() - 1;
    places.copy_within(index..end, index + 1);
    places[index] = place;
}

/// Closes the place at `index`; the last one becomes empty.
pub(super) fn close<T: Copy>(places: &mut [T], index: usize, empty: T) {
    places.copy_within(index + 1.., index);
    if let Some(last) = places.last_mut() {
        *last = empty;
    }
}
