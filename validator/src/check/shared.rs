//! Orders that are seen on lock objects which two tasks have.
//!
//! An order is often seen first where a function makes an object, before others have it. Whether
//! that is so only the source tells. The order is a side of a deadlock all the same once it is seen
//! on an object that two tasks have acquired where it lies. The first such sightings are kept
//! beside the first of all, of classes and of two locks of one class.

use super::circular::Holder;
use super::knowledge::Knowledge;
use super::unpublished::Standing;
use super::view::{View, Wanted};
use crate::base::id::LockId;
use crate::graph::{Kind, PathStep};
use crate::mutant::{self, Mutant};

/// Of how many pairs of shared locks the sighting of one order is kept.
const MAX_SHARED: usize = 4;

/// An order of classes, and the two locks that it was seen on.
pub(crate) type Shared = (PathStep, (LockId, LockId));

/// What a look at the objects of an acquisition showed.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Orders that were seen on these shared objects for the first time.
    pub(crate) shared: Vec<Shared>,
    /// Whether there is room for more.
    pub(crate) is_open: bool,
}

/// Notes who is at the lock objects of an acquisition. Keeps each order that is seen for the first
/// time on these two locks, if others can have both.
pub(crate) fn look(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    holders: &[Holder],
    wanted: &Wanted,
) -> Looked {
    let mut looked = Looked::default();
    let (acquisition, task) = (wanted.acquisition, view.task.id);
    let is_shared = knowledge.users.touch(acquisition.lock, acquisition.address, task);
    for holder in holders {
        let held = &view.task.held[holder.index];
        let is_shared = knowledge.users.touch(held.lock, held.address, task) && is_shared;
        let from = view.class_of(held);
        if from == acquisition.class {
            continue;
        }
        let kind: Kind = View::kind(held.mode, acquisition.mode, acquisition.wait);
        let edge = knowledge.graph.edge_mut(from, acquisition.class);
        let Some(sighting) = edge.and_then(|edge| edge.sighting_mut(kind)) else { continue };
        looked.is_open |= sighting.shared.len() < MAX_SHARED;
        let pair = (held.lock, acquisition.lock);
        let is_news = sighting.shared.len() < MAX_SHARED && sighting.shared_of(pair.0, pair.1).is_none();
        if !is_shared || !is_news || mutant::is(Mutant::SharedIgnored) {
            continue;
        }
        let witness = view.witness(holder.index, acquisition);
        sighting.shared.push(witness);
        looked.shared.push((PathStep { from, to: acquisition.class, kind }, pair));
        // The locks of the first sighting may be others, which close no cycle.
        knowledge.instances.add_seen(pair.0, pair.1, kind, true);
        // What a lost gate raises is looked at next.
        let _ = knowledge.note_pair(pair, &view.gates(holder.index), Standing::Published, || witness);
        for lock in [pair.0, pair.1] {
            view.registry.note_ordered(lock.class());
        }
    }
    looked
}

/// Of how many cycles of single locks a report is made again.
const MAX_TOLD: usize = 64;

/// What a look at two locks of one class showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PairLook {
    /// Nothing is left to see: the order was seen on these shared objects, or is not remembered.
    Closed,
    /// The order was seen by a task that has the objects alone, so far.
    Open,
    /// It was seen on shared objects now.
    News,
}

/// Notes who is at two locks of one class. Keeps the first time that their order is seen when two
/// tasks have acquired both.
pub(crate) fn look_at_pair(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    holder: usize,
    wanted: &Wanted,
) -> PairLook {
    let (acquisition, task) = (wanted.acquisition, view.task.id);
    let held = &view.task.held[holder];
    if held.base_class() != acquisition.lock.class() {
        return PairLook::Closed;
    }
    let is_shared = [(held.lock, held.address), (acquisition.lock, acquisition.address)]
        .map(|(lock, address)| knowledge.users.touch(lock, address, task))
        == [true, true];
    let witness = view.witness(holder, acquisition);
    match knowledge.pair_mut(held.lock, acquisition.lock) {
        Some(pair) if pair.shared.is_none() && is_shared && !mutant::is(Mutant::SharedIgnored) => {
            pair.shared = Some(witness);
            PairLook::News
        }
        Some(pair) if pair.shared.is_none() => PairLook::Open,
        _ => PairLook::Closed,
    }
}

/// Remembers a cycle of single locks that was reported; `true` if an order of it was seen only by a
/// task that has its objects alone, so that every task has to look again.
pub(crate) fn tell(knowledge: &mut Knowledge, path: &[PathStep<LockId>]) -> bool {
    if knowledge.told_of_locks.len() >= MAX_TOLD {
        return false;
    }
    knowledge.told_of_locks.push(path.to_vec());
    let is_open = |step: &PathStep<LockId>| {
        knowledge.pair(step.from, step.to).is_some_and(|pair| pair.shared.is_none())
    };
    path.iter().any(is_open)
}
