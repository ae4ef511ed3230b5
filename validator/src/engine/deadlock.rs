//! What a task holds, for other tasks to read, and deadlocks that have happened.

use std::sync::PoisonError;

use super::{TaskContext, Validator};
use crate::base::acquisition::Acquisition;
use crate::base::held_record::HeldRecord;
use crate::check::deadlock::Waiting;
use crate::check::signature;
use crate::check::violation::{LockUse, Violation};

impl TaskContext {
    /// Returns what it holds, newest first, to be published. Neither allocates nor locks.
    pub fn held_records(&self) -> impl Iterator<Item = HeldRecord> + '_ {
        self.held.iter().enumerate().rev().map(|(index, held)| HeldRecord {
            lock: held.lock,
            address: held.address,
            site: held.site,
            chain: self.chain_after(index),
            mode: held.mode,
            wait: held.wait,
            subclass: held.subclass,
            flags: held.flags,
            is_first_sighting: held.is_first_sighting,
        })
    }
}

impl Validator {
    /// Returns a published hold with its class and the stack of its acquisition, as far as known.
    pub fn recalled(&self, record: &HeldRecord) -> LockUse {
        let acquisition = Acquisition {
            lock: record.lock,
            class: self.registry.level(record.lock.class(), record.subclass),
            subclass: record.subclass,
            mode: record.mode,
            wait: record.wait,
            address: record.address,
            site: record.site,
            stack: self.chains.stack(record.chain, record.lock.class(), record.site),
            stack_exact: record.is_first_sighting,
        };
        LockUse { acquisition, flags: record.flags }
    }

    /// Judges a ring of waiting tasks: the violation, unless it was reported before.
    pub fn deadlock(&self, waiting: Waiting<'_>, ring: &[usize]) -> Option<Violation> {
        let mut violation = waiting.violation(ring, |lock| self.is_movable(lock));
        violation.fingerprint = signature::fingerprint(&self.registry, &violation);
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        knowledge.admit(signature::signature(&violation), violation.level).then_some(violation)
    }
}
