//! Events that cannot be looked at where they happen: inside a signal handler and inside the program's own allocator nothing may
//! be allocated and no lock of ours taken. They are put aside, into memory that is there already, and looked at later.
//!
//! *Later* is: for an allocator, when it is left; for a signal handler, at the thread's next event outside it, since the handler
//! may have interrupted the allocator.
//!
//! A thread that has a state has a ring of its own. One that has none yet takes a ring from a small
//! pool, which is part of the program's image.

mod ring;

use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, compiler_fence};

use lockdep_validator::{Acquire, LockId};

use crate::hook::LockRef;
use crate::runtime;
use crate::runtime::event;
use crate::runtime::task::Task;

pub(crate) use ring::Aside;
use ring::{Added, Ring};

/// Rings for threads without a state. More threads than this are not in such a place at once.
const N_SPARE: usize = 32;

/// A ring that a thread without a state may take.
struct Spare {
    is_taken: AtomicBool,
    ring: UnsafeCell<Ring>,
}

// SAFETY: the ring is used by the thread that set `is_taken`, and by no other until that thread has cleared it.
unsafe impl Sync for Spare {}

static SPARE: [Spare; N_SPARE] =
    [const { Spare { is_taken: AtomicBool::new(false), ring: UnsafeCell::new(Ring::new()) } }; N_SPARE];

/// What stands for the ring while it is being used: a signal handler that arrives then finds no ring.
const IN_USE: *mut Ring = ptr::without_provenance_mut(1);

thread_local! {
    /// The thread's ring. Null if it has none, [`IN_USE`] while the code that a handler may interrupt has it.
    static RING: AtomicPtr<Ring> = const { AtomicPtr::new(ptr::null_mut()) };
    /// Whether something lies in it.
    static PENDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether events of the running thread have been put aside and not been looked at.
#[inline]
pub(crate) fn is_pending() -> bool {
    PENDING.get()
}

/// Gives the running thread a ring of its own. What lies in a spare one moves there.
pub(crate) fn install() {
    // ORDERING: Relaxed: only this thread and its signal handlers touch the word, in all of this file.
    let found = RING.with(|word| word.swap(IN_USE, Ordering::Relaxed));
    compiler_fence(Ordering::SeqCst);
    let ring = match NonNull::new(found) {
        None => Box::leak(Box::new(Ring::new())),
        Some(found) => match spare(found) {
            Some(spare) => {
                // SAFETY: this thread took the spare ring, and IN_USE keeps its handlers away.
                let own = Box::leak(Box::new(unsafe { spare.ring.get().read() }));
                give_back(spare);
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
    let found = RING.with(|word| word.swap(ptr::null_mut(), Ordering::Relaxed));
    compiler_fence(Ordering::SeqCst);
    PENDING.set(false);
    if found == IN_USE {
        return;
    }
    let Some(ring) = NonNull::new(found) else { return };
    match spare(ring) {
        Some(spare) => give_back(spare),
        // SAFETY: `install` leaked it, and it was in the word, so no other code has it.
        None => drop(unsafe { Box::from_raw(ring.as_ptr()) }),
    }
}

/// The spare ring at this address, if it is one.
fn spare(ring: NonNull<Ring>) -> Option<&'static Spare> {
    SPARE.iter().find(|spare| ptr::eq(spare.ring.get(), ring.as_ptr()))
}

fn give_back(spare: &Spare) {
    // SAFETY: the running thread took it, and has it in no other place.
    unsafe { (*spare.ring.get()).clear() };
    // ORDERING: Release pairs with the Acquire of the next thread that takes the ring: it finds it empty.
    spare.is_taken.store(false, Ordering::Release);
}

/// Takes a spare ring. Neither allocates nor waits.
fn take_spare() -> Option<*mut Ring> {
    let is_mine = |spare: &&Spare| {
        // ORDERING: Acquire pairs with the Release in `give_back`; Relaxed if another thread has it.
        spare.is_taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    };
    SPARE.iter().find(is_mine).map(|spare| spare.ring.get())
}

fn put(ring: *mut Ring) {
    compiler_fence(Ordering::SeqCst);
    // ORDERING: Relaxed, as in `install`.
    RING.with(|word| word.store(ring, Ordering::Relaxed));
}

/// Uses the ring, if no other code of this thread is just doing so.
fn with_ring<R>(use_it: impl FnOnce(&mut Ring) -> R) -> Option<R> {
    // ORDERING: Relaxed, as in `install`. A handler before the swap has put back what it took.
    let found = RING.with(|word| word.swap(IN_USE, Ordering::Relaxed));
    compiler_fence(Ordering::SeqCst);
    if found == IN_USE {
        return None;
    }
    let ring = if found.is_null() { take_spare() } else { Some(found) };
    let result = ring.map(|ring| {
        // SAFETY: it was in the word, or just taken, and is in no other place while the word says IN_USE.
        let ring = unsafe { &mut *ring };
        let result = use_it(ring);
        PENDING.set(!ring.is_empty());
        result
    });
    put(ring.unwrap_or(ptr::null_mut()));
    result
}

/// Puts an event aside. Allocates nothing.
pub(crate) fn push(aside: Aside) {
    match with_ring(|ring| ring.add(aside)) {
        Some(Added::Kept | Added::WithItsPair) => {}
        Some(Added::Lost) | None => runtime::count_unseen(),
    }
}

/// Puts an acquisition aside; `task` is the thread's state, if the context did not interrupt its use.
pub(crate) fn acquire(task: Option<&mut Task>, lock: &LockRef<'_>, make: impl FnOnce(LockId) -> Acquire) {
    let id = match (lock.slot.id(), task) {
        (Some(id), _) => Some(id),
        // A known class needs no allocation, only a number.
        (None, Some(task)) => task.classes.peek(lock.key, lock.info).map(|class| {
            let id = task.runtime.validator.new_lock(&mut task.context, class);
            lock.slot.fill(id)
        }),
        (None, None) => None,
    };
    match id {
        Some(id) => push(Aside::Acquire(make(id))),
        None => {
            runtime::count_unseen();
            push(Aside::Unknown(lock.key, *lock.info));
        }
    }
}

/// Looks at everything that was put aside.
#[cold]
pub(crate) fn drain(task: &mut Task) {
    let Some(taken) = with_ring(Ring::take) else { return };
    for aside in taken.events {
        event::replay(task, aside);
    }
    // Their releases come by another way, and would look like those of locks that are not held.
    taken.lost.into_iter().for_each(|lock| task.runtime.set_unverified(lock));
    if taken.is_muddled {
        forget_held(task);
    }
}

/// Releases of locks that were held before did not fit. Which ones is not known: nothing certain can
/// be said of any lock that the thread seems to hold.
fn forget_held(task: &mut Task) {
    let held: Vec<LockId> = task.context.held_locks().collect();
    for lock in held {
        task.runtime.set_unverified(lock);
        task.runtime.validator.forget(&mut task.context, lock);
    }
}
