//! A topological order of the condensation of a growing graph.
//!
//! Nodes that lie on a common cycle form a *component*; components are kept in a list in which
//! every edge between two of them points forward. An edge that agrees with the list costs two
//! look-ups. One that does not starts a search from both of its ends at once, which stops as soon
//! as the two sides have passed each other (the vertex-guided two-way search of Haeupler, Kavitha,
//! Mathew, Sen and Tarjan, "Incremental Cycle Detection, Topological Ordering, and Strong Component
//! Maintenance", 2012: O(√m) arcs for each new one, amortised). A node without in-edges or without
//! out-edges ends it at once, so chains, reverse chains and stars cost O(1) an edge. Places in the
//! list are 64-bit labels ([`LabelList`]).

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::adjacency::{Adjacency, Direction};
use super::component::{Components, Left};
use super::label::LabelList;

/// The order of a growing graph.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// INVARIANT: holds exactly one node of each component, its representative.
    list: LabelList,
    components: Components,
    search: TwoWaySearch,
}

impl Order {
    /// Adds the next node, last in the order.
    pub(crate) fn add_node(&mut self) {
        self.list.push_back();
    }

    /// Takes an edge into account that was just added to `graph`.
    pub(crate) fn add_edge<A: Adjacency>(&mut self, graph: &A, tail: u32, head: u32) {
        let (tail, head) = (self.component(tail), self.component(head));
        if tail == head || self.list.label(tail) < self.list.label(head) {
            return;
        }
        let mut search = std::mem::take(&mut self.search);
        let meeting = search.run(self, graph, tail, head);
        if meeting.cyclic {
            self.merge(&mut search, tail, head, meeting.at);
        } else if meeting.at == tail {
            self.list.move_after(tail, &search.behind);
        } else {
            self.list.move_before(meeting.at, &search.ahead);
            self.list.move_before(meeting.at, &search.behind);
        }
        self.search = search;
    }

    /// Takes the removal of every edge of a node into account: it becomes a component of its own,
    /// last in the order.
    ///
    /// The component that it leaves is not looked at again; it may be larger than need be from now
    /// on, which costs searches time and loses nothing.
    pub(crate) fn detach(&mut self, node: u32) {
        match self.components.detach(node) {
            Left::Nothing => return self.list.move_to_back(node),
            Left::Heir(heir) => self.list.replace(node, heir),
            Left::Unchanged => {}
        }
        self.list.push_back_again(node);
    }

    /// Whether a cycle runs through both nodes, kinds aside.
    #[inline]
    pub(crate) fn same_component(&self, left: u32, right: u32) -> bool {
        self.component(left) == self.component(right)
    }

    /// The component of a node, named by one of its nodes.
    #[inline]
    pub(crate) fn component(&self, node: u32) -> u32 {
        self.components.of(node)
    }

    /// Compares the places of two nodes; `Equal` within a component.
    pub(crate) fn compare(&self, left: u32, right: u32) -> Ordering {
        self.list.label(self.component(left)).cmp(&self.list.label(self.component(right)))
    }

    /// The nodes of the component that `representative` stands for.
    fn members_of<'a>(&'a self, representative: &'a u32) -> &'a [u32] {
        self.components.members(representative)
    }

    /// Makes one component of everything on a path from `head` to `tail`, at the place where the
    /// search met.
    fn merge(&mut self, search: &mut TwoWaySearch, tail: u32, head: u32, meeting: u32) {
        let on_cycle = search.on_cycle(tail, head, meeting);
        search.ahead.retain(|node| !on_cycle.contains(node));
        search.behind.retain(|node| !on_cycle.contains(node));
        let n_members = |node: &u32| self.components.members(node).len();
        let new = on_cycle.iter().copied().max_by_key(|node| (n_members(node), *node));
        let new = new.expect("both ends of the new edge are on the cycle");
        // What leads to the cycle, the cycle, what it leads to.
        self.list.move_before(meeting, &search.ahead);
        if on_cycle.contains(&meeting) {
            self.list.move_after(meeting, &search.behind);
            if new != meeting {
                self.list.unlink(new);
                self.list.replace(meeting, new);
            }
        } else {
            self.list.move_before(meeting, &[new]);
            self.list.move_before(meeting, &search.behind);
        }
        // The meeting point went out of the list when it was replaced.
        for old in on_cycle.iter().filter(|old| **old != new && **old != meeting) {
            self.list.unlink(*old);
        }
        self.components.merge(new, on_cycle.into_iter().filter(|old| *old != new));
    }
}

/// Where a search ended.
struct Meeting {
    /// Everything that moves, moves to this component.
    at: u32,
    /// Whether the new edge closes a cycle of components.
    cyclic: bool,
}

const REACHED_FORWARD: u8 = 1;
const REACHED_BACKWARD: u8 = 2;

/// A component on one side of the search, and how far its edges have been walked.
#[derive(Debug)]
struct Cursor {
    component: u32,
    n_members_walked: usize,
    edge: Option<u32>,
}

/// The buffers of a two-way search, kept between searches.
#[derive(Debug, Default)]
struct TwoWaySearch {
    reached: FxHashMap<u32, u8>,
    forward: Vec<Cursor>,
    backward: Vec<Cursor>,
    /// Every edge between components that was walked.
    arcs: Vec<(u32, u32)>,
    /// Result: what was reached backward and stands behind the meeting point, in order; it moves
    /// before it.
    ahead: Vec<u32>,
    /// Result: what was reached forward and stands before the meeting point, in order; it moves
    /// behind.
    behind: Vec<u32>,
}

impl TwoWaySearch {
    fn run<A: Adjacency>(&mut self, order: &Order, graph: &A, tail: u32, head: u32) -> Meeting {
        self.reached.clear();
        self.forward.clear();
        self.backward.clear();
        self.arcs.clear();
        let label = |component| order.list.label(component);
        let (lowest, highest) = (label(head), label(tail));
        // The side of the head always continues at its lowest component, that of the tail at its
        // highest.
        let mut low: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let mut high: BinaryHeap<(u64, usize)> = BinaryHeap::new();
        low.push(Reverse((lowest, self.reach(order, graph, head, Direction::Forward))));
        high.push((highest, self.reach(order, graph, tail, Direction::Backward)));
        let mut cyclic = false;
        while let (Some(&Reverse((low_label, low_at))), Some(&(high_label, high_at))) =
            (low.peek(), high.peek())
        {
            if low_label >= high_label {
                break;
            }
            let from = self.forward[low_at].component;
            match walk(order, graph, &mut self.forward[low_at], Direction::Forward) {
                None => drop(low.pop()),
                Some(to) if label(to) > highest => {}
                Some(to) => {
                    self.arcs.push((from, to));
                    if self.mark(to, REACHED_FORWARD, &mut cyclic) {
                        low.push(Reverse((label(to), self.reach(order, graph, to, Direction::Forward))));
                    }
                }
            }
            let to = self.backward[high_at].component;
            match walk(order, graph, &mut self.backward[high_at], Direction::Backward) {
                None => drop(high.pop()),
                Some(from) if label(from) < lowest => {}
                Some(from) => {
                    self.arcs.push((from, to));
                    if self.mark(from, REACHED_BACKWARD, &mut cyclic) {
                        high.push((label(from), self.reach(order, graph, from, Direction::Backward)));
                    }
                }
            }
        }
        // Everything reached forward below the meeting point has been walked to the end, and so has
        // everything reached backward above it: see the paper for why moving just these restores
        // the order.
        let at = match low.peek() {
            Some(Reverse((unfinished, index))) if *unfinished < highest => self.forward[*index].component,
            _ => tail,
        };
        let pick = |side: &[Cursor], keep: &dyn Fn(u64) -> bool| {
            let mut picked: Vec<u32> = side.iter().map(|cursor| cursor.component).collect();
            picked.retain(|component| keep(label(*component)));
            picked.sort_unstable_by_key(|component| label(*component));
            picked
        };
        self.behind = pick(&self.forward, &|place| place < label(at));
        self.ahead = pick(&self.backward, &|place| place > label(at));
        Meeting { at, cyclic }
    }

    /// Marks a component as reached from one side; `true` the first time.
    fn mark(&mut self, component: u32, side: u8, cyclic: &mut bool) -> bool {
        let reached = self.reached.entry(component).or_default();
        let new = *reached & side == 0;
        *reached |= side;
        *cyclic |= *reached == REACHED_FORWARD | REACHED_BACKWARD;
        new
    }

    fn reach<A: Adjacency>(
        &mut self,
        order: &Order,
        graph: &A,
        component: u32,
        direction: Direction,
    ) -> usize {
        let (cursors, side) = match direction {
            Direction::Forward => (&mut self.forward, REACHED_FORWARD),
            Direction::Backward => (&mut self.backward, REACHED_BACKWARD),
        };
        *self.reached.entry(component).or_default() |= side;
        let edge = graph.first(order.members_of(&component)[0], direction);
        cursors.push(Cursor { component, n_members_walked: 0, edge });
        cursors.len() - 1
    }

    /// The components on a path from `head` to `tail`: all of them are the meeting point or among
    /// what moves.
    fn on_cycle(&self, tail: u32, head: u32, meeting: u32) -> FxHashSet<u32> {
        let mut place: FxHashMap<u32, u8> = FxHashMap::default();
        for component in self.ahead.iter().chain(&self.behind).chain([&meeting]) {
            place.insert(*component, 0);
        }
        let closure = |place: &mut FxHashMap<u32, u8>, start: u32, side: u8| {
            let mut lists: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
            for &(from, to) in &self.arcs {
                let (near, far) = if side == REACHED_FORWARD { (from, to) } else { (to, from) };
                lists.entry(near).or_default().push(far);
            }
            let mut stack = vec![start];
            while let Some(component) = stack.pop() {
                let Some(seen) = place.get_mut(&component) else { continue };
                if *seen & side == 0 {
                    *seen |= side;
                    stack.extend(lists.get(&component).into_iter().flatten());
                }
            }
        };
        closure(&mut place, head, REACHED_FORWARD);
        closure(&mut place, tail, REACHED_BACKWARD);
        let both = REACHED_FORWARD | REACHED_BACKWARD;
        place.into_iter().filter(|(_, seen)| *seen == both).map(|(component, _)| component).collect()
    }
}

/// The component at the far end of the next edge that leaves the cursor's component.
fn walk<A: Adjacency>(order: &Order, graph: &A, cursor: &mut Cursor, direction: Direction) -> Option<u32> {
    let members = order.members_of(&cursor.component);
    loop {
        let Some(edge) = cursor.edge else {
            cursor.n_members_walked += 1;
            cursor.edge = graph.first(*members.get(cursor.n_members_walked)?, direction);
            continue;
        };
        cursor.edge = graph.next(edge, direction);
        let end = order.component(graph.end(edge, direction));
        if end != cursor.component {
            return Some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::graph::kind::SeenKinds;

    type Plain = petgraph::Graph<(), SeenKinds>;

    fn build(n_nodes: u32) -> (Plain, Order) {
        let (mut graph, mut order) = (Plain::new(), Order::default());
        for _ in 0..n_nodes {
            graph.add_node(());
            order.add_node();
        }
        (graph, order)
    }

    fn reachable(graph: &Plain, from: u32, to: u32) -> bool {
        petgraph::algo::has_path_connecting(graph, from.into(), to.into(), None)
    }

    fn check(graph: &Plain, order: &Order, exact: bool) {
        order.list.check();
        for edge in graph.raw_edges() {
            let number = |node: petgraph::graph::NodeIndex| u32::try_from(node.index()).expect("few nodes");
            let (from, to) = (number(edge.source()), number(edge.target()));
            let on_cycle = reachable(graph, to, from);
            if on_cycle || exact {
                assert_eq!(order.same_component(from, to), on_cycle, "{from} -> {to}");
            }
            if !order.same_component(from, to) {
                assert_eq!(order.compare(from, to), Ordering::Less, "{from} -> {to}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn components_are_the_cycles_and_every_other_edge_points_forward(
            edges in prop::collection::vec((0_u32..14, 0_u32..14), 1..50),
        ) {
            let (mut graph, mut order) = build(14);
            for (from, to) in edges {
                if from != to {
                    graph.update_edge(from.into(), to.into(), SeenKinds::default());
                    order.add_edge(&graph, from, to);
                    check(&graph, &order, true);
                }
            }
        }

        #[test]
        fn removed_nodes_leave_a_valid_order(
            steps in prop::collection::vec((0_u32..12, 0_u32..12, 0_u8..8), 1..60),
        ) {
            let (mut graph, mut order) = build(12);
            for (from, to, what) in steps {
                if what == 0 {
                    graph.retain_edges(|graph, edge| {
                        let ends = graph.edge_endpoints(edge).expect("asked about an edge");
                        ends.0 != from.into() && ends.1 != from.into()
                    });
                    order.detach(from);
                } else if from != to {
                    graph.update_edge(from.into(), to.into(), SeenKinds::default());
                    order.add_edge(&graph, from, to);
                }
                check(&graph, &order, false);
            }
        }
    }
}
