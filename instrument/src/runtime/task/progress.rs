//! How far the running thread has come.

use lockdep_validator::Segment;

use super::access::{Access, look};
use super::place::NOT_STARTED;

/// The running thread, and how far it has come; `None` if its state cannot be had just now.
#[inline]
pub(crate) fn segment() -> Option<Segment> {
    match look() {
        // SAFETY: the state lives, and no other code uses it.
        Access::Free(top) => Some(unsafe { (*(*top).task).context.segment() }),
        Access::Closed(_) => None,
    }
}

/// Whether the running thread has no state yet.
pub(crate) fn is_not_started() -> bool {
    matches!(look(), Access::Closed(NOT_STARTED))
}
