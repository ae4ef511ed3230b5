//! Ours, through `lockdep::sync`; off or on as `LOCKDEP` says.

pub use lockdep::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub fn start() {}

/// Reports by itself.
pub fn watch() {}

pub fn try_lock<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    lock.try_lock().ok()
}

locking!(result => result.expect("nothing panics"));
edges_of_locks!(edges_of_instances);

/// One class a lock: a dependency between classes, as between the fields of different types. The
/// shape `classes` only registers them.
pub fn edges(shape: &str, n: usize) -> String {
    use lockdep::hook::{LockInfo, LockMap};
    use lockdep::{LockClassKey, Mode, Wait};
    if let Some(shape) = shape.strip_suffix("_instances") {
        return edges_of_instances(shape, n);
    }
    let pairs = match crate::edges::pairs(shape, n) {
        Some(pairs) => pairs,
        None if shape == "classes" => (0..n).map(|i| (i, i)).collect(),
        None => return "unknown".to_owned(),
    };
    let info = LockInfo::bare("Bench");
    let locks: Vec<(LockMap<&'static LockClassKey>, std::sync::Mutex<u64>)> = (0..n)
        .map(|i| {
            let name: &'static str = Box::leak(format!("class_{i}").into_boxed_str());
            (LockMap::with_key(Box::leak(Box::new(LockClassKey::named(name)))), std::sync::Mutex::new(0))
        })
        .collect();
    let acquire = |i: usize| {
        let _ = locks[i].0.acquire(&info, Mode::Exclusive, Wait::Blocking);
        locks[i].1.lock().expect("nothing panics")
    };
    let take = |i: usize| {
        let guard = acquire(i);
        locks[i].0.release();
        drop(guard);
    };
    if shape == "classes" {
        return crate::edges::measure(shape, &pairs, |i, _| take(i));
    }
    // Registration of the classes is not what is measured. They come in the order in which a
    // program would meet them, so that a reverse chain is one for their numbers too.
    for &(outer, inner) in &pairs {
        take(outer);
        take(inner);
    }
    crate::edges::measure(shape, &pairs, |outer, inner| {
        let a = acquire(outer);
        let b = acquire(inner);
        locks[inner].0.release();
        drop(b);
        locks[outer].0.release();
        drop(a);
    })
}
