//! [`Lazy`].

use core::fmt;
use core::ops::{Deref, DerefMut};

use lockdep::hook::{LockInfo, OwnedLockMap};
use real_once_cell::sync as real;

/// [`real_once_cell::sync::Lazy`], validated; every method behaves as its twin does.
pub struct Lazy<T, F = fn() -> T> {
    identity: OwnedLockMap,
    inner: real::Lazy<T, F>,
}

impl<T, F> Lazy<T, F> {
    const INFO: LockInfo = LockInfo::of::<T>("Lazy");

    /// Makes a lazy value, for which `init` runs at the first use; the place of the call is its
    /// class.
    #[track_caller]
    #[inline]
    pub const fn new(init: F) -> Self {
        Self { identity: OwnedLockMap::new(), inner: real::Lazy::new(init) }
    }

    /// Returns the value.
    ///
    /// # Errors
    ///
    /// The initialiser, if it has not run.
    ///
    /// # Panics
    ///
    /// If the initialiser panicked.
    pub fn into_value(this: Self) -> Result<T, F> {
        real::Lazy::into_value(this.inner)
    }
}

impl<T, F: FnOnce() -> T> Lazy<T, F> {
    /// Returns the value, made now if it is not there yet; waits for a thread that is making it.
    ///
    /// # Panics
    ///
    /// With the initialiser, and always after it panicked; if it is called from inside the
    /// initialiser and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn force(this: &Self) -> &T {
        if let Some(value) = real::Lazy::get(&this.inner) {
            return value;
        }
        let _running = this.identity.initialise(&Self::INFO);
        real::Lazy::force(&this.inner)
    }

    /// Returns the value through an exclusive borrow, made now if it is not there yet. No other
    /// thread can be making it, so there is nothing to wait for and no event.
    ///
    /// # Panics
    ///
    /// With the initialiser, and always after it panicked.
    #[inline]
    pub fn force_mut(this: &mut Self) -> &mut T {
        real::Lazy::force_mut(&mut this.inner)
    }

    /// Returns the value, if it is there. Never waits, hence no event.
    #[inline]
    pub fn get(this: &Self) -> Option<&T> {
        real::Lazy::get(&this.inner)
    }

    /// Returns the value through an exclusive borrow, if it is there.
    #[inline]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        real::Lazy::get_mut(&mut this.inner)
    }
}

impl<T, F: FnOnce() -> T> Deref for Lazy<T, F> {
    type Target = T;

    #[track_caller]
    #[inline]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for Lazy<T, F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        Self::force_mut(self)
    }
}

impl<T: Default> Default for Lazy<T> {
    #[track_caller]
    fn default() -> Self {
        let mut made = Self::new(T::default);
        made.identity.relocate();
        made
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Lazy<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
