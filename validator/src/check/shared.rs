//! Orders that are seen on lock objects which two tasks have.
//!
//! An order is often seen first where a function makes an object, before others have it. Whether
//! that is so only the source tells. The order is a side of a deadlock all the same once it is seen
//! on an object that two tasks have acquired where it lies. The first such sightings are kept
//! beside the first of all.

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
