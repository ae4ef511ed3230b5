//! The graph of classes: storage, growth, removal.

use petgraph::graph::{EdgeIndex, NodeIndex};
use rustc_hash::FxHashMap;

use super::adjacency::Direction;
use super::dependency::{Dependency, Witness};
use super::kind::{HeldMode, Kind};
use super::search::{End, PathStep, Query, QueuedWriter, RawPath, Scratch, SearchFilter, joint_is_strong};
use super::topological::Order;
use crate::base::acquisition::Acquisition;
use crate::base::id::ClassId;
use crate::mutant::{self, Mutant};

/// What [`Graph::add`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// The dependency was known in this very kind; nothing changed.
    Known,
    /// A new dependency, or a new kind of a known one.
    New {
        /// Whether both classes now lie in one component of the conservative graph (the one that
        /// ignores kinds). Only then can the addition have closed a strong cycle, and
        /// [`Graph::strong_cycle`] is worth calling.
        closes: bool,
    },
}

/// What [`Graph::remove_class`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removed {
    /// The class has no dependency any more; its number may be used again.
    Bridged,
    /// Bridging would have cost more than it freed: the class stays in the graph as a nameless
    /// joint, and its number must not be used again.
    Kept,
}

/// All dependencies between classes, and an order of the classes that agrees with as many of them
/// as possible.
#[derive(Debug, Default)]
pub struct Graph {
    /// INVARIANT: node number == class index.
    graph: petgraph::Graph<(), Dependency>,
    /// INVARIANT: exactly the edges of `graph`. Lists of edges are long around a central lock; this
    /// is not.
    edges: FxHashMap<[u32; 2], EdgeIndex>,
    order: Order,
    scratch: Scratch,
}

impl Graph {
    /// Makes an empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for a class. Without effect if it is known.
    pub fn add_class(&mut self, class: ClassId) {
        while self.graph.node_count() <= class.index() {
            self.graph.add_node(());
            self.order.add_node();
        }
    }

    /// Records that `to` was acquired while `from` was held, by `kind`. A dependency of a class on
    /// itself is not stored: the instances decide about those.
    pub fn add(&mut self, from: ClassId, to: ClassId, kind: Kind, witness: &Witness) -> Added {
        self.add_seen(from, to, kind, witness, true)
    }

    /// [`add`](Self::add) of a sighting that counts only while nothing better was seen, if it is not `is_published`: no other thread
    /// than this one could have the acquired object. The first published sighting of a kind is news
    /// again, and takes its place.
    pub fn add_seen(
        &mut self,
        from: ClassId,
        to: ClassId,
        kind: Kind,
        witness: &Witness,
        is_published: bool,
    ) -> Added {
        if from == to {
            return Added::Known;
        }
        self.add_class(from);
        self.add_class(to);
        let (tail, head) = (number(from), number(to));
        if let Some(&edge) = self.edges.get(&[tail, head]) {
            if !self.graph[edge].insert(kind, witness, is_published) {
                return Added::Known;
            }
        } else {
            let dependency = Dependency::new(kind, witness, is_published);
            let edge = self.graph.add_edge(NodeIndex::from(tail), NodeIndex::from(head), dependency);
            self.edges.insert([tail, head], edge);
            self.order.add_edge(&self.graph, tail, head);
        }
        Added::New { closes: self.order.same_component(tail, head) }
    }

    /// Returns a dependency, if it was seen.
    pub fn edge(&self, from: ClassId, to: ClassId) -> Option<&Dependency> {
        self.edges.get(&[number(from), number(to)]).map(|edge| &self.graph[*edge])
    }

    /// Whether the dependency was seen, by this kind, on an object that another thread could have.
    pub(crate) fn is_published(&self, step: &PathStep) -> bool {
        self.edge(step.from, step.to).is_some_and(|edge| edge.published().contains(step.kind))
    }

    /// Returns a dependency, to update the counts and gates of its sightings.
    pub fn edge_mut(&mut self, from: ClassId, to: ClassId) -> Option<&mut Dependency> {
        self.edges.get(&[number(from), number(to)]).map(|edge| &mut self.graph[*edge])
    }

    /// Returns the shortest strong path from `to` back to `from` that together with the dependency
    /// `from -> to` of kind `kind` makes a strong cycle; every class on it occurs once. The closing
    /// dependency itself is not part of the result.
    pub fn strong_cycle(
        &mut self,
        from: ClassId,
        to: ClassId,
        kind: Kind,
        filter: &SearchFilter<'_>,
    ) -> Option<Vec<PathStep>> {
        let (tail, head) = (number(from), number(to));
        let known = self.graph.node_count();
        if from.index() >= known || to.index() >= known || (kind.timed && !filter.timed) {
            return None;
        }
        if !self.order.same_component(tail, head) {
            return None;
        }
        let component = self.order.component(head);
        let closing = self.edge(from, to).and_then(|edge| edge.sighting(kind));
        let root_gates = closing.map_or(&[] as &[_], |sighting| sighting.gates.all()).to_vec();
        let fair_waits = fair_waits_fn(filter.queued_writer);
        let order = &self.order;
        let query = Query {
            direction: Direction::Forward,
            root: head,
            root_weak: !joint_is_strong(kind.wanted, HeldMode::Shared, fair_waits(head)),
            timed: filter.timed,
            fair_waits: &fair_waits,
            escaping: filter.escaping,
            published: filter.published,
            root_gates: &root_gates,
            enter: &|node| order.component(node) == component,
        };
        let mut goal = |end: End| end.node == tail && (kind.held == HeldMode::Exclusive || !end.weak);
        query.run(&self.graph, known, &mut self.scratch, &mut goal).map(named)
    }

    /// Returns the shortest strong path from `root` forward to a class for which `match_fn` says
    /// yes; it is asked about the root itself too. `match_fn` sees the class and whether it is
    /// reached as a recursive reader only; `skip_fn` names classes that no path may pass or end in.
    /// `Some` of an empty path: the root matches.
    pub fn find_forward(
        &mut self,
        root: ClassId,
        root_is_recursive_read: bool,
        filter: &SearchFilter<'_>,
        match_fn: &mut dyn FnMut(ClassId, bool) -> bool,
        skip_fn: &dyn Fn(ClassId) -> bool,
    ) -> Option<Vec<PathStep>> {
        self.find(Direction::Forward, (root, root_is_recursive_read), filter, match_fn, skip_fn)
    }

    /// Returns the shortest strong path from a class for which `match_fn` says yes forward to
    /// `root`; it is asked about the root itself too. `match_fn` sees the class and whether it is
    /// left by a reader only.
    pub fn find_backward(
        &mut self,
        root: ClassId,
        root_is_shared: bool,
        filter: &SearchFilter<'_>,
        match_fn: &mut dyn FnMut(ClassId, bool) -> bool,
        skip_fn: &dyn Fn(ClassId) -> bool,
    ) -> Option<Vec<PathStep>> {
        self.find(Direction::Backward, (root, root_is_shared), filter, match_fn, skip_fn)
    }

    fn find(
        &mut self,
        direction: Direction,
        (root, root_weak): (ClassId, bool),
        filter: &SearchFilter<'_>,
        match_fn: &mut dyn FnMut(ClassId, bool) -> bool,
        skip_fn: &dyn Fn(ClassId) -> bool,
    ) -> Option<Vec<PathStep>> {
        self.add_class(root);
        let fair_waits = fair_waits_fn(filter.queued_writer);
        let query = Query {
            direction,
            root: number(root),
            root_weak,
            timed: filter.timed,
            fair_waits: &fair_waits,
            escaping: filter.escaping,
            published: filter.published,
            root_gates: &[],
            enter: &|node| !skip_fn(class(node)),
        };
        if skip_fn(root) {
            return None;
        }
        let mut goal = |end: End| match_fn(class(end.node), end.weak);
        query.run(&self.graph, self.graph.node_count(), &mut self.scratch, &mut goal).map(named)
    }

    /// Removes a class and keeps what ran through it: each predecessor gets a dependency on each
    /// successor where the joint in between is strong. So nothing that could be concluded before is
    /// lost (the kernel forgets it).
    ///
    /// `fair_waits` says whether a fair read that arrives where a reader leaves the class counts as
    /// a strong joint.
    pub fn remove_class(&mut self, gone: ClassId, fair_waits: bool) -> Removed {
        const MAX_BRIDGES: usize = 1 << 12;
        if gone.index() >= self.graph.node_count() {
            return Removed::Bridged;
        }
        let node = NodeIndex::new(gone.index());
        let before: Vec<_> = self.graph.neighbors_directed(node, petgraph::Incoming).collect();
        let after: Vec<_> = self.graph.neighbors_directed(node, petgraph::Outgoing).collect();
        if before.len() * after.len() > MAX_BRIDGES {
            return Removed::Kept;
        }
        for &pred in before.iter().filter(|_| !mutant::is(Mutant::RemovalForgets)) {
            for &succ in &after {
                self.bridge(pred, node, succ, fair_waits);
            }
        }
        let around = before.iter().map(|&pred| [pred, node]).chain(after.iter().map(|&succ| [node, succ]));
        for [tail, head] in around {
            self.remove_edge(tail, head);
        }
        self.order.detach(number(gone));
        Removed::Bridged
    }

    fn bridge(&mut self, pred: NodeIndex, gone: NodeIndex, succ: NodeIndex, fair_waits: bool) {
        if pred == succ {
            return;
        }
        let arrive = self.graph[self.edges[&key(pred, gone)]].clone();
        let leave = self.graph[self.edges[&key(gone, succ)]].clone();
        for first in arrive.sightings() {
            for second in leave.sightings() {
                if !joint_is_strong(first.kind.wanted, second.kind.held, fair_waits) {
                    continue;
                }
                let kind = Kind {
                    held: first.kind.held,
                    wanted: second.kind.wanted,
                    timed: first.kind.timed || second.kind.timed,
                };
                let from = Acquisition { stack_exact: false, ..first.witness.from };
                let witness = Witness { from, ..second.witness };
                let is_published =
                    arrive.published().contains(first.kind) && leave.published().contains(second.kind);
                self.add_seen(class_of(pred), class_of(succ), kind, &witness, is_published);
            }
        }
    }

    fn remove_edge(&mut self, tail: NodeIndex, head: NodeIndex) {
        let Some(edge) = self.edges.remove(&key(tail, head)) else { return };
        self.graph.remove_edge(edge);
        // The last edge took the place of the removed one.
        if let Some((tail, head)) = self.graph.edge_endpoints(edge) {
            self.edges.insert(key(tail, head), edge);
        }
    }

    /// Returns the number of classes, removed ones included.
    pub fn n_classes(&self) -> usize {
        self.graph.node_count()
    }

    /// Returns the number of dependencies, each counted once whatever its kinds.
    pub fn n_dependencies(&self) -> usize {
        self.graph.edge_count()
    }

    /// Returns the number of searches that gave up looking for a cycle that passes no class twice.
    pub fn n_abandoned_searches(&self) -> u64 {
        self.scratch.n_abandoned()
    }

    /// Returns every dependency.
    pub fn dependencies(&self) -> impl Iterator<Item = (ClassId, ClassId, &Dependency)> {
        self.graph
            .raw_edges()
            .iter()
            .map(|edge| (class_of(edge.source()), class_of(edge.target()), &edge.weight))
    }

    /// Returns the dependencies out of a class.
    pub fn dependencies_of(&self, from: ClassId) -> impl Iterator<Item = (ClassId, &Dependency)> {
        use petgraph::visit::EdgeRef;
        let known = from.index() < self.graph.node_count();
        let edges = known.then(|| self.graph.edges(NodeIndex::new(from.index())));
        edges.into_iter().flatten().map(|edge| (class_of(edge.target()), edge.weight()))
    }

    /// Returns the storage itself, for `petgraph`'s own algorithms: `dot`, strongly connected
    /// components. Node `i` is the class with index `i`.
    pub fn as_petgraph(&self) -> &petgraph::Graph<(), Dependency> {
        &self.graph
    }

    /// Compares two classes by the maintained order: `Less` for a class that is taken before the
    /// other as far as all that was seen goes, `Equal` for classes of one component.
    pub fn compare(&self, left: ClassId, right: ClassId) -> std::cmp::Ordering {
        self.order.compare(number(left), number(right))
    }
}

fn fair_waits_fn(queued: QueuedWriter<'_>) -> impl Fn(u32) -> bool {
    move |node| match queued {
        QueuedWriter::Assumed => true,
        QueuedWriter::Ignored => false,
        QueuedWriter::Seen(seen_fn) => seen_fn(class(node)),
    }
}

fn named(path: RawPath) -> Vec<PathStep> {
    path.into_iter()
        .map(|step| PathStep { from: class(step.from), to: class(step.to), kind: step.kind })
        .collect()
}

fn number(class: ClassId) -> u32 {
    class.raw() - 1
}

fn class(node: u32) -> ClassId {
    ClassId::from_index(node as usize).expect("nodes are made from class ids")
}

fn class_of(node: NodeIndex) -> ClassId {
    ClassId::from_index(node.index()).expect("nodes are made from class ids")
}

fn key(tail: NodeIndex, head: NodeIndex) -> [u32; 2] {
    [number(class_of(tail)), number(class_of(head))]
}

#[cfg(test)]
mod tests;
