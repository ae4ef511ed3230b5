//! [`Mutex`] and its guard.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{self, LockResult, TryLockResult};

use super::held::{Held, Hold, map_lock, map_try_lock, not_blocked};
use super::in_common::{impl_guard, impl_lock};
use crate::Mode;
use crate::hook::{LockInfo, LockRef, OwnedLockMap, Tracked};

/// [`std::sync::Mutex`], validated.
///
/// Its class is the place that calls [`new`](Mutex::new) together with the type of the data. Every
/// method behaves as its std twin does.
///
/// ```
/// use lockdep::sync::Mutex;
///
/// let mutex = Mutex::new(1);
/// *mutex.lock().unwrap() += 1;
/// assert_eq!(mutex.into_inner().unwrap(), 2);
/// ```
pub struct Mutex<T: ?Sized> {
    identity: OwnedLockMap,
    // INVARIANT: the last field and the only one that depends on T, so that `Arc<Mutex<dyn Trait>>`
    // coerces as in std.
    inner: sync::Mutex<T>,
}

/// Exclusive access to the data of a [`Mutex`]; dropping it unlocks.
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized + 'a> {
    inner: Held<'a, sync::MutexGuard<'a, T>>,
}

impl_lock!(Mutex, try_lock, "mutex", "holder");
impl_guard!(mut MutexGuard);

impl<T> Mutex<T> {
    /// Makes a mutex in the unlocked state; the place of the call is its class.
    #[track_caller]
    #[inline]
    pub const fn new(value: T) -> Self {
        Self { identity: OwnedLockMap::new(), inner: sync::Mutex::new(value) }
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the mutex and takes it. The acquisition is announced to the validator before the
    /// wait.
    ///
    /// # Errors
    ///
    /// With the guard inside, if a holder panicked.
    ///
    /// # Panics
    ///
    /// If this thread already holds the mutex and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    // As `Hold::lock`.
    #[cfg_attr(any(debug_assertions, lockdep_runtime), inline)]
    #[cfg_attr(not(any(debug_assertions, lockdep_runtime)), inline(always))]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let (held, result) = Hold::lock(
            &self.identity,
            &Self::INFO,
            Mode::Exclusive,
            || self.inner.lock(),
            || self.inner.try_lock(),
            || self.inner.is_poisoned(),
        );
        map_lock(result, |inner| MutexGuard { inner: Held::new(held, inner) })
    }

    /// Takes the mutex if it is free. Only a success is announced to the validator: what does not
    /// wait cannot hang.
    ///
    /// # Errors
    ///
    /// If the mutex is taken, or, with the guard inside, if a holder panicked.
    #[track_caller]
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        map_try_lock(self.inner.try_lock(), |inner| MutexGuard {
            inner: Held::new(Hold::tried(&self.identity, &Self::INFO, Mode::Exclusive), inner),
        })
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Announces that the mutex is given up and taken again, and hands both halves to the wait that
    /// does it.
    #[track_caller]
    #[inline]
    pub(super) fn reacquire(self) -> (Hold<'a>, sync::MutexGuard<'a, T>) {
        let (held, inner) = self.inner.into_parts();
        (held.reacquire(&Mutex::<T>::INFO), inner)
    }

    /// Puts a guard together again after a wait.
    #[inline]
    pub(super) fn from_parts(held: Hold<'a>, inner: sync::MutexGuard<'a, T>) -> Self {
        Self { inner: Held::new(held, inner) }
    }
}
