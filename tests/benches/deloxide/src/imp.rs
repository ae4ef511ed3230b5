//! deloxide with its lock-order graph.

pub use deloxide::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {
    deloxide::Deloxide::new().start().expect("the detector starts");
}

/// Says when its callback is called.
pub fn watch() {
    let detector = deloxide::Deloxide::new().callback(|_| println!("REPORTED"));
    detector.start().expect("the detector starts");
}

pub fn try_lock<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    lock.try_lock()
}

locking!(result => result);
edges_of_locks!(edges);
