//! What every lock of this room does around the real operation.

use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use crate::hook::{EventMap, LockInfo, LockMap, Verdict};
use crate::{Mode, Wait};

/// An acquisition that was announced to the validator, without the lock itself: it is about to be
/// acquired, or a condition variable has it. Dropping this is the release.
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
    // Always, where code is optimised: what the compiler counts is the rare half, which is
    // elsewhere. A caller that is not optimised would get a large frame and lose its path in
    // stacks.
    #[cfg_attr(any(debug_assertions, lockdep_runtime), inline)]
    #[cfg_attr(not(any(debug_assertions, lockdep_runtime)), inline(always))]
    pub(super) fn lock<G>(
        map: &'a LockMap,
        info: &LockInfo,
        mode: Mode,
        lock: impl Fn() -> LockResult<G> + Copy,
        try_lock: impl Fn() -> TryLockResult<G> + Copy,
        is_poisoned: impl FnOnce() -> bool,
    ) -> (Self, LockResult<G>) {
        let verdict = map.acquire(info, mode, Wait::Blocking);
        if verdict != Verdict::Proceed {
            before_lock(map, verdict, try_lock, lock);
        }
        // Made before the real operation: should that panic, the acquisition is taken back.
        let held = Self(map);
        if cfg!(lockdep_disabled) {
            return (held, lock());
        }
        // A thread that blocks says so. The common way pays for none of it: the call that blocks is
        // made here, so that the compiler sees whose guard it gives; whether the lock is poisoned
        // is asked again; and nothing is called after it, so that no register has to survive that.
        let result = match not_blocked(try_lock()) {
            Some(result) => result,
            None => {
                let published = map.begin_wait(move || is_free(try_lock()), Location::caller());
                let guard = lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(published) = published {
                    published.over();
                }
                if is_poisoned() { Err(PoisonError::new(guard)) } else { Ok(guard) }
            }
        };
        (held, result)
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

    /// Waits for a notification by `wait`, after [`reacquire`](Self::reacquire).
    #[track_caller]
    #[inline]
    pub(super) fn wait_notified<R>(&self, event: &EventMap, is_timed: bool, wait: impl FnOnce() -> R) -> R {
        self.0.wait_notified_by(event, is_timed, wait)
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

/// A lock that is held, with its std guard: what each guard of this room consists of.
///
/// Dropping it announces the release, then unlocks.
pub(super) struct Held<'a, G> {
    map: &'a LockMap,
    // INVARIANT: taken out only where `self` ends.
    inner: ManuallyDrop<G>,
}

impl<'a, G> Held<'a, G> {
    /// The lock of the announced acquisition was acquired.
    #[inline(always)]
    pub(super) fn new(hold: Hold<'a>, inner: G) -> Self {
        let map = hold.0;
        mem::forget(hold);
        Self { map, inner: ManuallyDrop::new(inner) }
    }

    /// Returns both halves, for one that goes on with the std guard.
    #[inline]
    pub(super) fn into_parts(self) -> (Hold<'a>, G) {
        let mut held = ManuallyDrop::new(self);
        // SAFETY: what is taken out of is neither used nor dropped again.
        (Hold(held.map), unsafe { ManuallyDrop::take(&mut held.inner) })
    }
}

impl<G> Deref for Held<'_, G> {
    type Target = G;

    #[inline(always)]
    fn deref(&self) -> &G {
        &self.inner
    }
}

impl<G> DerefMut for Held<'_, G> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut G {
        &mut self.inner
    }
}

impl<G> Drop for Held<'_, G> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this is where it ends.
        let inner = unsafe { ManuallyDrop::take(&mut self.inner) };
        if self.map.release_newest() {
            drop(inner);
        } else {
            // All of the rest is done there: what the guard consists of need not survive a call.
            release_another(self.map, inner);
        }
    }
}

/// Announces a release that is not the newest lock's, and unlocks.
#[cold]
#[inline(never)]
extern "C" fn release_another<G>(map: &LockMap, inner: G) {
    map.release_another();
    drop(inner);
}

/// What comes before the real operation, rarely.
///
/// A lock that was available is given back at once and taken again by the caller like any other. So
/// the guard has one origin only, and the common way carries nothing for the sake of this one.
#[track_caller]
#[cold]
#[inline(never)]
fn before_lock<G>(
    map: &LockMap,
    verdict: Verdict,
    try_lock: impl Fn() -> TryLockResult<G> + Copy,
    lock: impl Fn() -> LockResult<G> + Copy,
) {
    let is_free = is_free(try_lock());
    match (verdict, is_free) {
        // The validator believes that this thread waits for itself: the lock knows whether it does.
        (Verdict::SelfDeadlock, true) => map.stale_holder(),
        (Verdict::SelfDeadlock, false) => map.self_deadlock(),
        // The wait is counted and timed, if there is one.
        (Verdict::Measure, false) => {
            map.contended();
            let published = map.begin_wait(move || self::is_free(try_lock()), Location::caller());
            drop(lock());
            if let Some(published) = published {
                published.over();
            }
            map.acquired();
        }
        (Verdict::Measure, true) | (Verdict::Proceed, _) => {}
    }
}

/// Whether a try succeeded, which is taken back.
fn is_free<G>(result: TryLockResult<G>) -> bool {
    not_blocked(result).is_some()
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
