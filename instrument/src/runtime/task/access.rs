//! Who may use a thread's state, and when: what the thread-local pointer says.
//!
//! The pointer leads to the state while no code uses it; a small number in its place says why it
//! cannot be used just now. It is constant-initialised and has no destructor, so that reading it is
//! one instruction, and so that it works before main, in other thread-locals' destructors and after
//! main.

use std::ptr;

use super::Task;
use super::pointer::Pointer;
use super::sync::{AtomicPtr, Ordering, compiler_fence, thread_local};

thread_local! {
    /// The state while the pointer says [`DEFERRED`] or [`DRAIN`]. INVARIANT: null, or the state of
    /// this thread.
    static PARKED: AtomicPtr<Task> = const { AtomicPtr::new(ptr::null_mut()) };
}

/// No event of this thread was seen yet, or its state has been freed.
pub(in crate::runtime) const NOT_STARTED: usize = 0;
/// The thread is inside the validator: events now come from an allocator, a signal handler or a
/// callback below it.
pub(in crate::runtime) const BUSY: usize = 1;
/// The thread is in a context where nothing may be allocated or locked: events are
/// [deferred](super::deferred).
pub(in crate::runtime) const DEFERRED: usize = 2;
/// Events were deferred, in such a context or in a signal handler that was not announced. The state
/// is in [`PARKED`], and the deferred events must be looked at first.
pub(in crate::runtime) const DRAIN: usize = 3;
/// The same for a thread that has no state yet.
pub(in crate::runtime) const UNBORN: usize = 4;

/// [`DEFERRED`], where the state was in use or there is none.
pub(in crate::runtime) const DEFERRED_ALONE: usize = 5;

pub(in crate::runtime) const LAST_SENTINEL: usize = DEFERRED_ALONE;

/// Keeps the compiler from moving what is done to the state across the pointer that says who has
/// it.
#[inline(always)]
pub(in crate::runtime) fn fence() {
    // ORDERING: SeqCst, for the compiler only: a signal handler of this thread sees the state as
    // the pointer says it is. The processor shows a thread its own stores in order.
    compiler_fence(Ordering::SeqCst);
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

/// Runs `run` on the thread's state, and gives back what it says; false if the state cannot be had
/// just now.
///
/// `run` must not unwind: the state would count as taken forever. On the fast path it calls
/// nothing, so that this costs no frame.
#[inline(always)]
pub(crate) fn quickly(run: impl FnOnce(&mut Task) -> bool) -> bool {
    let Some(pointer) = Pointer::near() else { return false };
    let task = pointer.load();
    if task.addr() <= LAST_SENTINEL {
        return false;
    }
    pointer.mark::<BUSY>();
    fence();
    // SAFETY: the pointer gave the state out to us alone (it holds BUSY until we put it back), and
    // the state lives until the thread ends.
    let is_done = run(unsafe { &mut *task });
    fence();
    pointer.store(task);
    is_done
}

/// Looks at the thread's state without taking it; false if it cannot be had just now.
#[inline(always)]
pub(crate) fn peek(look: impl FnOnce(&Task) -> bool) -> bool {
    let Some(pointer) = Pointer::near() else { return false };
    let task = pointer.load();
    // SAFETY: a state that the pointer leads to is borrowed by no other code; a signal handler that
    // takes it meanwhile leaves it as it found it, but for what `look` does not read (its caller
    // decides nothing that a handler could change).
    task.addr() > LAST_SENTINEL && look(unsafe { &*task })
}

/// For an event that could not enter: whether it must be deferred; then the thread's state,
/// if it has one that was not being used when its code was interrupted.
pub(crate) fn deferred_state() -> Option<Option<&'static mut Task>> {
    match Pointer::of_this_thread().load().addr() {
        DEFERRED | DRAIN => {}
        UNBORN | DEFERRED_ALONE => return Some(None),
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
pub(crate) struct Interrupted(pub(in crate::runtime) *mut Task);

/// Enters a deferred context.
pub(crate) fn enter_deferred() -> Interrupted {
    let found = Pointer::of_this_thread().load();
    match found.addr() {
        // A context inside another.
        DEFERRED | DEFERRED_ALONE => return Interrupted(found),
        NOT_STARTED | UNBORN | BUSY => Pointer::of_this_thread().mark::<DEFERRED_ALONE>(),
        DRAIN => Pointer::of_this_thread().mark::<DEFERRED>(),
        _ => {
            park(found);
            Pointer::of_this_thread().mark::<DEFERRED>();
        }
    }
    fence();
    Interrupted(found)
}

/// Leaves a deferred context. `is_pending`: whether events were deferred. Returns true if the
/// thread has no state that could look at them; the pointer is then as it was.
pub(crate) fn put_back(interrupted: &Interrupted, is_pending: bool) -> bool {
    fence();
    let found = interrupted.0;
    match found.addr() {
        NOT_STARTED if is_pending => return true,
        // Nothing happened, or the use of the state goes on.
        NOT_STARTED | UNBORN | BUSY | DEFERRED | DEFERRED_ALONE | DRAIN => {
            Pointer::of_this_thread().store(found);
        }
        _ if is_pending => Pointer::of_this_thread().mark::<DRAIN>(),
        _ => Pointer::of_this_thread().store(found),
    }
    false
}

/// Whether the running thread is in a context that was announced and in which events are deferred.
pub(crate) fn is_announced() -> bool {
    matches!(Pointer::of_this_thread().load().addr(), DEFERRED | DEFERRED_ALONE)
}

/// Whether the running thread is inside the validator.
pub(crate) fn is_busy() -> bool {
    Pointer::of_this_thread().load().addr() == BUSY
}

/// Forgets the running thread's state without looking at it: in the child of a fork, where it
/// belongs to the parent.
pub(crate) fn abandon() {
    Pointer::of_this_thread().mark::<NOT_STARTED>();
}
