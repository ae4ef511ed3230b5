//! The validator itself: which rule runs when.

use crate::base::event::Acquire;
use crate::base::id::{ClassId, LockId, StackId, TaskId};
use crate::base::site::Site;
use crate::check::violation::Violation;
use crate::config::Config;
use crate::state::class::{ClassAttributes, LockClass, LockClassKey};

/// Captures the current stack for the engine; called at most once an event and with no lock of the engine held.
pub trait StackSource {
    /// Captures the stack of the running task, or `None` if stacks are off.
    fn capture(&self) -> Option<StackId>;
}

/// What one event led to. Clean costs nothing.
#[derive(Debug, Default)]
#[must_use = "violations that nobody looks at are never reported"]
pub struct Outcome(Option<Box<Findings>>);

/// What an event found.
#[derive(Debug, Default)]
pub struct Findings {
    /// New violations, in the order in which the rules fired; each is reported once.
    pub violations: Vec<Violation>,
}

impl Outcome {
    /// Nothing new.
    pub const CLEAN: Self = Self(None);

    /// Whether nothing was found.
    #[inline]
    pub const fn is_clean(&self) -> bool {
        self.0.is_none()
    }

    /// What was found, if anything.
    pub fn into_findings(self) -> Option<Box<Findings>> {
        self.0
    }
}

/// Everything one task holds, and its caches.
#[derive(Debug)]
pub struct TaskContext {
    id: TaskId,
}

impl TaskContext {
    /// A task that holds nothing.
    pub fn new(id: TaskId) -> Self {
        Self { id }
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }
}

/// Everything known about a program.
#[derive(Debug)]
pub struct Validator {
    config: Config,
}

impl Validator {
    /// An empty validator.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Registers a class, or finds it: the same key always gives the same id. `None` when the table of classes is full.
    pub fn register_class(
        &self,
        _key: &LockClassKey,
        _site: Site,
        _attributes: ClassAttributes,
    ) -> Option<ClassId> {
        ClassId::from_index(0)
    }

    /// A registered class.
    pub fn class(&self, _id: ClassId) -> Option<LockClass> {
        None
    }

    /// An acquisition: before it waits, or after a try succeeded.
    pub fn acquire(&self, _task: &mut TaskContext, _acquire: &Acquire, _stacks: &dyn StackSource) -> Outcome {
        Outcome::CLEAN
    }

    /// A release, in any order.
    pub fn release(&self, _task: &mut TaskContext, _lock: LockId, _site: Site) -> Outcome {
        Outcome::CLEAN
    }
}
