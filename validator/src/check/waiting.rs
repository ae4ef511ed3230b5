//! What a task waits for, and what it holds meanwhile.

use crate::base::acquisition::Acquisition;
use crate::base::event::AcquireFlags;
use crate::base::id::{LockId, TaskId};
use crate::base::mode::Mode;
use crate::base::site::Site;

/// A lock that a task holds or wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockUse {
    /// The acquisition.
    pub acquisition: Acquisition,
    /// Its properties.
    pub flags: AcquireFlags,
}

impl LockUse {
    /// Returns the lock.
    pub fn lock(&self) -> LockId {
        self.acquisition.lock
    }

    /// Returns whether it excludes every other.
    pub fn is_exclusive(&self) -> bool {
        self.acquisition.mode == Mode::Exclusive
    }

    /// Returns whether it is an upgradable read.
    pub fn is_upgradable(&self) -> bool {
        self.flags.contains(AcquireFlags::UPGRADABLE)
    }
}

/// The kinds of what a task can wait for that is no lock and no end of a task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// A notification of a condition variable.
    Notification,
    /// A message in a channel.
    Message,
    /// Room in a channel, or the receiver of a channel that has no room.
    Room,
    /// The last arrival at a barrier.
    Arrivals,
    /// The token of a thread, which another one puts there.
    Token,
    /// That time passes.
    Time,
    /// Something that the program itself defines.
    Other,
}

/// A task that brought something, and where it did so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Provision {
    /// The task, if it is known.
    pub task: Option<TaskId>,
    /// The place.
    pub site: Site,
    /// Whether it came before the last wait on the object began.
    pub is_before_wait: bool,
}

/// An object that a task waits on: what is known of it, as read while other tasks use it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventUse {
    /// What is waited for.
    pub kind: EventKind,
    /// What distinguishes the object from every other of the process; zero if nothing is known of
    /// it.
    pub number: u64,
    /// Where the object was made.
    pub created: Site,
    /// What was last brought to it: a notification, a message, an arrival.
    pub provided: Option<Provision>,
    /// What was last taken from it: a message.
    pub taken: Option<Provision>,
    /// How many senders of the channel there are; for room, how many receivers.
    pub n_providers: Option<u64>,
    /// How many tasks have arrived at the barrier, and how many it needs.
    pub arrived: Option<(u64, u64)>,
}

impl EventUse {
    /// Returns an object of which nothing is known.
    pub const fn unknown(kind: EventKind) -> Self {
        let (provided, taken, n_providers, arrived) = (None, None, None, None);
        Self { kind, number: 0, created: Site::UNKNOWN, provided, taken, n_providers, arrived }
    }
}

/// What a task waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Awaited {
    /// A lock.
    Lock(LockUse),
    /// That the other readers of a lock leave, which the task holds upgradable.
    Upgrade(LockUse),
    /// A notification, and then the mutex that was given up for it: the wait cannot end without
    /// either.
    Notification {
        /// The mutex.
        mutex: LockUse,
        /// The condition variable.
        event: EventUse,
    },
    /// Something else that another task, or time, must bring.
    Event(EventUse),
    /// The end of a task.
    End(TaskId),
    /// The end of every task of a scope.
    ScopeEnd(u64),
}

impl Awaited {
    /// Returns the lock that the wait is for, if it is for one.
    pub fn lock(&self) -> Option<&LockUse> {
        match self {
            Self::Lock(wanted) | Self::Upgrade(wanted) | Self::Notification { mutex: wanted, .. } => {
                Some(wanted)
            }
            Self::Event(_) | Self::End(_) | Self::ScopeEnd(_) => None,
        }
    }

    /// Returns the object that the wait is on, if it is one that other tasks bring something to.
    pub fn event(&self) -> Option<&EventUse> {
        match self {
            Self::Event(event) | Self::Notification { event, .. } => Some(event),
            Self::Lock(_) | Self::Upgrade(_) | Self::End(_) | Self::ScopeEnd(_) => None,
        }
    }
}

/// A task that waits, and what it holds meanwhile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingTask {
    /// The task.
    pub task: TaskId,
    /// What it waits for.
    pub awaited: Awaited,
    /// Where it waits.
    pub site: Site,
    /// For how long it has waited at least, in milliseconds.
    pub waited_ms: u64,
    /// Whether the wait ends by itself.
    pub is_timed: bool,
    /// What it holds, oldest first, without the awaited lock.
    pub held: Vec<LockUse>,
    /// The scope that it is a task of; zero for none.
    pub scope: u64,
    /// The waiting writer that it queues behind, if it is a reader that readers alone keep out.
    pub behind: Option<TaskId>,
}
