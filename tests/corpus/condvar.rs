//! Condition variables: a wait releases its mutex and takes it again.

use std::sync::Arc;
use std::time::Duration;

use lockdep::sync::{Condvar, Mutex};

use super::support::nest;
use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("condvar_plain", Want::Silent, "wait and notify, nothing else held", condvar_plain),
    Case::new(
        "condvar_reacquire",
        Want::Error("LD0003"),
        "M then A, and waiting on M while A is held takes M again under A",
        condvar_reacquire,
    ),
    Case::new(
        "condvar_reacquire_real",
        Want::Error("LD0003"),
        "the same with a thread that does M then A",
        condvar_real,
    )
    .really_hangs(),
    Case::new(
        "condvar_hold_other",
        Want::Excepted,
        "waiting while holding what the notifier needs: waits and events are not validated yet",
        condvar_hold_other,
    ),
];

fn condvar_plain() {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&shared);
    let thread = lockdep::thread::spawn(move || {
        *other.0.lock().expect("not poisoned") = true;
        other.1.notify_one();
    });
    let mut ready = shared.0.lock().expect("not poisoned");
    while !*ready {
        ready = shared.1.wait(ready).expect("not poisoned");
    }
    drop(ready);
    thread.join().expect("does not panic");
}

fn condvar_reacquire() {
    let m = Mutex::new(0);
    let a = Mutex::new('a');
    let condvar = Condvar::new();
    let guard = m.lock().expect("not poisoned");
    let _a = a.lock();
    let (guard, _) = condvar.wait_timeout(guard, Duration::from_millis(1)).expect("not poisoned");
    drop(guard);
}

fn condvar_real() {
    let shared = Arc::new((Mutex::new(false), Mutex::new('a'), Condvar::new()));
    let other = Arc::clone(&shared);
    let ready = shared.0.lock().expect("not poisoned");
    let held_a = shared.1.lock();
    lockdep::thread::spawn(move || {
        let mut ready = other.0.lock().expect("not poisoned");
        *ready = true;
        other.2.notify_one();
        let _a = other.1.lock();
    });
    let ready = shared.2.wait_while(ready, |ready| !*ready);
    drop((ready, held_a));
}

fn condvar_hold_other() {
    let m = Mutex::new(false);
    let a = Mutex::new('a');
    let condvar = Condvar::new();
    nest(&a, &m);
    let _a = a.lock();
    let guard = m.lock().expect("not poisoned");
    let _ = condvar.wait_timeout(guard, Duration::from_millis(1));
}
