//! A condition variable around anyone's raw condition variable, which the 0.5 line has.

use core::fmt;

use super::common::event::{self, Want};
use super::common::{Mutex, MutexGuard};
use super::hook::EventMap;
use super::raw::{RawCondvar, RawCondvarTimed, RawMutexTimed};

/// Whether a wait with a limit is known to have ended because of the limit.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Returns whether the time ran out.
    #[inline]
    pub const fn timed_out(self) -> bool {
        self.0
    }
}

/// A condition variable for mutexes of one raw kind.
///
/// A wait gives the mutex up and takes it again. The second half can hang like any other
/// acquisition, for example under another lock that the waker wants first. So the validator treats
/// it as one, announced before the wait.
pub struct Condvar<C> {
    event: EventMap,
    raw: C,
}

impl<C: RawCondvar> Condvar<C> {
    /// Makes a condition variable that no thread waits for.
    #[track_caller]
    #[inline]
    pub const fn new() -> Self {
        Self { event: EventMap::new(), raw: C::INIT }
    }

    /// Returns the raw condition variable.
    #[inline]
    pub fn raw(&self) -> &C {
        &self.raw
    }

    /// Wakes one waiting thread; returns whether there was one, if `C` can tell.
    #[track_caller]
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.event.provided();
        self.raw.notify_one()
    }

    /// Wakes all waiting threads; returns how many, if `C` can tell.
    #[track_caller]
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.event.provided();
        self.raw.notify_all()
    }

    /// Gives the mutex up, waits for a notification (or for nothing, if `C` has spurious wakeups)
    /// and takes the mutex again.
    ///
    /// # Panics
    ///
    /// If `C` does, because other threads wait with another mutex.
    #[track_caller]
    #[inline]
    pub fn wait<T: ?Sized>(&self, mutex_guard: &mut MutexGuard<'_, C::RawMutex, T>) {
        let mutex = announce(mutex_guard);
        // SAFETY: the guard holds the mutex, and stays borrowed until it does so again.
        let wait = || unsafe { self.raw.wait(mutex.raw_mutex(), &mut mutex_guard.state) };
        mutex.map.wait_notified_by(&self.event, false, wait);
    }

    /// Waits as long as `condition` is true.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while<T, F>(&self, mutex_guard: &mut MutexGuard<'_, C::RawMutex, T>, mut condition: F)
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut **mutex_guard) {
            self.wait(mutex_guard);
        }
    }
}

/// Announces to the validator that the mutex is given up and taken again.
#[track_caller]
#[inline]
fn announce<'a, R: super::raw::RawMutex, T: ?Sized>(guard: &MutexGuard<'a, R, T>) -> &'a Mutex<R, T> {
    let mutex = MutexGuard::mutex(guard);
    event::yielded(&mutex.map, &Mutex::<R, T>::TAKEN, Want::EXCLUSIVE, || ());
    mutex
}

impl<R: RawMutexTimed, C: RawCondvarTimed<RawMutex = R>> Condvar<C> {
    /// Does what [`wait`](Self::wait) does, until `timeout` at the latest. The mutex is then taken
    /// again without limit.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_until<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, C::RawMutex, T>,
        timeout: <C::RawMutex as RawMutexTimed>::Instant,
    ) -> WaitTimeoutResult {
        self.wait_until_instant(mutex_guard, &timeout)
    }

    #[track_caller]
    #[inline]
    fn wait_until_instant<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, R, T>,
        timeout: &R::Instant,
    ) -> WaitTimeoutResult {
        let mutex = announce(mutex_guard);
        // SAFETY: the guard holds the mutex, and stays borrowed until it does so again.
        let wait = || unsafe { self.raw.wait_until(mutex.raw_mutex(), &mut mutex_guard.state, timeout) };
        WaitTimeoutResult(mutex.map.wait_notified_by(&self.event, true, wait))
    }

    /// Does what [`wait`](Self::wait) does, at most `timeout` long. The mutex is then taken again
    /// without limit.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_for<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, C::RawMutex, T>,
        timeout: <C::RawMutex as RawMutexTimed>::Duration,
    ) -> WaitTimeoutResult {
        let mutex = announce(mutex_guard);
        // SAFETY: the guard holds the mutex, and stays borrowed until it does so again.
        let wait = || unsafe { self.raw.wait_for(mutex.raw_mutex(), &mut mutex_guard.state, &timeout) };
        WaitTimeoutResult(mutex.map.wait_notified_by(&self.event, true, wait))
    }

    /// Waits as long as `condition` is true, until `timeout` at the latest, and looks at
    /// `condition` once more then: the time ran out only if it still was true.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while_until<T, F>(
        &self,
        mutex_guard: &mut MutexGuard<'_, C::RawMutex, T>,
        mut condition: F,
        timeout: <C::RawMutex as RawMutexTimed>::Instant,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut **mutex_guard) {
            if self.wait_until_instant(mutex_guard, &timeout).timed_out() {
                return WaitTimeoutResult(condition(&mut **mutex_guard));
            }
        }
        WaitTimeoutResult(false)
    }

    /// Does what [`wait_while_until`](Self::wait_while_until) does, with the limit as a span of
    /// time.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while_for<T: ?Sized, F>(
        &self,
        mutex_guard: &mut MutexGuard<'_, C::RawMutex, T>,
        condition: F,
        timeout: <C::RawMutex as RawMutexTimed>::Duration,
    ) -> WaitTimeoutResult
    where
        F: FnMut(&mut T) -> bool,
    {
        if let Some(deadline) = C::checked_duration_to_instant(&timeout) {
            self.wait_while_until(mutex_guard, condition, deadline)
        } else {
            // Further away than the clock can tell.
            self.wait_while(mutex_guard, condition);
            WaitTimeoutResult(false)
        }
    }
}

impl<C: RawCondvar> Default for Condvar<C> {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl<C> fmt::Debug for Condvar<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
