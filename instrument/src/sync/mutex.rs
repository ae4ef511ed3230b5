//! [`Mutex`] and its guard.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{self, LockResult, TryLockResult};

use super::held::{Held, Identity, map_lock, map_try_lock, not_blocked};
use crate::Mode;
use crate::hook::{LockInfo, LockRef, Tracked};

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
    identity: Identity,
    // INVARIANT: the last field and the only one that depends on T, so that `Arc<Mutex<dyn Trait>>`
    // coerces as in std.
    inner: sync::Mutex<T>,
}

/// Exclusive access to the data of a [`Mutex`]; dropping it unlocks.
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized + 'a> {
    // INVARIANT: dropped before `inner`, so that the release is announced before the mutex is free.
    held: Held<'a>,
    inner: sync::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    /// Makes a mutex in the unlocked state; the place of the call is its class.
    #[track_caller]
    #[inline]
    pub const fn new(value: T) -> Self {
        Self { identity: Identity::new(), inner: sync::Mutex::new(value) }
    }
}

impl<T: ?Sized> Mutex<T> {
    const INFO: LockInfo = LockInfo::of::<T>("Mutex").measured();

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
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let (held, result) = Held::lock(
            &self.identity,
            &Self::INFO,
            Mode::Exclusive,
            || self.inner.lock(),
            || not_blocked(self.inner.try_lock()),
        );
        map_lock(result, |inner| MutexGuard { held, inner })
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
            held: Held::tried(&self.identity, &Self::INFO, Mode::Exclusive),
            inner,
        })
    }

    /// Announces that the caller may have to wait for the lock, under what it holds now.
    #[track_caller]
    pub(super) fn announce(&self, mode: Mode) {
        self.identity.map().might_acquire(&Self::INFO, mode);
    }

    /// Returns whether a holder panicked.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.inner.is_poisoned()
    }

    /// Forgets that a holder panicked.
    #[inline]
    pub fn clear_poison(&self) {
        self.inner.clear_poison();
    }

    /// Returns the data, without the mutex. No event: no other thread can hold it.
    ///
    /// # Errors
    ///
    /// With the data inside, if a holder panicked.
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
    /// With the borrow inside, if a holder panicked.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.inner.get_mut()
    }
}

impl<T: ?Sized> Tracked for Mutex<T> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.identity.map().as_ref(&Self::INFO)
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let mut made = Self::new(value);
        made.identity.relocate();
        made
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        let mut made = Self::new(T::default());
        made.identity.relocate();
        made
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    #[track_caller]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(result) = not_blocked(self.try_lock()) else {
            // Taken: std's own words, which have changed between releases.
            return self.inner.fmt(f);
        };
        // The data's own `Debug` may take other locks while this one is held.
        let guard = result.unwrap_or_else(sync::PoisonError::into_inner);
        f.debug_struct("Mutex")
            .field("data", &&*guard)
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Announces that the mutex is given up and taken again, and hands both halves to the wait that
    /// does it.
    #[track_caller]
    #[inline]
    pub(super) fn reacquire(self) -> (Held<'a>, sync::MutexGuard<'a, T>) {
        let MutexGuard { held, inner } = self;
        (held.reacquire(&Mutex::<T>::INFO), inner)
    }

    /// Puts a guard together again after a wait.
    #[inline]
    pub(super) fn from_parts(held: Held<'a>, inner: sync::MutexGuard<'a, T>) -> Self {
        Self { held, inner }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
