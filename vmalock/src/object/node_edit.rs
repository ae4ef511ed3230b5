//! Editing the VMA tree: copies the paths that change, and keeps account of what the copies
//! replace.

use std::ptr::NonNull;

use smallvec::SmallVec;

use super::node::{
    ABOVE_ALL, Body, Child, Children, EMPTY, Link, N_CHILDREN, N_ENTRIES, Node, Slot, close, comparable,
    open, position,
};
use super::node_pool::{self, Chain};
use super::vma::Vma;

/// The nodes that an edit replaced.
type Replaced = SmallVec<[NonNull<Node>; 16]>;

/// Edits of the tree that become visible together.
pub(crate) struct Edit {
    /// No two edits have the same.
    id: u64,
    root: Option<Link>,
    // INVARIANT: made by earlier edits, each once; nothing below the present root points to them.
    replaced: Replaced,
}

impl Edit {
    /// Begins an edit of the tree under `root`, numbered `id`.
    ///
    /// # Safety
    ///
    /// `root` is null or came from an earlier edit, and cannot be destroyed while this one lives.
    /// No other edit has `id`.
    pub(crate) unsafe fn new(id: u64, root: *mut Node) -> Self {
        Self { id, root: NonNull::new(root).map(Link), replaced: Replaced::new() }
    }

    /// The new root; null for an empty tree.
    pub(crate) fn root(&self) -> *mut Node {
        self.root.map_or(std::ptr::null_mut(), |link| link.0.as_ptr())
    }

    /// What the new root replaces, to be [given back](Chain::give_back) after a grace period.
    ///
    /// # Safety
    ///
    /// The edit was published: no other one will look at what it replaced.
    pub(crate) unsafe fn finish(self) -> Option<Chain> {
        // SAFETY: each was replaced by this edit, once, and by no other: only one edit of a root is
        // published.
        unsafe { Chain::new(&self.replaced) }
    }

    /// Destroys what edit `id` made below `root`, when it was not published.
    ///
    /// # Safety
    ///
    /// `root` is where that edit ended, and no other thread has seen it.
    pub(crate) unsafe fn abandon(id: u64, root: *mut Node) {
        let Some(link) = NonNull::new(root) else { return };
        // SAFETY: either the edit made it, then it is its own; or it is shared with the published
        // tree, then it is only looked at, and the epoch that the caller pins keeps it.
        if unsafe { link.as_ref() }.edit != id {
            return;
        }
        // SAFETY: made by this edit, seen by no other thread.
        if let Body::Inner(children) = unsafe { &link.as_ref().body } {
            for link in children.links.iter().flatten() {
                // SAFETY: as for the root.
                unsafe { Self::abandon(id, link.0.as_ptr()) };
            }
        }
        // SAFETY: as above, and in no chain: what an edit made for itself it does not replace.
        unsafe { node_pool::give_back(link) };
    }

    /// Maps `vma` at `start..end`, or replaces what starts at `start`.
    pub(crate) fn store(&mut self, start: usize, end: usize, vma: &'static Vma) {
        let slot = Slot { start, end, vma: Some(vma) };
        let Some(root) = self.root else {
            let mut slots = [EMPTY; N_ENTRIES];
            slots[0] = slot;
            self.root = Some(Node::make(self.id, 1, &Body::Leaf(slots)));
            return;
        };
        let left = self.own(root);
        self.root = Some(left);
        if let Some(right) = self.insert(left, slot) {
            let mut children = Children::NONE;
            children.open(0, Child { key: self.node(left).first_key(), link: left });
            children.open(1, right);
            self.root = Some(Node::make(self.id, 2, &Body::Inner(children)));
        }
    }

    /// Clears what starts at `start`.
    pub(crate) fn clear(&mut self, start: usize) {
        // Copies nothing if there is nothing.
        let Some(root) = self.root else { return };
        if self.node(root).covering(start).is_none_or(|entry| entry.start != start) {
            return;
        }
        let root = self.own(root);
        self.root = Some(root);
        self.remove(root, start);
        match &self.node(root).body {
            _ if self.node(root).len == 0 => self.root = None,
            // A root with a single child is a level too many.
            Body::Inner(children) if self.node(root).len == 1 => self.root = children.links[0],
            _ => return,
        }
        self.discard(root);
    }

    fn node(&self, link: Link) -> &Node {
        // SAFETY: whatever a link of this edit points to is not destroyed before the edit ends (see
        // `new`), and is not changed while this borrow of the edit lasts.
        unsafe { link.0.as_ref() }
    }

    fn node_mut(&mut self, link: Link) -> &mut Node {
        debug_assert_eq!(self.node(link).edit, self.id, "only what the edit made is the edit's to change");
        let mut pointer = link.0;
        // SAFETY: made by this edit and not published, so no other thread knows it; the borrow of
        // the edit excludes others here.
        unsafe { pointer.as_mut() }
    }

    /// The node itself if this edit made it, else a copy that the edit may change.
    fn own(&mut self, link: Link) -> Link {
        let node = self.node(link);
        if node.edit == self.id {
            return link;
        }
        let copy = Node::make(self.id, node.len, &node.body);
        self.replaced.push(link.0);
        copy
    }

    /// Forgets a node that is no longer part of the tree.
    fn discard(&mut self, link: Link) {
        if self.node(link).edit == self.id {
            // SAFETY: made by this edit and never published; nothing points to it any more.
            unsafe { node_pool::give_back(link.0) };
        } else {
            self.replaced.push(link.0);
        }
    }

    /// Inserts into an owned subtree; the right half if it had to be split.
    fn insert(&mut self, link: Link, slot: Slot) -> Option<Child> {
        match &self.node(link).body {
            Body::Leaf(slots) => {
                let index = position(slots, slot.start);
                self.insert_slot(link, index, slot)
            }
            Body::Inner(children) => {
                let index = children.index(slot.start);
                let child = self.own(children.links[index]?);
                let right = self.insert(child, slot);
                let Body::Inner(children) = &mut self.node_mut(link).body else { return None };
                children.links[index] = Some(child);
                children.keys[index] = children.keys[index].min(slot.start);
                // What was first in the next child may be gone, and its key too low for what
                // reaches over it now. Nothing in that child starts below the end of the slot.
                if let Some(next) = children.keys.get_mut(index + 1) {
                    *next = (*next).max(comparable(slot.end));
                }
                right.and_then(|right| self.insert_child(link, index + 1, right))
            }
        }
    }

    fn insert_slot(&mut self, link: Link, index: usize, slot: Slot) -> Option<Child> {
        let id = self.id;
        let node = self.node_mut(link);
        let Body::Leaf(slots) = &mut node.body else { return None };
        if let Some(same) = slots.get_mut(index).filter(|other| other.start == slot.start) {
            *same = slot;
            return None;
        }
        if (node.len as usize) < N_ENTRIES {
            open(slots, index, slot);
            node.len += 1;
            return None;
        }
        let (at, goes_left) = split_point(index, N_ENTRIES);
        let mut right = [EMPTY; N_ENTRIES];
        move_upper(slots, &mut right, at, EMPTY);
        if goes_left {
            open(slots, index, slot)
        } else {
            open(&mut right, index - at, slot)
        }
        let n_right = count(N_ENTRIES - at + usize::from(!goes_left));
        node.len = count(at + usize::from(goes_left));
        Some(Child { key: right[0].start, link: Node::make(id, n_right, &Body::Leaf(right)) })
    }

    fn insert_child(&mut self, link: Link, index: usize, child: Child) -> Option<Child> {
        let id = self.id;
        let node = self.node_mut(link);
        let Body::Inner(children) = &mut node.body else { return None };
        if (node.len as usize) < N_CHILDREN {
            children.open(index, child);
            node.len += 1;
            return None;
        }
        let (at, goes_left) = split_point(index, N_CHILDREN);
        let mut right = Children::NONE;
        move_upper(&mut children.keys, &mut right.keys, at, ABOVE_ALL);
        move_upper(&mut children.links, &mut right.links, at, None);
        if goes_left {
            children.open(index, child)
        } else {
            right.open(index - at, child)
        }
        let n_right = count(N_CHILDREN - at + usize::from(!goes_left));
        node.len = count(at + usize::from(goes_left));
        Some(Child { key: right.keys[0], link: Node::make(id, n_right, &Body::Inner(right)) })
    }

    /// Removes what starts at `start` from an owned subtree that has it. May leave the node empty.
    fn remove(&mut self, link: Link, start: usize) {
        match &self.node(link).body {
            Body::Leaf(slots) => {
                let index = position(slots, start);
                let node = self.node_mut(link);
                let Body::Leaf(slots) = &mut node.body else { return };
                close(slots, index, EMPTY);
                node.len -= 1;
            }
            Body::Inner(children) => {
                let index = children.index(start);
                let Some(child) = children.links[index] else { return };
                let child = self.own(child);
                self.remove(child, start);
                let is_empty = self.node(child).len == 0;
                let node = self.node_mut(link);
                let Body::Inner(children) = &mut node.body else { return };
                if is_empty {
                    children.close(index);
                    node.len -= 1;
                    self.discard(child);
                } else {
                    children.links[index] = Some(child);
                    self.merge_small(link, index);
                }
            }
        }
    }

    /// Merges a child that has become small with its right or left neighbour, if both fit in one
    /// node with room to spare.
    fn merge_small(&mut self, parent: Link, index: usize) {
        let node = self.node(parent);
        let Body::Inner(children) = &node.body else { return };
        let at = if index + 1 < node.len() { index } else { index.saturating_sub(1) };
        let (Some(child), Some(left), Some(right)) =
            (children.links[index], children.links[at], children.links[at + 1])
        else {
            return;
        };
        let (n_left, n_right) = (self.node(left).len(), self.node(right).len());
        if self.node(child).len() >= N_ENTRIES / 4 || n_left + n_right > N_ENTRIES * 3 / 4 {
            return;
        }
        let key = children.keys[at + 1];
        let left = self.own(left);
        let moved = self.node(right).body;
        let owned = self.node_mut(left);
        let places = n_left..n_left + n_right;
        match (&mut owned.body, &moved) {
            (Body::Leaf(to), Body::Leaf(from)) => to[places].copy_from_slice(&from[..n_right]),
            (Body::Inner(to), Body::Inner(from)) => {
                to.keys[places.clone()].copy_from_slice(&from.keys[..n_right]);
                // A first key says nothing while no node is to the left of it; its parent's was
                // raised meanwhile.
                to.keys[n_left] = to.keys[n_left].max(key);
                to.links[places].copy_from_slice(&from.links[..n_right]);
            }
            // All leaves are at one depth.
            _ => return,
        }
        owned.len += count(n_right);
        self.discard(right);
        let node = self.node_mut(parent);
        let Body::Inner(children) = &mut node.body else { return };
        children.links[at] = Some(left);
        children.close(at + 1);
        node.len -= 1;
    }
}

/// Where a full node of `n` places is split to insert at `index`, and whether the new place is then
/// on the left.
///
/// What is appended at the end leaves the node full: address spaces are mostly filled upwards.
fn split_point(index: usize, n: usize) -> (usize, bool) {
    if index == n { (n, false) } else { (n / 2, index <= n / 2) }
}

/// Moves the places from `at` on to the front of `right`.
fn move_upper<T: Copy>(left: &mut [T], right: &mut [T], at: usize, empty: T) {
    right[..left.len() - at].copy_from_slice(&left[at..]);
    left[at..].fill(empty);
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a node has few places")
}
