//! `ReentrantMutex` and its guards.

use std::cell::Cell;
use std::time::Duration;

use super::parking_lot::{MappedReentrantMutexGuard, ReentrantMutex, ReentrantMutexGuard};

static DEPTH: ReentrantMutex<Cell<u32>> = ReentrantMutex::new(Cell::new(0));

#[test]
fn its_holder_takes_it_again() {
    let outer = DEPTH.lock();
    let inner = DEPTH.try_lock().unwrap();
    let third = DEPTH.try_lock_for(Duration::ZERO).unwrap();
    third.set(outer.get() + inner.get() + 3);
    assert!(DEPTH.is_locked() && DEPTH.is_owned_by_current_thread());
    drop(outer);
    let elsewhere = || DEPTH.try_lock().is_none() && !DEPTH.is_owned_by_current_thread();
    assert!(std::thread::scope(|scope| scope.spawn(elsewhere).join().unwrap()));
    drop(inner);
    assert!(DEPTH.is_locked());
    drop(third);
    assert!(!DEPTH.is_locked());
    assert_eq!(DEPTH.lock().get(), 3);
}

#[test]
fn guards_narrow_and_are_given_up_for_a_while() {
    let mutex = ReentrantMutex::new((Cell::new(1), 2));
    let mut guard = mutex.lock();
    let free = || std::thread::scope(|scope| scope.spawn(|| mutex.try_lock().is_some()).join().unwrap());
    assert!(ReentrantMutexGuard::unlocked(&mut guard, free));
    let again = mutex.lock();
    assert!(!ReentrantMutexGuard::unlocked(&mut guard, free), "taken twice, given up once");
    ReentrantMutexGuard::bump(&mut guard);
    drop(again);
    ReentrantMutexGuard::bump(&mut guard);
    assert!(std::ptr::eq(ReentrantMutexGuard::remutex(&guard), &mutex));
    let number: MappedReentrantMutexGuard<'_, Cell<i32>> = ReentrantMutexGuard::map(guard, |pair| &pair.0);
    let Err(number) = MappedReentrantMutexGuard::try_map(number, |_| None::<&i32>) else {
        panic!("there is no part")
    };
    number.set(5);
    MappedReentrantMutexGuard::unlock_fair(number);
    assert!(!mutex.is_locked());
    assert_eq!(mutex.into_inner().0.get(), 5);
}

#[test]
fn prints_as_there() {
    let mutex = ReentrantMutex::new(vec![0_u8, 10]);
    assert_eq!(format!("{mutex:?}"), "ReentrantMutex { data: [0, 10] }");
    let _guard = mutex.lock();
    assert_eq!(format!("{mutex:?}"), "ReentrantMutex { data: [0, 10] }", "its holder may look");
    let text = std::thread::scope(|scope| scope.spawn(|| format!("{mutex:?}")).join().unwrap());
    assert_eq!(text, "ReentrantMutex { data: <locked> }");
}
