//! `sync.rs` over loom: every operation of the protocol is a point at which the checker may switch
//! threads.

pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use loom::sync::{Mutex, MutexGuard};
pub(crate) use loom::thread::yield_now;
pub(crate) use loom::thread_local;

/// No spinning: it only multiplies executions.
pub(crate) const fn n_spins() -> usize {
    0
}

/// Nothing ever takes long.
pub(crate) fn has_passed(_start: std::time::Instant, _limit: std::time::Duration) -> bool {
    false
}

/// Objects live for one execution.
pub(crate) const RECYCLES: bool = false;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
