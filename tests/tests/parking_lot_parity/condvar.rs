//! `Condvar`.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::parking_lot::{Condvar, Mutex};
use crate::panics;

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn nobody_waits() {
    let condvar = Condvar::default();
    assert!(!condvar.notify_one());
    assert_eq!(condvar.notify_all(), 0);
    assert_eq!(format!("{condvar:?}"), "Condvar { .. }");
}

#[test]
fn wakes_all_who_wait() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let (ready, is_ready) = mpsc::channel();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (pair, ready) = (Arc::clone(&pair), ready.clone());
            std::thread::spawn(move || {
                let mut state = pair.0.lock();
                ready.send(()).unwrap();
                pair.1.wait(&mut state);
                *state += 1;
            })
        })
        .collect();
    for _ in 0..3 {
        is_ready.recv().unwrap();
    }
    let state = pair.0.lock();
    assert_eq!(pair.1.notify_all(), 3);
    drop(state);
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*pair.0.lock(), 3);
}

#[test]
fn waits_end_when_their_time_is_over() {
    let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    let mut guard = mutex.lock();
    assert!(condvar.wait_for(&mut guard, MOMENT).timed_out());
    assert!(condvar.wait_until(&mut guard, Instant::now() + MOMENT).timed_out());
    assert!(condvar.wait_while_for(&mut guard, |_| true, MOMENT).timed_out());
    assert!(condvar.wait_while_until(&mut guard, |_| true, Instant::now()).timed_out());
    assert!(!condvar.wait_while_for(&mut guard, |_| false, Duration::MAX).timed_out());
    condvar.wait_while(&mut guard, |_| false);
    assert!(mutex.is_locked());
}

#[test]
fn waits_while_the_condition_holds() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let waker = {
        let pair = Arc::clone(&pair);
        std::thread::spawn(move || {
            for _ in 0..3 {
                *pair.0.lock() += 1;
                pair.1.notify_one();
            }
        })
    };
    let mut state = pair.0.lock();
    pair.1.wait_while(&mut state, |state| *state < 3);
    assert_eq!(*state, 3);
    drop(state);
    waker.join().unwrap();
}

#[test]
fn refuses_a_second_mutex() {
    let shared = Arc::new((Mutex::new(false), Mutex::new(()), Condvar::new()));
    let (ready, is_ready) = mpsc::channel();
    let waiter = {
        let shared = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut over = shared.0.lock();
            ready.send(()).unwrap();
            shared.2.wait_while(&mut over, |over| !*over);
        })
    };
    is_ready.recv().unwrap();
    // Taking the mutex proves that the waiter waits.
    drop(shared.0.lock());
    let mut other = shared.1.lock();
    assert!(panics(|| shared.2.wait(&mut other)));
    assert!(shared.1.is_locked(), "the guard still holds it");
    drop(other);
    *shared.0.lock() = true;
    shared.2.notify_all();
    waiter.join().unwrap();
}
