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
    },
    /// The end of a task.
    End(TaskId),
    /// The end of every task of a scope.
    ScopeEnd(u64),
}

impl Awaited {
    /// Returns the lock that the wait is for, if it is for one.
    pub fn lock(&self) -> Option<&LockUse> {
        match self {
            Self::Lock(wanted) | Self::Upgrade(wanted) | Self::Notification { mutex: wanted } => Some(wanted),
            Self::End(_) | Self::ScopeEnd(_) => None,
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
}
