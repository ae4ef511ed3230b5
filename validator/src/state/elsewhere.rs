//! Locks that another task released than the one that acquired them, until that one notices.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::base::id::LockId;

/// Places for notes; a power of two.
const N_SLOTS: usize = 256;
/// In how many places a note may be.
const REACH: usize = 8;
/// How many doubts are remembered.
const MAX_DOUBTS: usize = 64;

/// A note for each release by another task. The held entry that it makes stale is on the stack of
/// the task that acquired the lock, where only that task can look.
///
/// Takes no lock and allocates nothing, so that a release can leave a note wherever it happens. A
/// note that is pushed out is lost: the class of its lock is marked as movable, so that nothing at
/// error level rests on the stale entry.
#[derive(Debug)]
pub(crate) struct ReleasedElsewhere {
    slots: Box<[AtomicU64]>,
    n_notes: AtomicUsize,
    /// Locks that a task released without holding them, which was reported, and the epoch that
    /// began then. Oldest first.
    doubts: Mutex<VecDeque<(LockId, u64)>>,
    has_doubts: AtomicBool,
}

impl ReleasedElsewhere {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..N_SLOTS).map(|_| AtomicU64::new(0)).collect(),
            n_notes: AtomicUsize::new(0),
            doubts: Mutex::default(),
            has_doubts: AtomicBool::new(false),
        }
    }

    /// Returns whether there may be any note or doubt.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        // ORDERING: Relaxed: a task that synchronised with the release sees the note, and no other
        // has to.
        self.n_notes.load(Ordering::Relaxed) != 0
    }

    /// Leaves a note.
    pub(crate) fn leave(&self, lock: LockId) {
        for slot in self.places(lock) {
            // ORDERING: Relaxed: nothing is read through a note; see `any`.
            if slot.compare_exchange(0, lock.raw(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                // ORDERING: Relaxed: as above.
                self.n_notes.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        if let Some(slot) = self.places(lock).next()
            // ORDERING: Relaxed: as above.
            && slot.swap(lock.raw(), Ordering::Relaxed) == 0
        {
            // ORDERING: Relaxed: as above.
            self.n_notes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a note about the lock away; `false` if there is none.
    pub(crate) fn take(&self, lock: LockId) -> bool {
        let is_taken = self.any()
            && self.places(lock).any(|slot| {
                // ORDERING: Relaxed: as in `leave`.
                slot.compare_exchange(lock.raw(), 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            });
        if is_taken {
            // ORDERING: Relaxed: as in `leave`.
            self.n_notes.fetch_sub(1, Ordering::Relaxed);
        }
        is_taken
    }

    /// Doubts every entry of the lock that is older than `epoch`. Unlike a note, a doubt may be
    /// about nothing: it lapses for a task once that task has seen the epoch.
    pub(crate) fn doubt(&self, lock: LockId, epoch: u64) {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        if doubts.len() >= MAX_DOUBTS {
            doubts.pop_front();
        }
        doubts.push_back((lock, epoch));
        // ORDERING: Relaxed: the caller's epoch publishes both.
        if !self.has_doubts.swap(true, Ordering::Relaxed) {
            // ORDERING: Relaxed: as above. `any` stays true from here on.
            self.n_notes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns whether an entry of the lock is in doubt, for a task that last looked in `epoch`.
    pub(crate) fn is_doubted(&self, lock: LockId, epoch: u64) -> bool {
        // ORDERING: Relaxed: as in `doubt`.
        self.has_doubts.load(Ordering::Relaxed)
            && self
                .doubts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .any(|(doubted, began)| *doubted == lock && *began > epoch)
    }

    fn places(&self, lock: LockId) -> impl Iterator<Item = &AtomicU64> {
        let first = lock.raw().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - N_SLOTS.ilog2());
        (0..REACH).filter_map(move |step| self.slots.get((usize::try_from(first).ok()? + step) % N_SLOTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ClassId;

    fn lock(number: u64) -> LockId {
        LockId::new(ClassId::from_index(3).expect("in range"), number)
    }

    #[test]
    fn a_note_is_taken_once() {
        let notes = ReleasedElsewhere::new();
        assert!(!notes.any() && !notes.take(lock(1)));
        notes.leave(lock(1));
        notes.leave(lock(1));
        assert!(notes.any() && !notes.take(lock(2)));
        assert!(notes.take(lock(1)) && notes.take(lock(1)) && !notes.take(lock(1)));
        assert!(!notes.any());
    }

    #[test]
    fn a_doubt_is_about_what_is_older() {
        let notes = ReleasedElsewhere::new();
        assert!(!notes.is_doubted(lock(1), 0));
        notes.doubt(lock(1), 5);
        assert!(notes.any() && notes.is_doubted(lock(1), 4));
        assert!(!notes.is_doubted(lock(1), 5) && !notes.is_doubted(lock(2), 4) && !notes.take(lock(1)));
        (0..MAX_DOUBTS as u64).for_each(|number| notes.doubt(lock(100 + number), 6));
        assert!(!notes.is_doubted(lock(1), 4) && notes.is_doubted(lock(100), 5), "the oldest goes");
    }

    #[test]
    fn notes_that_nobody_takes_push_each_other_out() {
        let notes = ReleasedElsewhere::new();
        (1..=10_000).for_each(|number| notes.leave(lock(number)));
        assert!(notes.take(lock(10_000)), "the newest is there");
        let n_left = (1..10_000).filter(|number| notes.take(lock(*number))).count();
        assert!(n_left < N_SLOTS && !notes.any(), "{n_left}");
    }
}
