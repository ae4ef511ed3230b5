//! What an [event](super::event) knows of the messages of its channel: whether one thread sends them
//! all, and whose order is known to the receiver.

use std::sync::atomic::{AtomicU64, Ordering};

use lockdep_validator::{Site, TaskId};

use super::event_words::{Event, N_KNOWN, RECEIVER, UNBOUNDED};
use super::stamp::Stamp;

/// After so many messages of a channel the order of locks around them is known.
const MAX_LEARNED: u32 = 64;
/// In [`Event::provider`].
const SEVERAL: u32 = u32::MAX;

impl Event {
    /// Returns what distinguishes the object from every other.
    pub(crate) fn number(&self) -> u64 {
        // ORDERING: Relaxed, as in `claim`.
        self.number.load(Ordering::Relaxed)
    }

    /// Returns where the object was made.
    pub(crate) fn created(&self) -> Site {
        // ORDERING: Relaxed, as in `claim`.
        Site(self.created.load(Ordering::Relaxed))
    }

    /// Returns how many messages the channel holds, if it has a bound.
    pub(crate) fn capacity(&self) -> Option<u64> {
        // ORDERING: Relaxed, as in `claim`.
        let capacity = self.capacity.load(Ordering::Relaxed);
        (capacity != UNBOUNDED).then_some(capacity)
    }

    /// Whether the receiver is still there.
    pub(crate) fn has_receiver(&self) -> bool {
        // ORDERING: Relaxed: a sender that sees it too late remembers one message in vain.
        self.n_users.load(Ordering::Relaxed) >= RECEIVER
    }

    /// Whether there was one sender at any time, and each message so far was looked at.
    pub(crate) fn has_one_sender(&self) -> bool {
        // ORDERING: Relaxed: the receiver got a message from that sender, or from a clone.
        self.is_learning() && !self.has_clones.load(Ordering::Relaxed)
    }

    /// Whether any message was looked at.
    pub(crate) fn has_messages(&self) -> bool {
        // ORDERING: Relaxed, as in `is_learning`.
        self.n_learned.load(Ordering::Relaxed) > 0
    }

    /// Whether messages are still looked at.
    #[inline(always)]
    pub(crate) fn is_learning(&self) -> bool {
        // ORDERING: Relaxed: how many exactly does not matter.
        self.n_learned.load(Ordering::Relaxed) < MAX_LEARNED
    }

    /// A message of this task is looked at; of no task that is known, if its order is not.
    pub(crate) fn learn(&self, task: Option<TaskId>) {
        // ORDERING: Relaxed, as in `is_learning`.
        self.n_learned.fetch_add(1, Ordering::Relaxed);
        let task = task.map_or(SEVERAL, |task| task.0);
        // ORDERING: Relaxed: who receives a message of a second sender sees that there is one,
        // since the message orders it.
        if let Err(other) = self.provider.compare_exchange(0, task, Ordering::Relaxed, Ordering::Relaxed)
            && other != task
        {
            self.provider.store(SEVERAL, Ordering::Relaxed); // ORDERING: as above
        }
    }

    /// Whether one task has sent every message so far, and each was looked at.
    pub(crate) fn is_all_of_one(&self) -> bool {
        // ORDERING: Relaxed, as in `learn`.
        self.is_learning() && !matches!(self.provider.load(Ordering::Relaxed), 0 | SEVERAL)
    }

    /// Whether this task has sent every message so far.
    pub(crate) fn is_only_provider(&self, task: TaskId) -> bool {
        // ORDERING: Relaxed, as in `learn`.
        self.provider.load(Ordering::Relaxed) == task.0
    }

    /// Whether the receiver knows the order of this message.
    #[inline(always)]
    pub(crate) fn knows(&self, stamp: Stamp) -> bool {
        let Some(word) = stamp.word() else { return true };
        // ORDERING: Relaxed: only the receiver uses them.
        self.known[Stamp::slot(word, N_KNOWN)].load(Ordering::Relaxed) == word
    }

    /// The receiver knows the order of this message from now on.
    pub(crate) fn set_known(&self, stamp: Stamp) {
        if let Some(word) = stamp.word() {
            // ORDERING: Relaxed, as in `knows`.
            self.known[Stamp::slot(word, N_KNOWN)].store(word, Ordering::Relaxed);
        }
    }

    /// The event gets another object.
    pub(super) fn forget_messages(&self) {
        // ORDERING: Relaxed, as in `claim`.
        self.n_learned.store(0, Ordering::Relaxed);
        self.provider.store(0, Ordering::Relaxed); // ORDERING: as above
        let clear = |word: &AtomicU64| word.store(0, Ordering::Relaxed); // ORDERING: as above
        self.known.iter().for_each(clear);
    }
}
