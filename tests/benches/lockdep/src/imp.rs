//! Ours, through `lockdep::sync`; off or on as `LOCKDEP` says.

pub use lockdep::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

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

/// One class a lock: a dependency between classes, as between the fields of different types. The shape `classes` only registers
/// them.
pub fn edges(shape: &str, n: usize) -> String {
    use lockdep::{LockClassKey, LockInfo, LockMap, Mode, Wait};
    let (shape, by_class) = match shape.strip_suffix("_instances") {
        Some(shape) => (shape, false),
        None => (shape, true),
    };
    let pairs = match crate::edges::pairs(shape, n) {
        Some(pairs) => pairs,
        None if shape == "classes" => (0..n).map(|i| (i, i)).collect(),
        None => return "unknown".to_owned(),
    };
    if !by_class {
        let locks: Vec<Mutex<u64>> = (0..n as u64).map(Mutex::new).collect();
        return crate::edges::measure(shape, &pairs, |outer, inner| {
            let _outer = lock(&locks[outer]);
            let _inner = lock(&locks[inner]);
        });
    }
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
    // Registration of the classes is not what is measured. They come in the order in which a program would meet them, so that
    // a reverse chain is one for their numbers too.
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
