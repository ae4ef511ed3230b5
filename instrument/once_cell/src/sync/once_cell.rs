//! [`OnceCell`].

use core::fmt;

use lockdep::hook::{self, LockInfo, OwnedLockMap};
use real_once_cell::sync as real;

/// [`real_once_cell::sync::OnceCell`], validated; every method behaves as its twin does.
pub struct OnceCell<T> {
    identity: OwnedLockMap,
    inner: real::OnceCell<T>,
}

impl<T> OnceCell<T> {
    const INFO: LockInfo = LockInfo::of::<T>("OnceCell");

    /// Makes an empty cell; the place of the call is its class.
    #[track_caller]
    #[inline]
    pub const fn new() -> Self {
        Self { identity: OwnedLockMap::new(), inner: real::OnceCell::new() }
    }

    /// Returns a cell that is full from the start.
    #[track_caller]
    #[inline]
    pub const fn with_value(value: T) -> Self {
        Self { identity: OwnedLockMap::new(), inner: real::OnceCell::with_value(value) }
    }

    /// Returns the value, if there is one. Never waits, hence no event.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.inner.get()
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

    /// Returns the value through an exclusive borrow, if there is one.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.get_mut()
    }

    /// Returns the value of a cell that is known to be full.
    ///
    /// # Safety
    ///
    /// The cell must be full, and the caller must have synchronised with the thread that filled it.
    #[inline]
    pub unsafe fn get_unchecked(&self) -> &T {
        // SAFETY: the caller's promise.
        unsafe { self.inner.get_unchecked() }
    }

    /// Puts `value` into an empty cell, after waiting for an initialisation that is under way.
    ///
    /// # Errors
    ///
    /// Gives `value` back if the cell is full.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        self.try_insert(value).map(drop).map_err(|(_, value)| value)
    }

    /// Does what [`set`](Self::set) does, with a reference to what the cell holds in either case.
    ///
    /// # Errors
    ///
    /// With what the cell holds and `value`, if the cell is full.
    #[track_caller]
    pub fn try_insert(&self, value: T) -> Result<&T, (&T, T)> {
        if let Some(full) = self.inner.get() {
            return Err((full, value));
        }
        let _running = self.identity.initialise(&Self::INFO);
        self.inner.try_insert(value)
    }

    /// Returns the value, made by `f` if there is none yet and no other thread is making it.
    ///
    /// # Panics
    ///
    /// With `f`; if it is called from inside `f` and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        if let Some(value) = self.inner.get() {
            return value;
        }
        let _running = self.identity.initialise(&Self::INFO);
        self.inner.get_or_init(f)
    }

    /// Does what [`get_or_init`](Self::get_or_init) does, with an `f` that may fail; the cell is
    /// then as empty as before.
    ///
    /// # Errors
    ///
    /// The error of `f`.
    ///
    /// # Panics
    ///
    /// As [`get_or_init`](Self::get_or_init).
    #[track_caller]
    #[inline]
    pub fn get_or_try_init<F, E>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Result<T, E>,
    {
        if let Some(value) = self.inner.get() {
            return Ok(value);
        }
        let _running = self.identity.initialise(&Self::INFO);
        self.inner.get_or_try_init(f)
    }

    /// Takes the value out and leaves the cell empty.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        self.inner.take()
    }

    /// Returns the value without the cell, if there is one.
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.inner.into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> Self {
        let mut made = Self::new();
        made.identity.relocate();
        made
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self { identity: OwnedLockMap::new(), inner: self.inner.clone() }
    }

    fn clone_from(&mut self, source: &Self) {
        self.inner.clone_from(&source.inner);
    }
}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::with_value(value)
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl<T: Eq> Eq for OnceCell<T> {}
