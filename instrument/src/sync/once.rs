//! [`Once`].

use std::fmt;
use std::sync::{self, OnceState};

use crate::hook::{self, LockInfo, LockRef, OwnedLockMap, Tracked};

/// [`std::sync::Once`], validated.
///
/// A *running* initialisation is held exclusively: what it locks comes after it, and a thread that
/// waits for it waits for all of that. Starting it again from inside waits for itself. A finished
/// one is no lock any more and sends no event.
///
/// ```
/// use lockdep::sync::Once;
///
/// static START: Once = Once::new();
/// START.call_once(|| {});
/// assert!(START.is_completed());
/// ```
pub struct Once {
    identity: OwnedLockMap,
    inner: sync::Once,
}

/// A [`Once`] that has not run.
///
/// All of them are made at one place, hence of one class.
#[deprecated(since = "0.1.0", note = "replaced by `Once::new()`, as in std since 1.38.0")]
#[expect(clippy::declare_interior_mutable_const, reason = "std has it as a constant")]
pub const ONCE_INIT: Once = Once::new();

#[expect(clippy::new_without_default, reason = "std's has no Default either")]
impl Once {
    const INFO: LockInfo = LockInfo::bare("Once");

    /// Makes a [`Once`] that has not run; the place of the call is its class.
    #[must_use]
    #[track_caller]
    #[inline]
    pub const fn new() -> Self {
        Self { identity: OwnedLockMap::new(), inner: sync::Once::new() }
    }

    /// Runs `init`, or waits for the thread that runs one, unless one has run.
    ///
    /// # Panics
    ///
    /// If an earlier initialisation panicked; if it is called from inside `init` and
    /// `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn call_once<F>(&self, init: F)
    where
        F: FnOnce(),
    {
        if !self.inner.is_completed() {
            let _running = self.identity.initialise(&Self::INFO);
            self.inner.call_once(init);
        }
    }

    /// Does what [`call_once`](Once::call_once) does, but also runs after an initialisation that
    /// panicked.
    ///
    /// # Panics
    ///
    /// If it is called from inside `init` and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn call_once_force<F>(&self, init: F)
    where
        F: FnOnce(&OnceState),
    {
        if !self.inner.is_completed() {
            let _running = self.identity.initialise(&Self::INFO);
            self.inner.call_once_force(init);
        }
    }

    /// Returns whether an initialisation has run to its end.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.inner.is_completed()
    }

    /// Waits until an initialisation has run. To the validator it is taken and given up again.
    ///
    /// # Panics
    ///
    /// If an initialisation panicked; if it is called from inside one and `LOCKDEP_ON_DEADLOCK` is
    /// `panic`.
    #[track_caller]
    pub fn wait(&self) {
        if !self.inner.is_completed() {
            let _running = self.identity.initialise(&Self::INFO);
            self.inner.wait();
        }
        hook::waited();
    }

    /// Waits until an initialisation has run, whatever happened to earlier ones.
    ///
    /// # Panics
    ///
    /// If it is called from inside an initialisation and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    pub fn wait_force(&self) {
        if !self.inner.is_completed() {
            let _running = self.identity.initialise(&Self::INFO);
            self.inner.wait_force();
        }
        hook::waited();
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
