//! What goes with an event, and what comes back.

pub use lockdep_validator::Held;
use lockdep_validator::{AcquireFlags, LockId, Subclass};

/// What a blocking or timed acquisition may do next.
#[must_use = "the caller must handle a self-deadlock before it waits"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Take the real lock.
    Proceed,
    /// As far as the validator knows, this thread already holds the lock and would wait for itself
    /// forever.
    ///
    /// Nothing has been reported and nothing is recorded as held yet, because the validator may be
    /// wrong. The guard may have moved to another thread, or the lock was given up through its raw
    /// form. Try the real lock without waiting, then call
    /// [`LockMap::stale_holder`](crate::hook::LockMap::stale_holder) if that succeeded, or
    /// [`LockMap::self_deadlock`](crate::hook::LockMap::self_deadlock) if it did not.
    SelfDeadlock,
    /// Contention is counted (`LOCKDEP_STAT=1`): take the real lock without waiting; if that fails,
    /// call [`LockMap::contended`](crate::hook::LockMap::contended), wait for it, and call
    /// [`LockMap::acquired`](crate::hook::LockMap::acquired).
    ///
    /// Only locks whose [`LockInfo`](super::LockInfo) is [`measured`](super::LockInfo::measured)
    /// get this answer.
    Measure,
}

/// Rare properties of an acquisition.
///
/// ```
/// use lockdep::hook::AcquireOptions;
/// use lockdep::Subclass;
///
/// // The second lock of a pair that is always taken parent first.
/// let child = AcquireOptions::new().subclass(Subclass::new(1).unwrap());
/// # let _ = child;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AcquireOptions {
    pub(crate) subclass: Subclass,
    pub(crate) nest: Option<LockId>,
    pub(crate) flags: AcquireFlags,
    /// Whether the lock was given its id for this acquisition.
    pub(crate) is_first: bool,
}

impl AcquireOptions {
    /// Makes an ordinary acquisition.
    #[inline]
    pub const fn new() -> Self {
        Self { subclass: Subclass::ZERO, nest: None, flags: AcquireFlags::NONE, is_first: false }
    }

    /// Acquires at this nesting level of the class: each level is ordered as a class of its own
    /// (the kernel's `mutex_lock_nested`).
    #[inline]
    #[must_use]
    pub const fn subclass(mut self, subclass: Subclass) -> Self {
        self.subclass = subclass;
        self
    }

    /// Acquires under `nest`, whose holder may take several locks of one class in any order (the
    /// kernel's `nest_lock`). Get the id from [`LockMap::lock_id`](crate::hook::LockMap::lock_id); `None`
    /// (validation is off) changes nothing.
    #[inline]
    #[must_use]
    pub const fn nest(mut self, nest: Option<LockId>) -> Self {
        self.nest = nest;
        self
    }

    /// Adds these flags to those already set.
    #[inline]
    #[must_use]
    pub const fn flags(mut self, flags: AcquireFlags) -> Self {
        self.flags = self.flags.union(flags);
        self
    }
}
