//! A mutex that tasks await.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio_1::sync as real;

use super::TryLockError;
use crate::Mode;
use crate::flow::{AsyncHold, AsyncMap, OwnedAsyncHold};
use crate::hook::LockInfo;

/// A mutex that tasks await: `tokio::sync::Mutex`, validated.
#[derive(Debug)]
pub struct Mutex<T: ?Sized> {
    map: AsyncMap,
    inner: real::Mutex<T>,
}

impl<T: ?Sized> Mutex<T> {
    const INFO: &'static LockInfo = &LockInfo::of::<T>("tokio::Mutex").hands_over();

    /// Makes a mutex. Its class is the place of this call.
    #[track_caller]
    #[must_use]
    pub fn new(value: T) -> Self
    where
        T: Sized,
    {
        Self { map: AsyncMap::new(), inner: real::Mutex::new(value) }
    }

    /// Makes a mutex in a constant.
    #[track_caller]
    #[must_use]
    pub const fn const_new(value: T) -> Self
    where
        T: Sized,
    {
        Self { map: AsyncMap::new(), inner: real::Mutex::const_new(value) }
    }

    /// Awaits the lock. Reports name the place of this call.
    ///
    /// # Panics
    ///
    /// When it is polled, if the task would wait for itself (LD0001) and `LOCKDEP_ON_DEADLOCK` is
    /// `panic`, which is the default.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        let try_lock = || self.inner.try_lock().ok();
        let wanted = self.map.acquire(Self::INFO, Mode::Exclusive, self.inner.lock(), try_lock);
        async {
            let (hold, inner) = wanted.await;
            MutexGuard { _hold: hold, inner }
        }
    }

    /// Awaits the lock, for a guard that keeps the mutex alive.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> impl Future<Output = OwnedMutexGuard<T>>
    where
        T: 'static,
    {
        let at = std::panic::Location::caller();
        async move {
            let (hold, inner) = {
                let try_lock = || self.inner.try_lock().ok();
                let real = self.inner.lock();
                let wanted = self.map.acquire_at(Self::INFO, Mode::Exclusive, (real, try_lock), at);
                let (hold, inner) = wanted.await;
                // SAFETY: the mutex stays where it is while `OwnedMutexGuard` has its `Arc`, which
                // is dropped after the guard.
                (hold.into_owned(), unsafe { extended(inner) })
            };
            OwnedMutexGuard { hold: Some(hold), inner, mutex: self }
        }
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    ///
    /// If it is not.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        let inner = self.inner.try_lock()?;
        Ok(MutexGuard { _hold: self.map.try_acquired(Self::INFO, Mode::Exclusive), inner })
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

/// Has the guard outlive what it borrows.
///
/// # Safety
///
/// The mutex must stay where it is until the guard is dropped.
unsafe fn extended<T: ?Sized + 'static>(guard: real::MutexGuard<'_, T>) -> real::MutexGuard<'static, T> {
    // SAFETY: as the caller says; only the lifetime differs.
    unsafe { std::mem::transmute(guard) }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let mut made = Self::new(value);
        made.map.relocate();
        made
    }
}

/// Access to the data of a [`Mutex`].
#[must_use = "if unused, the mutex is unlocked at once"]
pub struct MutexGuard<'a, T: ?Sized> {
    // Dropped first: the release is announced before it.
    _hold: AsyncHold<'a>,
    inner: real::MutexGuard<'a, T>,
}

/// Access to the data of a [`Mutex`] that it keeps alive.
#[must_use = "if unused, the mutex is unlocked at once"]
pub struct OwnedMutexGuard<T: ?Sized + 'static> {
    hold: Option<OwnedAsyncHold>,
    // INVARIANT: of `mutex`, and dropped before it.
    inner: real::MutexGuard<'static, T>,
    mutex: Arc<Mutex<T>>,
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.release(&self.mutex.map);
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
