//! A lock's own [`LockMap`], which announces the end of the lock, and initialisations, which every
//! cell and `Once` announces in the same way.

use std::ops::Deref;

use super::{LockMap, Waiting};
use crate::lock::{LockInfo, Verdict};
use crate::{Mode, Wait};

/// A [`LockMap`] that announces when its lock goes away.
///
/// Put it into a lock whose guards borrow the lock: then no thread can hold the lock when it is
/// dropped, and a lock that is still held had a guard that was leaked. The lock itself needs no
/// `Drop`, so `into_inner` can take it apart. The drop check looks at the protected data as it
/// would without the map.
///
/// ```
/// use lockdep::hook::OwnedLockMap;
///
/// struct MyLock<T> { map: OwnedLockMap, value: T }
///
/// impl<T> MyLock<T> {
///     fn into_inner(self) -> T { self.value }
/// }
/// # assert_eq!(MyLock { map: OwnedLockMap::new(), value: 1 }.into_inner(), 1);
/// ```
#[derive(Debug)]
pub struct OwnedLockMap(LockMap);

impl OwnedLockMap {
    /// Makes a map whose class is the place of the call; see [`LockMap::new`].
    #[must_use]
    #[track_caller]
    #[inline]
    #[expect(clippy::new_without_default, reason = "a default value has no place of its own")]
    pub const fn new() -> Self {
        Self(LockMap::new())
    }

    /// Does what [`LockMap::relocate`] does.
    #[inline]
    pub fn relocate(&mut self) {
        self.0.relocate();
    }

    /// Announces an initialisation that is about to run or to be waited for.
    ///
    /// No try is made: an initialisation that is not finished and that this thread is inside of can
    /// only be waited for in vain. `None` means that it was reported as such.
    ///
    /// # Panics
    ///
    /// On a re-entrant initialisation, if `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[cold]
    #[doc(hidden)]
    pub fn initialise(&self, info: &LockInfo) -> Option<Initialisation<'_>> {
        match self.0.acquire(info, Mode::Exclusive, Wait::Blocking) {
            Verdict::Proceed | Verdict::Measure => {
                Some(Initialisation { _waiting: self.0.initialising(), map: &self.0 })
            }
            Verdict::SelfDeadlock => {
                self.0.self_deadlock();
                None
            }
        }
    }
}

impl Deref for OwnedLockMap {
    type Target = LockMap;

    #[inline(always)]
    fn deref(&self) -> &LockMap {
        &self.0
    }
}

#[cfg(not(lockdep_disabled))]
impl Drop for OwnedLockMap {
    #[inline]
    fn drop(&mut self) {
        self.0.dropped_by_owner();
    }
}

/// An initialisation that was announced; dropping it announces its end.
#[derive(Debug)]
#[doc(hidden)]
pub struct Initialisation<'a> {
    _waiting: Waiting,
    map: &'a LockMap,
}

impl Drop for Initialisation<'_> {
    #[inline]
    fn drop(&mut self) {
        self.map.release_by_guard();
    }
}
