//! The methods that only [`Once`] of `parking_lot` 0.13 has.

use super::once::Once;
use super::real;
use crate::hook::{self, OwnedLockMap};

impl Once {
    /// Returns a [`Once`] that has run already.
    #[track_caller]
    #[inline]
    pub const fn new_completed() -> Self {
        Self { identity: OwnedLockMap::new(), inner: real::Once::new_completed() }
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
    #[inline]
    pub fn wait(&self) {
        if !self.is_completed() {
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
    #[inline]
    pub fn wait_force(&self) {
        if !self.is_completed() {
            let _running = self.identity.initialise(&Self::INFO);
            self.inner.wait_force();
        }
        hook::waited();
    }
}
