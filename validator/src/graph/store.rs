//! The graph of classes: storage, growth, removal.

use petgraph::graph::{EdgeIndex, NodeIndex};
use rustc_hash::FxHashMap;

use super::adjacency::Direction;
use super::dependency::{Dependency, Witness};
use super::kind::{Held, Kind};
use super::order::Order;
use super::search::{End, PathStep, Query, QueuedWriter, RawPath, Scratch, SearchFilter, joint_is_strong};
use crate::base::acquisition::Acquisition;
use crate::base::id::ClassId;
use crate::fault::{self, Fault};

/// What [`Graph::add`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// The dependency was known in this very kind; nothing changed.
    Known,
    /// A new dependency, or a new kind of a known one.
    New {
        /// Whether both classes now lie in one component of the conservative graph (the one that ignores kinds). Only then can
        /// the addition have closed a strong cycle, and [`Graph::strong_cycle`] is worth calling.
        closes: bool,
    },
}

/// What [`Graph::remove_class`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removed {
    /// The class has no dependency any more; its number may be used again.
    Bridged,
    /// Bridging would have cost more than it freed: the class stays in the graph as a nameless joint, and its number must
    /// not be used again.
    Kept,
}

/// All dependencies between classes, and an order of the classes that agrees with as many of them as possible.
#[derive(Debug, Default)]
pub struct Graph {
    /// INVARIANT: node number == class index.
    graph: petgraph::Graph<(), Dependency>,
    /// INVARIANT: exactly the edges of `graph`. Lists of edges are long around a central lock; this is not.
    edges: FxHashMap<[u32; 2], EdgeIndex>,
    order: Order,
    scratch: Scratch,
}

impl Graph {
    /// An empty graph.
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

    /// Records that `to` was acquired while `from` was held, by `kind`. A dependency of a class on itself is not stored: the
    /// instances decide about those.
    pub fn add(&mut self, from: ClassId, to: ClassId, kind: Kind, witness: &Witness) -> Added {
        if from == to {
            return Added::Known;
        }
        self.add_class(from);
        self.add_class(to);
        let (tail, head) = (number(from), number(to));
        if let Some(&edge) = self.edges.get(&[tail, head]) {
            if !self.graph[edge].insert(kind, witness) {
                return Added::Known;
            }
        } else {
            let dependency = Dependency::new(kind, witness);
            let edge = self.graph.add_edge(NodeIndex::from(tail), NodeIndex::from(head), dependency);
            self.edges.insert([tail, head], edge);
            self.order.add_edge(&self.graph, tail, head);
        }
        Added::New { closes: self.order.same_component(tail, head) }
    }

    /// A dependency, if it was seen.
    pub fn edge(&self, from: ClassId, to: ClassId) -> Option<&Dependency> {
        self.edges.get(&[number(from), number(to)]).map(|edge| &self.graph[*edge])
    }

    /// A dependency, to update the counts and gates of its sightings.
    pub fn edge_mut(&mut self, from: ClassId, to: ClassId) -> Option<&mut Dependency> {
        self.edges.get(&[number(from), number(to)]).map(|edge| &mut self.graph[*edge])
    }

    /// The shortest strong path from `to` back to `from` that together with the dependency `from -> to` of kind `kind`
    /// makes a strong cycle; every class on it occurs once. The closing dependency itself is not part of the result.
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
            root_weak: !joint_is_strong(kind.wanted, Held::Shared, fair_waits(head)),
            timed: filter.timed,
            fair_waits: &fair_waits,
            escaping: filter.escaping,
            root_gates: &root_gates,
            enter: &|node| order.component(node) == component,
        };
        let mut goal = |end: End| end.node == tail && (kind.held == Held::Exclusive || !end.weak);
        query.run(&self.graph, known, &mut self.scratch, &mut goal).map(named)
    }

    /// The shortest strong path from `root` forward to a class for which `match_fn` says yes; it is asked about the
    /// root itself too. `match_fn` sees the class and whether it is reached as a recursive reader only; `skip_fn` names classes
    /// that no path may pass or end in. `Some` of an empty path: the root matches.
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

    /// The shortest strong path from a class for which `match_fn` says yes forward to `root`; it is asked about the root
    /// itself too. `match_fn` sees the class and whether it is left by a reader only.
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
            root_gates: &[],
            enter: &|node| !skip_fn(class(node)),
        };
        if skip_fn(root) {
            return None;
        }
        let mut goal = |end: End| match_fn(class(end.node), end.weak);
        query.run(&self.graph, self.graph.node_count(), &mut self.scratch, &mut goal).map(named)
    }

    /// Removes a class and keeps what ran through it: each predecessor gets a dependency on each successor where the joint in
    /// between is strong, so that nothing that could be concluded before is lost (the kernel forgets it).
    ///
    /// `fair_waits` says whether a fair read that arrives where a reader leaves the class counts as a strong joint.
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
        for &pred in before.iter().filter(|_| !fault::is(Fault::RemovalForgets)) {
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
                self.add(class_of(pred), class_of(succ), kind, &witness);
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

    /// The number of classes, removed ones included.
    pub fn n_classes(&self) -> usize {
        self.graph.node_count()
    }

    /// The number of dependencies, each counted once whatever its kinds.
    pub fn n_dependencies(&self) -> usize {
        self.graph.edge_count()
    }

    /// The number of searches that gave up looking for a cycle that passes no class twice.
    pub fn n_abandoned_searches(&self) -> u64 {
        self.scratch.n_abandoned()
    }

    /// Every dependency.
    pub fn dependencies(&self) -> impl Iterator<Item = (ClassId, ClassId, &Dependency)> {
        self.graph
            .raw_edges()
            .iter()
            .map(|edge| (class_of(edge.source()), class_of(edge.target()), &edge.weight))
    }

    /// The dependencies out of a class.
    pub fn dependencies_of(&self, from: ClassId) -> impl Iterator<Item = (ClassId, &Dependency)> {
        use petgraph::visit::EdgeRef;
        let known = from.index() < self.graph.node_count();
        let edges = known.then(|| self.graph.edges(NodeIndex::new(from.index())));
        edges.into_iter().flatten().map(|edge| (class_of(edge.target()), edge.weight()))
    }

    /// The storage itself, for `petgraph`'s own algorithms: `dot`, strongly connected components. Node `i` is the class
    /// with index `i`.
    pub fn as_petgraph(&self) -> &petgraph::Graph<(), Dependency> {
        &self.graph
    }

    /// Compares two classes by the maintained order: `Less` for a class that is taken before the other as far as all that was
    /// seen goes, `Equal` for classes of one component.
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::acquisition::Acquisition;
    use crate::base::id::{LockId, Subclass, TaskId};
    use crate::base::mode::{Mode, Wait};
    use crate::base::site::Site;
    use crate::graph::kind::DependencyKinds;

    fn class_number(index: u8) -> ClassId {
        class(u32::from(index))
    }

    fn witness() -> Witness {
        let class = class_number(0);
        let acquisition = Acquisition {
            lock: LockId::new(class, 1),
            class,
            subclass: Subclass::ZERO,
            mode: Mode::Exclusive,
            wait: Wait::Blocking,
            address: 0,
            site: Site::UNKNOWN,
            stack: None,
            stack_exact: true,
        };
        Witness { from: acquisition, to: acquisition, task: TaskId(1), segment: 0 }
    }

    fn kind(bits: u8) -> Kind {
        let mode = |n| [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive][usize::from(n) % 3];
        Kind::new(mode(bits), mode(bits / 3), if bits >= 9 { Wait::Timed } else { Wait::Blocking })
    }

    /// Every strong simple path from `at` to `goal`, by trying everything.
    fn brute_force(
        graph: &Graph,
        filter: &SearchFilter<'_>,
        (at, arrived): (ClassId, Kind),
        (goal, leaves): (ClassId, Kind),
        passed: &mut Vec<ClassId>,
    ) -> bool {
        let fair = |class| fair_waits_fn(filter.queued_writer)(number(class));
        if at == goal {
            return joint_is_strong(arrived.wanted, leaves.held, fair(at));
        }
        passed.push(at);
        let next: Vec<(ClassId, DependencyKinds)> =
            graph.dependencies_of(at).map(|(to, d)| (to, d.kinds())).collect();
        let found = next.iter().any(|&(to, kinds)| {
            kinds.iter().filter(|kind| filter.timed || !kind.timed).any(|kind| {
                joint_is_strong(arrived.wanted, kind.held, fair(at))
                    && !passed.contains(&to)
                    && brute_force(graph, filter, (to, kind), (goal, leaves), passed)
            })
        });
        passed.pop();
        found
    }

    fn check_path(
        graph: &Graph,
        filter: &SearchFilter<'_>,
        closing: (ClassId, ClassId, Kind),
        path: &[PathStep],
    ) {
        let (from, to, kind) = closing;
        let all: Vec<PathStep> = path.iter().copied().chain([PathStep { from, to, kind }]).collect();
        for (index, step) in all.iter().enumerate() {
            let next = all[(index + 1) % all.len()];
            assert_eq!(step.to, next.from, "a path is connected");
            let fair = fair_waits_fn(filter.queued_writer)(number(step.to));
            assert!(joint_is_strong(step.kind.wanted, next.kind.held, fair), "weak joint in {all:?}");
            let kinds = graph.edge(step.from, step.to).expect("a path uses edges").kinds();
            assert!(kinds.contains(step.kind) && (filter.timed || !step.kind.timed));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn a_strong_cycle_is_found_exactly_when_there_is_one(
            edges in prop::collection::vec((0_u8..7, 0_u8..7, 0_u8..12), 1..40),
            timed in any::<bool>(),
            writers in prop::option::of(0_u8..128),
        ) {
            let mut graph = Graph::new();
            let seen = |class: ClassId| writers.is_some_and(|bits| bits >> class.index() & 1 == 1);
            let queued_writer = if writers.is_some() { QueuedWriter::Seen(&seen) } else { QueuedWriter::Assumed };
            let filter = SearchFilter { timed, queued_writer, escaping: &[] };
            for (from, to, bits) in edges {
                let (from, to, kind) = (class_number(from), class_number(to), kind(bits));
                if graph.add(from, to, kind, &witness()) == Added::Known {
                    continue;
                }
                let found = graph.strong_cycle(from, to, kind, &filter);
                let usable = timed || !kind.timed;
                let wanted = usable && brute_force(&graph, &filter, (to, kind), (from, kind), &mut Vec::new());
                prop_assert_eq!(found.is_some(), wanted, "{:?} -> {:?} {:?}", from, to, kind);
                if let Some(path) = found {
                    check_path(&graph, &filter, (from, to, kind), &path);
                }
            }
        }

        #[test]
        fn removing_a_class_keeps_what_runs_through_it(
            edges in prop::collection::vec((0_u8..6, 0_u8..6, 0_u8..12), 1..25),
            gone in 0_u8..6,
        ) {
            let gone = class_number(gone);
            let mut graph = Graph::new();
            for (from, to, bits) in edges {
                let (from, to, kind) = (class_number(from), class_number(to), kind(bits));
                // Once a strong cycle was reported, a bridge may join what passed the class twice.
                if !brute_force(&graph, &SearchFilter::ALL, (to, kind), (from, kind), &mut Vec::new()) {
                    graph.add(from, to, kind, &witness());
                }
            }
            let probe = Kind::new(Mode::Exclusive, Mode::Exclusive, Wait::Blocking);
            let weakest = Kind { held: Held::Shared, ..probe };
            let connected = |graph: &Graph, leaves: Kind| -> Vec<bool> {
                let all = (0..36).map(|pair| (class_number(pair / 6), class_number(pair % 6)));
                all.filter(|(from, to)| from != to && *from != gone && *to != gone)
                    .map(|(from, to)| {
                        brute_force(graph, &SearchFilter::ALL, (from, probe), (to, leaves), &mut Vec::new())
                    })
                    .collect()
            };
            let before = (connected(&graph, probe), connected(&graph, weakest));
            prop_assert_eq!(graph.remove_class(gone, true), Removed::Bridged);
            prop_assert_eq!(graph.dependencies_of(gone).count(), 0);
            prop_assert_eq!((connected(&graph, probe), connected(&graph, weakest)), before);
            let edges: Vec<_> = graph.dependencies().map(|(from, to, _)| (from, to)).collect();
            for (from, to) in edges {
                prop_assert!(graph.edge(from, to).is_some() && from != gone && to != gone);
            }
        }
    }

    #[test]
    fn a_class_first_met_over_a_weak_edge_is_met_again_over_a_strong_one() {
        // The kernel's shadowing hole: A(R)->B, A(W)->C, C->B, and then B takes A as a recursive reader.
        let [a, b, c] = [0, 1, 2].map(class_number);
        let edge = |held, wanted| Kind::new(held, wanted, Wait::Blocking);
        let mut graph = Graph::new();
        graph.add(a, b, edge(Mode::SharedRecursive, Mode::Exclusive), &witness());
        graph.add(a, c, edge(Mode::Exclusive, Mode::Exclusive), &witness());
        graph.add(c, b, edge(Mode::Exclusive, Mode::Exclusive), &witness());
        let closing = edge(Mode::Exclusive, Mode::SharedRecursive);
        assert_eq!(graph.add(b, a, closing, &witness()), Added::New { closes: true });
        let path = graph.strong_cycle(b, a, closing, &SearchFilter::ALL).expect("A -> C -> B -> A is strong");
        assert_eq!(path.iter().map(|step| step.to).collect::<Vec<_>>(), [c, b]);
    }

    #[test]
    fn a_cycle_under_one_gate_is_told_from_one_that_escapes_it() {
        let [a, b, c] = [0, 1, 2].map(class_number);
        let gate = LockId::new(class_number(9), 1);
        let plain = Kind::new(Mode::Exclusive, Mode::Exclusive, Wait::Blocking);
        let mut graph = Graph::new();
        let gated = |graph: &mut Graph, from, to| {
            graph.add(from, to, plain, &witness());
            let edge = graph.edge_mut(from, to).expect("just added");
            let under = crate::graph::Gate { lock: gate, exclusive: true };
            edge.sighting_mut(plain).expect("just added").gates = crate::graph::Gates::new(&[under]);
        };
        gated(&mut graph, a, b);
        gated(&mut graph, b, a);
        let escaping = SearchFilter { escaping: &[gate], ..SearchFilter::ALL };
        assert!(graph.strong_cycle(b, a, plain, &SearchFilter::ALL).is_some());
        assert!(graph.strong_cycle(b, a, plain, &escaping).is_none());
        gated(&mut graph, a, c);
        graph.add(c, b, plain, &witness());
        assert!(graph.strong_cycle(b, a, plain, &escaping).is_none(), "A -> C and B -> A exclude each other");
        let d = class_number(3);
        graph.add(a, d, plain, &witness());
        graph.add(d, b, plain, &witness());
        let path = graph.strong_cycle(b, a, plain, &escaping).expect("A -> D -> B was seen without the gate");
        assert_eq!(path.iter().map(|step| step.to).collect::<Vec<_>>(), [d, b]);
    }

    #[test]
    fn searches_by_usage_see_who_is_reached_only_as_a_reader() {
        let [a, b, c] = [0, 1, 2].map(class_number);
        let mut graph = Graph::new();
        graph.add(a, b, Kind::new(Mode::Shared, Mode::SharedRecursive, Wait::Blocking), &witness());
        graph.add(b, c, Kind::new(Mode::Shared, Mode::Exclusive, Wait::Blocking), &witness());
        let mut met = Vec::new();
        let mut collect = |class, weak| {
            met.push((class, weak));
            false
        };
        assert!(graph.find_forward(a, false, &SearchFilter::ALL, &mut collect, &|_| false).is_none());
        assert_eq!(met, [(a, false), (b, true)], "C is behind a weak joint");
        met.clear();
        let mut collect = |class, weak| {
            met.push((class, weak));
            class == b
        };
        let path = graph.find_backward(c, false, &SearchFilter::ALL, &mut collect, &|_| false);
        assert_eq!(path.expect("B is next to C").len(), 1);
        assert_eq!(met, [(c, false), (b, true)]);
    }
}
