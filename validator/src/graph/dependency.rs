//! One dependency: what was seen between two classes, when first, and what protected it.

use super::kind::{DependencyKinds, Kind, SeenKinds};
use crate::base::acquisition::Acquisition;
use crate::base::id::{LockId, TaskId};

/// The first sighting of a dependency of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Witness {
    /// The lock that was held.
    pub from: Acquisition,
    /// The lock that was acquired.
    pub to: Acquisition,
    /// The task that did both.
    pub task: TaskId,
    /// The segment of that task (it changes at every spawn and join).
    pub segment: u32,
}

/// A lock held around every sighting of a dependency so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gate {
    /// The lock.
    pub lock: LockId,
    /// Whether it was held exclusively each time. Two dependencies exclude each other if one of
    /// them has it so.
    pub exclusive: bool,
}

/// The locks held around every sighting so far.
///
/// Two dependencies that were only ever seen under one lock, one of them under it exclusively,
/// cannot meet: the thread that does the one keeps out the thread that does the other. The set only
/// shrinks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gates(Box<[Gate]>);

impl Gates {
    /// No gate: the dependency was seen with nothing else held.
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the gates of a first sighting.
    pub fn new(gates: &[Gate]) -> Self {
        Self(gates.into())
    }

    /// Keeps what was held at another sighting too, and exclusively only if it was so there; `true`
    /// if that is less than before.
    pub fn narrow(&mut self, held: &[Gate]) -> bool {
        // Both are in the order of a stack, so the next one is mostly right behind the last.
        let mut behind = 0;
        let mut at = |gate: &Gate| {
            let is_it = |other: &Gate| other.lock == gate.lock;
            let index = held[behind..].iter().position(is_it).map(|index| behind + index);
            let index = index.or_else(|| held[..behind].iter().position(is_it))?;
            behind = index + 1;
            Some(Gate { exclusive: gate.exclusive && held[index].exclusive, ..*gate })
        };
        if self.0.iter().all(|gate| at(gate) == Some(*gate)) {
            return false;
        }
        self.0 = self.0.iter().filter_map(at).collect();
        true
    }

    /// Returns the gates themselves.
    pub fn all(&self) -> &[Gate] {
        &self.0
    }
}

/// All that is known about one kind of one dependency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// The kind.
    pub kind: Kind,
    /// How many distinct chains contained it.
    pub count: u32,
    /// When it was first seen; on a published object, once it was seen on one. Not updated besides.
    pub witness: Witness,
    /// Whether it was seen without a lock in between, which would connect the two anyway.
    pub direct: bool,
    /// What protected every sighting of this kind.
    pub gates: Gates,
    /// What protected the one in `witness`.
    pub witness_gates: Gates,
    /// The first sightings of locks that another task had acquired before, of a few pairs of locks:
    /// where only the maker of an object took this order so far, they are the better ones.
    pub shared: Vec<Witness>,
}

impl Sighting {
    /// The sighting of these locks by a task of several that have them, if it is remembered.
    pub(crate) fn shared_of(&self, from: LockId, to: LockId) -> Option<&Witness> {
        self.shared.iter().find(|seen| (seen.from.lock, seen.to.lock) == (from, to))
    }

    /// A first sighting, of which nothing else is known yet.
    fn first(kind: Kind, witness: &Witness) -> Self {
        let (gates, witness_gates) = (Gates::none(), Gates::none());
        Self { kind, count: 1, witness: *witness, direct: true, gates, witness_gates, shared: Vec::new() }
    }
}

/// A dependency between two classes, of one or more kinds.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// INVARIANT: exactly the kinds of `first` and `more`.
    kinds: SeenKinds,
    /// Boxed so that the storage of the graph, which searches walk and growth copies, stays small.
    seen: Box<Sightings>,
}

#[derive(Clone, Debug)]
struct Sightings {
    first: Sighting,
    /// Other kinds, in the order of their first sighting: rare, so it costs nothing while empty.
    more: Vec<Sighting>,
}

impl Dependency {
    pub(crate) fn new(kind: Kind, witness: &Witness, is_published: bool) -> Self {
        let first = Sighting::first(kind, witness);
        let mut kinds = SeenKinds::default();
        kinds.insert(kind, is_published);
        Self { kinds, seen: Box::new(Sightings { first, more: Vec::new() }) }
    }

    /// Adds a kind; `false` if it is known, and to others than the thread that made the object. The
    /// count of a known kind is not touched.
    pub(crate) fn insert(&mut self, kind: Kind, witness: &Witness, is_published: bool) -> bool {
        let is_known = self.kinds.all().contains(kind);
        let is_news = self.kinds.insert(kind, is_published);
        if !is_known {
            self.seen.more.push(Sighting::first(kind, witness));
        } else if is_news && let Some(sighting) = self.sighting_mut(kind) {
            // What only the maker of an object did cannot be a side of a deadlock; this can.
            sighting.witness = *witness;
            (sighting.gates, sighting.witness_gates) = (Gates::none(), Gates::none());
        }
        is_news
    }

    /// Returns the kinds that were seen.
    #[inline]
    pub fn kinds(&self) -> DependencyKinds {
        self.kinds.all()
    }

    /// Returns the kinds that were seen on an object that another thread could have.
    #[inline]
    pub fn published(&self) -> DependencyKinds {
        self.kinds.published()
    }

    /// Returns what is known about one kind.
    pub fn sighting(&self, kind: Kind) -> Option<&Sighting> {
        self.sightings().find(|sighting| sighting.kind == kind)
    }

    /// Returns what is known about one kind, to update its count and gates.
    pub fn sighting_mut(&mut self, kind: Kind) -> Option<&mut Sighting> {
        let seen = &mut *self.seen;
        std::iter::once(&mut seen.first).chain(&mut seen.more).find(|sighting| sighting.kind == kind)
    }

    /// Returns the oldest sighting.
    pub fn first(&self) -> &Sighting {
        &self.seen.first
    }

    /// Returns every kind's sighting, the oldest first.
    pub fn sightings(&self) -> impl Iterator<Item = &Sighting> {
        std::iter::once(&self.seen.first).chain(&self.seen.more)
    }

    /// Returns how many distinct chains contained the dependency in any kind.
    pub fn count(&self) -> u64 {
        self.sightings().map(|sighting| u64::from(sighting.count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_only_shrink() {
        let lock = |n: u64| LockId::from_raw((1 << LockId::INSTANCE_BITS) | n).expect("class one");
        let gate = |n: u64, exclusive: bool| Gate { lock: lock(n), exclusive };
        let mut gates = Gates::new(&[gate(1, true), gate(2, true)]);
        assert!(!gates.narrow(&[gate(3, true), gate(2, true), gate(1, true)]), "all held: nothing lost");
        assert!(gates.narrow(&[gate(2, false)]), "held by a reader");
        assert_eq!(gates.all(), [gate(2, false)]);
        assert!(!gates.narrow(&[gate(2, true)]), "it stays a reader's");
        let mut gates = Gates::new(&[gate(1, true), gate(2, true), gate(3, true)]);
        assert!(gates.narrow(&[gate(3, true), gate(4, true), gate(1, true)]), "in another order");
        assert_eq!(gates.all(), [gate(1, true), gate(3, true)]);
        assert!(gates.narrow(&[]));
        assert!(gates.all().is_empty());
    }
}
