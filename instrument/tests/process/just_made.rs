//! Orders with a lock that was just made, where it lies on the stack of its maker, in a box, or in
//! a static.

use std::sync::Arc;

use lockdep::sync::Mutex;

use super::run;

static OUTER: Mutex<i8> = Mutex::new(0);
static INNER: Mutex<i64> = Mutex::new(0);

struct Pager {
    pages: Mutex<i64>,
}

impl Pager {
    /// Locks what it makes before it returns it.
    fn new() -> Self {
        let made = Self { pages: Mutex::new(0) };
        *made.pages.lock().expect("not poisoned") += 1;
        made
    }
}

fn outer_then(inner: &Mutex<i64>) {
    let _outer = OUTER.lock().expect("not poisoned");
    *inner.lock().expect("not poisoned") += 1;
}

fn outer_under(inner: &Mutex<i64>) {
    let _inner = inner.lock().expect("not poisoned");
    drop(OUTER.lock());
}

pub(crate) fn case(how: &str) {
    match how {
        "moved" => {
            let pager = {
                let _outer = OUTER.lock().expect("not poisoned");
                Pager::new()
            };
            let shared = Arc::new(pager);
            let other = Arc::clone(&shared);
            std::thread::spawn(move || outer_under(&other.pages)).join().expect("it ends");
        }
        "lent" => {
            let inner = Mutex::new(0);
            outer_then(&inner);
            std::thread::scope(|scope| {
                scope.spawn(|| outer_under(&inner));
            });
        }
        "lent_again" => {
            // The scope is over before the report, and no chain is new in its thread.
            drop(same_class().lock());
            let fresh = same_class();
            outer_then(&fresh);
            std::thread::scope(|scope| {
                scope.spawn(|| drop(fresh.lock()));
            });
            outer_under(&fresh);
        }
        "boxed" => {
            let inner = Box::new(Mutex::new(0));
            outer_then(&inner);
            outer_under(&inner);
        }
        "static" => {
            outer_then(&INNER);
            outer_under(&INNER);
        }
        "alone" => {
            let inner = Mutex::new(0);
            outer_then(&inner);
            outer_under(&inner);
        }
        other => panic!("no such way: {other}"),
    }
}

fn same_class() -> Mutex<i64> {
    Mutex::new(0)
}

pub(crate) fn an_order_with_a_lock_that_was_just_made_is_no_error() {
    let reason = "was just made and lay on the stack of the thread that took it";
    for (how, level) in [
        ("moved", "warning"),
        ("alone", "warning"),
        ("lent", "error"),
        ("lent_again", "error"),
        ("boxed", "error"),
        ("static", "error"),
    ] {
        let ended = run(&format!("just_made_{how}"), &[]);
        assert_eq!(ended.n_reports("LD0003"), 1, "{how}: {}", ended.stderr);
        assert!(ended.stderr.contains(&format!("{level}[LD0003]: ")), "{how}: {}", ended.stderr);
        assert_eq!(ended.stderr.contains(reason), level == "warning", "{how}: {}", ended.stderr);
    }
}
