//! Threads that lock in signal handlers only, and processes that end before anybody looked.
#![expect(unsafe_code, reason = "signals and processes are the system's")]

use std::sync::Barrier;
use std::thread;

use lockdep::sync::Mutex;

use super::signals::handle;
use super::stage::{Cost, Kept, Program, Row, ensure, ran, run};

pub(crate) const PROGRAMS: &[Program] = &[
    ("handler-only", || raise_both()),
    ("handler-only-thread", || thread::spawn(raise_both).join().expect("no panic")),
    ("handler-waits", handler_waits),
    ("handler-exits", handler_exits),
    ("handler-stack", handler_stack),
];

pub(crate) const ROWS: &[Row] = &[
    Row {
        item: "A3",
        name: "handler-only",
        attempt: "a process locks in a signal handler, and nowhere else",
        promise: "what was not looked at is counted",
        cost: Cost::Quick,
        check: || says_unseen("handler-only", 2),
    },
    Row {
        item: "+",
        name: "handler-only-thread",
        attempt: "a thread locks in a signal handler only, and ends",
        promise: "what was not looked at is counted",
        cost: Cost::Quick,
        check: || says_unseen("handler-only-thread", 2),
    },
    Row {
        item: "+",
        name: "handler-waits",
        attempt: "the process ends while a thread has not come to what its handler did",
        promise: "what was not looked at is counted",
        cost: Cost::Quick,
        check: || says_unseen("handler-waits", 4),
    },
    Row {
        item: "+",
        name: "handler-exits",
        attempt: "the handler, the only one that locks, ends the process",
        promise: "the process ends in order",
        cost: Cost::Quick,
        check: || {
            let ended = run("handler-exits", &[]);
            ensure(ended.describe() == "exit 7", "the process did not end in order", &ended)
        },
    },
    Row {
        item: "A7",
        name: "handler-stack",
        attempt: "the stack that a handler uses is painted, with validation and without",
        promise: "validation needs no more of it than the limits say",
        cost: Cost::Quick,
        check: handler_stack_kept,
    },
];

/// What the limits say that a handler needs.
const HANDLER_BYTES: usize = 4 << 10;

fn handler_stack_kept() -> Kept {
    let used = |switch| -> Result<Vec<usize>, String> {
        let ended = run("handler-stack", &[("LOCKDEP", switch)]);
        ran(&ended, "bytes")?;
        Ok(ended.stdout.split_whitespace().filter_map(|word| word.parse().ok()).collect())
    };
    // Without validation the first event alone finds that out, and uses more.
    let (on, off) = (used("1")?.into_iter().max(), used("0")?.into_iter().min());
    let (Some(on), Some(off)) = (on, off) else { return Err("there is no figure".to_owned()) };
    let n_more = on.saturating_sub(off);
    if n_more <= HANDLER_BYTES { Ok(()) } else { Err(format!("validation used {n_more} bytes")) }
}

/// The program runs to its end and says that this many events were not seen.
fn says_unseen(name: &str, n_events: usize) -> Kept {
    let ended = run(name, &[]);
    ran(&ended, "done")?;
    ensure(ended.stderr.contains(&format!(": {n_events} unseen")), "the number is not said", &ended)
}

static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u16> = Mutex::new(0);

extern "C" fn try_both(_: libc::c_int) {
    if let Ok(_a) = A.try_lock() {
        drop(B.try_lock());
    }
}

fn raise_both() {
    handle(libc::SIGUSR1, try_both, 0);
    // SAFETY: a signal that is handled.
    unsafe { libc::raise(libc::SIGUSR1) };
    println!("done");
}

fn handler_waits() {
    // Both locks have their numbers, but this thread has not taken them in this order.
    drop(A.lock());
    drop(B.lock());
    let meet: &'static Barrier = Box::leak(Box::new(Barrier::new(2)));
    thread::spawn(move || {
        drop(A.lock());
        raise_both();
        meet.wait();
        loop {
            thread::park();
        }
    });
    meet.wait();
}

extern "C" fn try_and_leave(signal: libc::c_int) {
    try_both(signal);
    // SAFETY: what the row is about.
    unsafe { libc::exit(7) };
}

fn handler_exits() {
    handle(libc::SIGUSR1, try_and_leave, 0);
    // SAFETY: a signal that is handled.
    unsafe { libc::raise(libc::SIGUSR1) };
}

/// Prints how many bytes of an alternate stack the handler used: first on a thread without a state,
/// then with a new order, then with a known one.
fn handler_stack() {
    const SIZE: usize = 64 << 10;
    const PAINT: u8 = 0xa5;
    let mut memory = vec![PAINT; SIZE];
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
    // SAFETY: the memory is as long as is said, and outlives the signals.
    assert_eq!(unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) }, 0);
    handle(libc::SIGUSR1, try_both, libc::SA_ONSTACK);
    let mut used = || {
        // SAFETY: a signal that is handled.
        unsafe { libc::raise(libc::SIGUSR1) };
        let n_untouched = memory.iter().take_while(|byte| **byte == PAINT).count();
        memory.fill(PAINT);
        SIZE - n_untouched
    };
    let fresh = used();
    drop(A.lock());
    let new = used();
    drop(A.lock());
    let known = used();
    println!("{fresh} {new} {known} bytes");
}
