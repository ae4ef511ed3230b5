//! tracing-mutex, wrappers of std.

pub use tracing_mutex::stdsync::tracing::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

locking!(result => result.expect("nothing panics"));
edges_of_locks!(edges);
