//! What the rules learn and remember, behind the validator's one lock.

use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use super::lowered::{FairRead, Lowered};
use super::unpublished::{Standing, Unpublished};
use super::users::Users;
use super::violation::{Level, Violation};
use crate::base::acquisition::Acquisition;
use crate::base::id::{ClassId, LockId, StackId, TaskId};
use crate::base::site::Site;
use crate::graph::{Gate, Gates, Graph, Instances, PathStep, Witness};
use crate::mutant::{self, Mutant};
use crate::state::context::ContextSet;
use crate::state::held::Order;

/// How many locks the instance graph remembers.
const MAX_INSTANCES: usize = 1 << 22;
/// For how many pairs of instances the sites are remembered.
pub(crate) const MAX_PAIR_SITES: usize = 1 << 12;

/// How many locks may be under way between two tasks before the oldest story is forgotten.
const MAX_HANDED_OVER: usize = 1 << 16;

/// The first sighting of an order between two locks, and what protected every one.
#[derive(Clone, Debug)]
pub(crate) struct PairSighting {
    pub(crate) witness: Witness,
    pub(crate) gates: Gates,
    /// Whether another thread could have the inner lock in the sighting above.
    is_published: bool,
    /// The first sighting by a task of several that have acquired both locks.
    pub(crate) shared: Option<Witness>,
}

/// How many orders under locks that change hands are known to be sure.
const MAX_SURE: usize = 1 << 18;

/// What the rules learn and remember.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) graph: Graph,
    pub(crate) instances: Instances,
    /// The lock objects that no other thread can have yet.
    pub(crate) unpublished: Unpublished,
    /// Who acquired the lock objects that orders were seen on.
    pub(crate) users: Users,
    /// Cycles that were reported as errors; the closing dependency last.
    pub(crate) told: Vec<Vec<PathStep>>,
    /// The same of single locks of one class; bounded.
    pub(crate) told_of_locks: Vec<Vec<PathStep<LockId>>>,
    /// The first sightings of orders between single locks; only for reports, bounded.
    pair_sites: FxHashMap<(LockId, LockId), PairSighting>,
    /// The first sighting of a class nested in itself, for pairs that no longer fitted.
    nesting: FxHashMap<ClassId, Witness>,
    /// What protected every sighting of every pair, of these classes, that no longer fitted.
    class_gates: FxHashMap<(ClassId, ClassId), Gates>,
    /// What every blocking writer of a class held that was looked at.
    writer_gates: FxHashMap<ClassId, Gates>,
    /// The first blocking writer of each class that was looked at; only for reports.
    writers: FxHashMap<ClassId, (TaskId, Site)>,
    /// The first sighting of each usage bit of each class.
    pub(crate) usage_sites: FxHashMap<(ClassId, u32), Acquisition>,
    /// Contexts in which any class was used, and that were enabled while any was held.
    pub(crate) used_in: ContextSet,
    pub(crate) enabled: ContextSet,
    /// What was reported, and at what level.
    reported: FxHashMap<u64, Level>,
    /// Violations below error whose reason may go away.
    pub(crate) lowered: Vec<Lowered>,
    /// Violations that no running event can carry; the next one does.
    pub(crate) pending: Vec<Violation>,
    /// Locks that a task gave away while it held them: a task that releases one does no wrong.
    /// Bounded.
    handed_over: FxHashSet<LockId>,
    /// Orders under a lock that other tasks may release, each seen with a release by its own task.
    /// Bounded.
    sure: FxHashSet<Order>,
    max_reports: usize,
    pub(crate) n_dropped: u64,
}

impl Knowledge {
    pub(crate) fn new(max_reports: usize) -> Self {
        Self {
            graph: Graph::new(),
            instances: Instances::new(MAX_INSTANCES),
            unpublished: Unpublished::default(),
            users: Users::default(),
            told: Vec::new(),
            told_of_locks: Vec::new(),
            pair_sites: FxHashMap::default(),
            nesting: FxHashMap::default(),
            class_gates: FxHashMap::default(),
            writer_gates: FxHashMap::default(),
            writers: FxHashMap::default(),
            usage_sites: FxHashMap::default(),
            used_in: ContextSet::EMPTY,
            enabled: ContextSet::EMPTY,
            reported: FxHashMap::default(),
            lowered: Vec::new(),
            pending: Vec::new(),
            handed_over: FxHashSet::default(),
            sure: FxHashSet::default(),
            max_reports,
            n_dropped: 0,
        }
    }

    /// Whether a violation is to be reported: the first time, and again when its level has risen.
    pub(crate) fn admit(&mut self, signature: u64, level: Level) -> bool {
        if mutant::is(Mutant::NoReportOnce) {
            return true;
        }
        if let Some(known) = self.reported.get_mut(&signature) {
            let rises = level > *known;
            *known = level.max(*known);
            return rises;
        }
        if self.reported.len() >= self.max_reports {
            self.n_dropped = self.n_dropped.saturating_add(1);
            return false;
        }
        self.reported.insert(signature, level);
        true
    }

    /// Whether a violation would be [admitted](Self::admit).
    pub(crate) fn is_news(&self, signature: u64, level: Level) -> bool {
        self.reported.get(&signature).is_none_or(|known| level > *known)
    }

    /// Remembers where an order between two locks was seen; `true` if it was known to be better
    /// protected.
    pub(crate) fn note_pair(
        &mut self,
        key: (LockId, LockId),
        gates: &[Gate],
        standing: Standing,
        witness_fn: impl FnOnce() -> Witness,
    ) -> bool {
        let is_published = standing == Standing::Published;
        if let Some(known) = self.pair_sites.get_mut(&key) {
            if is_published && !known.is_published {
                let (witness, gates) = (witness_fn(), Gates::new(gates));
                *known = PairSighting { witness, gates, is_published, shared: None };
                return false;
            }
            return is_published && known.gates.narrow(gates);
        }
        let is_first = key.0.class() == key.1.class() && !self.nesting.contains_key(&key.0.class());
        let has_room = self.pair_sites.len() < MAX_PAIR_SITES;
        if is_first || has_room {
            let witness = witness_fn();
            if is_first {
                self.nesting.insert(key.0.class(), witness);
            }
            if has_room {
                let mut gates = Gates::new(gates);
                // It may have been seen before, when there was no room.
                if let Some(of_classes) = self.class_gates.get(&(key.0.class(), key.1.class())) {
                    gates.narrow(of_classes.all());
                }
                self.pair_sites.insert(key, PairSighting { witness, gates, is_published, shared: None });
            }
        }
        !has_room && is_published && self.narrow_class_gates((key.0.class(), key.1.class()), gates)
    }

    /// Keeps what protected every order between locks of two classes that no longer fitted; `true`
    /// if that is less than before.
    fn narrow_class_gates(&mut self, classes: (ClassId, ClassId), gates: &[Gate]) -> bool {
        match self.class_gates.entry(classes) {
            Entry::Vacant(vacant) => {
                vacant.insert(Gates::new(gates));
                false
            }
            Entry::Occupied(mut of_classes) => of_classes.get_mut().narrow(gates),
        }
    }

    /// The locks held around every sighting of an order between two locks, or of all orders between
    /// their classes.
    pub(crate) fn pair_gates(&self, from: LockId, to: LockId) -> &[Gate] {
        let known = self.pair(from, to).map(|pair| &pair.gates);
        let gates = known.or_else(|| self.class_gates.get(&(from.class(), to.class())));
        gates.map_or(&[], Gates::all)
    }

    /// Keeps what a writer of the class held; `true` if that is less than all before it did.
    pub(crate) fn note_writer(
        &mut self,
        class: ClassId,
        writer: (TaskId, Site),
        gates_fn: impl FnOnce() -> Vec<Gate>,
    ) -> bool {
        match self.writer_gates.entry(class) {
            Entry::Vacant(vacant) => {
                self.writers.insert(class, writer);
                vacant.insert(Gates::new(&gates_fn()));
                false
            }
            Entry::Occupied(known) if known.get().all().is_empty() => false,
            Entry::Occupied(_) if mutant::is(Mutant::FirstWriterOnly) => false,
            Entry::Occupied(mut known) => known.get_mut().narrow(&gates_fn()),
        }
    }

    /// Returns the task and the place of the first writer of the class.
    pub(crate) fn writer(&self, class: ClassId) -> Option<(TaskId, Site)> {
        self.writers.get(&class).copied()
    }

    /// What every writer of the class held.
    pub(crate) fn writer_gates(&self, class: ClassId) -> &[Gate] {
        let known = self.writer_gates.get(&class).filter(|_| !mutant::is(Mutant::NoWriterGates));
        known.map_or(&[], Gates::all)
    }

    /// The classes of which no writer was seen that holds nothing else.
    pub(crate) fn classes_with_gated_writers(&self) -> FxHashSet<ClassId> {
        let gated = self.writer_gates.keys().copied();
        gated.filter(|class| !self.writer_gates(*class).is_empty()).collect()
    }

    /// Where locks of one class were first nested.
    pub(crate) fn nesting(&self, class: ClassId) -> Option<&Witness> {
        self.nesting.get(&class)
    }

    /// Whether the remembered sighting of an order between two locks has no stack of its own.
    pub(crate) fn lacks_stack(&self, (from, to): (LockId, LockId)) -> bool {
        self.pair(from, to).is_some_and(|pair| !pair.witness.to.stack_exact)
    }

    /// Gives such a sighting the stack of its inner lock.
    pub(crate) fn give_stack(&mut self, key: (LockId, LockId), stack: StackId) {
        if let Some(pair) = self.pair_sites.get_mut(&key).filter(|pair| !pair.witness.to.stack_exact) {
            (pair.witness.to.stack, pair.witness.to.stack_exact) = (Some(stack), true);
        }
    }

    /// Gives the sighting by a task of several the stack of its inner lock, if it has none.
    pub(crate) fn give_shared_stack(&mut self, key: (LockId, LockId), stack: Option<StackId>) {
        let shared = self.pair_sites.get_mut(&key).and_then(|pair| pair.shared.as_mut());
        if let Some(seen) = shared.filter(|seen| !seen.to.stack_exact) {
            (seen.to.stack, seen.to.stack_exact) = (stack, stack.is_some());
        }
    }

    pub(crate) fn pair_mut(&mut self, from: LockId, to: LockId) -> Option<&mut PairSighting> {
        self.pair_sites.get_mut(&(from, to))
    }

    pub(crate) fn pair(&self, from: LockId, to: LockId) -> Option<&PairSighting> {
        self.pair_sites.get(&(from, to))
    }

    /// Keeps an eye on a fair read behind a fair read, the one with the least around it; `true` if
    /// that is this one.
    pub(crate) fn watch_fair_read(&mut self, seen: FairRead) -> bool {
        match self.fair_read(seen.class) {
            Some(known) => {
                let has_less = known.gates.narrow(seen.gates.all());
                if has_less {
                    known.violation = seen.violation;
                }
                has_less
            }
            None => {
                self.lowered.push(Lowered::FairRead(Box::new(seen)));
                true
            }
        }
    }

    /// The fair read behind a fair read of this class that an eye is kept on.
    pub(crate) fn fair_read(&mut self, class: ClassId) -> Option<&mut FairRead> {
        self.lowered.iter_mut().find_map(|entry| match entry {
            Lowered::FairRead(known) if known.class == class => Some(&mut **known),
            _ => None,
        })
    }

    /// A task gave the lock away while it held it.
    pub(crate) fn hand_over(&mut self, lock: LockId) {
        if self.handed_over.len() >= MAX_HANDED_OVER {
            self.handed_over.clear();
            self.n_dropped += 1;
        }
        self.handed_over.insert(lock);
    }

    /// Whether the lock was given away by the task that held it; the asking task has it now.
    pub(crate) fn take_over(&mut self, lock: LockId) -> bool {
        self.handed_over.remove(&lock)
    }

    /// The task that acquired the outer lock of the order has released it itself; `true` the first
    /// time.
    pub(crate) fn make_sure(&mut self, order: Order) -> bool {
        if self.sure.len() >= MAX_SURE {
            self.sure.clear();
            self.n_dropped += 1;
        }
        self.sure.insert(order)
    }

    /// Whether the outer lock of the order was held by the task that took the inner one.
    pub(crate) fn is_sure(&self, order: Order) -> bool {
        self.sure.contains(&order)
    }

    /// A lock object is gone.
    pub(crate) fn forget(&mut self, lock: LockId) {
        self.instances.forget(lock);
        self.unpublished.forget(lock);
        self.users.forget(lock);
        if !self.pair_sites.is_empty() && self.pair_sites.len() >= MAX_PAIR_SITES {
            self.pair_sites.retain(|(from, to), _| *from != lock && *to != lock);
        }
    }
}
