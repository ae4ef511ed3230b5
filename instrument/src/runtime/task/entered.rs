//! A thread's state while code uses it: taken out of the thread-local pointer, and put back.
//!
//! A signal handler may come between any two lines. What it deferred is found when the state is put
//! back, or when it is taken for the next time.

use std::cell::UnsafeCell;
use std::ptr::NonNull;

use super::Task;
use super::access::{BUSY, DRAIN, LAST_SENTINEL, fence, park, parked};
use super::deferred;
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
        let task = std::mem::ManuallyDrop::new(self).0.as_ptr().cast();
        fence();
        park(task);
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
        fence();
        Pointer::of_this_thread().store(self.0.as_ptr().cast());
    }
}

/// Takes the state out of the pointer; the error says why the pointer does not lead to it.
#[inline(always)]
pub(in crate::runtime) fn take() -> Result<Entered, usize> {
    let task = Pointer::of_this_thread().load();
    if task.addr() <= LAST_SENTINEL {
        return Err(task.addr());
    }
    if deferred::is_pending() {
        return Err(set_aside(task));
    }
    Pointer::of_this_thread().mark::<BUSY>();
    fence();
    NonNull::new(task.cast()).map(Entered).ok_or(0)
}

/// A handler deferred events after the thread had read its pointer: only now they are found.
#[cold]
#[inline(never)]
fn set_aside(task: *mut Task) -> usize {
    park(task);
    Pointer::of_this_thread().mark::<DRAIN>();
    DRAIN
}

/// Takes the state back of which the pointer says [`DRAIN`]. What was deferred is still to be
/// looked at.
pub(in crate::runtime) fn unpark() -> Entered {
    let task = parked();
    Pointer::of_this_thread().mark::<BUSY>();
    fence();
    Entered(NonNull::new(task.cast()).expect("INVARIANT: DRAIN is only set with a state parked"))
}
