//! Who the running thread is and how far it has come, for code that notes that with little effort.

use lockdep_validator::Segment;

use super::Task;
use super::access::{Access, look};
use super::mark::Mark;
use super::place::NOT_STARTED;
use super::pointer::Pointer;

/// Reads the state of the running thread, if it is available just now.
#[inline(always)]
fn read<R>(read_fn: impl FnOnce(&Task) -> R) -> Option<R> {
    let top = Pointer::of_this_thread().load();
    // SAFETY: the word leads to a place, which lives as long as the thread's state or forever. The
    // place of a state that is being used has no task. What is read changes only in such a use.
    unsafe { (*top).task.as_ref() }.map(read_fn)
}

/// The running thread, and how far it has come; `None` if its state is not available just now.
#[inline(always)]
pub(crate) fn segment() -> Option<Segment> {
    read(|task| task.context.segment())
}

/// What the running thread marks words with; `None` if its state is not available just now.
#[inline(always)]
pub(crate) fn mark() -> Option<Mark> {
    read(|task| task.mark)
}

/// Whether the running thread has no state yet.
pub(crate) fn is_not_started() -> bool {
    matches!(look(), Access::Closed(NOT_STARTED))
}

/// Where the running thread's word lies, which leads to its state.
pub(crate) fn word_address() -> usize {
    Pointer::of_this_thread().address()
}
