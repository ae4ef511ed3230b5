//! Classes and instances: registration, order functions, removal.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{ClassOrder, EventFindings, TaskContext, Validator};
use crate::base::id::{ClassId, LockId};
use crate::base::site::Site;
use crate::state::class::{ClassAttributes, LockClassKey};
use crate::state::registry::fact;

/// How many instance numbers a task takes at once.
const INSTANCE_BLOCK: u64 = 64;

impl Validator {
    /// Registers a class, or finds it: the same key always gives the same id. `None` when the table
    /// of classes is full.
    pub fn register_class(
        &self,
        key: &LockClassKey,
        site: Site,
        attributes: ClassAttributes,
    ) -> Option<ClassId> {
        let class = self.registry.register(key, site, attributes);
        if class.is_none() {
            self.count_dropped();
        }
        class
    }

    /// Makes the id of a lock object that is used for the first time. The embedder stores it in the
    /// lock; if another thread was faster, that thread's id counts and this one is lost without
    /// harm.
    pub fn new_lock(&self, task: &mut TaskContext, class: ClassId) -> LockId {
        let lock = self.another_lock(task, class);
        self.note_instance(task, lock);
        lock
    }

    /// Does what [`new_lock`](Validator::new_lock) does, for a class that is known to [have
    /// several](Validator::has_several_locks): nothing about the class can change by it. Allocates
    /// nothing and cannot panic.
    #[inline(always)]
    pub fn another_lock(&self, task: &mut TaskContext, class: ClassId) -> LockId {
        if task.instances.is_empty() {
            // ORDERING: Relaxed: the numbers need to be distinct, nothing else.
            let start = self.next_instance.fetch_add(INSTANCE_BLOCK, Ordering::Relaxed);
            task.instances = start..start + INSTANCE_BLOCK;
        }
        let number = task.instances.start;
        task.instances.start += 1;
        LockId::new(class, number)
    }

    /// Returns whether more than one lock of the class was seen; once so, it stays so.
    pub fn has_several_locks(&self, class: ClassId) -> bool {
        self.registry.record(class).is_some_and(|record| record.has(fact::SEVERAL_INSTANCES))
    }

    /// A class that has a second lock is no gate any more: what was lowered by it may rise.
    pub(super) fn note_instance(&self, task: &TaskContext, lock: LockId) {
        let Some(record) = self.registry.record(lock.class()) else { return };
        if !record.note_instance(lock) || !record.has(fact::GATE) {
            return;
        }
        let mut findings = EventFindings::default();
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        self.raise(&self.view(task), &mut knowledge, &mut findings);
        if !findings.violations.is_empty() {
            // No event runs that could carry them: the next one that takes the slow path does.
            knowledge.pending.append(&mut findings.violations);
            // ORDERING: Relaxed: published by the epoch below.
            self.has_pending.store(true, Ordering::Relaxed);
            self.bump_epoch();
        }
    }

    /// Gives the locks of a class an order among themselves (the kernel's `lock_set_cmp_fn`): one
    /// may be waited for while another is held only if the held one comes first. A class keeps the
    /// order that it was given first.
    ///
    /// # Errors
    ///
    /// With the order that the class has already, if it is another one.
    pub fn order_class(&self, class: ClassId, order: ClassOrder) -> Result<(), ClassOrder> {
        let Some(record) = self.registry.record(class) else { return Ok(()) };
        if record.order.set(order).is_ok() {
            // What was fine without an order may be against it.
            self.bump_epoch();
            return Ok(());
        }
        match record.order.get() {
            Some(first) if !first.is_same(order) => Err(*first),
            _ => Ok(()),
        }
    }

    /// Gives a lock its key in the order of its class. `is_new`: it was never acquired before.
    ///
    /// Another key for a lock that was acquired before makes every task look again at all that it
    /// has validated.
    pub fn set_order_key(&self, lock: LockId, key: u64, is_new: bool) {
        let previous = self.registry.set_order_key(lock, key);
        if !is_new && previous != Some(key) {
            self.bump_epoch();
        }
    }

    /// Tells the locks of a class apart from the start, as if it lay on a reported cycle: for a
    /// second run that settles the levels of what the first one found.
    pub fn suspect(&self, class: ClassId) {
        let is_new = self.registry.record(class).is_some_and(|record| record.note(fact::SUSPECT));
        if is_new {
            // ORDERING: Relaxed: published by the epoch below.
            self.n_suspects.fetch_add(1, Ordering::Relaxed);
            self.bump_epoch();
        }
    }

    /// Does what [`suspect`](Self::suspect) does, and records the stack of each acquisition: for a
    /// second run whose reports show the acquisitions themselves.
    pub fn trace(&self, class: ClassId) {
        if let Some(record) = self.registry.record(class) {
            record.note(fact::TRACED);
        }
        self.suspect(class);
    }

    /// Removes a class whose locks are gone (a dynamic key). What was concluded through it stays:
    /// its predecessors are joined to its successors wherever that is sound. Cheap: it waits for no
    /// thread. `false` if it was not there.
    pub fn remove_class(&self, class: ClassId) -> bool {
        if !self.registry.remove(class) {
            return false;
        }
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        for level in self.registry.levels(class) {
            self.registry.remove(level);
            // Under evidence a bridge over two readers would count fully although no writer may
            // ever queue there.
            knowledge.graph.remove_class(level, !self.config.evidence);
        }
        true
    }
}
