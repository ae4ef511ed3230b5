//! Lock objects that no other thread can have yet, as far as the run shows.
//!
//! A thread that holds a lock, makes an object on its own stack and takes a lock of it cannot wait
//! there: no other thread knows the object. Where both locks lie on the stack, nothing says that
//! one is known to others and the other is not. `new` is a `const fn` and no event, so the evidence
//! is the first acquisition and where the object lay then. That is no proof, because the object may
//! be lent to threads of a scope. So each order that ends in such an object is remembered with the
//! object, and counts fully from the moment at which another thread is seen at the object in the
//! same place. An object that is seen in another place was moved meanwhile: nothing referred to it
//! then, and its orders so far stay what they are.

use rustc_hash::FxHashMap;

use super::view::Wanted;
use crate::base::id::{LockId, TaskId};
use crate::graph::{Gate, Gates, Kind, Witness};
use crate::mutant::{self, Mutant};
use crate::state::held::HeldLock;
use crate::state::task::TaskContext;

/// How many objects are remembered at once.
const MAX_OBJECTS: usize = 1 << 12;
/// How many orders are remembered for one object.
const MAX_ORDERS: usize = 64;

/// Whether another thread could have a lock object when it was acquired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// As far as can be told, yes.
    Published,
    /// Only the thread that acquired it.
    Unpublished,
}

/// An order that ends in an unpublished object.
#[derive(Clone, Debug)]
pub(crate) struct UnpublishedOrder {
    pub(crate) kind: Kind,
    pub(crate) witness: Witness,
    pub(crate) gates: Gates,
    /// See [`Sighting::direct`](crate::graph::Sighting::direct).
    pub(crate) direct: bool,
    /// Whether it is one of two single locks, rather than of their classes.
    pub(crate) is_of_locks: bool,
}

#[derive(Debug)]
struct Object {
    task: TaskId,
    address: usize,
    orders: Vec<UnpublishedOrder>,
}

/// What an acquisition shows about its object.
#[derive(Debug)]
pub(crate) struct Touched {
    pub(crate) standing: Standing,
    /// Whether the object is remembered from now on.
    pub(crate) is_new: bool,
    /// What counts fully from now on.
    pub(crate) taken_back: Vec<UnpublishedOrder>,
}

impl Touched {
    fn with(standing: Standing) -> Self {
        Self { standing, is_new: false, taken_back: Vec::new() }
    }
}

/// The objects that are unpublished now.
#[derive(Debug, Default)]
pub(crate) struct Unpublished {
    objects: FxHashMap<LockId, Object>,
    /// Whether there ever was one.
    is_used: bool,
    n_dropped: u64,
}

impl Unpublished {
    /// Whether an order may have been seen on unpublished objects only.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used
    }

    /// How many objects were forgotten to make room.
    pub(crate) fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    /// Notes an acquisition.
    pub(crate) fn touch(&mut self, task: &TaskContext, wanted: &Wanted) -> Touched {
        let (lock, address) = (wanted.acquisition.lock, wanted.acquisition.address);
        let is_on_own_stack = wanted.own_stack.contains(address);
        let starts = is_on_own_stack
            && wanted.is_first
            && task.held.iter().any(|held| self.is_known_to_others(held, wanted));
        let task = task.id;
        let Some(object) = self.objects.get_mut(&lock) else {
            if !starts || mutant::is(Mutant::UnpublishedCounts) {
                return Touched::with(Standing::Published);
            }
            self.start(lock, Object { task, address, orders: Vec::new() });
            return Touched { is_new: true, ..Touched::with(Standing::Unpublished) };
        };
        if object.address != address && !mutant::is(Mutant::MoveIgnored) {
            // Each reference that exists now was made after the move.
            object.orders.clear();
            if is_on_own_stack {
                (object.task, object.address) = (task, address);
                return Touched::with(Standing::Unpublished);
            }
            self.objects.remove(&lock);
            return Touched::with(Standing::Published);
        }
        if object.task == task {
            return Touched::with(Standing::Unpublished);
        }
        let taken_back = self.objects.remove(&lock).map(|object| object.orders).unwrap_or_default();
        let is_kept = !mutant::is(Mutant::TakenBackIgnored);
        let taken_back = if is_kept { taken_back } else { Vec::new() };
        Touched { taken_back, ..Touched::with(Standing::Published) }
    }

    /// Whether a held lock is one that others can have, or as good as that, when an object is
    /// compared with it: a variable of the same thread stands for whatever its author likes.
    pub(crate) fn is_known_to_others(&self, held: &HeldLock, wanted: &Wanted) -> bool {
        !wanted.own_stack.contains(held.address) || self.standing(held.lock) == Standing::Unpublished
    }

    /// What is known of the object of an acquisition that another task made.
    pub(crate) fn standing(&self, lock: LockId) -> Standing {
        if self.objects.contains_key(&lock) { Standing::Unpublished } else { Standing::Published }
    }

    fn start(&mut self, lock: LockId, object: Object) {
        if self.objects.len() >= MAX_OBJECTS {
            self.n_dropped += self.objects.len() as u64;
            self.objects.clear();
        }
        self.is_used = true;
        self.objects.insert(lock, object);
    }

    /// Remembers an order that ends in `lock`; `false` if there is no room, so that it counts
    /// fully.
    pub(crate) fn note(
        &mut self,
        lock: LockId,
        gates: &[Gate],
        order: impl FnOnce(Gates) -> UnpublishedOrder,
    ) -> bool {
        let Some(object) = self.objects.get_mut(&lock) else { return false };
        let order = order(Gates::new(gates));
        let is_it = |known: &&mut UnpublishedOrder| {
            known.is_of_locks == order.is_of_locks
                && known.kind == order.kind
                && known.witness.from.lock == order.witness.from.lock
                && known.witness.from.class == order.witness.from.class
        };
        if let Some(known) = object.orders.iter_mut().find(is_it) {
            known.gates.narrow(gates);
            return true;
        }
        let has_room = object.orders.len() < MAX_ORDERS;
        if has_room {
            object.orders.push(order);
        }
        has_room
    }

    /// The object is gone: nothing ever takes its orders back.
    pub(crate) fn forget(&mut self, lock: LockId) {
        self.objects.remove(&lock);
    }
}
