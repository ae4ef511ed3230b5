//! What a [slot](super::slot) says of its owner besides the wait: for hang reports.

use std::sync::atomic::Ordering;

use lockdep_validator::TaskId;

use super::slot::WaitSlot;
#[cfg(hang_report)]
use super::slot::all;

impl WaitSlot {
    /// The first of the threads that led to the owner.
    pub(crate) fn origin(&self) -> Option<TaskId> {
        // ORDERING: Relaxed: read for texts.
        let origin = self.origin.load(Ordering::Relaxed);
        if origin == 0 { self.owner() } else { Some(TaskId(origin)) }
    }

    /// This thread led to the owner.
    pub(crate) fn set_origin(&self, origin: TaskId) {
        // ORDERING: Relaxed, as in `origin`.
        self.origin.store(origin.0, Ordering::Relaxed);
    }

    /// The word that leads to the owner's state lies there.
    pub(crate) fn set_word(&self, address: usize) {
        // ORDERING: Relaxed: a copy of the process reads it.
        self.word.store(address, Ordering::Relaxed);
    }
}

#[cfg(hang_report)]
impl WaitSlot {
    /// Where the word lies that leads to the owner's state.
    pub(super) fn word(&self) -> usize {
        // ORDERING: Relaxed, as in `set_word`.
        self.word.load(Ordering::Relaxed)
    }

    /// Whether a thread owns it.
    pub(crate) fn is_owned(&self) -> bool {
        self.owner().is_some()
    }

    /// A number that changes with each wait.
    pub(crate) fn look_again(&self) -> u64 {
        self.version()
    }
}

/// The slots whose owners wait, as far as a look shows.
#[cfg(hang_report)]
pub(crate) fn waiting_threads() -> impl Iterator<Item = &'static WaitSlot> {
    all().filter(|slot| slot.owner().is_some() && slot.is_waiting())
}
