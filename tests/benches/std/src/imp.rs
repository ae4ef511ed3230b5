//! `std::sync`: the baseline.

pub use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

/// Detects nothing.
pub fn watch() {}

pub fn try_lock<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    lock.try_lock().ok()
}

locking!(result => result.expect("nothing panics"));
edges_of_locks!(edges);
