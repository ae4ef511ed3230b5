//! deloxide with its lock-order graph.

pub use deloxide::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {
    deloxide::Deloxide::new().start().expect("the detector starts");
}

locking!(result => result);
edges_of_locks!(edges);
