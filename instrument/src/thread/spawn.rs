//! What is announced to the validator when threads start and end: the one file of this room that
//! knows how.
//!
//! Evidence only: that one thread ran after another never lowers a level. The exception is the end
//! of a `thread::scope`, where the opener waits for its threads while it holds what it holds.

#[cfg(not(lockdep_disabled))]
use crate::runtime::event::spawn::{Family, Parent};

/// The order between a thread and the one that started it; travels with both.
#[derive(Clone, Copy)]
pub(super) struct Spawn {
    #[cfg(not(lockdep_disabled))]
    parent: Option<Parent>,
}

impl Spawn {
    /// The running thread is about to start another one.
    #[inline]
    pub(super) fn announce() -> Self {
        Self {
            #[cfg(not(lockdep_disabled))]
            parent: Parent::announce(None),
        }
    }

    /// The running thread is about to start another one inside `scope`.
    #[inline]
    pub(super) fn announce_in(scope: ScopeId) -> Self {
        #[cfg(lockdep_disabled)]
        let _ = scope;
        Self {
            #[cfg(not(lockdep_disabled))]
            parent: Parent::announce(Some(scope.0)),
        }
    }

    /// Runs `f` as the body of the thread that was started.
    #[inline]
    pub(super) fn run<T>(self, f: impl FnOnce() -> T) -> T {
        #[cfg(not(lockdep_disabled))]
        let _until_the_end = self.parent.map(Parent::start_child);
        f()
    }

    /// The running thread has joined the one that was started.
    #[inline]
    pub(super) fn joined(self) {
        #[cfg(not(lockdep_disabled))]
        if let Some(parent) = self.parent {
            parent.joined();
        }
    }
}

/// A `thread::scope` that is running: the address of its `Scope`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ScopeId(pub(super) usize);

/// The end of a `thread::scope`, as seen by the thread that opened it.
pub(super) struct ScopeEnd {
    #[cfg(not(lockdep_disabled))]
    family: Option<Family>,
}

impl ScopeEnd {
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            #[cfg(not(lockdep_disabled))]
            family: None,
        }
    }

    /// The scope is open.
    #[inline]
    pub(super) fn of(&mut self, scope: ScopeId) {
        #[cfg(lockdep_disabled)]
        let _ = scope;
        #[cfg(not(lockdep_disabled))]
        {
            self.family = Family::open(scope.0);
        }
    }

    /// Every thread of the scope has ended.
    #[inline]
    #[track_caller]
    pub(super) fn reached(self) {
        #[cfg(not(lockdep_disabled))]
        if let Some(family) = self.family {
            family.end();
        }
    }
}
