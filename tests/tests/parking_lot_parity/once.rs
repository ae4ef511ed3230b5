//! `Once`.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::parking_lot::{Once, OnceState};
use crate::panics;

#[test]
fn runs_once() {
    static ONCE: Once = Once::new();
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    assert_eq!(ONCE.state(), OnceState::New);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                ONCE.call_once(|| {
                    assert_eq!(ONCE.state(), OnceState::InProgress);
                    // ORDERING: Relaxed; the join orders it before the read below.
                    RUNS.fetch_add(1, Ordering::Relaxed);
                });
                assert!(ONCE.state().done());
            });
        }
    });
    // ORDERING: Relaxed; the threads were joined.
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
    ONCE.call_once_force(|_| panic!("it has run"));
}

#[test]
fn a_panic_poisons_until_forced() {
    let once = Once::default();
    assert!(panics(|| once.call_once(|| panic!("the first try fails"))));
    assert!(once.state().poisoned());
    assert!(panics(|| once.call_once(|| ())));
    once.call_once_force(|state| assert!(state.poisoned()));
    assert_eq!(once.state(), OnceState::Done);
    once.call_once(|| ());
}

#[test]
fn prints_as_there() {
    let once = Once::new();
    assert_eq!(format!("{once:?}"), "Once { state: New }");
    once.call_once(|| ());
    assert_eq!(format!("{once:?}"), "Once { state: Done }");
}
