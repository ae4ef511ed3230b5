//! [`OnceLock`].

use std::fmt;
use std::sync;

use crate::hook::{self, LockInfo, LockRef, OwnedLockMap, Tracked};

/// [`std::sync::OnceLock`], validated.
///
/// As with [`Once`](super::Once), only an initialisation that has to run or to be waited for is an
/// acquisition.
///
/// ```
/// use lockdep::sync::OnceLock;
///
/// static NAME: OnceLock<String> = OnceLock::new();
/// assert_eq!(NAME.get_or_init(|| "first".to_string()), "first");
/// assert_eq!(NAME.set("second".to_string()), Err("second".to_string()));
/// ```
pub struct OnceLock<T> {
    identity: OwnedLockMap,
    inner: sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    const INFO: LockInfo = LockInfo::of::<T>("OnceLock");

    /// Makes an empty cell; the place of the call is its class.
    #[must_use]
    #[track_caller]
    #[inline]
    pub const fn new() -> Self {
        Self { identity: OwnedLockMap::new(), inner: sync::OnceLock::new() }
    }

    /// Returns the value, if there is one. Never waits, hence no event.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.inner.get()
    }

    /// Returns the value through an exclusive borrow, if there is one.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.get_mut()
    }

    /// Waits until there is a value. To the validator the cell is taken and given up again.
    ///
    /// # Panics
    ///
    /// If it is called from inside the initialisation and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    pub fn wait(&self) -> &T {
        // No closure: the place of a closure would stand for the caller's.
        let value = if let Some(value) = self.inner.get() {
            value
        } else {
            let _running = self.identity.initialise(&Self::INFO);
            self.inner.wait()
        };
        hook::waited();
        value
    }

    /// Puts `value` into an empty cell, after waiting for an initialisation that is under way.
    ///
    /// # Errors
    ///
    /// Gives `value` back if the cell is full.
    ///
    /// # Panics
    ///
    /// If it is called from inside the initialisation and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn set(&self, value: T) -> Result<(), T> {
        if self.inner.get().is_some() {
            return Err(value);
        }
        let _running = self.identity.initialise(&Self::INFO);
        self.inner.set(value)
    }

    /// Returns the value, made by `init` if there is none yet and no other thread is making it.
    ///
    /// # Panics
    ///
    /// With `init`; if it is called from inside `init` and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn get_or_init<F>(&self, init: F) -> &T
    where
        F: FnOnce() -> T,
    {
        if let Some(value) = self.inner.get() {
            return value;
        }
        let _running = self.identity.initialise(&Self::INFO);
        self.inner.get_or_init(init)
    }

    /// Returns the value without the cell, if there is one.
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.inner.into_inner()
    }

    /// Takes the value out and leaves the cell empty.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        self.inner.take()
    }
}

impl<T> Tracked for OnceLock<T> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.identity.as_ref(&Self::INFO)
    }
}

impl<T> Default for OnceLock<T> {
    #[track_caller]
    fn default() -> Self {
        let mut made = Self::new();
        made.identity.relocate();
        made
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self { identity: OwnedLockMap::new(), inner: self.inner.clone() }
    }
}

impl<T> From<T> for OnceLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self { identity: OwnedLockMap::new(), inner: value.into() }
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
