//! The order between single locks, for the classes whose instances decide.
//!
//! Two locks of one class may be nested as long as no thread nests them in the opposite order; a
//! cycle of classes is an error when the locks themselves close it. Both questions are asked here.
//! Instance numbers are never handed out twice, so a reused address revives nothing, and what is
//! known about a lock goes when the lock goes ([`Instances::forget`]).
//!
//! Memory is bounded: at most 64 bytes a lock with one order, and past a limit the oldest locks are
//! forgotten and counted.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use petgraph::graph::{EdgeIndex, NodeIndex};
use rustc_hash::FxBuildHasher;

use super::adjacency::{Adjacency, Direction};
use super::kind::{DependencyKinds, HeldMode, Kind, SeenKinds};
use super::search::{End, PathStep, Query, QueuedWriter, Scratch, SearchFilter, joint_is_strong};
use super::store::Added;
use super::topological::Order;
use crate::base::id::LockId;

/// The orders in which single locks were taken.
#[derive(Debug)]
pub struct Instances {
    /// The locks; a slot in `free` keeps its old lock and has no edge.
    graph: petgraph::Graph<LockId, SeenKinds>,
    /// INVARIANT: exactly the occupied slots, found by the lock in them.
    slots: HashTable<u32>,
    free: Vec<u32>,
    order: Order,
    scratch: Scratch,
    max_instances: usize,
    /// The slot that is emptied next when all are taken.
    oldest: u32,
    n_dropped: u64,
}

impl Instances {
    /// How many orders are kept for each lock of the limit, on average.
    const ORDERS_PER_INSTANCE: usize = 4;

    /// No order is known. At most `max_instances` locks, and four times as many orders, are kept.
    pub fn new(max_instances: usize) -> Self {
        Self {
            graph: petgraph::Graph::new(),
            slots: HashTable::new(),
            free: Vec::new(),
            order: Order::default(),
            scratch: Scratch::default(),
            max_instances: max_instances.clamp(2, u32::MAX as usize / 2),
            oldest: 0,
            n_dropped: 0,
        }
    }

    /// Records that `to` was acquired while `from` was held, by `kind`. An order that no longer
    /// fits is counted in [`Instances::n_dropped`] and reported as known.
    pub fn add(&mut self, from: LockId, to: LockId, kind: Kind) -> Added {
        self.add_seen(from, to, kind, true)
    }

    /// [`add`](Self::add) of an order that, if it is not `is_published`, only the maker of `to` could see. That it is published is
    /// news once.
    pub fn add_seen(&mut self, from: LockId, to: LockId, kind: Kind, is_published: bool) -> Added {
        if from == to {
            return Added::Known;
        }
        let tail = self.slot(from, None);
        let head = self.slot(to, Some(tail));
        match self.find_edge(tail, head) {
            Some(edge) => {
                if !self.graph[edge].insert(kind, is_published) {
                    return Added::Known;
                }
            }
            None => {
                if self.graph.edge_count() >= self.max_instances.saturating_mul(Self::ORDERS_PER_INSTANCE) {
                    self.n_dropped += 1;
                    return Added::Known;
                }
                let n_edges = self.graph.edge_count();
                if n_edges == self.graph.capacity().1 {
                    self.graph.reserve_exact_edges(growth(n_edges));
                }
                let mut kinds = SeenKinds::default();
                kinds.insert(kind, is_published);
                self.graph.add_edge(NodeIndex::from(tail), NodeIndex::from(head), kinds);
                self.order.add_edge(&self.graph, tail, head);
            }
        }
        Added::New { closes: self.order.same_component(tail, head) }
    }

    /// Returns the kinds in which `to` was acquired while `from` was held.
    pub fn kinds(&self, from: LockId, to: LockId) -> DependencyKinds {
        self.seen(from, to).all()
    }

    /// Whether an order was seen, by this kind, when another thread could have its inner lock.
    pub(crate) fn is_published(&self, step: &PathStep<LockId>) -> bool {
        self.seen(step.from, step.to).published().contains(step.kind)
    }

    fn seen(&self, from: LockId, to: LockId) -> SeenKinds {
        let edge = self.find_slot(from).zip(self.find_slot(to));
        let edge = edge.and_then(|(tail, head)| self.find_edge(tail, head));
        edge.map_or_else(SeenKinds::default, |edge| self.graph[edge])
    }

    /// Returns the shortest strong path from `to` back to `from` that together with the order
    /// `from -> to` of kind `kind` makes a strong cycle; every lock on it occurs once.
    /// [`SearchFilter::escaping`] is not looked at: orders carry no gates.
    pub fn strong_cycle(
        &mut self,
        from: LockId,
        to: LockId,
        kind: Kind,
        filter: &SearchFilter<'_>,
    ) -> Option<Vec<PathStep<LockId>>> {
        let (tail, head) = (self.find_slot(from)?, self.find_slot(to)?);
        if (kind.timed && !filter.timed) || !self.order.same_component(tail, head) {
            return None;
        }
        let (graph, order) = (&self.graph, &self.order);
        let component = order.component(head);
        let fair_waits = |node: u32| match filter.queued_writer {
            QueuedWriter::Assumed => true,
            QueuedWriter::Ignored => false,
            QueuedWriter::Seen(seen_fn) => seen_fn(graph[NodeIndex::from(node)].class()),
        };
        let query = Query {
            direction: Direction::Forward,
            root: head,
            root_weak: !joint_is_strong(kind.wanted, HeldMode::Shared, fair_waits(head)),
            timed: filter.timed,
            fair_waits: &fair_waits,
            escaping: &[],
            published: filter.published,
            root_gates: &[],
            enter: &|node| order.component(node) == component,
        };
        let mut goal = |end: End| end.node == tail && (kind.held == HeldMode::Exclusive || !end.weak);
        let path = query.run(graph, graph.node_count(), &mut self.scratch, &mut goal)?;
        let lock = |node: u32| graph[NodeIndex::from(node)];
        Some(
            path.iter()
                .map(|step| PathStep { from: lock(step.from), to: lock(step.to), kind: step.kind })
                .collect(),
        )
    }

    /// Forgets every order of a lock that is gone.
    pub fn forget(&mut self, lock: LockId) {
        if let Some(slot) = self.find_slot(lock) {
            self.empty(slot);
            self.free.push(slot);
        }
    }

    /// Returns the number of locks of which an order is known.
    pub fn n_instances(&self) -> usize {
        self.slots.len()
    }

    /// Returns the number of orders between two locks.
    pub fn n_orders(&self) -> usize {
        self.graph.edge_count()
    }

    /// Returns the number of orders that did not fit, and of locks that were forgotten to make
    /// room.
    pub fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    fn find_slot(&self, lock: LockId) -> Option<u32> {
        self.slots.find(hash(lock), |slot| self.graph[NodeIndex::from(*slot)] == lock).copied()
    }

    /// The slot of a lock, made if need be without emptying `keep`.
    fn slot(&mut self, lock: LockId, keep: Option<u32>) -> u32 {
        if let Some(slot) = self.find_slot(lock) {
            return slot;
        }
        if self.free.is_empty() && self.graph.node_count() >= self.max_instances {
            let mut victim = self.oldest;
            if Some(victim) == keep {
                victim = self.following(victim);
            }
            self.oldest = self.following(victim);
            self.empty(victim);
            self.free.push(victim);
            self.n_dropped += 1;
        }
        let slot = match self.free.pop() {
            Some(slot) => {
                self.graph[NodeIndex::from(slot)] = lock;
                slot
            }
            None => {
                let n_nodes = self.graph.node_count();
                if n_nodes == self.graph.capacity().0 {
                    self.graph.reserve_exact_nodes(growth(n_nodes));
                }
                self.order.add_node();
                u32::try_from(self.graph.add_node(lock).index()).expect("max_instances fits u32")
            }
        };
        let graph = &self.graph;
        self.slots.insert_unique(hash(lock), slot, |slot| hash(graph[NodeIndex::from(*slot)]));
        slot
    }

    fn following(&self, slot: u32) -> u32 {
        let next = slot + 1;
        if next as usize >= self.graph.node_count() { 0 } else { next }
    }

    fn empty(&mut self, slot: u32) {
        let node = NodeIndex::from(slot);
        for direction in [petgraph::Outgoing, petgraph::Incoming] {
            while let Some(edge) = self.graph.first_edge(node, direction) {
                self.graph.remove_edge(edge);
            }
        }
        let lock = self.graph[node];
        if let Ok(entry) = self.slots.find_entry(hash(lock), |other| *other == slot) {
            entry.remove();
        }
        self.order.detach(slot);
    }

    /// Walks both lists in step, so that the shorter one decides.
    fn find_edge(&self, tail: u32, head: u32) -> Option<EdgeIndex> {
        let mut out = self.graph.first(tail, Direction::Forward);
        let mut into = self.graph.first(head, Direction::Backward);
        while let (Some(left), Some(right)) = (out, into) {
            if self.graph.end(left, Direction::Forward) == head {
                return Some(EdgeIndex::from(left));
            }
            if self.graph.end(right, Direction::Backward) == tail {
                return Some(EdgeIndex::from(right));
            }
            out = self.graph.next(left, Direction::Forward);
            into = self.graph.next(right, Direction::Backward);
        }
        None
    }
}

/// An eighth more each time: doubling would leave half of the memory unused.
fn growth(n_used: usize) -> usize {
    n_used / 8 + 64
}

fn hash(lock: LockId) -> u64 {
    FxBuildHasher.hash_one(lock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ClassId;
    use crate::base::mode::{Mode, Wait};

    const WRITE: Kind = Kind::new(Mode::Exclusive, Mode::Exclusive, Wait::Blocking);
    const READ: Kind = Kind::new(Mode::SharedRecursive, Mode::SharedRecursive, Wait::Blocking);

    fn lock(instance: u64) -> LockId {
        LockId::new(ClassId::from_index(0).expect("the first class"), instance)
    }

    fn cycle(orders: &mut Instances, from: u64, to: u64) -> Option<usize> {
        orders.strong_cycle(lock(from), lock(to), WRITE, &SearchFilter::ALL).map(|path| path.len())
    }

    #[test]
    fn an_inverted_order_is_found_and_a_consistent_one_is_not() {
        let mut orders = Instances::new(100);
        for n in 0..50 {
            assert_eq!(orders.add(lock(n), lock(n + 1), WRITE), Added::New { closes: false });
        }
        assert_eq!(orders.add(lock(7), lock(8), WRITE), Added::Known);
        assert_eq!(orders.add(lock(9), lock(3), WRITE), Added::New { closes: true });
        assert_eq!(cycle(&mut orders, 9, 3), Some(6));
        assert_eq!(orders.kinds(lock(9), lock(3)), DependencyKinds::of(WRITE));
    }

    #[test]
    fn readers_that_never_wait_for_each_other_close_nothing() {
        let mut orders = Instances::new(100);
        orders.add(lock(1), lock(2), READ);
        assert_eq!(orders.add(lock(2), lock(1), READ), Added::New { closes: true });
        assert!(orders.strong_cycle(lock(2), lock(1), READ, &SearchFilter::ALL).is_none());
        let reader_writes = Kind { held: HeldMode::Shared, ..WRITE };
        orders.add(lock(2), lock(1), reader_writes);
        let none = orders.strong_cycle(lock(2), lock(1), reader_writes, &SearchFilter::ALL);
        assert!(none.is_none(), "2 is left as a reader and only ever reached as a recursive one");
        orders.add(lock(2), lock(1), WRITE);
        assert_eq!(cycle(&mut orders, 2, 1), Some(1));
    }

    #[test]
    fn a_lock_that_is_gone_takes_its_orders_with_it() {
        let mut orders = Instances::new(100);
        orders.add(lock(1), lock(2), WRITE);
        orders.add(lock(2), lock(1), WRITE);
        orders.forget(lock(1));
        orders.forget(lock(99));
        assert_eq!((orders.n_instances(), orders.n_orders()), (1, 0));
        orders.add(lock(3), lock(2), WRITE);
        assert_eq!(orders.add(lock(2), lock(4), WRITE), Added::New { closes: false });
        assert!(cycle(&mut orders, 2, 4).is_none());
    }

    #[test]
    fn a_million_short_lived_locks_leave_nothing_behind() {
        let mut orders = Instances::new(1 << 20);
        for n in 1..1_000_000 {
            orders.add(lock(0), lock(n), WRITE);
            orders.forget(lock(n));
        }
        assert_eq!((orders.n_instances(), orders.n_orders(), orders.n_dropped()), (1, 0, 0));
        assert!(orders.graph.node_count() <= 2, "slots are used again");
    }

    #[test]
    fn past_the_limit_the_oldest_locks_are_forgotten_and_counted() {
        let mut orders = Instances::new(10);
        for n in 0..1000 {
            orders.add(lock(n), lock(n + 1), WRITE);
        }
        assert_eq!(orders.n_instances(), 10);
        assert_eq!(orders.n_dropped(), 1001 - 10);
        orders.add(lock(1000), lock(995), WRITE);
        assert_eq!(cycle(&mut orders, 1000, 995), Some(5), "what is recent is known");
    }
}
