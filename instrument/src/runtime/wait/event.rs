//! What is known of an object that threads wait on and others bring something to: a condition
//! variable, a channel, a barrier.
//!
//! Its words, and how other threads read them, are in `event_words.rs`. An [`Event`] is made when
//! none is free, is never freed, and is used again by later objects.
//!
//! To bring something costs one store, and none if the same thread did so at the same place before.
//!
//! `FREE` is a leaf lock.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

use super::event_words::{Event, Last, RECEIVER, UNBOUNDED};
use super::unparked::{number, word};
use crate::runtime::event::enter;
use crate::runtime::process::state;
use crate::runtime::task::{self, Mark};

/// Events whose objects are gone.
static FREE: Mutex<Vec<&'static Event>> = Mutex::new(Vec::new());
/// How many events there are.
static N_EVENTS: AtomicU64 = AtomicU64::new(0);
/// How many objects there were.
static N_OBJECTS: AtomicU64 = AtomicU64::new(0);

impl Last {
    #[inline(always)]
    fn set(&self, caller: &'static Location<'static>) {
        set(&self.0, caller);
    }
}

/// The running thread is about to unpark that one.
pub(crate) fn unparked(thread: ThreadId, caller: &'static Location<'static>) {
    word(number(thread)).inspect(|word| set(word, caller));
}

/// Notes that the running thread brings something at this place.
#[inline(always)]
fn set(last: &AtomicU64, caller: &'static Location<'static>) {
    // As `site` makes it.
    let place = std::ptr::from_ref(caller).expose_provenance() as u64;
    let word = task::mark().unwrap_or_else(first_mark).at(place);
    // ORDERING: Relaxed, here and below: a reader wants one recent word, which is whole.
    if last.load(Ordering::Relaxed) != word {
        last.store(word, Ordering::Relaxed);
    }
}

/// The mark of a thread of which nothing is known yet.
#[cold]
fn first_mark() -> Mark {
    let entered = if task::is_not_started() { enter() } else { None };
    entered.map_or(Mark::NONE, |mut entered| entered.task().mark)
}

impl Event {
    /// Returns an event for an object that was made there; `None` if nothing is known of the
    /// thread now.
    #[cold]
    pub(crate) fn claim(created: u64) -> Option<&'static Self> {
        if state::is_off() {
            return None;
        }
        // What the allocator locks is no event of the program's.
        let _entered = enter()?;
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let event = free.unwrap_or_else(Self::made);
        // ORDERING: Relaxed, here and below: a reader has got this event from a wait that was
        // published after.
        let number = N_OBJECTS.fetch_add(1, Ordering::Relaxed) + 1;
        // ORDERING: Release: a reader that sees one of the words below, and then passes its Acquire
        // fence, sees that the wait by which it came here is over.
        fence(Ordering::Release);
        event.created.store(created, Ordering::Relaxed);
        for word in [&event.n_users, &event.n_arrived, &event.n_needed, &event.provided.0, &event.taken.0] {
            word.store(0, Ordering::Relaxed); // ORDERING: as above
        }
        event.has_clones.store(false, Ordering::Relaxed); // ORDERING: as above
        event.capacity.store(UNBOUNDED, Ordering::Relaxed); // ORDERING: as above
        event.forget_messages();
        event.number.store(number, Ordering::Relaxed); // ORDERING: as above
        Some(event)
    }

    fn made() -> &'static Self {
        // ORDERING: Relaxed: a bound for the room below.
        let n_events = N_EVENTS.fetch_add(1, Ordering::Relaxed) + 1;
        let n_events = usize::try_from(n_events).unwrap_or(usize::MAX);
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        // So that giving one back does not allocate.
        let missing = n_events.saturating_sub(free.capacity());
        if missing > 0 {
            let n_wanted = free.capacity() + free.capacity().max(missing).max(16);
            let length = free.len();
            free.reserve_exact(n_wanted - length);
        }
        drop(free);
        Box::leak(Box::new(Self::new()))
    }

    /// The object goes away. In a child that does not validate the event is left as it is: the lock
    /// may be held by a thread that is not there.
    #[cold]
    pub(crate) fn free(&'static self) {
        if state::is_off() {
            return;
        }
        let Some(mut entered) = enter() else { return };
        // ORDERING: Relaxed, as in `claim`.
        let number = self.number.swap(0, Ordering::Relaxed);
        // ORDERING: Relaxed, as in `claim`.
        if self.n_learned.load(Ordering::Relaxed) > 0 {
            let runtime = entered.task().runtime;
            runtime.messages.forget(number);
            runtime.validator.channel_ends(number);
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < free.capacity() {
            free.push(self);
        }
    }

    /// Something was brought by the running thread.
    #[inline(always)]
    pub(crate) fn provided(&self, caller: &'static Location<'static>) {
        self.provided.set(caller);
    }

    /// Something was taken by the running thread.
    #[inline(always)]
    pub(crate) fn taken(&self, caller: &'static Location<'static>) {
        self.taken.set(caller);
    }

    /// The object is a channel with one sender and one receiver, for so many messages if it has a
    /// bound.
    pub(crate) fn set_channel(&self, bound: Option<usize>) {
        // ORDERING: Relaxed, as in `claim`.
        self.n_users.store(RECEIVER + 1, Ordering::Relaxed);
        let capacity = bound.map_or(UNBOUNDED, |bound| bound as u64);
        self.capacity.store(capacity, Ordering::Relaxed); // ORDERING: as above
    }

    /// A sender was cloned.
    #[inline]
    pub(crate) fn add_sender(&self) {
        // ORDERING: Relaxed: who adds one has one.
        self.n_users.fetch_add(1, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.has_clones.store(true, Ordering::Relaxed);
    }

    /// A sender is gone, or the receiver.
    pub(crate) fn remove_user(&'static self, is_receiver: bool) {
        // ORDERING: AcqRel: the last one to go has seen what the others did with the event.
        let one = if is_receiver { RECEIVER } else { 1 };
        if self.n_users.fetch_sub(one, Ordering::AcqRel) == one {
            self.free();
        }
    }

    /// The running thread arrives at a barrier of so many; whether it is the last to do so.
    pub(crate) fn arrive(&self, n_needed: u64, caller: &'static Location<'static>) -> bool {
        self.provided(caller);
        // ORDERING: Relaxed: a count.
        self.n_needed.store(n_needed, Ordering::Relaxed);
        let n_arrived = self.n_arrived.fetch_add(1, Ordering::Relaxed) + 1; // ORDERING: as above
        n_arrived.is_multiple_of(n_needed.max(1))
    }
}

#[cfg(test)]
mod tests {
    use lockdep_validator::{Provision, Site, TaskId};

    use super::*;

    #[test]
    fn a_wait_tells_what_came_before_it_from_what_comes_after() {
        let last = Last::default();
        last.mark();
        assert_eq!(last.get(), None, "nothing was brought");
        let place = 0x1_0000;
        let said = |is_before_wait| Provision { task: Some(TaskId(7)), site: Site(place), is_before_wait };
        last.0.store(Mark::of(TaskId(7)).at(place), Ordering::Relaxed); // ORDERING: one thread
        assert_eq!(last.get(), Some(said(false)));
        last.mark();
        assert_eq!(last.get(), Some(said(true)));
    }
}
