//! [`RwLock`] and its guards.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{self, LockResult, TryLockResult};

use super::held::{Held, Hold, map_lock, map_try_lock, not_blocked};
use super::in_common::{impl_guard, impl_lock};
use crate::Mode;
use crate::hook::{LockInfo, LockRef, OwnedLockMap, Tracked};

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
    identity: OwnedLockMap,
    // INVARIANT: the last field and the only one that depends on T, so that `Arc<RwLock<dyn
    // Trait>>` coerces as in std.
    inner: sync::RwLock<T>,
}

/// Shared access to the data of a [`RwLock`]; dropping it unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized + 'a> {
    inner: Held<'a, sync::RwLockReadGuard<'a, T>>,
}

/// Exclusive access to the data of a [`RwLock`]; dropping it unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized + 'a> {
    inner: Held<'a, sync::RwLockWriteGuard<'a, T>>,
}

impl_lock!(RwLock, try_read, "lock", "writer");
impl_guard!(RwLockReadGuard);
impl_guard!(mut RwLockWriteGuard);

impl<T> RwLock<T> {
    /// Makes a lock in the unlocked state; the place of the call is its class.
    #[track_caller]
    #[inline]
    pub const fn new(value: T) -> Self {
        Self { identity: OwnedLockMap::new(), inner: sync::RwLock::new(value) }
    }
}

impl<T: ?Sized> RwLock<T> {
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
    // As `Hold::lock`.
    #[cfg_attr(any(debug_assertions, lockdep_runtime), inline)]
    #[cfg_attr(not(any(debug_assertions, lockdep_runtime)), inline(always))]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let (held, result) = Hold::lock(
            &self.identity,
            &Self::INFO,
            Mode::Shared,
            || self.inner.read(),
            || self.inner.try_read(),
            || self.inner.is_poisoned(),
        );
        map_lock(result, |inner| RwLockReadGuard { inner: Held::new(held, inner) })
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
            inner: Held::new(Hold::tried(&self.identity, &Self::INFO, Mode::Shared), inner),
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
    // As `Hold::lock`.
    #[cfg_attr(any(debug_assertions, lockdep_runtime), inline)]
    #[cfg_attr(not(any(debug_assertions, lockdep_runtime)), inline(always))]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let (held, result) = Hold::lock(
            &self.identity,
            &Self::INFO,
            Mode::Exclusive,
            || self.inner.write(),
            || self.inner.try_write(),
            || self.inner.is_poisoned(),
        );
        map_lock(result, |inner| RwLockWriteGuard { inner: Held::new(held, inner) })
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
            inner: Held::new(Hold::tried(&self.identity, &Self::INFO, Mode::Exclusive), inner),
        })
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
        let (held, inner) = guard.inner.into_parts();
        held.downgrade();
        RwLockReadGuard { inner: Held::new(held, sync::RwLockWriteGuard::downgrade(inner)) }
    }
}
