//! [`RwLock`] and its guards.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{self, LockResult, TryLockResult};

use super::held::{Held, Identity, map_lock, map_try_lock, not_blocked};
use crate::Mode;
use crate::hook::{LockInfo, LockRef, Tracked};

/// [`std::sync::RwLock`], validated.
///
/// A reader is a *fair* one ([`Mode::Shared`]): std may let it queue behind a waiting writer, so
/// reading twice on one thread can hang as soon as a writer comes in between.
///
/// ```
/// use lockdep::sync::RwLock;
///
/// let lock = RwLock::new(5);
/// assert_eq!(*lock.read().unwrap(), 5);
/// *lock.write().unwrap() += 1;
/// assert_eq!(lock.into_inner().unwrap(), 6);
/// ```
pub struct RwLock<T: ?Sized> {
    identity: Identity,
    // INVARIANT: the last field and the only one that depends on T, so that `Arc<RwLock<dyn
    // Trait>>` coerces as in std.
    inner: sync::RwLock<T>,
}

/// Shared access to the data of a [`RwLock`]; dropping it unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized + 'a> {
    // INVARIANT: dropped before `inner`, so that the release is announced before the lock is free.
    #[expect(dead_code, reason = "held for its Drop, which is the release event")]
    held: Held<'a>,
    inner: sync::RwLockReadGuard<'a, T>,
}

/// Exclusive access to the data of a [`RwLock`]; dropping it unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized + 'a> {
    // INVARIANT: dropped before `inner`, so that the release is announced before the lock is free.
    #[cfg_attr(
        not(std_rwlock_downgrade),
        expect(dead_code, reason = "held for its Drop, which is the release event")
    )]
    held: Held<'a>,
    inner: sync::RwLockWriteGuard<'a, T>,
}

impl<T> RwLock<T> {
    /// Makes a lock in the unlocked state; the place of the call is its class.
    #[track_caller]
    #[inline]
    pub const fn new(value: T) -> Self {
        Self { identity: Identity::new(), inner: sync::RwLock::new(value) }
    }
}

impl<T: ?Sized> RwLock<T> {
    const INFO: LockInfo = LockInfo::of::<T>("RwLock").measured();

    /// Waits until there is no writer and takes the lock shared. The acquisition is announced to
    /// the validator before the wait.
    ///
    /// # Errors
    ///
    /// With the guard inside, if a writer panicked.
    ///
    /// # Panics
    ///
    /// If this thread holds the write lock and `LOCKDEP_ON_DEADLOCK` is `panic`; as std, if there
    /// are too many readers.
    #[track_caller]
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let (held, result) = Held::lock(
            &self.identity,
            &Self::INFO,
            Mode::Shared,
            || self.inner.read(),
            || not_blocked(self.inner.try_read()),
        );
        map_lock(result, |inner| RwLockReadGuard { held, inner })
    }

    /// Takes the lock shared if there is no writer. Only a success is announced to the validator.
    ///
    /// # Errors
    ///
    /// If the lock is taken, or, with the guard inside, if a writer panicked.
    #[track_caller]
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        map_try_lock(self.inner.try_read(), |inner| RwLockReadGuard {
            held: Held::tried(&self.identity, &Self::INFO, Mode::Shared),
            inner,
        })
    }

    /// Waits until no thread holds the lock and takes it exclusively. The acquisition is announced
    /// to the validator before the wait.
    ///
    /// # Errors
    ///
    /// With the guard inside, if a writer panicked.
    ///
    /// # Panics
    ///
    /// If this thread already holds the lock in any mode and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let (held, result) = Held::lock(
            &self.identity,
            &Self::INFO,
            Mode::Exclusive,
            || self.inner.write(),
            || not_blocked(self.inner.try_write()),
        );
        map_lock(result, |inner| RwLockWriteGuard { held, inner })
    }

    /// Takes the lock exclusively if no thread holds it. Only a success is announced to the
    /// validator.
    ///
    /// # Errors
    ///
    /// If the lock is taken, or, with the guard inside, if a writer panicked.
    #[track_caller]
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        map_try_lock(self.inner.try_write(), |inner| RwLockWriteGuard {
            held: Held::tried(&self.identity, &Self::INFO, Mode::Exclusive),
            inner,
        })
    }

    /// Announces that the caller may have to wait for the lock, under what it holds now.
    #[track_caller]
    pub(super) fn announce(&self, mode: Mode) {
        self.identity.map().might_acquire(&Self::INFO, mode);
    }

    /// Returns whether a writer panicked.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.inner.is_poisoned()
    }

    /// Forgets that a writer panicked.
    #[inline]
    pub fn clear_poison(&self) {
        self.inner.clear_poison();
    }

    /// Returns the data, without the lock. No event: no other thread can hold it.
    ///
    /// # Errors
    ///
    /// With the data inside, if a writer panicked.
    pub fn into_inner(self) -> LockResult<T>
    where
        T: Sized,
    {
        self.inner.into_inner()
    }

    /// Returns the data through an exclusive borrow. No event: no other thread can hold it.
    ///
    /// # Errors
    ///
    /// With the borrow inside, if a writer panicked.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.inner.get_mut()
    }
}

impl<T: ?Sized> Tracked for RwLock<T> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.identity.map().as_ref(&Self::INFO)
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let mut made = Self::new(value);
        made.identity.relocate();
        made
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        let mut made = Self::new(T::default());
        made.identity.relocate();
        made
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    #[track_caller]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(result) = not_blocked(self.try_read()) else {
            // Taken: std's own words, which have changed between releases.
            return self.inner.fmt(f);
        };
        // The data's own `Debug` may take other locks while this one is held.
        let guard = result.unwrap_or_else(sync::PoisonError::into_inner);
        f.debug_struct("RwLock")
            .field("data", &&*guard)
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(std_rwlock_downgrade)]
#[expect(clippy::incompatible_msrv, reason = "compiled only where std has it, see build.rs")]
impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Turns exclusive access into shared access without giving the lock up in between.
    ///
    /// Here for compilers whose std has it (1.92).
    #[track_caller]
    #[inline]
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        let Self { held, inner } = guard;
        held.downgrade();
        RwLockReadGuard { held, inner: sync::RwLockWriteGuard::downgrade(inner) }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
