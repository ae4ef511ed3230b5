//! [`Condvar`].

use std::fmt;
use std::sync::{self, LockResult, WaitTimeoutResult};
use std::time::{Duration, Instant};

use super::held::map_lock;
use super::mutex::MutexGuard;
use crate::hook::EventMap;

/// [`std::sync::Condvar`] for a validated [`Mutex`](super::Mutex).
///
/// A wait gives the mutex up and takes it again. The second half can hang like any other
/// acquisition, for example under another lock that the waker wants first. So the validator treats
/// it as one, announced before the wait.
///
/// ```
/// use lockdep::sync::{Condvar, Mutex};
///
/// static READY: Mutex<bool> = Mutex::new(false);
/// static CHANGED: Condvar = Condvar::new();
///
/// let waker = std::thread::spawn(|| {
///     *READY.lock().unwrap() = true;
///     CHANGED.notify_all();
/// });
/// let ready = CHANGED.wait_while(READY.lock().unwrap(), |ready| !*ready).unwrap();
/// assert!(*ready);
/// # drop(ready);
/// waker.join().unwrap();
/// ```
pub struct Condvar {
    event: EventMap,
    inner: sync::Condvar,
}

impl Condvar {
    /// Makes a condition variable that no thread waits for.
    #[must_use]
    #[track_caller]
    #[inline]
    pub const fn new() -> Self {
        Self { event: EventMap::new(), inner: sync::Condvar::new() }
    }

    /// Gives the mutex up, waits for a notification (or for nothing: wakeups may be spurious) and
    /// takes the mutex again.
    ///
    /// # Errors
    ///
    /// With the guard inside, if the mutex is poisoned when it is taken again.
    ///
    /// # Panics
    ///
    /// As std may, if it is used with two mutexes.
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let (held, inner) = guard.reacquire();
        let notified = held.wait_notified(&self.event, false, || self.inner.wait(inner));
        map_lock(notified, |inner| MutexGuard::from_parts(held, inner))
    }

    /// Waits as long as `condition` is true.
    ///
    /// # Errors
    ///
    /// With the guard inside, if the mutex is poisoned when it is taken again.
    #[track_caller]
    pub fn wait_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Waits for a notification for about `ms` milliseconds; `false` if the time ran out.
    ///
    /// # Errors
    ///
    /// With both inside, if the mutex is poisoned when it is taken again.
    #[track_caller]
    #[deprecated(since = "0.1.0", note = "replaced by `wait_timeout`, as in std since 1.6.0")]
    pub fn wait_timeout_ms<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        ms: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        map_lock(self.wait_timeout(guard, Duration::from_millis(ms.into())), |(guard, result)| {
            (guard, !result.timed_out())
        })
    }

    /// Waits for a notification for about `timeout`. The mutex is taken again without a limit, also
    /// when the time ran out.
    ///
    /// # Errors
    ///
    /// With both inside, if the mutex is poisoned when it is taken again.
    #[track_caller]
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        // The limit is on the condition, not on the mutex: what comes back is an ordinary blocking
        // acquisition.
        let (held, inner) = guard.reacquire();
        let notified = held.wait_notified(&self.event, true, || self.inner.wait_timeout(inner, timeout));
        map_lock(notified, |(inner, result)| (MutexGuard::from_parts(held, inner), result))
    }

    /// Waits as long as `condition` is true, for about `timeout` altogether.
    ///
    /// # Errors
    ///
    /// With both inside, if the mutex is poisoned when it is taken again.
    #[track_caller]
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let start = Instant::now();
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, wait_result(false)));
            }
            let Some(left) = timeout.checked_sub(start.elapsed()) else {
                return Ok((guard, wait_result(true)));
            };
            guard = self.wait_timeout(guard, left)?.0;
        }
    }

    /// Wakes one waiting thread, if there is one.
    #[track_caller]
    #[inline]
    pub fn notify_one(&self) {
        self.event.provided();
        self.inner.notify_one();
    }

    /// Wakes every waiting thread.
    #[track_caller]
    #[inline]
    pub fn notify_all(&self) {
        self.event.provided();
        self.inner.notify_all();
    }
}

/// A [`WaitTimeoutResult`], which only std can make: one of a lock of its own, with nothing to wait
/// for.
fn wait_result(timed_out: bool) -> WaitTimeoutResult {
    let (lock, condition) = (sync::Mutex::new(()), sync::Condvar::new());
    let guard = lock.lock().unwrap_or_else(sync::PoisonError::into_inner);
    let result = condition.wait_timeout_while(guard, Duration::ZERO, |()| timed_out);
    result.unwrap_or_else(sync::PoisonError::into_inner).1
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
