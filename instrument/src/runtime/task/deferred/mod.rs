//! The memory for deferred events: those that cannot be looked at where they happen. Inside a
//! signal handler and inside the program's own allocator nothing may be allocated and no lock of
//! ours taken, so they are kept in memory that is there already and looked at later, by
//! `event/deferred.rs`.
//!
//! *Later* is: for an allocator, when it is left; for a signal handler, at the thread's next event
//! outside it, since the handler may have interrupted the allocator.
//!
//! A thread that has a state has a ring of its own. One that has none yet takes a ring from a small
//! pool, which is part of the program's image.

mod pool;
mod ring;

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::sync::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, Shared, compiler_fence, thread_local};
use crate::runtime;

use pool::Spare;
use ring::{Added, Ring};
pub(crate) use ring::{DeferredEvent, Taken};

/// Rings for threads without a state. More threads than this are not in such a place at once.
const N_SPARE: usize = 32;

static SPARE: [Spare; N_SPARE] =
    [const { Spare { is_taken: AtomicBool::new(false), ring: Shared::new(Ring::new()) } }; N_SPARE];

/// How many events of all threads were deferred in a handler that is over, and were not looked at.
/// If the process ends before their threads come to it, they were not seen.
static N_WAITING: AtomicUsize = AtomicUsize::new(0);

/// What stands for the ring while it is being used: a signal handler that arrives then finds no
/// ring.
const IN_USE: *mut Ring = ptr::without_provenance_mut(1);

thread_local! {
    /// The thread's ring. Null if it has none, [`IN_USE`] while the code that a handler may
    /// interrupt has it.
    static RING: AtomicPtr<Ring> = const { AtomicPtr::new(ptr::null_mut()) };
    /// Whether something lies in it.
    static PENDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether events of the running thread have been deferred and not been looked at.
#[inline]
pub(crate) fn is_pending() -> bool {
    PENDING.get()
}

/// Gives the running thread a ring of its own. What lies in a spare one moves there.
pub(crate) fn install() {
    // ORDERING: Relaxed: only this thread and its signal handlers touch the pointer, in all of this
    // file.
    let found = RING.with(|own| own.swap(IN_USE, Ordering::Relaxed));
    compiler_fence(Ordering::SeqCst);
    let ring = match NonNull::new(found) {
        None => Box::leak(Box::new(Ring::new())),
        Some(found) => match spare(found) {
            Some(spare) => {
                // SAFETY: this thread took the spare ring, and IN_USE keeps its handlers away.
                let own = Box::leak(Box::new(unsafe { spare.ring.get().read() }));
                pool::give_back(spare);
                own
            }
            // The child of a fork has its parent's.
            None => found.as_ptr(),
        },
    };
    put(ring);
}

/// Frees the running thread's ring, or gives it back.
pub(crate) fn uninstall() {
    // ORDERING: Relaxed, as in `install`.
    let found = RING.with(|own| own.swap(ptr::null_mut(), Ordering::Relaxed));
    compiler_fence(Ordering::SeqCst);
    PENDING.set(false);
    if found == IN_USE {
        return;
    }
    let Some(ring) = NonNull::new(found) else { return };
    // SAFETY: it was in the pointer, so no other code has it.
    lose(unsafe { &mut *ring.as_ptr() });
    match spare(ring) {
        Some(spare) => pool::give_back(spare),
        // SAFETY: `install` leaked it, and it was in the pointer, so no other code has it.
        None => drop(unsafe { Box::from_raw(ring.as_ptr()) }),
    }
}

/// What lies in the ring will not be looked at.
fn lose(ring: &mut Ring) {
    ring.wait();
    end_wait(ring.n_waiting());
    runtime::count_all_unseen(ring.n_waiting() as u64);
}

/// The spare ring at this address, if it is one.
fn spare(ring: NonNull<Ring>) -> Option<&'static Spare> {
    SPARE.iter().find(|spare| ptr::eq(spare.ring.get(), ring.as_ptr()))
}

fn put(ring: *mut Ring) {
    // ORDERING: SeqCst, for the compiler only: a handler that finds the ring finds it whole.
    compiler_fence(Ordering::SeqCst);
    // ORDERING: Relaxed, as in `install`.
    RING.with(|own| own.store(ring, Ordering::Relaxed));
}

/// Uses the ring, if no other code of this thread is just doing so.
fn with_ring<R>(use_it: impl FnOnce(&mut Ring) -> R) -> Option<R> {
    // ORDERING: Relaxed, as in `install`. A handler before the swap has put back what it took.
    let found = RING.with(|own| own.swap(IN_USE, Ordering::Relaxed));
    compiler_fence(Ordering::SeqCst);
    if found == IN_USE {
        return None;
    }
    let ring = if found.is_null() { pool::take(&SPARE).map(|spare| spare.ring.get()) } else { Some(found) };
    let result = ring.map(|ring| {
        // SAFETY: it was in the pointer, or just taken, and is in no other place while the pointer
        // says IN_USE.
        let ring = unsafe { &mut *ring };
        let result = use_it(ring);
        PENDING.set(!ring.is_empty());
        result
    });
    put(ring.unwrap_or(ptr::null_mut()));
    result
}

/// Defers an event. Allocates nothing.
pub(crate) fn push(event: DeferredEvent) {
    match with_ring(|ring| ring.add(event)) {
        Some(Added::Kept | Added::WithItsPair) => {}
        Some(Added::Lost) | None => runtime::count_unseen(),
    }
}

/// Takes everything out of the running thread's ring.
pub(crate) fn take() -> Option<Taken> {
    with_ring(|ring| {
        end_wait(ring.n_waiting());
        ring.take()
    })
}

/// What lies in the ring waits for the thread's next event. Allocates nothing.
pub(crate) fn wait_if_pending() {
    if is_pending() {
        // ORDERING: Relaxed: a statistic.
        with_ring(|ring| N_WAITING.fetch_add(ring.wait(), Ordering::Relaxed));
    }
}

fn end_wait(n_events: usize) {
    if n_events > 0 {
        // ORDERING: Relaxed: a statistic.
        N_WAITING.fetch_sub(n_events, Ordering::Relaxed);
    }
}

/// How many events of all threads wait.
pub(crate) fn n_waiting() -> usize {
    // ORDERING: Relaxed: exact only if no thread is in a handler.
    N_WAITING.load(Ordering::Relaxed)
}

/// Forgets other threads: in the child of a fork there are none. Those that ended before the fork
/// have said what they had to say.
pub(crate) fn forked() {
    let own = if is_pending() { with_ring(|ring| ring.n_waiting()) } else { None };
    // ORDERING: Relaxed: the child has one thread.
    N_WAITING.store(own.unwrap_or(0), Ordering::Relaxed);
}
