//! parking_lot 0.12 with `deadlock_detection`.

pub use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

/// Asks for deadlocks now and then, as its documentation shows.
pub fn watch() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(std::time::Duration::from_millis(100));
            if !parking_lot::deadlock::check_deadlock().is_empty() {
                println!("REPORTED");
                return;
            }
        }
    });
}

pub fn try_lock<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    lock.try_lock()
}

locking!(result => result);
edges_of_locks!(edges);
