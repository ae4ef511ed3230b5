//! A readers-writer lock that tasks await.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};

use tokio_1::sync as real;

use super::TryLockError;
use crate::Mode;
use crate::flow::{AsyncHold, AsyncMap};
use crate::hook::LockInfo;

/// A readers-writer lock that tasks await: `tokio::sync::RwLock`, validated. A reader queues behind
/// a writer that waits.
#[derive(Debug)]
pub struct RwLock<T: ?Sized> {
    map: AsyncMap,
    inner: real::RwLock<T>,
}

impl<T: ?Sized> RwLock<T> {
    const INFO: &'static LockInfo = &LockInfo::of::<T>("tokio::RwLock").hands_over();

    /// Makes a lock. Its class is the place of this call.
    #[track_caller]
    #[must_use]
    pub fn new(value: T) -> Self
    where
        T: Sized,
    {
        Self { map: AsyncMap::new(), inner: real::RwLock::new(value) }
    }

    /// Makes a lock in a constant.
    #[track_caller]
    #[must_use]
    pub const fn const_new(value: T) -> Self
    where
        T: Sized,
    {
        Self { map: AsyncMap::new(), inner: real::RwLock::const_new(value) }
    }

    /// Awaits shared access. Reports name the place of this call.
    ///
    /// # Panics
    ///
    /// When it is polled, if the task would wait for itself (LD0001) and `LOCKDEP_ON_DEADLOCK` is
    /// `panic`, which is the default.
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        let try_read = || self.inner.try_read().ok();
        let wanted = self.map.acquire(Self::INFO, Mode::Shared, self.inner.read(), try_read);
        async {
            let (hold, inner) = wanted.await;
            RwLockReadGuard { _hold: hold, inner }
        }
    }

    /// Awaits exclusive access. Reports name the place of this call.
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        let try_write = || self.inner.try_write().ok();
        let wanted = self.map.acquire(Self::INFO, Mode::Exclusive, self.inner.write(), try_write);
        async {
            let (hold, inner) = wanted.await;
            RwLockWriteGuard { _hold: hold, inner }
        }
    }

    /// Reads if no writer has the lock or waits for it.
    ///
    /// # Errors
    ///
    /// If one does.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        let inner = self.inner.try_read()?;
        Ok(RwLockReadGuard { _hold: self.map.try_acquired(Self::INFO, Mode::Shared), inner })
    }

    /// Writes if the lock is free.
    ///
    /// # Errors
    ///
    /// If it is not.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        let inner = self.inner.try_write()?;
        Ok(RwLockWriteGuard { _hold: self.map.try_acquired(Self::INFO, Mode::Exclusive), inner })
    }

    /// Returns the value, which no other code can reach now.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    /// Returns the value.
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.inner.into_inner()
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let mut made = Self::new(value);
        made.map.relocate();
        made
    }
}

/// Shared access to the data of an [`RwLock`].
#[must_use = "if unused, the lock is given up at once"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    // Dropped first: the release is announced before it.
    _hold: AsyncHold<'a>,
    inner: real::RwLockReadGuard<'a, T>,
}

/// Exclusive access to the data of an [`RwLock`].
#[must_use = "if unused, the lock is given up at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    // As above.
    _hold: AsyncHold<'a>,
    inner: real::RwLockWriteGuard<'a, T>,
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
