//! The ring of one thread. When it is full, events are lost in whole pairs: an acquisition that is
//! kept has room for its release, and the release of one that was lost is lost too.

use std::mem::MaybeUninit;

use lockdep_validator::{Acquire, ContextId, LockId, Site};

use crate::lock::{AnyKey, LockInfo};

/// How many events one thread can defer.
const CAPACITY: usize = 64;
/// How many lost acquisitions are remembered by their lock; of more, only the number is.
const N_LOST: usize = 16;

/// An event that was deferred.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DeferredEvent {
    /// The context was entered.
    Enter(ContextId),
    /// It was left again, here.
    Exit(ContextId, Site),
    /// An acquisition, or a try that succeeded.
    Acquire(Acquire),
    /// A release.
    Release(LockId, Site),
    /// An acquisition that gave up.
    Failed(LockId),
    /// A lock of a class that this thread had not used before: from now on it will know it.
    Unknown(AnyKey, LockInfo),
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Added {
    /// It is in the ring.
    Kept,
    /// There was no room for it, and none for what ends it.
    Lost,
    /// It ends what was lost, and goes with it.
    WithItsPair,
}

/// What was in a ring.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The events, oldest first.
    pub(crate) events: Vec<DeferredEvent>,
    /// Locks whose acquisition was lost and that are still held.
    pub(crate) lost: Vec<LockId>,
    /// Whether a release of a lock that was held before was lost.
    pub(crate) is_muddled: bool,
}

/// The events of one thread.
#[derive(Debug)]
pub(super) struct Ring {
    /// INVARIANT: the first `len` are written.
    events: [MaybeUninit<DeferredEvent>; CAPACITY],
    len: usize,
    /// Places that are kept free for the ends of what is in the ring. INVARIANT: `len + n_open <=
    /// CAPACITY`.
    n_open: usize,
    /// Contexts that were entered without room.
    n_skipped: usize,
    /// Locks whose acquisition was lost and whose release has not come yet.
    lost: [Option<LockId>; N_LOST],
    /// How many more of them there are.
    n_lost: usize,
    /// A release of a lock that was held before was lost.
    is_muddled: bool,
    /// How many of the events were counted as waiting.
    n_waiting: usize,
}

impl Ring {
    pub(super) const fn new() -> Self {
        Self {
            events: [MaybeUninit::uninit(); CAPACITY],
            len: 0,
            n_open: 0,
            n_skipped: 0,
            lost: [None; N_LOST],
            n_lost: 0,
            is_muddled: false,
            n_waiting: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Whether there is nothing to be looked at.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0 && !self.is_muddled
    }

    fn events(&self) -> impl DoubleEndedIterator<Item = DeferredEvent> + '_ {
        // SAFETY: the first `len` are written, as the invariant says.
        self.events[..self.len].iter().map(|event| unsafe { event.assume_init_read() })
    }

    /// How many of the events were counted as waiting.
    pub(super) fn n_waiting(&self) -> usize {
        self.n_waiting
    }

    /// Counts the events that wait from now on; returns how many those are. A class that the thread
    /// is to know later is none.
    pub(super) fn wait(&mut self) -> usize {
        let n_events = self.events().filter(|event| !matches!(event, DeferredEvent::Unknown(..))).count();
        n_events - std::mem::replace(&mut self.n_waiting, n_events)
    }

    /// Takes everything out.
    pub(super) fn take(&mut self) -> Taken {
        let taken = Taken {
            events: self.events().collect(),
            lost: self.lost.iter().flatten().copied().collect(),
            is_muddled: self.is_muddled,
        };
        self.clear();
        taken
    }

    /// Adds an event. Allocates nothing.
    pub(super) fn add(&mut self, event: DeferredEvent) -> Added {
        match event {
            DeferredEvent::Enter(_) => self.begin(event, None),
            DeferredEvent::Acquire(acquire) => self.begin(event, Some(acquire.lock)),
            DeferredEvent::Exit(..) if self.n_skipped > 0 => {
                self.n_skipped -= 1;
                Added::WithItsPair
            }
            DeferredEvent::Exit(..) => self.end(event),
            DeferredEvent::Release(lock, _) | DeferredEvent::Failed(lock) => self.end_of(event, lock),
            DeferredEvent::Unknown(..) if self.n_skipped == 0 && self.has_room(1) => self.keep(event),
            // Counted by the caller.
            DeferredEvent::Unknown(..) => Added::WithItsPair,
        }
    }

    fn has_room(&self, n_events: usize) -> bool {
        self.len + self.n_open + n_events <= CAPACITY
    }

    fn keep(&mut self, event: DeferredEvent) -> Added {
        self.events[self.len].write(event);
        self.len += 1;
        Added::Kept
    }

    /// The beginning of something that has an end: an acquisition of `lock`, or a context.
    fn begin(&mut self, event: DeferredEvent, lock: Option<LockId>) -> Added {
        if self.n_skipped == 0 && self.has_room(2) {
            self.n_open += 1;
            return self.keep(event);
        }
        match lock {
            None => self.n_skipped += 1,
            Some(lock) => match self.lost.iter_mut().find(|lost| lost.is_none()) {
                Some(free) => *free = Some(lock),
                None => self.n_lost += 1,
            },
        }
        Added::Lost
    }

    /// The end of something whose beginning is in the ring.
    fn end(&mut self, event: DeferredEvent) -> Added {
        // Without a beginning here there is no room kept.
        if self.n_open == 0 && !self.has_room(1) {
            return Added::Lost;
        }
        self.n_open = self.n_open.saturating_sub(1);
        self.keep(event)
    }

    /// The end of an acquisition of `lock`.
    fn end_of(&mut self, event: DeferredEvent, lock: LockId) -> Added {
        if self.n_begun(lock) > 0 {
            return self.end(event);
        }
        if let Some(lost) = self.lost.iter_mut().find(|lost| **lost == Some(lock)) {
            *lost = None;
            return Added::WithItsPair;
        }
        if self.n_lost > 0 {
            self.n_lost -= 1;
            return Added::WithItsPair;
        }
        // Held since before the first event in the ring.
        if self.has_room(1) {
            return self.keep(event);
        }
        self.is_muddled = true;
        Added::Lost
    }

    /// How many acquisitions of the lock in the ring have no release there.
    fn n_begun(&self, lock: LockId) -> usize {
        self.events().fold(0, |n_begun: usize, event| match event {
            DeferredEvent::Acquire(acquire) if acquire.lock == lock => n_begun + 1,
            DeferredEvent::Release(ended, _) | DeferredEvent::Failed(ended) if ended == lock => {
                n_begun.saturating_sub(1)
            }
            _ => n_begun,
        })
    }
}

#[cfg(test)]
mod tests {
    use lockdep_validator::{Mode, Wait};

    use super::*;

    fn lock(number: u64) -> LockId {
        LockId::from_raw((1 << LockId::INSTANCE_BITS) | number).expect("a class")
    }

    fn acquire(number: u64) -> DeferredEvent {
        DeferredEvent::Acquire(Acquire::new(lock(number), Mode::Exclusive, Wait::Try, Site::UNKNOWN))
    }

    fn release(number: u64) -> DeferredEvent {
        DeferredEvent::Release(lock(number), Site::UNKNOWN)
    }

    /// Whatever is put in, in whatever order a program could do it, comes out balanced.
    #[test]
    fn what_comes_out_is_balanced_at_every_size() {
        let context = ContextId::from_index(1).expect("one of eight");
        for n_runs in [1, 5, 9, 13, 14, 15, 16, 17, 40] {
            for depth in [1, 2, 3, 7, 15, 16, 30, 31, 32, 33] {
                let mut ring = Ring::new();
                let mut n_lost = 0;
                for _ in 0..n_runs {
                    let enter = [DeferredEvent::Enter(context)];
                    let exit = [DeferredEvent::Exit(context, Site::UNKNOWN)];
                    let events = enter.into_iter().chain((0..depth).map(acquire));
                    for event in events.chain((0..depth).rev().map(release)).chain(exit) {
                        n_lost += usize::from(ring.add(event) == Added::Lost);
                    }
                }
                let Taken { events, lost, is_muddled } = ring.take();
                let depth = usize::try_from(depth).expect("small");
                assert_eq!(2 * n_lost + events.len(), n_runs * (2 * depth + 2), "all counted");
                assert!(!is_muddled && lost.is_empty());
                let ends = |event: &&DeferredEvent| {
                    matches!(event, DeferredEvent::Release(..) | DeferredEvent::Exit(..))
                };
                assert_eq!(events.iter().filter(ends).count() * 2, events.len());
            }
        }
    }

    #[test]
    fn a_release_of_what_was_held_before_is_kept_or_known_to_be_missing() {
        let mut ring = Ring::new();
        (0..CAPACITY as u64).for_each(|number| assert_eq!(ring.add(release(number)), Added::Kept));
        assert_eq!(ring.add(acquire(100)), Added::Lost);
        assert_eq!(ring.add(release(100)), Added::WithItsPair);
        assert_eq!(ring.add(release(101)), Added::Lost);
        assert!(ring.take().is_muddled);
    }
}
