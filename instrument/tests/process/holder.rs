//! Who holds a lock: the stack of the thread says so, also where the lock was first acquired on
//! another path, and where library code stands between the guard and the second acquisition.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{LazyLock, OnceLock};
use std::task::{Context, Poll, Waker};

use lockdep::sync::{Mutex, RwLock};
use lockdep_report::model::Report;
use lockdep_report::place::Frame;

use crate::run;

static TABLE: Mutex<u32> = Mutex::new(0);
static RATES: RwLock<u32> = RwLock::new(0);

thread_local! { static DEPTH: Cell<u32> = const { Cell::new(0) }; }

pub(crate) const ALL: &[(&str, fn())] = &[
    (
        "the_holder_is_on_the_stack_whatever_stands_between",
        the_holder_is_on_the_stack_whatever_stands_between,
    ),
    ("a_path_that_was_not_recorded_is_not_guessed", a_path_that_was_not_recorded_is_not_guessed),
];

/// The cases, by what stands between the guard and the second acquisition.
pub(crate) fn run_case(name: &str) -> bool {
    let Some(between) = name.strip_prefix("holder_") else { return false };
    // The first acquisition of each place is another thread's.
    early(|| hold(|| 1));
    early(|| drop(wrapper()));
    match between {
        "plain" => hold(|| 1 + look()),
        "local" => hold(|| DEPTH.with(|depth| depth.get() + look())),
        "unwind" => hold(|| catch_unwind(AssertUnwindSafe(look)).unwrap_or(0)),
        "boxed" => {
            let boxed: Box<dyn FnOnce() -> u32> = Box::new(look);
            hold(boxed);
        }
        "scope" => hold(|| std::thread::scope(|_| look())),
        "nested" => hold(|| {
            std::thread::scope(|_| {
                catch_unwind(AssertUnwindSafe(|| DEPTH.with(|depth| depth.get() + look()))).unwrap_or(0)
            })
        }),
        "cell" => {
            static CELL: OnceLock<u32> = OnceLock::new();
            hold(|| *CELL.get_or_init(look));
        }
        "lazy" => {
            static LAZY: LazyLock<u32> = LazyLock::new(look);
            hold(|| *LAZY);
        }
        "sort" => hold(|| {
            let mut numbers = [3, 2, 1];
            numbers.sort_by_key(|number| number + look());
            numbers[0]
        }),
        "future" => hold(|| {
            let mut context = Context::from_waker(Waker::noop());
            match pin!(async { look() }).poll(&mut context) {
                Poll::Ready(seen) => seen,
                Poll::Pending => 0,
            }
        }),
        "wrapper" => keep(wrapper()),
        _ => return false,
    }
    true
}

#[inline(never)]
fn early(first: impl FnOnce()) {
    first();
}

#[inline(never)]
fn look() -> u32 {
    *TABLE.lock().expect("not poisoned")
}

#[inline(never)]
fn hold(callback: impl FnOnce() -> u32) {
    let mut table = TABLE.lock().expect("not poisoned");
    *table += callback();
}

#[inline(never)]
fn wrapper() -> lockdep::sync::RwLockReadGuard<'static, u32> {
    RATES.read().expect("not poisoned")
}

#[inline(never)]
fn keep(first: lockdep::sync::RwLockReadGuard<'static, u32>) {
    let second = RATES.read();
    drop((first, second));
}

/// The only report of a case.
fn report(between: &str) -> Report {
    let ended = run(&format!("holder_{between}"), &[("LOCKDEP_FORMAT", "json")]);
    let mut reports = ended.stderr.lines().filter_map(|line| serde_json::from_str(line).ok());
    reports.next().unwrap_or_else(|| panic!("{between}: {}", ended.stderr))
}

fn functions(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.function.split("::").nth(2).unwrap_or(&frame.function)).collect()
}

fn the_holder_is_on_the_stack_whatever_stands_between() {
    for between in ["plain", "local", "unwind", "boxed", "scope", "nested", "cell", "lazy", "sort", "future"]
    {
        let found = report(between);
        let (held, wanted) = found.conflict.as_ref().zip(found.subject.as_ref()).expect("both sides");
        assert_eq!(found.code, "LD0001");
        for (side, lock) in [("held", held), ("wanted", wanted)] {
            let names = functions(&lock.frames);
            assert!(lock.exact, "{between}, {side}: {names:?}");
            for function in ["hold", "run_case"] {
                assert!(names.contains(&function), "{between}, {side}: {function} is not in {names:?}");
            }
            assert!(!names.contains(&"early"), "{between}, {side}: {names:?} is another path");
            let last = lock.frames.last().expect("there are some");
            assert!(last.function.ends_with("main") && last.line > 0, "{between}, {side}: {last:?}");
        }
    }
}

fn a_path_that_was_not_recorded_is_not_guessed() {
    let found = report("wrapper");
    let held = found.conflict.as_ref().expect("both sides");
    assert_eq!(found.code, "LD0014");
    let names = functions(&held.frames);
    assert!(!held.exact && !names.contains(&"early"), "{names:?}");
    assert!(
        found.notes.iter().any(|note| note.to_string().contains("was not recorded")),
        "{:?}",
        found.notes
    );
}
