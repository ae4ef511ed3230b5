//! `std::sync`: the baseline.

pub use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

pub fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().expect("nothing panics")
}

pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().expect("nothing panics")
}

pub fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().expect("nothing panics")
}

pub fn edges(shape: &str, n: usize) -> String {
    let Some(pairs) = crate::edges::pairs(shape, n) else { return "unknown".to_owned() };
    let locks: Vec<Mutex<u64>> = (0..n as u64).map(Mutex::new).collect();
    crate::edges::measure(shape, &pairs, |outer, inner| {
        let _outer = lock(&locks[outer]);
        let _inner = lock(&locks[inner]);
    })
}
