//! Threads that wait in a condition variable of `parking_lot` that was not instrumented itself.
//!
//! Such a condition variable reaches the raw mutex behind its instrumented wrapper, gives it up and
//! takes it again. The wrapper announces a release and an acquisition at once, before the wait. So
//! a thread that waits there seems to hold the mutex, since a place in `condvar.rs`. Its stack
//! tells that it does not.

use lockdep_validator::Site;

use crate::build::Resolver;
use crate::place::Frame;

/// How the functions begin in which such a thread waits.
const WAIT: &str = "parking_lot::condvar::Condvar::wait";

/// Returns the index of the mutex that a thread with this stack has given up, among those that it
/// seems to hold since `sites`.
pub(super) fn index(
    sites: &[Site],
    stack: &[usize],
    resolver: &dyn Resolver,
    names: &mut dyn FnMut(usize) -> Vec<Frame>,
) -> Option<usize> {
    let newest = sites.iter().rposition(|site| resolver.place(*site).file.ends_with("condvar.rs"))?;
    stack.iter().any(|address| names(*address).iter().any(is_wait)).then_some(newest)
}

/// Returns the stack from the condition variable on, without what waits inside of it, and the rest
/// of the stack; `None` if no condition variable of `parking_lot` is on it.
pub(super) fn split(frames: &[Frame]) -> Option<(&Frame, &[Frame])> {
    let innermost = frames.iter().position(is_wait)?;
    let n_inside = frames[innermost..].iter().take_while(|frame| is_wait(frame)).count();
    let (inside, rest) = frames.split_at(innermost + n_inside);
    Some((inside.last()?, rest))
}

/// Returns whether the frame is one of a wait for a notification.
pub(super) fn is_wait(frame: &Frame) -> bool {
    frame.function.starts_with(WAIT)
}
