//! What every lock of this room does around the real operation.

use std::fmt;
use std::mem;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use crate::hook::{LockInfo, LockMap, Verdict};
use crate::{Mode, Wait};

/// An acquisition that was announced to the validator; dropping it is the release.
///
/// Guards put it *before* the std guard: fields are dropped in order, so the release is announced
/// before the real unlock. It is not the guard itself that implements `Drop`, so that a condition
/// variable can take the std guard out.
pub(super) struct Hold<'a>(&'a LockMap);

impl<'a> Hold<'a> {
    /// Announces a blocking acquisition, then makes it with `lock`.
    ///
    /// `try_lock` is asked only when the validator believes that this thread waits for itself: the
    /// real lock knows better.
    ///
    /// # Panics
    ///
    /// On a self-deadlock, if `LOCKDEP_ON_DEADLOCK` is `panic`. The real lock has not been touched
    /// by then.
    #[track_caller]
    #[inline]
    pub(super) fn lock<G>(
        map: &'a LockMap,
        info: &LockInfo,
        mode: Mode,
        lock: impl Fn() -> G + Copy,
        try_lock: impl FnOnce() -> Option<G>,
    ) -> (Self, G) {
        match map.acquire(info, mode, Wait::Blocking) {
            Verdict::Proceed => {}
            Verdict::SelfDeadlock => ask_the_lock(map, || try_lock().is_some()),
            Verdict::Measure => measure(map, || try_lock().is_some(), move || drop(lock())),
        }
        // Made before the real operation: should that panic, the acquisition is taken back.
        let held = Self(map);
        let guard = lock();
        (held, guard)
    }

    /// Announces a try that succeeded.
    #[track_caller]
    #[inline]
    pub(super) fn tried(map: &'a LockMap, info: &LockInfo, mode: Mode) -> Self {
        map.try_acquired(info, mode);
        Self(map)
    }

    /// Announces that the lock is given up for a while and taken again, which is what a condition
    /// variable does.
    ///
    /// Both events come before the wait: what the lock is taken again under must be judged before
    /// the thread waits for it.
    #[track_caller]
    #[inline]
    pub(super) fn reacquire(self, info: &LockInfo) -> Self {
        let map = self.0;
        mem::forget(self);
        map.release_by_any_thread();
        match map.acquire(info, Mode::Exclusive, Wait::Blocking) {
            // What it waits for is a notification first: the time would not be the lock's.
            Verdict::Proceed | Verdict::Measure => {}
            // It was released in the line before: what is left over is stale.
            Verdict::SelfDeadlock => map.stale_holder(),
        }
        Self(map)
    }

    /// Announces that an exclusive acquisition became a shared one.
    #[cfg(std_rwlock_downgrade)]
    #[track_caller]
    #[inline]
    pub(super) fn downgrade(&self) {
        self.0.downgrade();
    }
}

impl Drop for Hold<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.release_by_guard();
    }
}

impl fmt::Debug for Hold<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

/// The validator believes that this thread waits for itself: asks the real lock whether it does.
///
/// A lock that was available is given back at once and taken again by the caller like any other. So
/// the guard has one origin only, and the common way carries nothing for the sake of this one.
#[track_caller]
#[cold]
#[inline(never)]
fn ask_the_lock(map: &LockMap, try_lock: impl FnOnce() -> bool) {
    if try_lock() {
        map.stale_holder();
    } else {
        map.self_deadlock();
    }
}

/// Counts and times the wait for the lock, if there is one. As above, the lock is given back and
/// taken again by the caller.
#[cold]
#[inline(never)]
fn measure(map: &LockMap, try_lock: impl FnOnce() -> bool, wait: impl FnOnce()) {
    if !try_lock() {
        map.contended();
        wait();
        map.acquired();
    }
}

/// Wraps the guard inside a lock result, poisoned or not.
#[inline]
pub(super) fn map_lock<G, H>(result: LockResult<G>, wrap: impl FnOnce(G) -> H) -> LockResult<H> {
    match result {
        Ok(guard) => Ok(wrap(guard)),
        Err(poisoned) => Err(PoisonError::new(wrap(poisoned.into_inner()))),
    }
}

/// Wraps the guard inside the result of a try, poisoned or not.
#[inline]
pub(super) fn map_try_lock<G, H>(result: TryLockResult<G>, wrap: impl FnOnce(G) -> H) -> TryLockResult<H> {
    match result {
        Ok(guard) => Ok(wrap(guard)),
        Err(TryLockError::Poisoned(poisoned)) => {
            Err(TryLockError::Poisoned(PoisonError::new(wrap(poisoned.into_inner()))))
        }
        Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
    }
}

/// The outcome of a try as a lock result, or `None` if the lock was taken.
#[inline]
pub(super) fn not_blocked<G>(result: TryLockResult<G>) -> Option<LockResult<G>> {
    match result {
        Ok(guard) => Some(Ok(guard)),
        Err(TryLockError::Poisoned(poisoned)) => Some(Err(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}
