//! What a detector says of small programs: cases that can hang, cases that do hang, and cases that
//! cannot. The driver runs each in a process of its own and prints the table of the page about
//! other tools.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::imp::{self, Mutex, RwLock};

/// Every case, by name.
pub const CASES: &[(&str, fn())] = &[
    ("opposite orders, one thread in turn", opposite_in_turn),
    ("opposite orders, two threads in turn", opposite_by_threads),
    ("a ring of three locks, in turn", ring_of_three),
    ("read A, write B; read B, write A, in turn", read_then_write),
    ("write A, read B; write B, read A, in turn", write_then_read),
    ("the same fields of two objects in opposite orders", fields_of_objects),
    ("a lock taken before a temporary one, which is gone", through_a_temporary),
    ("two reads of one lock, no writer yet", two_reads),
    ("opposite orders, two threads at once", opposite_at_once),
    ("a mutex locked twice", locked_twice),
    ("two reads of one lock around a writer that queues", reads_around_a_writer),
    ("opposite orders under one gate lock", under_a_gate),
    ("the opposite order taken with `try_lock`", tried),
    ("locks of an array, by index", by_index),
    ("fresh locks whose order alternates", fresh_locks),
];

/// Runs a case.
pub fn run(name: &str) {
    let (_, case) = CASES.iter().find(|(known, _)| *known == name).expect("the driver knows the cases");
    case();
    // A detector that reports from a thread of its own has time to do so.
    thread::sleep(Duration::from_millis(300));
}

fn nest(outer: &Mutex<u64>, inner: &Mutex<u64>) {
    let _outer = imp::lock(outer);
    let _inner = imp::lock(inner);
}

fn opposite_in_turn() {
    let a = Mutex::new(0_u64);
    let b = Mutex::new(0_u64);
    nest(&a, &b);
    nest(&b, &a);
}

fn opposite_by_threads() {
    let a = Arc::new(Mutex::new(0_u64));
    let b = Arc::new(Mutex::new(0_u64));
    for is_first in [true, false] {
        let (a, b) = (Arc::clone(&a), Arc::clone(&b));
        let thread = thread::spawn(move || if is_first { nest(&a, &b) } else { nest(&b, &a) });
        ended(thread);
    }
}

fn ring_of_three() {
    let a = Mutex::new(0_u64);
    let b = Mutex::new(0_u64);
    let c = Mutex::new(0_u64);
    nest(&a, &b);
    nest(&b, &c);
    nest(&c, &a);
}

fn read_then_write() {
    let a = RwLock::new(0_u64);
    let b = RwLock::new(0_u64);
    for (outer, inner) in [(&a, &b), (&b, &a)] {
        let _outer = imp::read(outer);
        let _inner = imp::write(inner);
    }
}

fn write_then_read() {
    let a = RwLock::new(0_u64);
    let b = RwLock::new(0_u64);
    for (outer, inner) in [(&a, &b), (&b, &a)] {
        let _outer = imp::write(outer);
        let _inner = imp::read(inner);
    }
}

struct Pair {
    left: Mutex<u64>,
    right: Mutex<u64>,
}

fn pair() -> Pair {
    Pair { left: Mutex::new(0), right: Mutex::new(0) }
}

fn fields_of_objects() {
    let (one, other) = (pair(), pair());
    nest(&one.left, &one.right);
    nest(&other.right, &other.left);
}

fn through_a_temporary() {
    let a = Mutex::new(0_u64);
    let c = Mutex::new(0_u64);
    {
        let temporary = Mutex::new(0_u64);
        let _a = imp::lock(&a);
        let _temporary = imp::lock(&temporary);
        let _c = imp::lock(&c);
    }
    nest(&c, &a);
}

fn two_reads() {
    let lock = RwLock::new(0_u64);
    let _first = imp::read(&lock);
    let _second = imp::read(&lock);
}

fn opposite_at_once() {
    let locks = Arc::new((Mutex::new(0_u64), Mutex::new(0_u64)));
    let both = Arc::new(Barrier::new(2));
    let threads = [true, false].map(|is_first| {
        let (locks, both) = (Arc::clone(&locks), Arc::clone(&both));
        thread::spawn(move || {
            let (outer, inner) = if is_first { (&locks.0, &locks.1) } else { (&locks.1, &locks.0) };
            let _outer = imp::lock(outer);
            both.wait();
            let _inner = imp::lock(inner);
        })
    });
    threads.into_iter().for_each(ended);
}

fn locked_twice() {
    let lock = Mutex::new(0_u64);
    nest(&lock, &lock);
}

fn reads_around_a_writer() {
    let lock = Arc::new(RwLock::new(0_u64));
    let first = imp::read(&lock);
    let writer = {
        let lock = Arc::clone(&lock);
        thread::spawn(move || drop(imp::write(&lock)))
    };
    // No call says that the writer has queued.
    thread::sleep(Duration::from_millis(300));
    let second = imp::read(&lock);
    drop((first, second));
    ended(writer);
}

fn under_a_gate() {
    let gate = Mutex::new(0_u64);
    let a = Mutex::new(0_u64);
    let b = Mutex::new(0_u64);
    for (outer, inner) in [(&a, &b), (&b, &a)] {
        let _gate = imp::lock(&gate);
        nest(outer, inner);
    }
}

fn tried() {
    let a = Mutex::new(0_u64);
    let b = Mutex::new(0_u64);
    nest(&a, &b);
    let _b = imp::lock(&b);
    assert!(imp::try_lock(&a).is_some(), "the lock is free");
}

fn by_index() {
    let locks: Vec<Mutex<u64>> = (0..8).map(Mutex::new).collect();
    for outer in 0..locks.len() {
        for inner in outer + 1..locks.len() {
            nest(&locks[outer], &locks[inner]);
        }
    }
}

fn fresh_locks() {
    for turn in 0..1000 {
        let (one, other) = (Mutex::new(0_u64), Mutex::new(0_u64));
        if turn % 2 == 0 { nest(&one, &other) } else { nest(&other, &one) }
    }
}

/// Waits for a thread. One that a detector made panic has reported.
fn ended(thread: thread::JoinHandle<()>) {
    if thread.join().is_err() {
        std::process::exit(101);
    }
}
