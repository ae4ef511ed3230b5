//! What the watched program did.

use super::id::{LockId, Subclass};
use super::mode::{Mode, Wait};
use super::site::Site;

/// Rare properties of an acquisition, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct AcquireFlags(pub u8);

impl AcquireFlags {
    /// An ordinary acquisition.
    pub const NONE: Self = Self(0);
    /// Only balance, freeing, exit, wait types and assertions are checked: no dependency, no usage
    /// (the kernel's `check = 0`).
    pub const UNCHECKED: Self = Self(1);
    /// Waits for other sections of the lock and is never held (the kernel's `lock_sync`).
    pub const SYNC: Self = Self(2);
    /// An upgradable read: exclusive among upgradable readers, shared with plain ones. Sent with
    /// [`Mode::Shared`].
    pub const UPGRADABLE: Self = Self(4);
    /// The lock may be taken again by the thread that holds it (`ReentrantMutex`, Java monitors).
    pub const REENTRANT: Self = Self(8);
    /// Its caller awaits the lock: a wait suspends the task, and its thread goes on with another.
    pub const ASYNC: Self = Self(16);

    /// Returns whether every bit of `other` is set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns both sets of bits.
    #[inline]
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// An acquisition: sent before a blocking or timed lock operation starts to wait, and after a
/// successful try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acquire {
    /// The lock object.
    pub lock: LockId,
    /// The address of the lock object while it is held; evidence only, zero if unknown.
    pub address: usize,
    /// The nesting level within the class.
    pub subclass: Subclass,
    /// How the lock is wanted.
    pub mode: Mode,
    /// How the caller waits.
    pub wait: Wait,
    /// Rare properties.
    pub flags: AcquireFlags,
    /// The lock whose holder may take several locks of one class in any order (the kernel's
    /// `nest_lock`).
    pub nest: Option<LockId>,
    /// Where the program asks for the lock.
    pub site: Site,
    /// Whether the lock object was never acquired before. Evidence only, looked at when the
    /// acquisition is not known.
    pub is_first: bool,
    /// Where the stack of the task lies. Evidence only, as above: an object that was first acquired
    /// on the task's own stack may be out of reach. An order that ends in it is no side of a
    /// deadlock until another task is seen at it.
    pub own_stack: OwnStack,
}

/// The addresses of the stack that a task runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OwnStack {
    /// The lowest.
    pub start: usize,
    /// One past the highest.
    pub end: usize,
}

impl OwnStack {
    /// Not known: no address lies there.
    pub const UNKNOWN: Self = Self { start: 0, end: 0 };

    /// Returns whether an object at this address lies on the stack.
    pub const fn contains(self, address: usize) -> bool {
        self.start <= address && address < self.end
    }
}

impl Acquire {
    /// Makes a plain acquisition of `lock`: subclass zero, no nest lock, address unknown.
    #[inline]
    pub const fn new(lock: LockId, mode: Mode, wait: Wait, site: Site) -> Self {
        Self {
            lock,
            address: 0,
            subclass: Subclass::ZERO,
            mode,
            wait,
            flags: AcquireFlags::NONE,
            nest: None,
            site,
            is_first: false,
            own_stack: OwnStack::UNKNOWN,
        }
    }
}
