//! What is announced to the validator when threads start and end: the one file of this room that
//! knows how.
//!
//! That one thread ran after another is evidence only: it never lowers a level. A thread that waits
//! for the end of another one, at a join or at the end of a `thread::scope`, waits with all that it
//! holds.

#[cfg(not(lockdep_disabled))]
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(not(lockdep_disabled))]
use std::panic::Location;

#[cfg(not(lockdep_disabled))]
use crate::hook;
#[cfg(not(lockdep_disabled))]
use crate::runtime::event::spawn::{Family, Parent};
#[cfg(not(lockdep_disabled))]
use crate::runtime::wait::Waiting;

/// The order between a thread and the one that started it; travels with both.
#[derive(Clone, Copy)]
pub(super) struct Spawn {
    #[cfg(not(lockdep_disabled))]
    parent: Option<Parent>,
}

impl Spawn {
    /// The running thread is about to start another one.
    #[inline]
    #[track_caller]
    pub(super) fn announce() -> Self {
        Self {
            #[cfg(not(lockdep_disabled))]
            parent: Parent::announce(None),
        }
    }

    /// The running thread is about to start another one inside `scope`.
    #[inline]
    #[track_caller]
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

    /// The thread could not be started.
    #[cold]
    pub(super) fn failed(self) {
        #[cfg(not(lockdep_disabled))]
        if let Some(parent) = self.parent {
            parent.detached();
        }
    }
}

/// What waits for a thread: its handle. Dropping it detaches the thread.
pub(super) struct Waiter {
    spawn: Spawn,
    /// Whether the program knows that the thread has ended.
    #[cfg(not(lockdep_disabled))]
    is_known_to_have_ended: AtomicBool,
}

impl Waiter {
    #[inline]
    pub(super) fn new(spawn: Spawn) -> Self {
        Self {
            spawn,
            #[cfg(not(lockdep_disabled))]
            is_known_to_have_ended: AtomicBool::new(false),
        }
    }

    /// The program asked whether the thread has ended.
    #[inline]
    #[track_caller]
    pub(super) fn asked(&self, is_finished: bool) -> bool {
        #[cfg(not(lockdep_disabled))]
        if is_finished {
            // ORDERING: Relaxed: read by the thread that joins, which owns the handle by then.
            self.is_known_to_have_ended.store(true, Ordering::Relaxed);
        } else {
            // It is likely to ask again.
            hook::idled();
        }
        is_finished
    }

    /// The running thread is about to wait for the end of the one that was started: until the
    /// result is dropped.
    #[inline]
    #[track_caller]
    pub(super) fn waits(&self, is_over: impl Fn() -> bool) -> Joining {
        #[cfg(lockdep_disabled)]
        let _ = is_over;
        // A closure has no caller.
        #[cfg(not(lockdep_disabled))]
        let caller = Location::caller();
        Joining {
            #[cfg(not(lockdep_disabled))]
            _waiting: self.spawn.parent.and_then(|parent| parent.awaited(&mut || is_over(), caller)),
        }
    }

    /// The running thread has joined the one that was started.
    #[inline]
    #[track_caller]
    pub(super) fn joined(mut self) {
        #[cfg(not(lockdep_disabled))]
        if let Some(parent) = self.spawn.parent.take() {
            parent.joined(*self.is_known_to_have_ended.get_mut());
        }
        #[cfg(lockdep_disabled)]
        let _ = &mut self;
    }
}

#[cfg(not(lockdep_disabled))]
impl Drop for Waiter {
    #[inline]
    fn drop(&mut self) {
        if let Some(parent) = self.spawn.parent.take() {
            parent.detached();
        }
    }
}

/// A wait for the end of a thread, until it is dropped.
pub(super) struct Joining {
    #[cfg(not(lockdep_disabled))]
    _waiting: Option<Waiting>,
}

/// A `thread::scope` that is running: the address of its `Scope`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ScopeId(pub(super) usize);

/// The end of a `thread::scope`, as seen by the thread that opened it.
pub(super) struct ScopeEnd {
    #[cfg(not(lockdep_disabled))]
    family: Option<Family>,
    #[cfg(not(lockdep_disabled))]
    waiting: Option<Waiting>,
    #[cfg(not(lockdep_disabled))]
    caller: &'static Location<'static>,
}

impl ScopeEnd {
    #[inline]
    #[track_caller]
    pub(super) fn new() -> Self {
        Self {
            #[cfg(not(lockdep_disabled))]
            family: None,
            #[cfg(not(lockdep_disabled))]
            waiting: None,
            #[cfg(not(lockdep_disabled))]
            caller: Location::caller(),
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

    /// The scope's own function has returned: its opener is about to wait for the threads.
    #[inline]
    pub(super) fn awaited(&mut self) {
        #[cfg(not(lockdep_disabled))]
        {
            self.waiting = self.family.as_ref().and_then(|family| family.awaited(self.caller));
        }
    }

    /// Every thread of the scope has ended.
    #[inline]
    #[track_caller]
    pub(super) fn reached(self) {
        #[cfg(not(lockdep_disabled))]
        drop(self.waiting);
        #[cfg(not(lockdep_disabled))]
        if let Some(family) = self.family {
            family.end();
        }
    }
}
