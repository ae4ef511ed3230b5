//! Programs that hang in locks, some of them those that LD0100 is reported for.
#![expect(clippy::unwrap_used, reason = "a lock of these programs is never poisoned")]

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use lockdep::sync::{Barrier, Mutex};
use lockdep::thread::Builder;

use super::hangs;
use super::stuck::Stuck;

pub(crate) const STUCK: &[Stuck] = &[
    Stuck {
        name: "stuck_beside_work",
        why: "two threads, each with what the other wants, and two that go on",
        says: "2 threads wait for each other, and 1 more thread waits for them",
        run: hangs::beside_work,
    },
    Stuck {
        name: "stuck_new_order",
        why: "the last step to a deadlock makes the second order of its locks",
        says: "2 threads wait for each other, and 1 more thread waits for them",
        run: new_order,
    },
    Stuck {
        name: "stuck_queued_writer",
        why: "a reader queues behind a writer, which waits for another reader",
        says: "2 threads wait for each other, and 2 more threads wait for them",
        run: hangs::queued_writer,
    },
    Stuck {
        name: "stuck_upgrades",
        why: "two upgrades wait for each other's read",
        says: "2 threads wait for each other, and 1 more thread waits for them",
        run: hangs::upgrades,
    },
    Stuck {
        name: "stuck_join",
        why: "a thread is joined under a lock that it wants",
        says: "2 threads wait for each other",
        run: hangs::join,
    },
    Stuck {
        name: "stuck_lazies",
        why: "two lazies make each other",
        says: "2 threads wait for each other, and 1 more thread waits for them",
        run: hangs::lazies,
    },
    Stuck {
        name: "stuck_busy_main",
        why: "a deadlock, and the thread that gets the signals does other work",
        says: "2 threads wait for each other",
        run: busy_main,
    },
    Stuck {
        name: "stuck_parent",
        why: "a deadlock, and the first thread waits for any child to end",
        says: "2 threads wait for each other",
        run: parent,
    },
    Stuck {
        name: "stuck_deaf",
        why: "a thread that blocks all signals reads from an empty pipe, under a lock",
        says: "2 threads wait for thread `deaf`, which sleeps in the system call `read`",
        run: deaf,
    },
    Stuck {
        name: "stuck_rayon",
        why: "a job wants a lock of the thread that waits for its pool",
        says: "2 threads wait for thread `caller`, which sleeps in the system call `futex`",
        run: wait_for_pool,
    },
];

/// The second thread comes to its last step once the first one sleeps.
#[expect(unsafe_code, reason = "the number of a thread")]
fn new_order() {
    static A: Mutex<u8> = Mutex::new(1);
    static B: Mutex<u16> = Mutex::new(2);
    static BOTH: Barrier = Barrier::new(2);
    static FIRST: AtomicI32 = AtomicI32::new(0);
    let first = Builder::new().name("first".to_owned()).spawn(|| {
        let _a = A.lock().unwrap();
        BOTH.wait();
        // SAFETY: only returns a number.
        FIRST.store(unsafe { libc::gettid() }, Ordering::Relaxed); // ORDERING: a number
        let _b = B.lock().unwrap();
    });
    let second = Builder::new().name("second".to_owned()).spawn(|| {
        let _b = B.lock().unwrap();
        BOTH.wait();
        let sleeps = || {
            // ORDERING: Relaxed, as above.
            let file = format!("/proc/self/task/{}/syscall", FIRST.load(Ordering::Relaxed));
            let futex = format!("{} ", libc::SYS_futex);
            std::fs::read_to_string(file).is_ok_and(|text| text.starts_with(&futex))
        };
        let mut n_looks = 0;
        while n_looks < 5 {
            n_looks = if sleeps() { n_looks + 1 } else { 0 };
            std::thread::sleep(Duration::from_millis(2));
        }
        let _a = A.lock().unwrap();
    });
    [first, second].into_iter().for_each(|thread| thread.unwrap().join().unwrap());
}

/// The first thread, which gets the signals, is seldom at the same place of its stack.
fn busy_main() {
    static WORK: [Mutex<u64>; 2] = [Mutex::new(0), Mutex::new(0)];
    let _ring = hangs::start_abba();
    let work = || {
        loop {
            for work in &WORK {
                *work.lock().unwrap() += 1;
            }
        }
    };
    let _workers =
        ["worker", "another"].map(|name| Builder::new().name(name.to_owned()).spawn(work).unwrap());
    loop {
        overwrite_stack(0);
    }
}

/// Leaves zeros below the stack of the caller.
#[inline(never)]
fn overwrite_stack(depth: u8) {
    std::hint::black_box([0_u64; 1024]);
    if depth < 8 {
        overwrite_stack(depth + 1);
    }
}

/// The function that a stack has to show.
#[inline(never)]
fn wait_for_pool() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static HELD: Barrier = Barrier::new(2);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .thread_name(|index| format!("pool-{index}"))
        .build()
        .unwrap();
    let caller = Builder::new().name("caller".to_owned()).spawn(move || {
        let state = STATE.lock().unwrap();
        pool.install(|| {
            HELD.wait();
            drop(STATE.lock().unwrap());
        });
        drop(state);
    });
    HELD.wait();
    caller.unwrap().join().unwrap();
}

/// Waits for its only child, which does not end: a copy of the process must not be taken for one.
#[expect(unsafe_code, reason = "a wait for any child")]
fn parent() {
    let _ring = hangs::start_abba();
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Its input ends with this process.
    let mut child = cat.spawn().expect("there is such a program everywhere");
    let mut status = 0;
    // SAFETY: asks for any child that ends.
    let ended = unsafe { libc::waitpid(-1, &raw mut status, 0) };
    child.wait().unwrap();
    panic!("the child {} ran, and {ended} was waited for", child.id());
}

#[expect(unsafe_code, reason = "a mask of signals")]
fn deaf() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static HELD: Barrier = Barrier::new(2);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let holder = Builder::new().name("deaf".to_owned()).spawn(move || {
        // SAFETY: a mask that is made, filled and used.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        }
        let _state = STATE.lock().unwrap();
        HELD.wait();
        reader.read_exact(&mut [0]).unwrap();
    });
    HELD.wait();
    let waiter = Builder::new().name("waiter".to_owned()).spawn(|| drop(STATE.lock().unwrap()));
    waiter.unwrap().join().unwrap();
    holder.unwrap().join().unwrap();
    drop(writer);
}
