//! The memory of the tree's nodes, which goes round: an edit makes about as many nodes as it
//! replaces.
//!
//! What an edit replaced comes back after a grace period, on whatever thread collects then. For the
//! general allocator that is the hard case (aligned, freed late, by others): it took longer than
//! all the rest of an unmap and a map.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::super::base::sync::{Mutex, lock};
use super::node::Node;

/// How many nodes are kept at most, for the whole process; the rest goes back to the allocator. 1.8
/// MB.
const N_KEPT: usize = 4096;

static POOL: Mutex<Pool> = Mutex::new(Pool::new(N_KEPT));

/// Memory for a node, with nothing of use in it.
pub(super) fn take() -> NonNull<Node> {
    // Two statements: the allocator is not called under the pool's mutex.
    let kept = lock(&POOL).take();
    kept.unwrap_or_else(allocate)
}

/// Nodes that no reader can reach, linked through [`Node::next`].
pub(crate) struct Chain {
    first: NonNull<Node>,
    last: NonNull<Node>,
    // INVARIANT: at least 1.
    n_nodes: usize,
}

// SAFETY: the nodes of a chain belong to the owner of the chain.
unsafe impl Send for Chain {}

struct Pool {
    // INVARIANT: the first of `n_nodes` nodes that no reader can reach, linked through `next`.
    first: Option<NonNull<Node>>,
    n_nodes: usize,
    n_kept: usize,
}

// SAFETY: the nodes in a pool belong to the pool.
unsafe impl Send for Pool {}

impl Pool {
    const fn new(n_kept: usize) -> Self {
        Self { first: None, n_nodes: 0, n_kept }
    }

    fn take(&mut self) -> Option<NonNull<Node>> {
        let first = self.first?;
        // SAFETY: in the pool, so it was a node once and no other code refers to it.
        self.first = unsafe { next(first) };
        self.n_nodes -= 1;
        Some(first)
    }

    /// Keeps `chain`, or returns it if that would be too much.
    fn keep(&mut self, chain: Chain) -> Option<Chain> {
        if self.n_nodes + chain.n_nodes > self.n_kept {
            return Some(chain);
        }
        // SAFETY: the chain, and so its last node, is this function's own.
        unsafe { set_next(chain.last, self.first) };
        self.first = Some(chain.first);
        self.n_nodes += chain.n_nodes;
        None
    }
}

impl Chain {
    /// Links `nodes`; `None` if there are none.
    ///
    /// # Safety
    ///
    /// Each came from [`take`] and was filled, each is in `nodes` once and in no other chain, and
    /// no edit looks at it any more. Readers may still.
    pub(super) unsafe fn new(nodes: &[NonNull<Node>]) -> Option<Self> {
        let (&first, &last) = (nodes.first()?, nodes.last()?);
        for pair in nodes.windows(2) {
            // SAFETY: the caller vouches that no other thread looks at the link; readers leave it
            // alone.
            unsafe { set_next(pair[0], Some(pair[1])) };
        }
        Some(Self { first, last, n_nodes: nodes.len() })
    }

    /// Puts the nodes where [`take`] finds them.
    ///
    /// # Safety
    ///
    /// No reader can reach them, now or later. What they point to is not touched.
    pub(crate) unsafe fn give_back(self) {
        let too_many = lock(&POOL).keep(self);
        if let Some(chain) = too_many {
            // SAFETY: as the caller vouches.
            unsafe { chain.free() };
        }
    }

    /// Gives the nodes to the allocator.
    ///
    /// # Safety
    ///
    /// As for [`give_back`](Self::give_back).
    unsafe fn free(self) {
        let mut node = self.first;
        for n_left in (0..self.n_nodes).rev() {
            // SAFETY: a node of the chain, which is this function's own, and not freed yet.
            let next = unsafe { next(node) };
            // SAFETY: as above; its memory is such a box (`allocate`), and a node owns nothing.
            drop(unsafe { Box::from_raw(node.cast::<MaybeUninit<Node>>().as_ptr()) });
            // The link of the last one means nothing.
            match next {
                Some(next) if n_left > 0 => node = next,
                _ => return,
            }
        }
    }
}

/// Gives one node back.
///
/// # Safety
///
/// As for [`Chain::new`] and [`Chain::give_back`].
pub(super) unsafe fn give_back(node: NonNull<Node>) {
    // SAFETY: the caller vouches for it.
    unsafe { Chain { first: node, last: node, n_nodes: 1 }.give_back() };
}

fn allocate() -> NonNull<Node> {
    NonNull::from(Box::leak(Box::<Node>::new_uninit())).cast()
}

/// # Safety
///
/// `node` was filled once, and the link is the caller's to look at.
unsafe fn next(node: NonNull<Node>) -> Option<NonNull<Node>> {
    // SAFETY: the caller vouches for it.
    unsafe { node.as_ref() }.next.get()
}

/// # Safety
///
/// As for [`next`].
unsafe fn set_next(node: NonNull<Node>, next: Option<NonNull<Node>>) {
    // SAFETY: the caller vouches for it.
    unsafe { node.as_ref() }.next.set(next);
}

#[cfg(test)]
mod tests {
    use super::super::node::{Body, Children, Link};
    use super::*;

    fn filled() -> NonNull<Node> {
        let Link(node) = Node::make(1, 0, &Body::Inner(Children::NONE));
        node
    }

    fn chain(nodes: &[NonNull<Node>]) -> Chain {
        // SAFETY: just made, seen by no other thread.
        unsafe { Chain::new(nodes) }.expect("not empty")
    }

    #[test]
    fn what_is_kept_comes_out_again_and_the_rest_is_refused() {
        let mut pool = Pool::new(3);
        assert!(pool.take().is_none());
        let nodes = [filled(), filled(), filled(), filled()];
        assert!(pool.keep(chain(&nodes[..2])).is_none());
        let refused = pool.keep(chain(&nodes[2..])).expect("four are more than three");
        // SAFETY: as in `chain`.
        unsafe { refused.free() };
        let out = [pool.take(), pool.take()];
        assert_eq!(out, [Some(nodes[0]), Some(nodes[1])]);
        assert!(pool.take().is_none() && pool.n_nodes == 0);
        // SAFETY: as in `chain`.
        unsafe { chain(&nodes[..2]).free() };
    }

    #[test]
    fn no_nodes_are_no_chain() {
        // SAFETY: there is nothing to vouch for.
        assert!(unsafe { Chain::new(&[]) }.is_none());
    }
}
