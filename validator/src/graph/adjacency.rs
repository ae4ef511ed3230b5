//! What the order and the searches need to know of a graph: its lists of edges.

use petgraph::graph::{EdgeIndex, NodeIndex};

use super::dependency::{Dependency, Gate};
use super::kind::{DependencyKinds, Kind, SeenKinds};

/// Which way an edge is walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// From the holder to what it acquired.
    Forward,
    /// From the acquired to its holder.
    Backward,
}

/// A graph with resumable edge lists. Nodes and edges are dense numbers.
pub(crate) trait Adjacency {
    /// The first edge out of (or into) a node.
    fn first(&self, node: u32, direction: Direction) -> Option<u32>;
    /// The edge after `edge` in the same list.
    fn next(&self, edge: u32, direction: Direction) -> Option<u32>;
    /// The far end of an edge.
    fn end(&self, edge: u32, direction: Direction) -> u32;
    /// What was seen along an edge.
    fn kinds(&self, edge: u32) -> DependencyKinds;
    /// What was seen along an edge on objects that another thread could have.
    fn published(&self, edge: u32) -> DependencyKinds;
    /// The gates around every sighting of one kind along an edge.
    fn gates(&self, edge: u32, kind: Kind) -> &[Gate];
}

/// What an edge of a graph carries.
pub(crate) trait EdgeWeight {
    /// What was seen along the edge.
    fn kinds(&self) -> DependencyKinds;
    /// What was seen along the edge on objects that another thread could have.
    fn published(&self) -> DependencyKinds;
    /// The gates around every sighting of one kind.
    fn gates(&self, kind: Kind) -> &[Gate];
}

impl EdgeWeight for Dependency {
    #[inline]
    fn kinds(&self) -> DependencyKinds {
        Self::kinds(self)
    }

    fn published(&self) -> DependencyKinds {
        Self::published(self)
    }

    fn gates(&self, kind: Kind) -> &[Gate] {
        self.sighting(kind).map_or(&[], |sighting| sighting.gates.all())
    }
}

impl EdgeWeight for SeenKinds {
    #[inline]
    fn kinds(&self) -> DependencyKinds {
        self.all()
    }

    fn published(&self) -> DependencyKinds {
        SeenKinds::published(*self)
    }

    fn gates(&self, _kind: Kind) -> &[Gate] {
        &[]
    }
}

impl<N, E: EdgeWeight> Adjacency for petgraph::Graph<N, E> {
    #[inline]
    fn first(&self, node: u32, direction: Direction) -> Option<u32> {
        self.first_edge(NodeIndex::from(node), direction.into()).map(index)
    }

    #[inline]
    fn next(&self, edge: u32, direction: Direction) -> Option<u32> {
        self.next_edge(EdgeIndex::from(edge), direction.into()).map(index)
    }

    #[inline]
    fn end(&self, edge: u32, direction: Direction) -> u32 {
        let (from, to) = self
            .edge_endpoints(EdgeIndex::from(edge))
            .expect("INVARIANT: edge numbers come from the lists of the same graph");
        let node = if direction == Direction::Forward { to } else { from };
        u32::try_from(node.index()).expect("petgraph's default index type is u32")
    }

    #[inline]
    fn kinds(&self, edge: u32) -> DependencyKinds {
        self[EdgeIndex::from(edge)].kinds()
    }

    #[inline]
    fn published(&self, edge: u32) -> DependencyKinds {
        self[EdgeIndex::from(edge)].published()
    }

    fn gates(&self, edge: u32, kind: Kind) -> &[Gate] {
        self[EdgeIndex::from(edge)].gates(kind)
    }
}

#[inline]
fn index(edge: EdgeIndex) -> u32 {
    u32::try_from(edge.index()).expect("petgraph's default index type is u32")
}

impl From<Direction> for petgraph::Direction {
    #[inline]
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Forward => Self::Outgoing,
            Direction::Backward => Self::Incoming,
        }
    }
}
