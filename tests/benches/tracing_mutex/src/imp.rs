//! tracing-mutex, wrappers of std.

pub use tracing_mutex::stdsync::tracing::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

/// Reports by itself.
pub fn watch() {}

pub fn try_lock<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    lock.try_lock().ok()
}

locking!(result => result.expect("nothing panics"));
edges_of_locks!(edges);
