//! What the protocol needs from the platform.
//!
//! Everything that the model checker must see comes from here, so that the same protocol sources
//! can be compiled a second time, over loom's primitives, by `tests/support/loom_build.rs`: nothing
//! in this crate can then be invisible to the model checker by accident.

pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread::yield_now;
pub(crate) use std::thread_local;

/// How often a wait looks again before it sleeps.
///
/// Sections of both locks are far shorter than a sleep and its wake-up; long enough to outlast one
/// on another core, short enough not to matter when there is only one.
pub(crate) const fn n_spins() -> usize {
    128
}

/// Whether `limit` has passed since `start`.
pub(crate) fn has_passed(start: std::time::Instant, limit: std::time::Duration) -> bool {
    start.elapsed() >= limit
}

/// Whether pools hand objects out again. The model checker's atomics live for one execution only.
pub(crate) const RECYCLES: bool = true;

/// Takes `mutex`, ignoring poison: no user code runs under the crate's own mutexes, so a panic
/// cannot leave one of them half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
