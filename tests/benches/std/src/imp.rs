//! `std::sync`: the baseline.

pub use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

locking!(result => result.expect("nothing panics"));
edges_of_locks!(edges);
