//! What a rule may look at: the running task, the classes, the chains.

use super::violation::{Code, Detail, Evidence, Level, Violation};
use crate::base::acquisition::Acquisition;
use crate::base::event::{Acquire, AcquireFlags, OwnStack};
use crate::base::id::{ClassId, LockId, StackId};
use crate::base::mode::{Mode, Wait};
use crate::config::Config;
use crate::graph::{Gate, Kind, Witness};
use crate::mutant::{self, Mutant};
use crate::state::chains::Chains;
use crate::state::class::Validation;
use crate::state::held::HeldLock;
use crate::state::registry::{ClassRecord, Registry, fact};
use crate::state::task::TaskContext;

/// What a rule may look at. Rules change nothing here; what they learn goes into the graph and the
/// usage table.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    pub(crate) registry: &'a Registry,
    pub(crate) chains: &'a Chains,
    pub(crate) task: &'a TaskContext,
}

/// The acquisition that the rules are asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) acquisition: Acquisition,
    pub(crate) flags: AcquireFlags,
    pub(crate) nest: Option<LockId>,
    pub(crate) is_first: bool,
    pub(crate) own_stack: OwnStack,
}

impl Wanted {
    pub(crate) fn new(event: &Acquire, class: ClassId, stack: Option<StackId>) -> Self {
        let acquisition = Acquisition {
            lock: event.lock,
            class,
            subclass: event.subclass,
            mode: event.mode,
            wait: event.wait,
            address: event.address,
            site: event.site,
            stack,
            stack_exact: true,
        };
        let Acquire { flags, nest, is_first, own_stack, .. } = *event;
        Self { acquisition, flags, nest, is_first, own_stack }
    }
}

impl<'a> View<'a> {
    pub(crate) fn record(&self, class: ClassId) -> Option<&'a ClassRecord> {
        self.registry.record(class)
    }

    pub(crate) fn has(&self, class: ClassId, wanted: u32) -> bool {
        self.record(class).is_some_and(|record| record.has(wanted))
    }

    /// Whether a blocking writer of the class was seen; always under the kernel's policy.
    pub(crate) fn writer_seen(&self, class: ClassId) -> bool {
        !self.config.evidence || self.has(class, fact::WRITER_SEEN)
    }

    /// The class of a held lock, its nesting level included.
    pub(crate) fn class_of(&self, held: &HeldLock) -> ClassId {
        if mutant::is(Mutant::SubclassIgnored) {
            return held.base_class();
        }
        self.registry.level(held.base_class(), held.subclass)
    }

    /// Whether a held lock takes part in ordering and usage.
    pub(crate) fn is_checked(&self, held: &HeldLock) -> bool {
        held.is_checked() && self.registry.validation(held.base_class()) == Validation::Full
    }

    /// The mode that counts for blocking.
    pub(crate) fn mode(mode: Mode) -> Mode {
        match mode {
            Mode::SharedRecursive if mutant::is(Mutant::RecursiveIsFair) => Mode::Shared,
            Mode::Shared if mutant::is(Mutant::FairIsRecursive) => Mode::SharedRecursive,
            _ if mutant::is(Mutant::AllExclusive) => Mode::Exclusive,
            mode => mode,
        }
    }

    /// How a dependency from a held lock blocks.
    pub(crate) fn kind(held: Mode, wanted: Mode, wait: Wait) -> Kind {
        let wait = if wait == Wait::Timed && mutant::is(Mutant::TimedBlocks) { Wait::Blocking } else { wait };
        Kind::new(Self::mode(held), Self::mode(wanted), wait)
    }

    /// A held lock as violations and witnesses name it.
    pub(crate) fn acquisition(&self, index: usize) -> Acquisition {
        let held = &self.task.held[index];
        let chain = self.task.chain_after(index);
        let rare = if held.is_rare { self.task.rare_of(index) } else { None };
        let own_stack = rare.and_then(|rare| rare.stack);
        Acquisition {
            lock: held.lock,
            class: self.class_of(held),
            subclass: held.subclass,
            mode: held.mode,
            wait: held.wait,
            address: held.address,
            site: held.site,
            stack: own_stack.or_else(|| self.chains.stack(chain, held.lock.class(), held.site)),
            stack_exact: held.is_first_sighting || own_stack.is_some(),
        }
    }

    /// Everything held, oldest first.
    pub(crate) fn held(&self) -> Vec<Acquisition> {
        (0..self.task.held.len()).map(|index| self.acquisition(index)).collect()
    }

    /// The sighting of a dependency from a held lock.
    pub(crate) fn witness(&self, from: usize, to: Acquisition) -> Witness {
        Witness { from: self.acquisition(from), to, task: self.task.id, segment: self.task.segment }
    }

    /// The locks held besides the one at `from`: another task that holds one of them, either of the
    /// two exclusively, cannot be here.
    pub(crate) fn gates(&self, from: usize) -> Vec<Gate> {
        self.gates_but(Some(from))
    }

    /// The locks held, without the one at `skip`. Of many the outermost.
    pub(crate) fn gates_but(&self, skip: Option<usize>) -> Vec<Gate> {
        /// They are kept for each dependency, pair and class: thousands of locks held at once would
        /// be gigabytes.
        const MAX_GATES: usize = 256;
        if !self.config.evidence || mutant::is(Mutant::NoGates) {
            return Vec::new();
        }
        let others = self.task.held.iter().enumerate().filter(|(index, _)| Some(*index) != skip);
        others
            .filter(|(_, held)| held.mode == Mode::Exclusive || !mutant::is(Mutant::SharedGateIgnored))
            .map(|(_, held)| Gate { lock: held.lock, exclusive: held.mode == Mode::Exclusive })
            .take(MAX_GATES)
            .collect()
    }

    /// Whether the locks of a class are interchangeable by declaration, or there is only one,
    /// whatever its nesting level.
    pub(crate) fn is_exact(&self, class: ClassId) -> bool {
        let is_single = |base| !self.has(base, fact::SEVERAL_INSTANCES);
        self.is_declared(class) || self.record(class).is_some_and(|record| is_single(record.base))
    }

    /// Whether the locks of a class are interchangeable by declaration.
    pub(crate) fn is_declared(&self, class: ClassId) -> bool {
        self.record(class).is_some_and(|record| record.class.attributes.declared)
    }

    /// Whether a gate that was held each time that a chain was looked at was held every time. A
    /// known chain of classes is not looked at again when another lock comes, so that is known only
    /// while the class has one.
    pub(crate) fn is_gate(&self, lock: LockId) -> bool {
        let several = self.has(lock.class(), fact::SEVERAL_INSTANCES);
        !several || mutant::is(Mutant::GateManyInstances)
    }

    /// Whether a lock is held, as the nest rule asks.
    pub(crate) fn holds(&self, lock: LockId) -> bool {
        self.task.holds(lock)
    }

    /// Whether the guard of a lock of the class may be with another task than the one that acquired
    /// it.
    pub(crate) fn is_movable(&self, class: ClassId) -> bool {
        self.config.evidence && self.registry.is_movable(class)
    }

    /// A violation of the running task that points at nothing yet.
    pub(crate) fn violation(&self, code: Code, detail: Detail) -> Violation {
        Violation {
            code,
            level: Level::Error,
            fingerprint: 0,
            task: self.task.id,
            subject: None,
            conflict: None,
            cycle: Vec::new(),
            held: self.held(),
            evidence: Evidence::default(),
            detail,
        }
    }
}
