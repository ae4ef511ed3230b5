//! A thread's state while code uses it: taken out of the thread-local pointer, and put back.
//!
//! A signal handler may come between any two lines. What it deferred is found when the state is put
//! back, or when it is taken for the next time.

use std::cell::UnsafeCell;
use std::ptr::NonNull;

use super::Task;
use super::access::{self, Access, give_back, look, park, parked};
use super::deferred;
use super::place::{BUSY, DRAIN, fence};
use super::pointer::Pointer;

/// The thread's state, taken out of its thread-local pointer until this is dropped.
#[derive(Debug)]
pub(crate) struct Entered(NonNull<UnsafeCell<Task>>);

impl Entered {
    /// The state of a thread whose pointer says [`BUSY`], and to which no other code has a way.
    pub(in crate::runtime) fn new(task: NonNull<UnsafeCell<Task>>) -> Self {
        Self(task)
    }

    /// The state.
    #[inline(always)]
    pub(crate) fn task(&mut self) -> &mut Task {
        // SAFETY: the thread-local pointer gave the state out to us alone (it holds BUSY until we
        // are dropped), and the state lives until the thread ends. The borrow of `self` keeps a
        // second reference from being made.
        unsafe { &mut *self.0.as_ref().get() }
    }

    /// Gives the state back; the next event looks at the deferred events before it does anything
    /// else.
    #[cold]
    pub(in crate::runtime) fn park(self) {
        let mut this = std::mem::ManuallyDrop::new(self);
        this.task().keep_up();
        fence();
        park(this.0.as_ptr().cast());
        Pointer::of_this_thread().mark::<DRAIN>();
    }
}

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        // A handler of a context that interrupted the use of the state has deferred its events.
        if deferred::is_pending() {
            return Self(self.0).park();
        }
        // SAFETY: the state is ours, and the word says BUSY.
        unsafe { give_back(self.0.as_ptr().cast()) };
    }
}

/// Takes the state out of the pointer; the error says why the pointer does not lead to it.
#[inline(always)]
pub(in crate::runtime) fn take() -> Result<Entered, usize> {
    let top = match look() {
        Access::Free(top) => top,
        Access::Closed(sentinel) => return Err(sentinel),
    };
    // SAFETY: `look` has just said so.
    let task = unsafe { access::take(top) };
    let entered = NonNull::new(task.cast()).map(Entered).ok_or(BUSY)?;
    if deferred::is_pending() {
        return Err(set_aside(entered));
    }
    Ok(entered)
}

/// A handler deferred events after the thread had read its pointer: only now they are found.
#[cold]
#[inline(never)]
fn set_aside(entered: Entered) -> usize {
    entered.park();
    DRAIN
}

/// Takes the state back of which the pointer says [`DRAIN`], and tells the engine what it has not
/// seen. What was deferred is still to be looked at.
pub(in crate::runtime) fn unpark() -> Entered {
    let task = parked();
    Pointer::of_this_thread().mark::<BUSY>();
    fence();
    let mut entered =
        Entered(NonNull::new(task.cast()).expect("INVARIANT: DRAIN is only set with a state parked"));
    entered.task().catch_up();
    entered
}
