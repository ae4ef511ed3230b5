//! [`Once`], for both lines of `parking_lot`; what only 0.13 has is in `only_v0_13.rs`.

use std::fmt;

use super::{OnceState, real};
use crate::hook::{LockInfo, LockRef, OwnedLockMap, Tracked};

/// `parking_lot::Once`, validated.
///
/// A *running* initialisation is held exclusively: what it locks comes after it, and a thread that
/// waits for it waits for all of that. Starting it again from inside waits for itself. A finished
/// one is no lock any more and sends no event.
pub struct Once {
    pub(super) identity: OwnedLockMap,
    pub(super) inner: real::Once,
}

impl Once {
    pub(super) const INFO: LockInfo = LockInfo::bare("Once");

    /// Makes a [`Once`] that has not run; the place of the call is its class.
    #[track_caller]
    #[inline]
    pub const fn new() -> Self {
        Self { identity: OwnedLockMap::new(), inner: real::Once::new() }
    }

    /// Returns whether it has run, and how that went.
    #[inline]
    pub fn state(&self) -> OnceState {
        self.inner.state()
    }

    /// Runs `f`, or waits for the thread that runs one, unless one has run.
    ///
    /// # Panics
    ///
    /// If an earlier initialisation panicked; if it is called from inside `f` and
    /// `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if !self.state().done() {
            let _running = self.identity.initialise(&Self::INFO);
            self.inner.call_once(f);
        }
    }

    /// Does what [`call_once`](Self::call_once) does, but also runs after an initialisation that
    /// panicked.
    ///
    /// # Panics
    ///
    /// If it is called from inside `f` and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(OnceState),
    {
        if !self.state().done() {
            let _running = self.identity.initialise(&Self::INFO);
            self.inner.call_once_force(f);
        }
    }
}

impl Default for Once {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Tracked for Once {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.identity.as_ref(&Self::INFO)
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
