//! Who may use a thread's state, and when: what the thread-local pointer says.
//!
//! The pointer leads to the newest place of the thread's quick stack, and so to its state, while no
//! code uses it. A place that belongs to no thread says why it cannot be used just now. The pointer
//! is constant-initialised and has no destructor, so that reading it is one instruction, and so
//! that it works before main, in other thread-locals' destructors and after main.

use std::ptr;

use super::Task;
use super::place::{
    BUSY, DEFERRED, DEFERRED_ALONE, DRAIN, NOT_STARTED, NOTHING, Place, Sentinels, UNBORN, fence,
};
use super::pointer::Pointer;
use super::sync::{AtomicPtr, Ordering, thread_local};

thread_local! {
    /// The state while the pointer says [`DEFERRED`] or [`DRAIN`]. INVARIANT: null, or the state of
    /// this thread.
    static PARKED: AtomicPtr<Task> = const { AtomicPtr::new(ptr::null_mut()) };
}

/// Keeps the state for the next event that may use it.
pub(in crate::runtime) fn park(task: *mut Task) {
    // ORDERING: Relaxed: only this thread and its signal handlers touch the pointer.
    PARKED.with(|parked| parked.store(task, Ordering::Relaxed));
}

/// Returns the state that is kept so.
pub(in crate::runtime) fn parked() -> *mut Task {
    // ORDERING: Relaxed, as in `park`.
    PARKED.with(|parked| parked.load(Ordering::Relaxed))
}

/// What the thread's word says.
pub(in crate::runtime) enum Access {
    /// The thread's state is available; the newest place of its [quick stack](super::quick).
    Free(*mut Place),
    /// One of the numbers in `place.rs` says why it cannot.
    Closed(usize),
}

/// Reads the thread's word.
#[inline]
pub(in crate::runtime) fn look() -> Access {
    let top = Pointer::of_this_thread().load();
    // SAFETY: the word leads to a place, which lives as long as the thread's state, or forever.
    if unsafe { (*top).task.is_null() } {
        return Access::Closed(Sentinels::number(top));
    }
    // SAFETY: as above; it leads to the newest place.
    let is_interrupted = unsafe { Place::is_on_changing(top) };
    // A signal handler came in the middle of an event.
    if is_interrupted { Access::Closed(BUSY) } else { Access::Free(top) }
}

/// Takes the state that the place belongs to, and tells the engine what it has not seen.
///
/// # Safety
///
/// [`look`] has just said that the state is available.
#[inline]
pub(in crate::runtime) unsafe fn take(top: *mut Place) -> *mut Task {
    Pointer::of_this_thread().mark::<BUSY>();
    fence();
    // SAFETY: the word led to the place, and now says BUSY: the state is ours alone.
    unsafe {
        let task = (*top).task;
        (*task).quick.top = top;
        (*task).catch_up();
        task
    }
}

/// Puts a state back that [`take`] gave out.
///
/// # Safety
///
/// The word says BUSY, and no other code has the state.
#[inline]
pub(in crate::runtime) unsafe fn give_back(task: *mut Task) {
    // SAFETY: as the caller says.
    let top = unsafe {
        (*task).keep_up();
        (*task).quick.top
    };
    fence();
    Pointer::of_this_thread().store(top);
}

/// For an event that could not enter: whether it must be deferred; then the thread's state,
/// if it has one that was not being used when its code was interrupted.
pub(crate) fn deferred_state() -> Option<Option<&'static mut Task>> {
    match look() {
        Access::Closed(DEFERRED | DRAIN) => {}
        Access::Closed(UNBORN | DEFERRED_ALONE) => return Some(None),
        _ => return None,
    }
    let parked = parked();
    // SAFETY: a parked state is used only by the code in the deferred context, which is one thread,
    // one event at a time: a nested context parks nothing (it finds DEFERRED), and only counts and
    // defers.
    Some(unsafe { parked.as_mut() })
}

/// What a deferred context found when it was entered, to be put back when it is left.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(in crate::runtime) *mut Place);

/// Enters a deferred context.
pub(crate) fn enter_deferred() -> Interrupted {
    let word = Pointer::of_this_thread();
    let found = word.load();
    match look() {
        // A context inside another.
        Access::Closed(DEFERRED | DEFERRED_ALONE) => return Interrupted(found),
        Access::Closed(DRAIN) => word.mark::<DEFERRED>(),
        Access::Closed(_) => word.mark::<DEFERRED_ALONE>(),
        Access::Free(top) => {
            // SAFETY: the state was not in use: only the code that this context interrupts could
            // have had it.
            unsafe {
                let task = (*top).task;
                (*task).quick.top = top;
                park(task);
            }
            word.mark::<DEFERRED>();
        }
    }
    fence();
    Interrupted(found)
}

/// Leaves a deferred context. `is_pending`: whether events were deferred. Returns true if the
/// thread has no state that could look at them.
pub(crate) fn put_back(interrupted: &Interrupted, is_pending: bool) -> bool {
    fence();
    Pointer::of_this_thread().store(interrupted.0);
    if !is_pending {
        return false;
    }
    match look() {
        Access::Closed(NOT_STARTED) => true,
        // The use of the state goes on.
        Access::Closed(_) => false,
        // The state is parked.
        Access::Free(top) => {
            // SAFETY: a place follows each that belongs to a thread. Interrupted code that is about
            // to look at it finds that it does not fit.
            unsafe { (*top.wrapping_add(1)).known = NOTHING };
            Pointer::of_this_thread().mark::<DRAIN>();
            false
        }
    }
}

/// Whether the running thread is in a context that was announced and in which events are deferred.
pub(crate) fn is_announced() -> bool {
    matches!(look(), Access::Closed(DEFERRED | DEFERRED_ALONE))
}

/// Whether the running thread is inside the validator.
pub(crate) fn is_busy() -> bool {
    matches!(look(), Access::Closed(BUSY))
}

/// Forgets the running thread's state without looking at it: in the child of a fork, where it
/// belongs to the parent.
pub(crate) fn abandon() {
    Pointer::of_this_thread().mark::<NOT_STARTED>();
}
