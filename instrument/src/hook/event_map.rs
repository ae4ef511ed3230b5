//! The part of the validator that sits in what threads wait on and other threads bring something
//! to.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use lockdep_validator::EventKind;

use super::{ClassKey, LockMap};
use crate::lock::CreationSite;
use crate::runtime::event::messages;
use crate::runtime::process::state;
use crate::runtime::wait::{self, Event, Wanted};

/// A thread that looks for something again and again sleeps for a shorter time between two looks.
const LONG: Duration = Duration::from_millis(20);

/// The part of the validator that sits in a condition variable, a barrier, or anything else that
/// threads wait on until other threads bring something. Two words.
///
/// A thread that waits says so to other threads ([`wait_for`](Self::wait_for)); what another one
/// brings is noted with its place ([`provided`](Self::provided)). While threads hang, reports tell
/// both.
///
/// ```
/// use lockdep::hook::EventMap;
/// # struct Raw; impl Raw { fn try_wait(&self) -> bool { true } fn wait(&self) {} fn post(&self) {} }
///
/// struct Semaphore { event: EventMap, raw: Raw }
///
/// impl Semaphore {
///     #[track_caller]
///     fn wait(&self) {
///         if !self.raw.try_wait() {
///             self.event.wait_for(false, || self.raw.wait());
///         }
///     }
///
///     #[track_caller]
///     fn post(&self) {
///         self.event.provided();
///         self.raw.post();
///     }
/// }
/// # let semaphore = Semaphore { event: EventMap::new(), raw: Raw };
/// # semaphore.post(); semaphore.wait();
/// ```
#[derive(Debug)]
pub struct EventMap {
    created: CreationSite,
    /// What is known of the object; null until there is something to know.
    event: AtomicPtr<Event>,
}

impl EventMap {
    /// Makes a map for an object that is made at the place of the call.
    #[must_use]
    #[track_caller]
    #[inline]
    #[expect(clippy::new_without_default, reason = "a default value has no place of its own")]
    pub const fn new() -> Self {
        Self { created: CreationSite::caller(), event: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Notes that the running thread brings what threads wait for. Call it before it really does.
    #[track_caller]
    #[inline]
    pub fn provided(&self) {
        if state::is_on()
            && let Some(event) = self.event()
        {
            event.provided(Location::caller());
        }
    }

    /// Waits by `wait`, and says so to other threads meanwhile. For an object that was tried, and
    /// whose wait has to block. `is_timed`: the wait ends by itself.
    #[cold]
    #[track_caller]
    #[inline(never)]
    pub fn wait_for<R>(&self, is_timed: bool, wait: impl FnOnce() -> R) -> R {
        if state::is_off() {
            return wait();
        }
        wait_as(EventKind::Other, self.event(), is_timed, wait)
    }

    /// The running thread arrives at a barrier of so many threads, and waits by `wait`.
    #[track_caller]
    pub(crate) fn arrive<R>(&self, n_needed: usize, wait: impl FnOnce() -> R) -> R {
        if state::is_off() {
            return wait();
        }
        let event = self.event();
        if event.is_none_or(|event| event.arrive(n_needed as u64, Location::caller())) {
            let result = wait();
            messages::waited();
            return result;
        }
        wait_as(EventKind::Arrivals, event, false, wait)
    }

    #[inline]
    fn event(&self) -> Option<&'static Event> {
        // ORDERING: Acquire pairs with the Release in `claim`: the event is that of this object.
        let event = self.event.load(Ordering::Acquire);
        // SAFETY: null, or an event, which is never freed.
        unsafe { event.as_ref() }.or_else(|| self.claim())
    }

    #[cold]
    fn claim(&self) -> Option<&'static Event> {
        let mine = Event::claim(self.created.token())?;
        let (none, new) = (ptr::null_mut(), ptr::from_ref(mine).cast_mut());
        // ORDERING: Release pairs with the Acquire in `event`, and Acquire with another thread's
        // Release here.
        match self.event.compare_exchange(none, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(mine),
            Err(theirs) => {
                mine.free();
                // SAFETY: as in `event`.
                unsafe { theirs.as_ref() }
            }
        }
    }
}

impl Drop for EventMap {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: null, or an event, which is never freed.
        if let Some(event) = unsafe { self.event.get_mut().as_ref() } {
            event.free();
        }
    }
}

impl<K: ClassKey> LockMap<K> {
    /// Waits for a notification of `event` by `wait`, which gives the lock up meanwhile and takes
    /// it again, and says so to other threads. For a lock that was announced as released and wanted
    /// again.
    #[track_caller]
    #[inline(never)]
    pub fn wait_notified_by<R>(&self, event: &EventMap, is_timed: bool, wait: impl FnOnce() -> R) -> R {
        if state::is_off() {
            return wait();
        }
        let wanted = Wanted::Notification { slot: self.slot(), event: event.event(), is_timed };
        let waiting = wait::begin(wanted, Location::caller());
        waiting.as_ref().inspect(|waiting| waiting.report_held_back());
        let result = wait();
        drop(waiting);
        messages::waited();
        result
    }
}

/// Waits by `wait` for another thread to unpark the running one.
#[track_caller]
#[inline(never)]
pub(crate) fn park<R>(is_timed: bool, wait: impl FnOnce() -> R) -> R {
    if state::is_off() {
        return wait();
    }
    wait_by(Wanted::Token { thread: std::thread::current().id(), is_timed }, wait)
}

/// Notes that the running thread is about to unpark another one.
#[track_caller]
#[inline]
pub(crate) fn unparked(thread: impl FnOnce() -> ThreadId) {
    if state::is_on() {
        wait::unparked(thread(), Location::caller());
    }
}

/// Notes that the running thread lets others run, perhaps because it looks for what they do.
#[doc(hidden)]
#[track_caller]
#[inline]
pub fn idled() {
    if !state::is_off() {
        messages::idled();
    }
}

/// Notes that the running thread has waited for something that other threads bring, or found it
/// there already: what they did before it comes first in every run.
#[doc(hidden)]
#[inline]
pub fn waited() {
    if !state::is_off() {
        messages::waited();
    }
}

/// Notes that the running thread is about to wait for other threads behind its wrapper, which does
/// not see the end of the wait.
#[doc(hidden)]
#[inline]
pub fn waits_unseen() {
    if !state::is_off() {
        messages::waits_unseen();
    }
}

/// Waits by `wait` for so much time to pass.
#[track_caller]
#[inline(never)]
pub(crate) fn pause<R>(time: Duration, wait: impl FnOnce() -> R) -> R {
    if state::is_off() {
        return wait();
    }
    messages::sleeps(time >= LONG, Location::caller());
    wait_as(EventKind::Time, None, true, wait)
}

#[track_caller]
pub(super) fn wait_as<R>(
    kind: EventKind,
    event: Option<&'static Event>,
    is_timed: bool,
    wait: impl FnOnce() -> R,
) -> R {
    wait_by(Wanted::Event { kind, event, is_timed }, wait)
}

#[track_caller]
fn wait_by<R>(wanted: Wanted<'_>, wait: impl FnOnce() -> R) -> R {
    let waiting = wait::begin(wanted, Location::caller());
    let result = wait();
    drop(waiting);
    match wanted {
        // Messages say what they order.
        Wanted::Event { kind: EventKind::Message | EventKind::Room, .. } => {}
        Wanted::Event { kind: EventKind::Time, .. } => messages::slept(),
        _ => messages::waited(),
    }
    result
}
