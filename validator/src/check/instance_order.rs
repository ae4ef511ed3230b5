//! Orders between single locks: of one class, and of classes that lie on a reported cycle.

use super::circular;
use super::judge;
use super::knowledge::Knowledge;
use super::lowered::Assessment;
use super::recursion;
use super::unpublished::{Standing, UnpublishedOrder};
use super::view::{View, Wanted};
use crate::base::event::Acquire;
use crate::base::id::LockId;
use crate::base::mix::extend;
use crate::base::mode::{Mode, Wait};
use crate::config::SameClassPolicy;
use crate::graph::{Added, Gate, Kind, PathStep, Witness};
use crate::mutant::{self, Mutant};
use crate::state::registry::fact;
use crate::state::task::TaskContext;

/// What an acquisition is known by when the locks themselves matter: every lock in the stack, where
/// it is, and the chain with its context. The address counts, because a class may be ordered by
/// address, and a lock that no task holds may move.
#[inline]
pub(crate) fn instance_key(task: &TaskContext, wanted: &Acquire, validation_key: u64) -> u64 {
    key_over(wanted, validation_key, task.held.iter().map(|held| (held.lock, held.address)))
}

/// The same for an embedder that keeps the locks held itself, oldest first.
#[inline]
pub(crate) fn key_over(
    wanted: &Acquire,
    validation_key: u64,
    held: impl Iterator<Item = (LockId, usize)>,
) -> u64 {
    let start = extend(validation_key, at(wanted.lock, wanted.address));
    held.fold(start, |key, (lock, address)| extend(key, at(lock, address)))
}

/// A lock and its place in one word. The classes are in the validation key; the bytes of the
/// address are turned round so that those in which addresses differ do not meet those in which
/// instance numbers do.
#[inline]
fn at(lock: LockId, address: usize) -> u64 {
    lock.raw() ^ (address as u64).swap_bytes()
}

/// Whether the class's locks are distinguished because it lies on a reported cycle.
pub(crate) fn is_suspect(view: &View<'_>, lock: LockId) -> bool {
    !mutant::is(Mutant::NoInstances) && view.has(lock.class(), fact::SUSPECT)
}

/// The holders whose order with the wanted lock is remembered lock by lock. Order functions may be
/// called: no lock of the engine is held here.
pub(crate) fn pairs(view: &View<'_>, wanted: &Wanted) -> Vec<usize> {
    let task = view.task;
    let lock = wanted.acquisition.lock;
    let same_class = view.config.same_class == SameClassPolicy::Instance
        && !mutant::is(Mutant::NoSameClass)
        && !recursion::is_serialised(view, wanted);
    let suspect = is_suspect(view, lock);
    let mut pairs = Vec::new();
    let mut nearest_found = false;
    for index in (task.context_start()..task.held.len()).rev() {
        let held = &task.held[index];
        if held.lock == lock || !view.is_checked(held) {
            continue;
        }
        let is_same = held.base_class() == lock.class();
        let counts = if is_same {
            same_class
                && !nearest_found
                && held.subclass == wanted.acquisition.subclass
                && !recursion::is_ordered(view, index, wanted)
        } else {
            suspect && is_suspect(view, held.lock)
        };
        if counts {
            pairs.push(index);
        }
        nearest_found |= is_same && held.wait == Wait::Blocking && held.mode == Mode::Exclusive;
    }
    pairs
}

/// Remembers one order; gives the surest cycle of single locks that it closes.
pub(crate) fn record(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    holder: usize,
    wanted: &Wanted,
    mut standing: Standing,
    new_fn: impl FnOnce(Kind, Standing),
) -> Option<(Vec<PathStep<LockId>>, Assessment)> {
    let held = &view.task.held[holder];
    let acquisition = wanted.acquisition;
    if !circular::can_wait(view.config, acquisition.wait) {
        return None;
    }
    let kind = View::kind(held.mode, acquisition.mode, acquisition.wait);
    let gates = view.gates(holder);
    if !knowledge.unpublished.is_known_to_others(held, wanted) {
        standing = Standing::Published;
    }
    if standing == Standing::Unpublished {
        let witness = view.witness(holder, acquisition);
        let order = |gates| UnpublishedOrder { kind, witness, gates, direct: true, is_of_locks: true };
        if !knowledge.unpublished.note(acquisition.lock, &gates, order) {
            standing = Standing::Published;
        }
    }
    let step = PathStep { from: held.lock, to: acquisition.lock, kind };
    let (closes, is_new) =
        add(view, knowledge, step, (&gates, standing), || view.witness(holder, acquisition));
    if is_new {
        new_fn(kind, standing);
    }
    if closes { judge::strongest_instance_cycle(view, knowledge, step) } else { None }
}

/// Remembers an order that ends in an object which turns out to be published.
pub(crate) fn publish(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    order: &UnpublishedOrder,
) -> Option<(Vec<PathStep<LockId>>, Assessment)> {
    let UnpublishedOrder { kind, witness, gates, .. } = order;
    let step = PathStep { from: witness.from.lock, to: witness.to.lock, kind: *kind };
    let (closes, _) = add(view, knowledge, step, (gates.all(), Standing::Published), || *witness);
    if closes { judge::strongest_instance_cycle(view, knowledge, step) } else { None }
}

/// Whether a cycle may have closed or become surer, and whether the order is news.
fn add(
    view: &View<'_>,
    knowledge: &mut Knowledge,
    step: PathStep<LockId>,
    (gates, standing): (&[Gate], Standing),
    witness_fn: impl FnOnce() -> Witness,
) -> (bool, bool) {
    let is_published = standing == Standing::Published;
    let added = knowledge.instances.add_seen(step.from, step.to, step.kind, is_published);
    let lost_gate = knowledge.note_pair((step.from, step.to), gates, standing, witness_fn);
    for lock in [step.from, step.to] {
        view.registry.note_ordered(lock.class());
    }
    let closes = lost_gate || matches!(added, Added::New { closes: true });
    (closes, matches!(added, Added::New { .. }))
}
