//! What only parking_lot 0.13 has: recursive locks as types, states in guards, a `Once` that is
//! waited for.

use super::parking_lot::lock_api::RawMutex as _;
use super::parking_lot::{Mutex, Once, OnceState, RecursiveRwLock, RecursiveRwLockReadGuard};

static TABLE: RecursiveRwLock<u8> = RecursiveRwLock::new(1);

#[test]
fn a_recursive_lock_is_read_twice() {
    let outer: RecursiveRwLockReadGuard<'_, u8> = TABLE.read();
    assert_eq!(*TABLE.read(), *outer);
    assert!(TABLE.try_write().is_none());
}

#[test]
fn a_once_is_waited_for() {
    let once = Once::new_completed();
    once.wait();
    once.wait_force();
    assert!(once.is_completed());
    assert_eq!(once.state(), OnceState::Done);
}

#[test]
#[expect(unsafe_code, reason = "the unsafe part of the interface is what is tried")]
fn locks_are_given_up_by_hand() {
    let mutex = Mutex::new(1);
    // SAFETY: the state comes from the acquisition in the same line, and is given back once.
    unsafe {
        let state = mutex.raw().lock();
        drop(mutex.make_guard_unchecked(state));
        let state = mutex.raw().lock();
        mutex.force_unlock(state);
    }
    let (raw, data) = mutex.into_inner_with_raw();
    assert!(!raw.is_locked() && data == 1);
}
