//! `Once`.

use super::sync::{Arc, Barrier, Once};
use super::thread;
use crate::panic_text;

static START: Once = Once::new();
#[expect(deprecated, reason = "std still has it")]
static OLD_STYLE: Once = super::sync::ONCE_INIT;

#[test]
fn runs_once() {
    let mut n_runs = 0;
    for _ in 0..3 {
        START.call_once(|| n_runs += 1);
    }
    assert_eq!(n_runs, 1);
    assert!(START.is_completed() && !OLD_STYLE.is_completed());
    OLD_STYLE.call_once_force(|state| assert!(!state.is_poisoned()));
    assert!(OLD_STYLE.is_completed());
}

#[test]
fn everyone_waits_for_the_one_that_runs() {
    let once = Arc::new(Once::new());
    let all_here = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (once, all_here) = (Arc::clone(&once), Arc::clone(&all_here));
            thread::spawn(move || {
                all_here.wait();
                let mut ran = false;
                once.call_once(|| ran = true);
                assert!(once.is_completed());
                ran
            })
        })
        .collect();
    let n_runs =
        threads.into_iter().filter(|_| true).map(|thread| thread.join().unwrap()).filter(|ran| *ran).count();
    assert_eq!(n_runs, 1);
}

#[test]
fn a_panic_poisons_until_forced() {
    let once = Once::new();
    assert_eq!(panic_text(|| once.call_once(|| panic!("first"))), "first");
    assert!(!once.is_completed());
    assert_eq!(
        panic_text(|| once.call_once(|| ())),
        panic_text(|| {
            let twin = std::sync::Once::new();
            assert_eq!(panic_text(|| twin.call_once(|| panic!("first"))), "first");
            twin.call_once(|| ());
        })
    );
    let mut was_poisoned = false;
    once.call_once_force(|state| was_poisoned = state.is_poisoned());
    assert!(was_poisoned && once.is_completed());
    once.call_once(|| panic!("never run"));
}

#[test]
fn waiting_ends_when_it_has_run() {
    let once = Arc::new(Once::new());
    let shared = Arc::clone(&once);
    let waiter = thread::spawn(move || {
        shared.wait();
        shared.wait_force();
        shared.is_completed()
    });
    once.call_once(|| ());
    assert!(waiter.join().unwrap());
    let poisoned = Once::new();
    panic_text(|| poisoned.call_once(|| panic!("first")));
    panic_text(|| poisoned.wait());
}

#[test]
fn one_may_run_inside_another() {
    let (outer, inner) = (Once::new(), Once::new());
    outer.call_once(|| inner.call_once(|| ()));
    assert!(outer.is_completed() && inner.is_completed());
}

#[test]
fn prints_as_std_does() {
    assert_eq!(format!("{:?}", Once::new()), format!("{:?}", std::sync::Once::new()));
}
