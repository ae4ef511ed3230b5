//! [`LazyLock`].

use std::fmt;
use std::ops::Deref;
#[cfg(std_lazy_deref_mut)]
use std::ops::DerefMut;
use std::sync;
#[cfg(not(std_lazy_get))]
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hook::{LockInfo, LockRef, OwnedLockMap, Tracked};

/// [`std::sync::LazyLock`], validated.
///
/// As with [`Once`](super::Once), only an initialisation that has to run or to be waited for is an
/// acquisition: a value that is there sends no event.
///
/// ```
/// use lockdep::sync::LazyLock;
///
/// static TABLE: LazyLock<Vec<u32>> = LazyLock::new(|| (0..4).collect());
/// assert_eq!(TABLE.len(), 4);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    identity: OwnedLockMap,
    /// Whether the value is known to be there, where std cannot say so (before 1.94).
    #[cfg(not(std_lazy_get))]
    done: AtomicBool,
    inner: sync::LazyLock<T, F>,
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    const INFO: LockInfo = LockInfo::of::<T>("LazyLock");

    /// Makes a value that `init` makes when it is first asked for; the place of the call is its
    /// class.
    #[track_caller]
    #[inline]
    pub const fn new(init: F) -> Self {
        Self {
            identity: OwnedLockMap::new(),
            #[cfg(not(std_lazy_get))]
            done: AtomicBool::new(false),
            inner: sync::LazyLock::new(init),
        }
    }

    /// The value, made now if it is not there yet; waits for a thread that is making it.
    ///
    /// # Panics
    ///
    /// With the initialiser, and always after it panicked; if it is called from inside the
    /// initialiser and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[cfg_attr(
        std_lazy_get,
        expect(clippy::incompatible_msrv, reason = "compiled only where std has it, see build.rs")
    )]
    #[track_caller]
    #[inline]
    pub fn force(this: &Self) -> &T {
        #[cfg(std_lazy_get)]
        if let Some(value) = sync::LazyLock::get(&this.inner) {
            return value;
        }
        #[cfg(not(std_lazy_get))]
        // ORDERING: Relaxed; the flag publishes nothing. `force` below makes its own Acquire check
        // of std's state, and a stale `false` costs one more event for an initialisation that has
        // just ended.
        if this.done.load(Ordering::Relaxed) {
            return sync::LazyLock::force(&this.inner);
        }
        Self::force_slow(this)
    }

    #[track_caller]
    #[cold]
    fn force_slow(this: &Self) -> &T {
        let _running = this.identity.initialise(&Self::INFO);
        let value = sync::LazyLock::force(&this.inner);
        #[cfg(not(std_lazy_get))]
        // ORDERING: Relaxed; see `force`.
        this.done.store(true, Ordering::Relaxed);
        value
    }

    /// Returns the value through an exclusive borrow, made now if it is not there yet. No other
    /// thread can be making it, so there is nothing to wait for and no event.
    ///
    /// Here for compilers whose std has it (1.94).
    ///
    /// # Panics
    ///
    /// With the initialiser, and always after it panicked.
    #[cfg(std_lazy_get)]
    #[expect(clippy::incompatible_msrv, reason = "compiled only where std has it, see build.rs")]
    #[inline]
    pub fn force_mut(this: &mut Self) -> &mut T {
        sync::LazyLock::force_mut(&mut this.inner)
    }
}

#[cfg(std_lazy_get)]
#[expect(clippy::incompatible_msrv, reason = "compiled only where std has it, see build.rs")]
impl<T, F> LazyLock<T, F> {
    /// Returns the value, if it is there. Never waits, hence no event.
    ///
    /// Here for compilers whose std has it (1.94).
    #[inline]
    pub fn get(this: &Self) -> Option<&T> {
        sync::LazyLock::get(&this.inner)
    }

    /// Returns the value through an exclusive borrow, if it is there.
    ///
    /// Here for compilers whose std has it (1.94).
    #[inline]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        sync::LazyLock::get_mut(&mut this.inner)
    }
}

impl<T, F: FnOnce() -> T> Tracked for LazyLock<T, F> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.identity.as_ref(&Self::INFO)
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[track_caller]
    #[inline]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

#[cfg(std_lazy_deref_mut)]
impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: Default> Default for LazyLock<T> {
    #[track_caller]
    fn default() -> Self {
        let mut made = Self::new(T::default);
        made.identity.relocate();
        made
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
