//! parking_lot 0.12.

pub use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

locking!(result => result);
edges_of_locks!(edges);
