//! How the peers take their locks, written once: each of them names its types and says what a call
//! returns.

/// Defines `lock`, `read` and `write`; `$taken` is the guard in what a call of the peer returned,
/// `$result`.
macro_rules! locking {
    ($result:ident => $taken:expr) => {
        pub fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
            let $result = lock.lock();
            $taken
        }

        pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
            let $result = lock.read();
            $taken
        }

        pub fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
            let $result = lock.write();
            $taken
        }
    };
}

/// Defines a function that measures new dependencies between locks.
macro_rules! edges_of_locks {
    ($name:ident) => {
        pub fn $name(shape: &str, n: usize) -> String {
            let Some(pairs) = crate::edges::pairs(shape, n) else { return "unknown".to_owned() };
            let locks: Vec<Mutex<u64>> = (0..n as u64).map(Mutex::new).collect();
            crate::edges::measure(shape, &pairs, |outer, inner| {
                let _outer = lock(&locks[outer]);
                let _inner = lock(&locks[inner]);
            })
        }
    };
}
