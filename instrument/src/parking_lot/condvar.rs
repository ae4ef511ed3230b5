//! [`Condvar`].

use std::fmt;
use std::time::{Duration, Instant};

use super::MutexGuard;
use crate::hook::EventMap;

/// Whether a wait with a limit ended because of the limit.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Returns whether the time ran out.
    #[inline]
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl From<parking_lot_0_12::WaitTimeoutResult> for WaitTimeoutResult {
    #[inline]
    fn from(result: parking_lot_0_12::WaitTimeoutResult) -> Self {
        Self(result.timed_out())
    }
}

/// `parking_lot::Condvar` for a validated [`Mutex`](super::Mutex).
///
/// A wait gives the mutex up and takes it again. The second half can hang like any other
/// acquisition, for example under another lock that the waker wants first. So the validator treats
/// it as one, announced before the wait.
///
/// ```
/// use lockdep::parking_lot::{Condvar, Mutex};
///
/// static READY: Mutex<bool> = Mutex::new(false);
/// static CHANGED: Condvar = Condvar::new();
///
/// let waker = std::thread::spawn(|| {
///     *READY.lock() = true;
///     CHANGED.notify_all();
/// });
/// CHANGED.wait_while(&mut READY.lock(), |ready| !*ready);
/// waker.join().unwrap();
/// ```
pub struct Condvar {
    event: EventMap,
    inner: parking_lot_0_12::Condvar,
}

impl Condvar {
    /// Makes a condition variable that no thread waits for.
    #[track_caller]
    #[inline]
    pub const fn new() -> Self {
        Self { event: EventMap::new(), inner: parking_lot_0_12::Condvar::new() }
    }

    /// Wakes one waiting thread; returns whether there was one.
    #[track_caller]
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.event.provided();
        self.inner.notify_one()
    }

    /// Wakes all waiting threads; returns how many.
    #[track_caller]
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.event.provided();
        self.inner.notify_all()
    }

    /// Gives the mutex up, waits for a notification, and takes the mutex again. Wakeups are never
    /// spurious.
    ///
    /// # Panics
    ///
    /// If other threads wait with another mutex.
    #[track_caller]
    #[inline]
    pub fn wait<T: ?Sized>(&self, mutex_guard: &mut MutexGuard<'_, T>) {
        // SAFETY: the guard holds the mutex, and a condition variable returns, or panics, with it
        // held.
        unsafe { MutexGuard::mutex(mutex_guard).lend(&self.event, false, |guard| self.inner.wait(guard)) };
    }

    /// Does what [`wait`](Self::wait) does, until `timeout` at the latest. The mutex is then taken
    /// again without limit.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    #[inline]
    pub fn wait_until<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        timeout: Instant,
    ) -> WaitTimeoutResult {
        // SAFETY: as in `wait`.
        unsafe {
            let mutex = MutexGuard::mutex(mutex_guard);
            mutex.lend(&self.event, true, |guard| self.inner.wait_until(guard, timeout)).into()
        }
    }

    /// Does what [`wait`](Self::wait) does, at most `timeout` long. The mutex is then taken again
    /// without limit.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    #[inline]
    pub fn wait_for<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        // SAFETY: as in `wait`.
        unsafe {
            let mutex = MutexGuard::mutex(mutex_guard);
            mutex.lend(&self.event, true, |guard| self.inner.wait_for(guard, timeout)).into()
        }
    }

    /// Waits as long as `condition` is true.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while<T, F>(&self, mutex_guard: &mut MutexGuard<'_, T>, mut condition: F)
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut **mutex_guard) {
            self.wait(mutex_guard);
        }
    }

    /// Waits as long as `condition` is true, until `timeout` at the latest.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while_until<T, F>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        mut condition: F,
        timeout: Instant,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        let mut result = WaitTimeoutResult(false);
        while !result.timed_out() && condition(&mut **mutex_guard) {
            result = self.wait_until(mutex_guard, timeout);
        }
        result
    }

    /// Waits as long as `condition` is true, at most `timeout` long.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while_for<T: ?Sized, F>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        condition: F,
        timeout: Duration,
    ) -> WaitTimeoutResult
    where
        F: FnMut(&mut T) -> bool,
    {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.wait_while_until(mutex_guard, condition, deadline),
            // Further away than the clock can tell.
            None => {
                self.wait_while(mutex_guard, condition);
                WaitTimeoutResult(false)
            }
        }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Default for Condvar {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}
