//! The validator under stress: forks, exits, signals, many threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use lockdep::sync::Mutex;

use super::support::nest;
use super::{Case, Counts, End, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "thread_panics_under_locks",
        Want::Error("LD0003"),
        "unwinding through two locks",
        thread_panics,
    )
    .counts(INVERSION),
    Case::new("fork_single", Want::Silent, "the child of a single thread goes on validating", fork_single)
        .counts(ONE_ORDER),
    Case::new("fork_multi", Want::Silent, "the child of several threads is off until exec", fork_multi)
        .counts(ONE_ORDER),
    Case::new("exit_during_validation", Want::Silent, "exit while threads validate", exit_during_validation)
        .ends(End::Exit(7))
        // A -> B, A -> first, first -> second.
        .counts([4, 3, 5, 0]),
    Case::new("threads_1000", Want::Error("LD0003"), "a thousand threads, one inversion", threads_1000)
        .reports(1)
        .counts(INVERSION),
    Case::new(
        "signal_handler",
        Want::Error("LD0003"),
        "a violation closed inside a signal handler",
        signal_handler,
    )
    .counts(INVERSION),
    Case::new(
        "allocator_context",
        Want::Error("LD0003"),
        "a violation closed inside an allocator is reported when it is left",
        allocator_context,
    )
    .counts(INVERSION),
    Case::new("panic_on_violation", Want::Error("LD0003"), "LOCKDEP_ON_VIOLATION=panic", panic_on_violation)
        .ends(End::Exit(101))
        .with_env(&[("LOCKDEP_ON_VIOLATION", "panic")])
        .counts(INVERSION),
    Case::new("exit_code", Want::Error("LD0003"), "LOCKDEP_EXITCODE=9", panic_on_violation)
        .ends(End::Exit(9))
        .with_env(&[("LOCKDEP_EXITCODE", "9")])
        .counts(INVERSION),
];

/// Two locks in both orders: each alone, and each above the other, whichever thread did it and how
/// often.
const INVERSION: Counts = [2, 2, 4, 1];
/// Two locks in one order.
const ONE_ORDER: Counts = [2, 1, 2, 0];

static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u8> = Mutex::new(0);

fn thread_panics() {
    let thread = lockdep::thread::spawn(|| {
        let _a = A.lock();
        let _b = B.lock();
        panic!("with two locks held");
    });
    assert!(thread.join().is_err());
    let _b = B.lock();
    let _a = A.lock();
}

#[expect(unsafe_code, reason = "fork has no safe form")]
fn in_forked_child(body: fn() -> i32) -> i32 {
    // SAFETY: the child runs `body` and leaves by `_exit`; nothing of the parent is unwound in it.
    unsafe {
        let pid = libc::fork();
        assert!(pid >= 0, "fork failed");
        if pid == 0 {
            libc::_exit(body());
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
        assert!(libc::WIFEXITED(status), "the child was killed: {status}");
        libc::WEXITSTATUS(status)
    }
}

fn fork_single() {
    nest(&A, &B);
    let status = in_forked_child(|| {
        nest(&A, &B);
        let fresh = Mutex::new('f');
        nest(&B, &fresh);
        let counters = lockdep::counters();
        let counted = (counters.classes, counters.dependencies, counters.dropped + counters.unseen);
        i32::from(!lockdep::enabled()) + 2 * i32::from(counted != (3, 2, 0))
    });
    assert_eq!(status, 0, "validation goes on in the child: 1 is off, 2 miscounted");
    nest(&A, &B);
}

fn fork_multi() {
    nest(&A, &B);
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let thread = lockdep::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            nest(&A, &B);
        }
    });
    let status = in_forked_child(|| {
        // Another thread may have held A or B at the fork: only fresh locks are safe to take here.
        let fresh = (Mutex::new('f'), Mutex::new(1_u8));
        nest(&fresh.0, &fresh.1);
        let counters = lockdep::counters();
        let counted = (counters.classes, counters.dependencies, counters.dropped + counters.unseen);
        i32::from(lockdep::enabled()) + 2 * i32::from(counted != (2, 1, 0))
    });
    stop.store(true, Ordering::Relaxed);
    thread.join().expect("does not panic");
    assert_eq!(status, 0, "validation is off in the child of a multi-threaded parent: 1 is on, 2 counted on");
}

fn exit_during_validation() {
    let at_work = Arc::new(Barrier::new(5));
    for _ in 0..4 {
        let at_work = Arc::clone(&at_work);
        lockdep::thread::spawn(move || {
            let own = (Mutex::new('o'), Mutex::new(1_u8));
            let round = || {
                nest(&A, &own.0);
                nest(&own.0, &own.1);
            };
            round();
            at_work.wait();
            loop {
                round();
            }
        });
    }
    at_work.wait();
    for _ in 0..1_000 {
        nest(&A, &B);
    }
    std::process::exit(7);
}

fn threads_1000() {
    let pair = Arc::new((Mutex::new('a'), Mutex::new(1_u8)));
    let threads: Vec<_> = (0..1_000)
        .map(|i| {
            let pair = Arc::clone(&pair);
            lockdep::thread::spawn(move || {
                // The two orders never run at once: both locks of the later phase wait for the gate
                // of the earlier.
                if i != 500 {
                    nest(&pair.0, &pair.1)
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("does not panic");
    }
    nest(&pair.1, &pair.0);
}

extern "C" fn on_signal(_signal: libc::c_int) {
    nest(&B, &A);
}

#[expect(unsafe_code, reason = "signal handlers have no safe form")]
fn signal_handler() {
    nest(&A, &B);
    // SAFETY: the handler takes locks that the interrupted code does not hold: the signal is raised
    // with none held.
    unsafe {
        libc::signal(libc::SIGUSR1, on_signal as *const () as libc::sighandler_t);
        libc::raise(libc::SIGUSR1);
    }
}

fn allocator_context() {
    nest(&A, &B);
    let inside = lockdep::context::allocator();
    nest(&B, &A);
    drop(inside);
}

fn panic_on_violation() {
    nest(&A, &B);
    nest(&B, &A);
}
