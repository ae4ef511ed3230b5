//! parking_lot 0.12.

pub use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

pub fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock()
}

pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read()
}

pub fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write()
}

pub fn edges(shape: &str, n: usize) -> String {
    let Some(pairs) = crate::edges::pairs(shape, n) else { return "unknown".to_owned() };
    let locks: Vec<Mutex<u64>> = (0..n as u64).map(Mutex::new).collect();
    crate::edges::measure(shape, &pairs, |outer, inner| {
        let _outer = lock(&locks[outer]);
        let _inner = lock(&locks[inner]);
    })
}
