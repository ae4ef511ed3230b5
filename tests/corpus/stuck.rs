//! Programs that hang, for the hang report: what each says when it is asked.
#![expect(clippy::unwrap_used, reason = "a lock of these programs is never poisoned")]

use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use lockdep::sync::{Condvar, Mutex};
use lockdep::thread::{Builder, JoinHandle};

/// One program that hangs.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "the table says why it hangs, the program runs it")]
pub(crate) struct Stuck {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// Why it hangs.
    pub(crate) why: &'static str,
    /// The first line of the hang report, each time as `#`; empty if the schedule decides, or if
    /// another test compares it.
    pub(crate) says: &'static str,
    /// The program.
    pub(crate) run: fn(),
}

/// Every program.
pub(crate) const STUCK: &[Stuck] = &[
    Stuck {
        name: "stuck_abba",
        why: "two threads, each with what the other wants",
        says: "2 threads wait for each other, and 1 more thread waits for them",
        run: abba,
    },
    Stuck {
        name: "stuck_three",
        why: "a ring of three threads, and one that waits for it",
        says: "3 threads wait for each other, and 2 more threads wait for them",
        run: three,
    },
    Stuck {
        name: "stuck_notification",
        why: "the predicate is set, and no thread is notified",
        says: "1 thread waits for thread `waiter`, which has waited # s for a notification, and then `Mutex<u8>`",
        run: notification,
    },
    Stuck {
        name: "stuck_pipe",
        why: "a child fills a pipe that no thread reads, under a lock",
        says: "2 threads wait for thread `holder`, which sleeps in the system call `wait4`",
        run: pipe,
    },
    Stuck {
        name: "stuck_spin",
        why: "a thread spins on an atomic, under a lock",
        says: "2 threads wait for thread `holder`, which runs",
        run: spin,
    },
    Stuck {
        name: "stuck_in_c",
        why: "a thread waits in the C library, under a lock",
        says: "2 threads wait for thread `holder`, which sleeps in the system call `futex`",
        run: in_c,
    },
    Stuck {
        name: "stuck_crowd",
        why: "five hundred idle threads, and two that deadlock",
        says: "2 threads wait for each other, and 1 more thread waits for them",
        run: crowd,
    },
    Stuck {
        name: "stuck_thousand",
        why: "a thousand threads wait for one lock",
        says: "1000 threads wait for thread `main`, which sleeps in the system call `futex`",
        run: thousand,
    },
    Stuck {
        name: "stuck_destructor",
        why: "a thread waits in a thread-local destructor",
        says: "",
        run: destructor,
    },
    Stuck { name: "stuck_handler", why: "a thread waits in a signal handler", says: "", run: handler },
    Stuck {
        name: "stuck_no_signal",
        why: "the system refuses signals with a value",
        says: "2 threads wait for each other",
        run: no_signal,
    },
    Stuck { name: "stuck_no_copy", why: "the system refuses to copy the process", says: "", run: no_copy },
    Stuck {
        name: "stuck_own_handler",
        why: "the program handles SIGTERM itself",
        says: "2 threads wait for each other, and 1 more thread waits for them",
        run: own_handler,
    },
];

fn named(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    Builder::new().name(name.to_owned()).spawn(body).unwrap()
}

fn join_all(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

fn ring(locks: &'static [Mutex<u8>], all: &'static Barrier, names: &[&str]) -> Vec<JoinHandle<()>> {
    let start = |(index, name): (usize, &&str)| {
        named(name, move || {
            let _own = locks[index].lock().unwrap();
            all.wait();
            let _next = locks[(index + 1) % locks.len()].lock().unwrap();
        })
    };
    names.iter().enumerate().map(start).collect()
}

fn abba() {
    static LOCKS: [Mutex<u8>; 2] = [Mutex::new(1), Mutex::new(2)];
    static ALL: Barrier = Barrier::new(2);
    join_all(ring(&LOCKS, &ALL, &["a", "b"]));
}

fn three() {
    static LOCKS: [Mutex<u8>; 3] = [Mutex::new(1), Mutex::new(2), Mutex::new(3)];
    static ALL: Barrier = Barrier::new(4);
    let threads = ring(&LOCKS, &ALL, &["a", "b", "c"]);
    let late = named("late", || {
        ALL.wait();
        drop(LOCKS[0].lock().unwrap());
    });
    join_all(threads.into_iter().chain([late]));
}

fn notification() {
    static IS_READY: AtomicBool = AtomicBool::new(false);
    static STATE: Mutex<u8> = Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();
    let waiter = named("waiter", || {
        let mut state = STATE.lock().unwrap();
        // ORDERING: Relaxed: the defect of this program.
        while !IS_READY.load(Ordering::Relaxed) {
            state = CHANGED.wait(state).unwrap();
            *state += 1;
        }
    });
    waiter.join().unwrap();
}

/// Holds a lock that the thread `waiter` wants, and does `what` forever.
fn under_lock(what: impl FnOnce() + Send + 'static) {
    static STATE: Mutex<u8> = Mutex::new(1);
    static HELD: Barrier = Barrier::new(2);
    let holder = named("holder", || {
        let _state = STATE.lock().unwrap();
        HELD.wait();
        what();
    });
    let waiter = named("waiter", || {
        HELD.wait();
        drop(STATE.lock().unwrap());
    });
    join_all([holder, waiter]);
}

fn pipe() {
    under_lock(|| {
        let mut child =
            Command::new("yes").stdout(Stdio::piped()).spawn().expect("there is such a program everywhere");
        child.wait().unwrap();
    });
}

fn spin() {
    under_lock(|| spin_until_set(&AtomicBool::new(false)));
}

/// The function that a stack has to show.
#[inline(never)]
fn spin_until_set(flag: &AtomicBool) {
    // ORDERING: Relaxed: it is never set.
    while !flag.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

#[expect(unsafe_code, reason = "the C library's own mutex")]
fn in_c() {
    under_lock(|| {
        let mut mutex = libc::PTHREAD_MUTEX_INITIALIZER;
        wait_in_c(&raw mut mutex);
    });

    /// The function that a stack has to show.
    #[inline(never)]
    fn wait_in_c(mutex: *mut libc::pthread_mutex_t) {
        // SAFETY: a mutex that only this thread has; the second call waits for the first one's end.
        unsafe {
            libc::pthread_mutex_lock(mutex);
            libc::pthread_mutex_lock(mutex);
        }
    }
}

fn crowd() {
    static WORK: Mutex<u8> = Mutex::new(0);
    static MORE: Condvar = Condvar::new();
    let work = || {
        let mut work = WORK.lock().unwrap();
        while *work == 0 {
            work = MORE.wait(work).unwrap();
        }
    };
    let pool: Vec<JoinHandle<()>> = (0..500).map(|index| named(&format!("pool-{index}"), work)).collect();
    abba();
    join_all(pool);
}

fn thousand() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let held = STATE.lock().unwrap();
    let start = |index| named(&format!("one-{index}"), || drop(STATE.lock().unwrap()));
    let threads: Vec<JoinHandle<()>> = (0..1000).map(start).collect();
    std::thread::park();
    drop(held);
    join_all(threads);
}

fn destructor() {
    static STATE: Mutex<u8> = Mutex::new(1);
    struct Takes;
    impl Drop for Takes {
        fn drop(&mut self) {
            drop(STATE.lock().unwrap());
        }
    }
    thread_local! {
        static LATE: Takes = const { Takes };
    }
    let held = STATE.lock().unwrap();
    let thread = named("ends", || LATE.with(|_| {}));
    thread.join().unwrap();
    drop(held);
}

#[expect(unsafe_code, reason = "a signal handler")]
fn handler() {
    static STATE: Mutex<u8> = Mutex::new(1);
    extern "C" fn waits(_signal: libc::c_int) {
        // What no handler may do.
        drop(STATE.lock().unwrap());
    }
    // SAFETY: the handler is a function of the right form, and interrupts nothing that allocates.
    unsafe {
        let handler: extern "C" fn(libc::c_int) = waits;
        libc::signal(libc::SIGUSR2, handler as libc::sighandler_t);
        let held = STATE.lock().unwrap();
        libc::raise(libc::SIGUSR2);
        drop(held);
    }
}

#[expect(unsafe_code, reason = "a signal handler")]
fn own_handler() {
    extern "C" fn ends(_signal: libc::c_int) {
        // SAFETY: ends the process.
        unsafe { libc::_exit(7) }
    }
    drop(Mutex::new(1).lock().unwrap());
    // SAFETY: the handler is a function of the right form.
    unsafe {
        let handler: extern "C" fn(libc::c_int) = ends;
        libc::signal(libc::SIGTERM, handler as libc::sighandler_t);
    }
    abba();
}

/// Has the kernel refuse a system call to this process, and hangs.
#[expect(unsafe_code, reason = "a filter of system calls")]
fn without(call: libc::c_long) {
    static STATE: Mutex<u8> = Mutex::new(1);
    static STARTED: Barrier = Barrier::new(2);
    let held = STATE.lock().unwrap();
    let waiter = named("waiter", || {
        STARTED.wait();
        drop(STATE.lock().unwrap());
    });
    let statement = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let number = u32::try_from(call).unwrap();
    let refuse = libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EPERM).unwrap();
    let mut filter = [
        // Loads the number of the call, and compares it.
        statement(0x20, 0, 0, 0),
        statement(0x15, 0, 1, number),
        statement(0x06, 0, 0, refuse),
        statement(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    // SAFETY: the program has four statements, and is read by the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let flags = libc::SECCOMP_FILTER_FLAG_TSYNC;
        let set = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
        assert_eq!(set, 0);
    }
    STARTED.wait();
    waiter.join().unwrap();
    drop(held);
}

fn no_signal() {
    without(libc::SYS_rt_tgsigqueueinfo);
}

fn no_copy() {
    without(libc::SYS_clone);
}
