//! `Condvar`.

use std::time::{Duration, Instant};

use super::sync::{Arc, Condvar, Mutex};
use super::thread;
use crate::panic_text;

/// Long enough never to run out in a test that works.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(5);

static READY: Mutex<bool> = Mutex::new(false);
static CHANGED: Condvar = Condvar::new();

/// A lock and a condition, and a thread that makes the condition true once the caller waits.
fn pair_and_setter() -> (Arc<(Mutex<bool>, Condvar)>, thread::JoinHandle<()>) {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let shared = Arc::clone(&pair);
    let setter = thread::spawn(move || {
        *shared.0.lock().unwrap() = true;
        shared.1.notify_all();
    });
    (pair, setter)
}

#[test]
fn waits_in_statics() {
    let waker = thread::spawn(|| {
        *READY.lock().unwrap() = true;
        CHANGED.notify_one();
    });
    let mut ready = READY.lock().unwrap();
    while !*ready {
        ready = CHANGED.wait(ready).unwrap();
    }
    drop(ready);
    waker.join().unwrap();
}

#[test]
fn waits_for_a_condition() {
    let (pair, setter) = pair_and_setter();
    let guard = pair.1.wait_while(pair.0.lock().unwrap(), |ready| !*ready).unwrap();
    assert!(*guard);
    drop(guard);
    setter.join().unwrap();
    // True from the start: does not wait.
    assert!(*Condvar::new().wait_while(pair.0.lock().unwrap(), |ready| !*ready).unwrap());
}

#[test]
fn a_wait_gives_the_mutex_up() {
    let (pair, setter) = pair_and_setter();
    // The setter can only finish if the wait lets go of the mutex.
    let (guard, result) = pair.1.wait_timeout_while(pair.0.lock().unwrap(), LONG, |ready| !*ready).unwrap();
    assert!(*guard && !result.timed_out());
    assert!(pair.0.try_lock().is_err(), "and takes it again");
    drop(guard);
    setter.join().unwrap();
    assert!(pair.0.try_lock().is_ok());
}

#[test]
fn a_time_limit_is_kept() {
    let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    let start = Instant::now();
    let mut n_calls = 0;
    let (guard, result) = condvar
        .wait_timeout_while(mutex.lock().unwrap(), SHORT, |_| {
            n_calls += 1;
            true
        })
        .unwrap();
    assert!(result.timed_out() && n_calls >= 1 && start.elapsed() >= SHORT);
    let (guard, result) = condvar.wait_timeout_while(guard, Duration::ZERO, |_| false).unwrap();
    assert!(!result.timed_out());
    assert_eq!(format!("{result:?}"), "WaitTimeoutResult(false)");
    let (guard, result) = condvar.wait_timeout(guard, SHORT).unwrap();
    // A spurious wake-up is allowed; a result that says so is not comparable further.
    assert!(result.timed_out() || start.elapsed() < LONG);
    #[expect(deprecated, reason = "std still has it")]
    let (guard, notified) = condvar.wait_timeout_ms(guard, 1).unwrap();
    assert!(!notified || start.elapsed() < LONG);
    assert_eq!(*guard, 0);
}

#[test]
fn a_poisoned_mutex_is_reported_after_the_wait() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let shared = Arc::clone(&pair);
    let guard = pair.0.lock().unwrap();
    let poisoner = thread::spawn(move || {
        panic_text(|| {
            let mut guard = shared.0.lock().unwrap();
            *guard = true;
            shared.1.notify_all();
            panic!("while holding it");
        });
    });
    let mut waited = pair.1.wait(guard);
    loop {
        match waited {
            // The poisoner had not been there yet.
            Ok(guard) => waited = pair.1.wait(guard),
            Err(poisoned) => {
                assert!(*poisoned.into_inner());
                break;
            }
        }
    }
    poisoner.join().unwrap();
    let condvar = &pair.1;
    let guard = || pair.0.lock().unwrap_or_else(super::sync::PoisonError::into_inner);
    assert!(condvar.wait_timeout(guard(), Duration::ZERO).is_err());
    assert!(condvar.wait_timeout_while(guard(), Duration::ZERO, |_| false).is_ok());
    assert!(condvar.wait_while(guard(), |_| false).is_ok());
    #[expect(deprecated, reason = "std still has it")]
    let timed = condvar.wait_timeout_ms(guard(), 0);
    assert!(!timed.unwrap_err().into_inner().1);
}

#[test]
fn a_condition_that_panics_poisons() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let text = panic_text(|| condvar.wait_while(mutex.lock().unwrap(), |()| panic!("in the condition")));
    assert_eq!(text, "in the condition");
    assert!(mutex.is_poisoned());
}

#[test]
fn prints_and_defaults() {
    assert_eq!(format!("{:?}", Condvar::default()), format!("{:?}", std::sync::Condvar::new()));
}
