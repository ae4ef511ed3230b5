//! Signal handlers, allocators, stacks, forks and ends of processes.
#![expect(unsafe_code, reason = "signals, stacks and processes are the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lockdep::sync::Mutex;

use super::stage::{Cost, Kept, Program, Row, ensure, ran, ran_without_error, run};

pub(crate) const PROGRAMS: &[Program] = &[
    ("fresh-thread-signal", || fresh_thread_signal(false)),
    ("fresh-thread-context", || fresh_thread_signal(true)),
    ("allocator-locks", allocator_locks),
    ("alternate-stack", alternate_stack),
    ("small-stack", small_stack),
    ("fork-exit", fork_exit),
    ("exit-in-handler", exit_in_handler),
    ("seccomp", seccomp),
    ("address-space", address_space),
    ("handler-fills-ring", handler_fills_ring),
    ("fork-of-threads", fork_of_threads),
];

pub(crate) const ROWS: &[Row] = &[
    Row {
        item: "A3",
        name: "fresh-thread-signal",
        attempt: "a profiler's handler takes a lock on threads without state",
        promise: "no hang and no abort",
        cost: Cost::Quick,
        check: || ran(&run("fresh-thread-signal", &[]), "done"),
    },
    Row {
        item: "A3",
        name: "fresh-thread-context",
        attempt: "the same inside `context::signal().enter()`",
        promise: "no hang and no abort",
        cost: Cost::Quick,
        check: || ran(&run("fresh-thread-context", &[]), "done"),
    },
    Row {
        item: "A4",
        name: "allocator-locks",
        attempt: "the global allocator takes a lock; threads start and end",
        promise: "no abort",
        cost: Cost::Quick,
        check: || ran(&run("allocator-locks", &[("HOSTILE_ALLOCATOR", "plain")]), "done"),
    },
    Row {
        item: "+",
        name: "allocator-nested",
        attempt: "the global allocator takes a lock under another",
        promise: "no hang",
        cost: Cost::Quick,
        check: || ran(&run("allocator-locks", &[("HOSTILE_ALLOCATOR", "nested")]), "done"),
    },
    Row {
        item: "A4",
        name: "allocator-context",
        attempt: "the same under `context::allocator()`",
        promise: "no abort",
        cost: Cost::Quick,
        check: || ran(&run("allocator-locks", &[("HOSTILE_ALLOCATOR", "context")]), "done"),
    },
    Row {
        item: "A7",
        name: "alternate-stack",
        attempt: "a handler on an alternate stack of 8 KiB takes two locks",
        promise: "the stack is large enough",
        cost: Cost::Quick,
        check: || ran(&run("alternate-stack", &[]), "done"),
    },
    Row {
        item: "A7",
        name: "small-stack",
        attempt: "a report is made on a thread of 16 KiB",
        promise: "the stack is large enough",
        cost: Cost::Quick,
        check: || ran(&run("small-stack", &[]), "done"),
    },
    Row {
        item: "A9",
        name: "fork-exit",
        attempt: "the parent has a denied report, its forked child exits with 0",
        promise: "the child's status is its own",
        cost: Cost::Quick,
        check: fork_exit_kept,
    },
    Row {
        item: "A10",
        name: "exit-in-handler",
        attempt: "a handler calls `exit` while the validator works",
        promise: "the process ends",
        cost: Cost::Quick,
        check: || {
            let ended = run("exit-in-handler", &[]);
            ensure(ended.describe() == "exit 7", "the process did not end in order", &ended)
        },
    },
    Row {
        item: "A10",
        name: "seccomp",
        attempt: "a new order under strict seccomp",
        promise: "the process survives, or the limits name the case",
        cost: Cost::Quick,
        check: || survives_or_is_named("seccomp", "done", "seccomp"),
    },
    Row {
        item: "A10",
        name: "address-space",
        attempt: "a report with hardly any address space left",
        promise: "the process survives, or the limits name the case",
        cost: Cost::Quick,
        check: || survives_or_is_named("address-space", "done", "RLIMIT_AS"),
    },
    Row {
        item: "B13",
        name: "handler-fills-ring",
        attempt: "a handler makes more events than there is room for",
        promise: "no lock seems to stay held",
        cost: Cost::Quick,
        check: || ran_without_error(&run("handler-fills-ring", &[]), "done"),
    },
    Row {
        item: "B15",
        name: "fork-of-threads",
        attempt: "the forked child of a process with threads takes locks",
        promise: "its stderr is its own",
        cost: Cost::Quick,
        check: || {
            let ended = run("fork-of-threads", &[("LOCKDEP_DIR", "records")]);
            ran(&ended, "done")?;
            ensure(
                !ended.stderr.contains("lockdep: validation is off"),
                "the child's stderr is changed",
                &ended,
            )
        },
    },
];

fn survives_or_is_named(name: &str, says: &str, in_limits: &str) -> Kept {
    let limits = include_str!("../../docs/src/limits.md");
    let ended = run(name, &[]);
    if limits.contains(in_limits) { Ok(()) } else { ran(&ended, says) }
}

static SHARED: Mutex<u64> = Mutex::new(0);
static IN_CONTEXT: AtomicBool = AtomicBool::new(false);
static N_SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn sample(signal: libc::c_int) {
    // ORDERING: Relaxed: a count, and a constant of the run.
    N_SIGNALS.fetch_add(1, Ordering::Relaxed);
    // ORDERING: Relaxed: as above.
    let _inside = IN_CONTEXT.load(Ordering::Relaxed).then(|| lockdep::context::signal(signal).enter());
    if let Ok(mut shared) = SHARED.try_lock() {
        *shared += 1;
    }
}

pub(super) fn handle(signal: libc::c_int, handler: extern "C" fn(libc::c_int), flags: libc::c_int) {
    // SAFETY: an all-zero `sigaction` is valid; the handler is a function of the program.
    let refused = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    assert_eq!(refused, 0, "the signal can be handled");
}

fn tick(every: Duration) {
    let every = libc::timeval { tv_sec: 0, tv_usec: libc::suseconds_t::from(every.subsec_micros() as i32) };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: the timer is a valid value.
    unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut()) };
}

fn fresh_thread_signal(in_context: bool) {
    // ORDERING: Relaxed: set before the first signal of this thread, and threads start later.
    IN_CONTEXT.store(in_context, Ordering::Relaxed);
    if in_context {
        drop(lockdep::context::signal(libc::SIGPROF).enter());
    }
    handle(libc::SIGPROF, sample, libc::SA_RESTART);
    tick(Duration::from_millis(1));
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        let work = || (0..50).map(|size| vec![vec![1_u8; size * 29]; 100].len()).sum::<usize>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(work)).collect();
        threads.into_iter().for_each(|thread| assert!(thread.join().is_ok()));
    }
    tick(Duration::ZERO);
    // ORDERING: Relaxed: a count.
    println!("done after {} signals", N_SIGNALS.load(Ordering::Relaxed));
}

/// An allocator that counts under a lock, once `allocator_locks` has asked for it.
struct Counting;

const PLAIN: u64 = 1;
const WITH_CONTEXT: u64 = 2;
const NESTED: u64 = 3;
static ALLOCATOR: AtomicU64 = AtomicU64::new(0);
static N_ALLOCATIONS: Mutex<u64> = Mutex::new(0);
static INNER: Mutex<u32> = Mutex::new(0);

fn count() {
    // ORDERING: Relaxed: set once, by the thread that starts the others.
    let _inside = match ALLOCATOR.load(Ordering::Relaxed) {
        0 => return,
        PLAIN | NESTED => None,
        _ => Some(lockdep::context::allocator()),
    };
    if let Ok(mut count) = N_ALLOCATIONS.lock() {
        *count += 1;
        // ORDERING: Relaxed, as above.
        if ALLOCATOR.load(Ordering::Relaxed) == NESTED {
            drop(INNER.lock());
        }
    }
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocator_locks() {
    let how = match std::env::var("HOSTILE_ALLOCATOR").as_deref() {
        Ok("plain") => PLAIN,
        Ok("nested") => NESTED,
        _ => WITH_CONTEXT,
    };
    ALLOCATOR.store(how, Ordering::Relaxed); // ORDERING: Relaxed: threads start later.
    for _ in 0..20 {
        assert!(thread::spawn(|| drop(vec![1_u8; 100])).join().is_ok());
    }
    println!("done");
}

static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u16> = Mutex::new(0);

extern "C" fn try_two(_: libc::c_int) {
    if let Ok(_a) = A.try_lock()
        && let Ok(_b) = B.try_lock()
    {
        N_SIGNALS.fetch_add(1, Ordering::Relaxed); // ORDERING: Relaxed: a count.
    }
}

fn alternate_stack() {
    const SIZE: usize = 8 << 10;
    let mut memory = vec![0_u8; SIZE];
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
    // SAFETY: the memory is as long as is said, and outlives the signal.
    assert_eq!(unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) }, 0);
    handle(libc::SIGUSR1, try_two, libc::SA_ONSTACK);
    // SAFETY: a signal that is handled.
    unsafe { libc::raise(libc::SIGUSR1) };
    drop((A.lock(), B.lock()));
    // SAFETY: as above.
    unsafe { libc::raise(libc::SIGUSR1) };
    let off = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: no handler runs on the stack.
    unsafe { libc::sigaltstack(&raw const off, std::ptr::null_mut()) };
    drop(memory);
    println!("done");
}

fn invert() {
    drop((A.lock(), B.lock()));
    drop((B.lock(), A.lock()));
}

fn small_stack() {
    let thread = thread::Builder::new().stack_size(16 << 10).spawn(invert).expect("a thread");
    assert!(thread.join().is_ok());
    println!("done");
}

fn fork_exit_kept() -> Kept {
    let ended = run("fork-exit", &[("LOCKDEP_EXITCODE", "77")]);
    ensure(ended.stdout.contains("the child exited with 0"), "the child's status is changed", &ended)?;
    ensure(ended.describe() == "exit 77", "the parent's status is not what was asked for", &ended)
}

fn fork_exit() {
    invert();
    let mut status = 0;
    // SAFETY: the child only exits, and the parent waits for it.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::exit(0);
        }
        libc::waitpid(child, &raw mut status, 0);
    }
    println!("the child exited with {}", libc::WEXITSTATUS(status));
}

extern "C" fn leave(_: libc::c_int) {
    // SAFETY: what the row is about.
    unsafe { libc::exit(7) };
}

fn exit_in_handler() {
    lockdep::set_report_callback(|_| {
        // SAFETY: a signal that is handled, on this very thread, inside the validator.
        unsafe { libc::raise(libc::SIGUSR1) };
    });
    handle(libc::SIGUSR1, leave, 0);
    invert();
    println!("still here");
}

fn seccomp() {
    drop((A.lock(), B.lock()));
    // SAFETY: from here on only read, write and exit are allowed.
    unsafe { libc::prctl(libc::PR_SET_SECCOMP, 1) };
    drop((B.lock(), A.lock()));
    // SAFETY: the two calls that are allowed.
    unsafe {
        libc::write(1, b"done\n".as_ptr().cast(), 5);
        libc::syscall(libc::SYS_exit, 0);
    }
}

fn address_space() {
    let status = std::fs::read_to_string("/proc/self/statm").expect("the size of the process");
    let pages: u64 = status.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
    let most = pages * 4096 + (1 << 20);
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    invert();
    println!("done");
}

extern "C" fn many_events(signal: libc::c_int) {
    let _inside = lockdep::context::signal(signal).enter();
    for _ in 0..29 {
        drop(SHARED.try_lock());
        drop(A.try_lock());
    }
}

fn handler_fills_ring() {
    drop((SHARED.lock(), A.lock()));
    // Known before it is entered for the first time.
    drop(lockdep::context::signal(libc::SIGUSR1).enter());
    handle(libc::SIGUSR1, many_events, 0);
    for _ in 0..5 {
        // SAFETY: a signal that is handled. No lock is taken in between, so that nothing is looked
        // at.
        unsafe {
            libc::raise(libc::SIGUSR1);
            libc::raise(libc::SIGUSR1);
        }
        drop(B.lock());
    }
    thread::spawn(|| {
        drop((SHARED.lock(), A.lock()));
        // SAFETY: as above.
        unsafe {
            libc::raise(libc::SIGUSR1);
            libc::raise(libc::SIGUSR1);
            libc::raise(libc::SIGUSR1);
        }
    })
    .join()
    .expect("no panic");
    println!("done");
}

fn fork_of_threads() {
    invert();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        drop(A.lock());
        let _stopped = stopped.recv();
    });
    let mut status = 0;
    // SAFETY: the child takes two free locks and leaves; the parent waits for it.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            invert();
            libc::exit(0);
        }
        libc::waitpid(child, &raw mut status, 0);
    }
    drop(stop);
    assert!(thread.join().is_ok() && libc::WEXITSTATUS(status) == 0);
    println!("done");
}
