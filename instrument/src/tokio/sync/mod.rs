//! The locks of `tokio::sync`.

mod mutex;
mod rwlock;

pub use mutex::{Mutex, MutexGuard, OwnedMutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use tokio_1::sync::TryLockError;
