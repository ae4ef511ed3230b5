//! Waits for locks, said to other threads while they last.

use std::panic::Location;

use lockdep_validator::{Mode, Wait};

use super::{ClassKey, LockMap};
use crate::lock::{AcquireOptions, LockInfo, Verdict};
use crate::runtime::event;
use crate::runtime::process::{internal_error, state};
use crate::runtime::wait::{self, Looked, Published, Wanted};

impl<K: ClassKey> LockMap<K> {
    /// Says to other threads that the running thread is about to block in the real lock, until the
    /// result is [over](Published::over). For a lock that was announced
    /// ([`acquire`](Self::acquire)), tried, and not had.
    ///
    /// A thread that closes a ring of waiting threads reports it (LD0100) before this returns. It
    /// asks `is_free` for a while before: whether a try succeeds that is taken back at once.
    ///
    /// Not of Rust's ABI: so the compiler knows that it does not unwind, and takes the way here for
    /// a rare one.
    #[cold]
    #[inline(never)]
    pub(crate) extern "C" fn begin_wait<F: FnMut() -> bool>(
        &self,
        mut is_free: F,
        at: &'static Location<'static>,
    ) -> Option<Published> {
        if state::is_off() {
            return None;
        }
        let begin = || {
            let waiting = wait::begin(Wanted::Lock { slot: self.slot(), is_timed: false }, at)?;
            waiting.look(&mut is_free);
            Some(waiting.leave())
        };
        internal_error::guard(begin).flatten()
    }

    /// Waits for the real lock by `lock`, and says so to other threads meanwhile. For a lock that
    /// was announced ([`acquire`](Self::acquire)), tried, and not had.
    ///
    /// A thread that closes a ring of waiting threads reports it (LD0100); for that it may call
    /// `try_lock` for a while before it calls `lock`.
    ///
    /// ```
    /// # use lockdep::hook::{LockInfo, LockMap};
    /// # use lockdep::{Mode, Wait};
    /// # struct Raw; impl Raw { fn try_lock(&self) -> bool { true } fn lock(&self) {} }
    /// const INFO: LockInfo = LockInfo::bare("spinlock");
    /// fn lock(map: &LockMap, raw: &Raw) {
    ///     let _ = map.acquire(&INFO, Mode::Exclusive, Wait::Blocking); // see `Verdict` for what belongs here
    ///     if !raw.try_lock() {
    ///         map.wait_for(|| raw.try_lock().then_some(()), || raw.lock());
    ///     }
    /// }
    /// # lock(&LockMap::new(), &Raw);
    /// ```
    #[cold]
    #[track_caller]
    #[inline(never)]
    pub fn wait_for<S>(&self, try_lock: impl FnMut() -> Option<S>, lock: impl FnOnce() -> S) -> S {
        wait_as(Wanted::Lock { slot: self.slot(), is_timed: false }, try_lock, lock, false)
    }

    /// Does what [`wait_for`](Self::wait_for) does, for a caller that can give up: nothing is left
    /// half done if this unwinds.
    ///
    /// # Panics
    ///
    /// If a deadlock was reported (LD0100) and `LOCKDEP_ON_DEADLOCK` is `panic`. The real lock has
    /// then not been taken, and the acquisition is still announced: take it back with
    /// [`acquire_failed`](Self::acquire_failed).
    #[cold]
    #[track_caller]
    #[inline(never)]
    pub fn wait_for_or_panic<S>(&self, try_lock: impl FnMut() -> Option<S>, lock: impl FnOnce() -> S) -> S {
        wait_as(Wanted::Lock { slot: self.slot(), is_timed: false }, try_lock, lock, true)
    }

    /// Does what [`wait_for`](Self::wait_for) does, for a wait that ends by itself: `lock` gives
    /// `None` then.
    #[cold]
    #[track_caller]
    #[inline(never)]
    pub fn wait_for_a_time<S>(&self, lock: impl FnOnce() -> Option<S>) -> Option<S> {
        wait_as(Wanted::Lock { slot: self.slot(), is_timed: true }, || None, lock, false)
    }

    /// Does what [`wait_for`](Self::wait_for) does, for a lock held upgradable that becomes
    /// exclusive ([`upgrade`](Self::upgrade)).
    #[cold]
    #[track_caller]
    #[inline(never)]
    pub fn wait_to_upgrade<S>(&self, lock: impl FnOnce() -> S) -> S {
        wait_as(Wanted::Upgrade { slot: self.slot(), is_timed: false }, || None, lock, false)
    }

    /// Does what [`acquire_with`](Self::acquire_with) does, for a caller that knows that events are
    /// looked at ([`is_on`](super::is_on)).
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[doc(hidden)]
    #[track_caller]
    #[inline]
    pub fn acquire_watched(
        &self,
        info: &LockInfo,
        mode: Mode,
        wait: Wait,
        options: &AcquireOptions,
    ) -> Verdict {
        event::acquire(self.as_ref(info), mode, wait, options)
    }

    /// Says to other threads that the running thread runs an initialiser or waits for one. To be
    /// called after [`acquire`](Self::acquire) has announced it; holds until the result is dropped.
    #[cold]
    #[track_caller]
    #[inline(never)]
    pub fn initialising(&self) -> Waiting {
        if state::is_off() {
            return Waiting(None);
        }
        let waiting = wait::begin(Wanted::Initialiser(self.slot()), Location::caller());
        if let Some(waiting) = &waiting {
            waiting.look(&mut || false);
        }
        Waiting(waiting)
    }

    /// Waits for a notification by `wait`, which gives the lock up meanwhile and takes it again,
    /// and says so to other threads. For a lock that was announced as released and wanted again.
    #[track_caller]
    #[inline(never)]
    pub fn wait_notified<S>(&self, is_timed: bool, wait: impl FnOnce() -> S) -> S {
        if state::is_off() {
            return wait();
        }
        let wanted = Wanted::Notification { slot: self.slot(), event: None, is_timed };
        let waiting = wait::begin(wanted, Location::caller());
        waiting.as_ref().inspect(|waiting| waiting.report_held_back());
        let result = wait();
        drop(waiting);
        event::messages::waited();
        result
    }
}

/// A wait that other threads can read of, until this is dropped.
#[must_use = "the wait is over when this is dropped"]
#[derive(Debug)]
pub struct Waiting(Option<wait::Waiting>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.0.take().is_some() {
            event::messages::waited();
        }
    }
}

#[track_caller]
fn wait_as<S>(
    wanted: Wanted<'_>,
    mut try_lock: impl FnMut() -> Option<S>,
    lock: impl FnOnce() -> S,
    may_panic: bool,
) -> S {
    if state::is_off() {
        return lock();
    }
    let waiting = wait::begin(wanted, Location::caller());
    let mut taken = None;
    if let Some(waiting) = &waiting {
        let looked = waiting.look(&mut || {
            taken = try_lock();
            taken.is_some()
        });
        match looked {
            Looked::Reported(message) if may_panic => panic!("{message}"),
            Looked::Reported(_) | Looked::Taken | Looked::GoOn => {}
        }
    }
    taken.unwrap_or_else(lock)
}
