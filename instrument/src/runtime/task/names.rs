//! What the threads of the process are called, and when a thread may be asked for its name.
//!
//! `std::thread::current` aborts the process where std is just making or has dropped what it keeps
//! for the thread. That can only be in the allocator, or after thread-local destructors. So an
//! allocator that takes watched locks is found out by a trial, and a thread is not asked after its
//! end.

use std::cell::Cell;
use std::hint::black_box;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use lockdep_validator::TaskId;
use rustc_hash::FxHashMap;

use crate::runtime::system::handler;
use crate::runtime::system::stack_bounds::Bounds;
use crate::runtime::system::thread_state;

/// Whether the program's allocator was seen to take a watched lock.
static ALLOCATOR_LOCKS: AtomicBool = AtomicBool::new(false);

/// The addresses of locks that the trial saw the allocator take. None of them is validated: an
/// event allocates, and hangs if the allocator holds one of them already.
static ALLOCATORS: [AtomicUsize; 16] = [const { AtomicUsize::new(0) }; 16];

/// How many states of one thread are freed by its end; C libraries call destructors at least four
/// times.
const N_LIVES: u8 = 3;

thread_local! {
    /// Whether the thread's state is being made.
    static STARTING: Cell<bool> = const { Cell::new(false) };
    /// Whether the thread's function and its thread-local destructors are over.
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
    /// How often the thread's end was seen.
    static N_ENDS: Cell<u8> = const { Cell::new(0) };
}

/// The running thread's state is being made; events that come meanwhile are the allocator's.
#[derive(Debug)]
pub(crate) struct Starting;

impl Starting {
    pub(crate) fn begin() -> Self {
        STARTING.set(true);
        // Small and large blocks come from different places.
        drop(black_box(Box::new(0_u64)));
        drop(black_box(vec![0_u8; 1 << 12]));
        Self
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        STARTING.set(false);
    }
}

/// An event came while the thread's state was in use.
pub(crate) fn interrupted() {
    if STARTING.get() {
        allocator_locks();
    }
}

/// A lock was taken while the thread's state was in use. Returns whether that is the trial, so that
/// the lock is the allocator's.
pub(crate) fn is_tried(lock: usize) -> bool {
    if !STARTING.get() || handler::is_inside(Bounds::UNKNOWN) {
        return false;
    }
    for place in &ALLOCATORS {
        // ORDERING: Relaxed: an address that is only compared; a thread that reads it late
        // finds it out by a trial of its own.
        match place.compare_exchange(0, lock, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => break,
            Err(known) if known == lock => break,
            Err(_) => {}
        }
    }
    true
}

/// Whether the lock is the allocator's.
pub(crate) fn is_allocators(lock: usize) -> bool {
    // ORDERING: Relaxed, as above and in `is_tried`.
    ALLOCATOR_LOCKS.load(Ordering::Relaxed)
        && ALLOCATORS.iter().any(|place| place.load(Ordering::Relaxed) == lock)
}

/// The program's allocator takes watched locks.
pub(crate) fn allocator_locks() {
    // ORDERING: Relaxed: a flag that is only ever set; nothing else is published by it.
    if !ALLOCATOR_LOCKS.load(Ordering::Relaxed) {
        // ORDERING: Relaxed, as above.
        ALLOCATOR_LOCKS.store(true, Ordering::Relaxed);
    }
}

/// Whether the running thread must not be asked for its name.
pub(crate) fn is_dangerous() -> bool {
    // ORDERING: Relaxed, as above.
    ALLOCATOR_LOCKS.load(Ordering::Relaxed) || IS_OVER.get()
}

/// The destructors of the running thread's keys have begun.
pub(crate) fn over() {
    IS_OVER.set(true);
}

/// The running thread's end was seen.
pub(crate) fn ended() {
    N_ENDS.set(N_ENDS.get().saturating_add(1));
}

/// Whether no further state of the running thread would be freed.
pub(crate) fn was_last_life() -> bool {
    N_ENDS.get() >= N_LIVES
}

/// How many flows have a name. Of more, later ones are called by their number.
const MAX_FLOWS: usize = 1 << 14;

/// What the threads of the process are called; libtest names them after tests.
#[derive(Debug, Default)]
pub(crate) struct Names {
    threads: Mutex<FxHashMap<TaskId, String>>,
    /// Where each flow was made. Bounded.
    flows: Mutex<FxHashMap<TaskId, &'static Location<'static>>>,
}

impl Names {
    /// Records the name of the running thread.
    pub(crate) fn add(&self, id: TaskId) {
        if let Some(name) = std::thread::current().name() {
            let name = name.to_owned();
            self.threads.lock().unwrap_or_else(PoisonError::into_inner).insert(id, name);
        }
    }

    /// Records the name of the running thread without asking std for it, as far as it is certain.
    pub(crate) fn add_certain(&self, id: TaskId) {
        if thread_state::is_main() {
            self.threads.lock().unwrap_or_else(PoisonError::into_inner).insert(id, "main".to_owned());
        }
    }

    /// Records where a flow was made.
    pub(crate) fn add_flow(&self, id: TaskId, made_at: &'static Location<'static>) {
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        if flows.len() < MAX_FLOWS {
            flows.insert(id, made_at);
        }
    }

    /// Where the flow was made, if that is known.
    pub(crate) fn flow(&self, id: TaskId) -> Option<&'static Location<'static>> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// The name of a thread, or its number.
    pub(crate) fn name(&self, id: TaskId) -> String {
        let names = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(&id).cloned().unwrap_or_else(|| format!("thread {}", id.0))
    }
}
