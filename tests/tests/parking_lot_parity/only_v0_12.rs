//! What only parking_lot 0.12 has: recursive reads as methods, constructors as functions, guards
//! made of nothing.

use std::time::{Duration, Instant};

use super::parking_lot::lock_api::RawMutex as _;
use super::parking_lot::{
    FairMutex, Mutex, MutexGuard, ReentrantMutex, RwLock, const_fair_mutex, const_mutex, const_reentrant_mutex,
    const_rwlock,
};

static MUTEX: Mutex<u8> = const_mutex(1);
static FAIR: FairMutex<u8> = const_fair_mutex(2);
static REENTRANT: ReentrantMutex<u8> = const_reentrant_mutex(3);
static RWLOCK: RwLock<u8> = const_rwlock(4);

#[test]
fn constructors_are_functions_too() {
    assert_eq!((*MUTEX.lock(), *FAIR.lock(), *REENTRANT.lock(), *RWLOCK.read()), (1, 2, 3, 4));
}

#[test]
fn a_recursive_read_passes_a_waiting_writer() {
    let lock = RwLock::new(1);
    let outer = lock.read_recursive();
    let moment = Duration::from_millis(1);
    std::thread::scope(|scope| {
        scope.spawn(|| *lock.write() += 1);
        // Readers are refused once the writer queues.
        while lock.try_read().is_some() {
            std::thread::yield_now();
        }
        assert_eq!(*lock.read_recursive(), 1);
        assert!(lock.try_read_recursive().is_some());
        assert!(lock.try_read_recursive_for(moment).is_some());
        assert!(lock.try_read_recursive_until(Instant::now()).is_some());
        drop(outer);
    });
    assert_eq!(*lock.read(), 2);
}

#[test]
#[expect(unsafe_code, reason = "the unsafe part of the interface is what is tried")]
fn locks_are_given_up_by_hand() {
    let mutex = Mutex::new(1);
    let lock = RwLock::const_new(super::parking_lot::lock_api::RawRwLock::INIT, 1);
    std::mem::forget(mutex.lock());
    std::mem::forget(lock.write());
    // SAFETY: each lock is held by a guard that was forgotten, and is given up once.
    unsafe {
        mutex.force_unlock();
        lock.force_unlock_write();
        std::mem::forget(mutex.lock());
        drop(mutex.make_guard_unchecked());
        std::mem::forget(mutex.lock());
        mutex.raw().unlock();
        std::mem::forget(lock.read());
        drop(lock.make_read_guard_unchecked());
        std::mem::forget(lock.upgradable_read());
        drop(lock.make_upgradable_guard_unchecked());
    }
    assert!(!mutex.is_locked() && !lock.is_locked());
    let guard = mutex.lock();
    assert!(MutexGuard::mutex(&guard).is_locked());
}
