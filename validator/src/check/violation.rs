//! What the engine found, as data: no text, no symbol, no source line.

use crate::base::id::{ClassId, TaskId};
use crate::base::site::Site;
use crate::graph::{DependencyKind, Witness};
use crate::state::class_order::ClassOrder;

pub(crate) use super::misuse::{Demand, Misuse};
pub(crate) use super::waiting::{Awaited, LockUse, WaitingTask};
pub(crate) use crate::base::acquisition::Acquisition;
pub(crate) use crate::state::segment::Ordered;

/// The stable code of a rule, as in `LD0003`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u16)]
pub enum Code {
    /// The same lock taken again by the thread that holds it.
    Recursion = 1,
    /// Two locks of one class taken in an order that is not theirs.
    SameClassOrder = 2,
    /// A cycle of dependencies.
    CircularDependency = 3,
    /// One class used inside a context and held where that context may interrupt.
    InconsistentContext = 4,
    /// A path that joins a class used inside a context with one held where it may interrupt.
    ContextInversion = 5,
    /// A lock that may sleep longer than where it is taken allows.
    WaitType = 6,
    /// A release of a lock that is not held.
    BadRelease = 7,
    /// The memory of a held lock freed or initialised again.
    HeldLockFreed = 8,
    /// A lock still held when its thread ended.
    HeldAtExit = 9,
    /// An assertion about held locks that does not hold.
    Assertion = 10,
    /// A nest lock named that is not held.
    NestLockNotHeld = 11,
    /// A pinned lock released.
    PinnedLockReleased = 12,
    /// The wound/wait protocol broken.
    WoundWait = 13,
    /// A fair read lock taken again by a reader: hangs when a writer queues in between.
    RecursiveFairRead = 14,
    /// An acquisition that contradicts the declared lock order.
    DeclaredOrder = 15,
    /// Tasks that wait for each other: a deadlock that has happened.
    Deadlock = 100,
    /// A lock held while a task waits for another one that acquires it.
    WaitHoldingLock = 101,
    /// A lock of threads held by a task that is suspended, while its thread runs others.
    HeldAcrossAwait = 201,
    /// A task awaits a lock for which a future of its own queues that it does not poll meanwhile.
    Futurelock = 202,
}

impl Code {
    /// Every code, in order.
    pub const ALL: [Self; 19] = [
        Self::Recursion,
        Self::SameClassOrder,
        Self::CircularDependency,
        Self::InconsistentContext,
        Self::ContextInversion,
        Self::WaitType,
        Self::BadRelease,
        Self::HeldLockFreed,
        Self::HeldAtExit,
        Self::Assertion,
        Self::NestLockNotHeld,
        Self::PinnedLockReleased,
        Self::WoundWait,
        Self::RecursiveFairRead,
        Self::DeclaredOrder,
        Self::Deadlock,
        Self::WaitHoldingLock,
        Self::HeldAcrossAwait,
        Self::Futurelock,
    ];

    /// Returns the code as people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recursion => "LD0001",
            Self::SameClassOrder => "LD0002",
            Self::CircularDependency => "LD0003",
            Self::InconsistentContext => "LD0004",
            Self::ContextInversion => "LD0005",
            Self::WaitType => "LD0006",
            Self::BadRelease => "LD0007",
            Self::HeldLockFreed => "LD0008",
            Self::HeldAtExit => "LD0009",
            Self::Assertion => "LD0010",
            Self::NestLockNotHeld => "LD0011",
            Self::PinnedLockReleased => "LD0012",
            Self::WoundWait => "LD0013",
            Self::RecursiveFairRead => "LD0014",
            Self::DeclaredOrder => "LD0015",
            Self::Deadlock => "LD0100",
            Self::WaitHoldingLock => "LD0101",
            Self::HeldAcrossAwait => "LD0201",
            Self::Futurelock => "LD0202",
        }
    }

    /// Reads a code as people write it, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }
}

/// How sure it is that the program can hang; ordered, a level only rises.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Worth knowing: two dependencies were only seen under one gate lock, or a timed acquisition
    /// is needed.
    Note,
    /// The classes can hang; the instances seen so far do not.
    Warning,
    /// A real defect of the watched program.
    Error,
}

impl Level {
    /// Returns the level as reports print it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Reads what [`Level::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Note, Self::Warning, Self::Error].into_iter().find(|level| level.as_str() == text)
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One dependency of a reported cycle: `to` acquired while `from` was held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CycleStep {
    /// The lock that was held.
    pub from: Acquisition,
    /// The lock that was acquired.
    pub to: Acquisition,
    /// How the one was held and the other wanted.
    pub kind: DependencyKind,
    /// The task of the first sighting.
    pub task: TaskId,
    /// The segment of that task (it changes at every spawn and join).
    pub segment: u32,
    /// How many distinct chains contained it.
    pub count: u64,
    /// Whether this dependency is the one that closed the cycle.
    pub closing: bool,
    /// The first sighting of locks that another task had acquired before, if there was one.
    pub shared: Option<Box<Witness>>,
}

impl CycleStep {
    /// Returns the dependency as it was first seen on locks that two tasks have.
    pub fn shared(&self) -> Option<Self> {
        let Witness { from, to, task, segment } = **self.shared.as_ref()?;
        Some(Self { from, to, task, segment, shared: None, ..self.clone() })
    }
}

/// What else is known about a violation; decides the level.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Evidence {
    /// Whether the instances themselves close the cycle.
    pub same_instances: bool,
    /// Whether the locks lie at the same distance in memory in both orders: fields of one struct.
    pub sibling: bool,
    /// The class of a lock by which two dependencies of the cycle, or one and the writers that have
    /// to queue, exclude each other: both were only seen under it.
    pub gate: Option<ClassId>,
    /// How many tasks took part.
    pub n_tasks: usize,
    /// How the two sides were ordered in the observed run, if they were.
    pub ordered: Option<Ordered>,
    /// Whether a writer was ever seen on every class whose readers the cycle waits for.
    pub writer_seen: bool,
    /// The first writer of the class that was seen, where a reader reads again: its task and place.
    pub writer: Option<(TaskId, Site)>,
    /// Whether the cycle needs an acquisition with a timeout.
    pub timed: bool,
    /// Whether it rests on a held lock whose guard may have been with another task by then.
    pub movable: bool,
    /// Whether every class on the cycle is interchangeable by declaration or has had one instance
    /// only.
    pub declared: bool,
    /// Whether an order of the cycle was seen only where no other thread could have the inner lock.
    pub unpublished: bool,
    /// Whether the locks close the cycle themselves, and a sighting shown is that of other locks of
    /// these classes, because theirs was not recorded.
    pub other_objects: bool,
    /// Whether it rests on what one task did. For all that is known, its acquisitions may belong to
    /// two futures that the task polls by turns.
    pub two_futures: bool,
    /// Whether it needs a wait beside which the task polls other futures, one of which may end it.
    pub beside: bool,
}

/// Something the engine found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The rule that was broken.
    pub code: Code,
    /// How sure it is.
    pub level: Level,
    /// Stable across runs and machines: code, classes and kinds, no line numbers.
    pub fingerprint: u64,
    /// The task that was running.
    pub task: TaskId,
    /// What the task was doing: the acquisition or release that the rule objects to.
    pub subject: Option<Acquisition>,
    /// The held lock that conflicts with it, if one does.
    pub conflict: Option<Acquisition>,
    /// The cycle, or the path between the two ends of a context inversion; the closing dependency
    /// last.
    pub cycle: Vec<CycleStep>,
    /// Everything the task held then, oldest first.
    pub held: Vec<Acquisition>,
    /// What else is known.
    pub evidence: Evidence,
    /// What the rule itself adds.
    pub detail: Detail,
}

impl Violation {
    /// Returns whether the acquisition can never return: the thread waits for itself.
    pub fn is_self_deadlock(&self) -> bool {
        self.code == Code::Recursion && matches!(self.detail, Detail::SelfDeadlock)
    }

    /// Returns whether it rests on what a [flow](crate::Flow) held when it wanted another lock.
    ///
    /// A flow may poll several futures by turns. Whether both acquisitions belong to one of them,
    /// only the embedder can see; until it [confirms](crate::Validator::confirm) the violation, it
    /// does not count as reported.
    pub fn rests_on_flow(&self) -> bool {
        match self.code {
            Code::SameClassOrder | Code::CircularDependency => {
                self.cycle.iter().any(|step| step.task.is_flow())
            }
            Code::Recursion | Code::RecursiveFairRead => self.task.is_flow(),
            _ => false,
        }
    }
}

/// What a rule adds to a [`Violation`] beyond the locks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Nothing.
    None,
    /// The same instance is held by this task in a mode that excludes the wanted one: the
    /// acquisition never returns.
    SelfDeadlock,
    /// Context rules: the context's name, the class used inside it, the class held where it may
    /// interrupt.
    Context {
        /// The context's name.
        context: String,
        /// Used inside the context, and where that was first seen.
        used_in: (ClassId, Site),
        /// Held with the context enabled, and where that was first seen.
        enabled: (ClassId, Site),
    },
    /// Wait types: what was wanted and what the context allows, by name.
    WaitType {
        /// The wait type of the acquisition.
        wanted: &'static str,
        /// The limit it exceeds.
        limit: &'static str,
        /// The held class that set the limit; `None` if the context itself did.
        limited_by: Option<ClassId>,
    },
    /// An assertion: what it demands, and what is the case.
    Assertion(Demand),
    /// The class's own order does not put the held lock before the wanted one.
    ClassOrder {
        /// The order.
        order: ClassOrder,
        /// The key of the held lock, if it has one.
        held: Option<u64>,
        /// The key of the wanted lock, if it has one.
        wanted: Option<u64>,
    },
    /// Where the lock was pinned.
    Pinned {
        /// The place.
        at: Site,
    },
    /// A release by the end of a guard: the place of the subject is where the guard was made.
    ByGuard,
    /// Which use of the lock is wrong (releases, pins, wound/wait).
    Misuse(Misuse),
    /// The tasks of a ring, each waiting for the next, the last for the first.
    Deadlock(Vec<WaitingTask>),
}
