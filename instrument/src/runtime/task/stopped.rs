//! The state of a thread that stands still while a hang report is made.

use std::ptr;

use super::Task;
use super::access::parked;
use super::place::{BUSY, DEFERRED, DRAIN, Place, Sentinels};
use super::pointer::Pointer;

/// What the running thread's word says, and its parked state: for a report that is made while the
/// thread stands still.
pub(crate) fn of_running() -> [usize; 2] {
    [Pointer::of_this_thread().load().expose_provenance(), parked().expose_provenance()]
}

/// The state of a thread that stands still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped {
    word: usize,
    parked: usize,
}

impl Stopped {
    /// The state of the thread of which [`of_running`] said this.
    pub(crate) fn new(word: usize, parked: usize) -> Self {
        Self { word, parked }
    }

    /// The state of a thread that could not be asked and has slept, whose word lies at `word`;
    /// what it has parked is not known.
    ///
    /// # Safety
    ///
    /// The thread was alive when the copy of the process was made that this runs in.
    pub(crate) unsafe fn of_sleeper(word: usize) -> Self {
        // SAFETY: the word of a thread that is alive.
        Self { word: unsafe { ptr::with_exposed_provenance::<usize>(word).read() }, parked: 0 }
    }

    /// Whether the thread is inside the validator.
    ///
    /// # Safety
    ///
    /// The thread stands still.
    pub(crate) unsafe fn is_busy(self) -> bool {
        let top = ptr::with_exposed_provenance::<Place>(self.word);
        // SAFETY: a word leads to a place, which lives as long as the thread's state.
        unsafe {
            if top.is_null() {
                return false;
            }
            if (*top).task.is_null() {
                return Sentinels::number(top) == BUSY;
            }
            Place::is_on_changing(top)
        }
    }

    /// The thread's state, told of what the quick stack knows. `None` if code was using it, or if
    /// there is none.
    ///
    /// # Safety
    ///
    /// The running process is a copy of the thread's, and has no other thread.
    pub(crate) unsafe fn task(self) -> Option<&'static mut Task> {
        let top = ptr::with_exposed_provenance_mut::<Place>(self.word);
        // SAFETY: as in `is_busy`.
        if top.is_null() || unsafe { self.is_busy() } {
            return None;
        }
        // SAFETY: as above. No other code has the state, since the thread was not inside the
        // validator.
        unsafe {
            let mut task = (*top).task;
            if task.is_null() {
                task = ptr::with_exposed_provenance_mut(self.parked);
                if task.is_null() || !matches!(Sentinels::number(top), DEFERRED | DRAIN) {
                    return None;
                }
            } else {
                (*task).quick.top = top;
            }
            (*task).catch_up();
            Some(&mut *task)
        }
    }
}
