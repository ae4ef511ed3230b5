//! Locks that some code relies on staying held.

use std::time::Duration;

use lockdep::Mode;
use lockdep::hook::{LockInfo, LockMap};
use lockdep::hook::{pin_lock, repin_lock, unpin_lock};
use lockdep::parking_lot;
use lockdep::sync::{Condvar, Mutex};

use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("pin_kept", Want::Silent, "pinned, used, unpinned, released", pin_kept),
    Case::new(
        "pin_released_and_taken_again",
        Want::Error("LD0012"),
        "the lock is held when the pin ends, but not all the time; told once",
        pin_released_and_taken_again,
    )
    .reports(1),
    Case::new(
        "pin_condvar",
        Want::Error("LD0012"),
        "a wait releases the mutex, although it takes it again",
        pin_condvar,
    )
    .reports(1),
    Case::new("pin_suspended", Want::Silent, "a wait that is meant", pin_suspended),
    Case::new("pin_of_parking_lot", Want::Error("LD0012"), "`bump` lets others in", pin_of_parking_lot)
        .reports(1),
    Case::new(
        "pin_read_guard_released",
        Want::Error("LD0012"),
        "a reader can be pinned like a writer",
        pin_read_guard_released,
    )
    .reports(1),
    Case::new(
        "pin_downgraded",
        Want::Silent,
        "a downgrade gives nothing up: no thread writes in between",
        pin_downgraded,
    ),
    Case::new("pin_not_held", Want::Error("LD0012"), "nothing to pin", pin_not_held).reports(1),
    Case::new("pin_cookies", Want::Silent, "pins of one lock nest in any order", pin_cookies),
    Case::new(
        "pin_cookie_used_twice",
        Want::Error("LD0012"),
        "the second time there is no such pin",
        pin_cookie_used_twice,
    )
    .reports(1),
    Case::new("pin_cookie_lost", Want::Error("LD0012"), "a pin that is never taken back", pin_cookie_lost)
        .reports(1),
    Case::new("pin_unwound", Want::Silent, "unwinding drops the pin before the guard", pin_unwound),
];

fn pin_kept() {
    let (queue, log) = (Mutex::new(vec![1]), Mutex::new(String::new()));
    for _ in 0..3 {
        let mut guard = queue.lock().expect("not poisoned");
        let pinned = lockdep::pin(&queue);
        drop(log.lock());
        guard.push(1);
        drop(pinned);
    }
    drop(queue.lock());
}

fn pin_released_and_taken_again() {
    let queue = Mutex::new(vec![1]);
    let guard = queue.lock();
    let pinned = lockdep::pin(&queue);
    drop(guard);
    let guard = queue.lock();
    drop(pinned);
    drop(guard);
}

fn pin_condvar() {
    let (ready, changed) = (Mutex::new(false), Condvar::new());
    let guard = ready.lock().expect("not poisoned");
    let pinned = lockdep::pin(&ready);
    let guard = changed.wait_timeout(guard, Duration::from_millis(1));
    drop(pinned);
    drop(guard);
}

fn pin_suspended() {
    let (ready, changed) = (Mutex::new(false), Condvar::new());
    let mut guard = ready.lock().expect("not poisoned");
    let mut pinned = lockdep::pin(&ready);
    for _ in 0..2 {
        guard =
            pinned.suspend(|| changed.wait_timeout(guard, Duration::from_millis(1)).expect("not poisoned").0);
    }
    drop(pinned);
    drop(guard);
}

fn pin_of_parking_lot() {
    let lock = parking_lot::FairMutex::new(0);
    let mut guard = lock.lock();
    let _pinned = lockdep::pin(&lock);
    parking_lot::FairMutexGuard::bump(&mut guard);
}

fn pin_read_guard_released() {
    let lock = parking_lot::RwLock::new(0);
    let guard = lock.read();
    let pinned = lockdep::pin(&lock);
    drop(guard);
    drop(pinned);
}

fn pin_downgraded() {
    let lock = parking_lot::RwLock::new(0);
    let guard = lock.write();
    let pinned = lockdep::pin(&lock);
    let guard = parking_lot::RwLockWriteGuard::downgrade(guard);
    drop(pinned);
    drop(guard);
}

fn pin_not_held() {
    let lock = Mutex::new(0);
    let pinned = lockdep::pin(&lock);
    drop(lock.lock());
    drop(pinned);
}

/// A held home-made lock.
fn held() -> LockMap {
    let map = LockMap::new();
    map.try_acquired(&LockInfo::bare("rq"), Mode::Exclusive);
    map
}

fn pin_cookies() {
    let rq = held();
    let (one, other) = (pin_lock(&rq), pin_lock(&rq));
    unpin_lock(&rq, &one);
    repin_lock(&rq, &one);
    unpin_lock(&rq, &other);
    unpin_lock(&rq, &one);
    rq.release();
}

fn pin_cookie_used_twice() {
    let rq = held();
    let cookie = pin_lock(&rq);
    unpin_lock(&rq, &cookie);
    unpin_lock(&rq, &cookie);
    rq.release();
}

fn pin_cookie_lost() {
    let rq = held();
    let _lost = pin_lock(&rq);
    rq.release();
}

fn pin_unwound() {
    let lock = Mutex::new(0);
    let unwound = std::panic::catch_unwind(|| {
        let _guard = lock.lock();
        let _pinned = lockdep::pin(&lock);
        panic!("under a pinned lock");
    });
    assert!(unwound.is_err());
    drop(lock.lock());
}
