//! Events that cannot be looked at where they happen: inside a signal handler and inside the program's own allocator nothing may
//! be allocated and no lock of ours taken. They are put aside, into memory that is there already, and looked at later.
//!
//! *Later* is: for an allocator, when it is left; for a signal handler, at the thread's next event outside it, since the handler
//! may have interrupted the allocator.

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering, compiler_fence};

use lockdep_validator::{Acquire, ContextId, LockId, Site};

use crate::hook::{AnyKey, LockInfo, LockRef};
use crate::task::Task;
use crate::{event, runtime};

/// How many events one thread can put aside; more are counted as unseen.
const CAPACITY: usize = 64;

/// An event that was put aside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aside {
    /// The context was entered.
    Enter(ContextId),
    /// It was left again, here.
    Exit(ContextId, Site),
    /// An acquisition, or a try that succeeded.
    Acquire(Acquire),
    /// A release.
    Release(LockId, Site),
    /// An acquisition that gave up.
    Failed(LockId),
    /// A lock of a class that this thread had not used before: from now on it will know it.
    Unknown(AnyKey, LockInfo),
}

/// The events of one thread.
pub(crate) type Ring = UnsafeCell<Vec<Aside>>;

thread_local! {
    /// The thread's ring, while nobody is using it. Taken out for every use, so that a signal handler that arrives then finds none.
    static RING: AtomicPtr<Ring> = const { AtomicPtr::new(ptr::null_mut()) };
}

/// A ring for the running thread.
pub(crate) fn install() {
    let ring: NonNull<Ring> =
        NonNull::from(Box::leak(Box::new(UnsafeCell::new(Vec::with_capacity(CAPACITY)))));
    RING.with(|word| put(word, ring));
}

/// Frees the running thread's ring.
pub(crate) fn uninstall() {
    if let Some(ring) = take() {
        // SAFETY: `install` leaked it, and it was in the word, so nobody else has it.
        drop(unsafe { Box::from_raw(ring.as_ptr()) });
    }
}

fn take() -> Option<NonNull<Ring>> {
    // ORDERING: Relaxed: only this thread and its signal handlers touch the word. Load and store need not be one step: a
    // handler between them has put back what it took.
    let ring = RING.with(|word| {
        let ring = word.load(Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        word.store(ptr::null_mut(), Ordering::Relaxed);
        ring
    });
    compiler_fence(Ordering::SeqCst);
    NonNull::new(ring)
}

fn put(word: &AtomicPtr<Ring>, ring: NonNull<Ring>) {
    compiler_fence(Ordering::SeqCst);
    // ORDERING: Relaxed, as in `take`.
    word.store(ring.as_ptr(), Ordering::Relaxed);
}

/// Uses the ring, if nobody else on this thread is just doing so.
fn with_ring<R>(use_it: impl FnOnce(&mut Vec<Aside>) -> R) -> Option<R> {
    let ring = take()?;
    // SAFETY: it was in the word and is not now, so this is the only reference; it lives until `uninstall`.
    let result = use_it(unsafe { &mut *ring.as_ref().get() });
    RING.with(|word| put(word, ring));
    Some(result)
}

/// Puts an event aside. Allocates nothing.
pub(crate) fn push(aside: Aside) {
    let is_kept = with_ring(|ring| {
        // The last places are for leaving: a context that is entered must be left.
        let room = if matches!(aside, Aside::Exit(..)) { CAPACITY } else { CAPACITY - 8 };
        let fits = ring.len() < room;
        if fits {
            ring.push(aside);
        }
        fits
    });
    if is_kept != Some(true) {
        runtime::count_unseen();
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
    let Some(all) = with_ring(|ring| {
        let all = ring.clone();
        ring.clear();
        all
    }) else {
        return;
    };
    for aside in all {
        event::replay(task, aside);
    }
}
