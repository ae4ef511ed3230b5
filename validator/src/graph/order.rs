//! An order of the nodes that agrees with the edges, kept up as edges arrive.

use std::cmp::Ordering;

use super::adjacency::Adjacency;

/// The order of a growing graph.
#[derive(Debug, Default)]
pub struct Order {
    n_nodes: u32,
}

impl Order {
    pub(crate) fn add_node(&mut self) {
        self.n_nodes += 1;
    }

    pub(crate) fn add_edge<A: Adjacency>(&mut self, _graph: &A, _tail: u32, _head: u32) {}

    pub(crate) fn detach(&mut self, _node: u32) {}

    pub(crate) fn same_component(&self, left: u32, right: u32) -> bool {
        self.component(left) == self.component(right)
    }

    pub(crate) fn component(&self, _node: u32) -> u32 {
        0
    }

    pub(crate) fn compare(&self, _left: u32, _right: u32) -> Ordering {
        Ordering::Equal
    }
}
