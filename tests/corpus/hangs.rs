//! Programs that really hang, and slow ones that do not.
#![expect(clippy::unwrap_used, reason = "a lock of these programs is never poisoned")]

use std::sync::Barrier;
use std::time::{Duration, Instant};

use lockdep::sync::{Condvar, LazyLock, Mutex, OnceLock, RwLock};
use lockdep::thread::{self, Builder, JoinHandle};

use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("hang_abba", Want::Error("LD0100"), "two threads, each with what the other wants", abba)
        .has_happened(&["a -> b", "b -> a"]),
    Case::new("hang_of_three", Want::Error("LD0100"), "a ring of three threads", of_three)
        .has_happened(&["a -> b", "b -> c", "c -> a"]),
    Case::new("hang_beside_work", Want::Error("LD0100"), "two more threads go on", beside_work)
        .has_happened(&["a -> b", "b -> a"]),
    Case::new("hang_queued_writer", Want::Error("LD0100"), "a reader queues behind a writer", queued_writer)
        .has_happened(&["a -> b", "b -> a"]),
    Case::new("hang_read_again", Want::Error("LD0100"), "a writer queues between two reads", read_again)
        .has_happened(&["a -> writer", "writer -> a"]),
    Case::new("hang_upgrades", Want::Error("LD0100"), "two upgrades wait for each other's read", upgrades)
        .has_happened(&["a -> b", "b -> a"]),
    Case::new("hang_join", Want::Error("LD0100"), "a thread is joined under a lock that it wants", join)
        .has_happened(&["main -> worker", "worker -> main"]),
    Case::new("hang_scope", Want::Error("LD0100"), "a scope ends under a lock that its thread wants", scope)
        .has_happened(&["main -> worker", "worker -> main"]),
    Case::new("hang_lazies", Want::Error("LD0100"), "two lazies make each other", lazies)
        .has_happened(&["a -> b", "b -> a"]),
    Case::new("hang_once_and_lock", Want::Error("LD0100"), "an initialiser wants a lock", once_and_lock)
        .has_happened(&["a -> b", "b -> a"]),
    Case::new("hang_condvar", Want::Error("LD0100"), "a lock is held over a condvar wait", condvar)
        .has_happened(&["a -> b", "b -> a"]),
    Case::new("hang_parking", Want::Error("LD0100"), "parking_lot's mutexes", parking)
        .has_happened(&["a -> b", "b -> a"]),
    Case::new("hang_timed", Want::Note("LD0100"), "each wait ends by itself", timed),
    Case::new(
        "slow_holder",
        Want::Silent,
        "a lock held for long, with threads that wait for it",
        slow_holder,
    ),
    Case::new("slow_crowd", Want::Silent, "many threads nest contended locks in one order", slow_crowd),
];

/// Starts a thread of this name.
fn named(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    Builder::new().name(name.to_owned()).spawn(body).unwrap()
}

fn join_all(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Two threads that hold one lock each and want the other's.
pub(super) fn start_abba() -> [JoinHandle<()>; 2] {
    static A: Mutex<u8> = Mutex::new(1);
    static B: Mutex<u16> = Mutex::new(2);
    static BOTH: Barrier = Barrier::new(2);
    let a = named("a", || {
        let _a = A.lock().unwrap();
        BOTH.wait();
        let _b = B.lock().unwrap();
    });
    let b = named("b", || {
        let _b = B.lock().unwrap();
        BOTH.wait();
        let _a = A.lock().unwrap();
    });
    [a, b]
}

fn abba() {
    join_all(start_abba());
}

fn of_three() {
    static LOCKS: [Mutex<u8>; 3] = [Mutex::new(1), Mutex::new(2), Mutex::new(3)];
    static ALL: Barrier = Barrier::new(3);
    let start = |index: usize, name: &str| {
        named(name, move || {
            let _own = LOCKS[index].lock().unwrap();
            ALL.wait();
            let _next = LOCKS[(index + 1) % 3].lock().unwrap();
        })
    };
    join_all([start(0, "a"), start(1, "b"), start(2, "c")]);
}

pub(super) fn beside_work() {
    static WORK: Mutex<u64> = Mutex::new(0);
    static UNDER: Mutex<u32> = Mutex::new(0);
    let workers = (0..2).map(|_| {
        named("worker", || {
            loop {
                let mut work = WORK.lock().unwrap();
                *work += 1;
                *UNDER.lock().unwrap() += 1;
            }
        })
    });
    let workers: Vec<JoinHandle<()>> = workers.collect();
    join_all(start_abba().into_iter().chain(workers));
}

pub(super) fn queued_writer() {
    static READ: RwLock<u8> = RwLock::new(1);
    static OTHER: Mutex<u16> = Mutex::new(2);
    static BOTH: Barrier = Barrier::new(2);
    static QUEUED: Barrier = Barrier::new(2);
    let a = named("a", || {
        let _other = OTHER.lock().unwrap();
        BOTH.wait();
        QUEUED.wait();
        // Readers get in until the writer has queued.
        loop {
            drop(READ.read().unwrap());
        }
    });
    let b = named("b", || {
        let _read = READ.read().unwrap();
        BOTH.wait();
        let _other = OTHER.lock().unwrap();
    });
    QUEUED.wait();
    let writer = named("writer", || drop(READ.write().unwrap()));
    join_all([a, b, writer]);
}

pub(super) fn read_again() {
    static RATES: RwLock<u8> = RwLock::new(1);
    static READ: Barrier = Barrier::new(2);
    let a = named("a", || {
        let _first = RATES.read().unwrap();
        READ.wait();
        // Readers get in until the writer has queued.
        while RATES.try_read().is_ok() {}
        let _second = RATES.read().unwrap();
    });
    READ.wait();
    let writer = named("writer", || drop(RATES.write().unwrap()));
    join_all([a, writer]);
}

pub(super) fn upgrades() {
    use lockdep::parking_lot::{RwLock, RwLockUpgradableReadGuard};
    static A: RwLock<u8> = RwLock::new(1);
    static B: RwLock<u16> = RwLock::new(2);
    static BOTH: Barrier = Barrier::new(2);
    let a = named("a", || {
        let own = A.upgradable_read();
        let _other = B.read();
        BOTH.wait();
        let _own = RwLockUpgradableReadGuard::upgrade(own);
    });
    let b = named("b", || {
        let own = B.upgradable_read();
        let _other = A.read();
        BOTH.wait();
        let _own = RwLockUpgradableReadGuard::upgrade(own);
    });
    join_all([a, b]);
}

pub(super) fn join() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let state = STATE.lock().unwrap();
    let worker = named("worker", || drop(STATE.lock().unwrap()));
    worker.join().unwrap();
    drop(state);
}

fn scope() {
    let state = Mutex::new(1);
    let held = state.lock().unwrap();
    thread::scope(|scope| {
        Builder::new().name("worker".to_owned()).spawn_scoped(scope, || drop(state.lock().unwrap())).unwrap();
    });
    drop(held);
}

pub(super) fn lazies() {
    static BOTH: Barrier = Barrier::new(2);
    static A: LazyLock<u8> = LazyLock::new(|| {
        BOTH.wait();
        *B + 1
    });
    static B: LazyLock<u8> = LazyLock::new(|| {
        BOTH.wait();
        *A + 1
    });
    join_all([named("a", || assert!(*A > 0)), named("b", || assert!(*B > 0))]);
}

fn once_and_lock() {
    static BOTH: Barrier = Barrier::new(2);
    static CELL: OnceLock<u8> = OnceLock::new();
    static STATE: Mutex<u8> = Mutex::new(1);
    let a = named("a", || {
        CELL.get_or_init(|| {
            BOTH.wait();
            *STATE.lock().unwrap()
        });
    });
    let b = named("b", || {
        let _state = STATE.lock().unwrap();
        BOTH.wait();
        CELL.get_or_init(|| 1);
    });
    join_all([a, b]);
}

fn condvar() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static OUTER: Mutex<u16> = Mutex::new(1);
    static CHANGED: Condvar = Condvar::new();
    static HELD: Barrier = Barrier::new(2);
    let a = named("a", || {
        let _outer = OUTER.lock().unwrap();
        let state = STATE.lock().unwrap();
        HELD.wait();
        drop(CHANGED.wait_while(state, |state| *state > 0));
    });
    let b = named("b", || {
        HELD.wait();
        let _state = STATE.lock().unwrap();
        let _outer = OUTER.lock().unwrap();
    });
    join_all([a, b]);
}

fn parking() {
    use lockdep::parking_lot::Mutex;
    static A: Mutex<u8> = Mutex::new(1);
    static B: Mutex<u16> = Mutex::new(2);
    static BOTH: Barrier = Barrier::new(2);
    let a = named("a", || {
        let _a = A.lock();
        BOTH.wait();
        let _b = B.lock();
    });
    let b = named("b", || {
        let _b = B.lock();
        BOTH.wait();
        let _a = A.lock();
    });
    join_all([a, b]);
}

fn timed() {
    use lockdep::parking_lot::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};
    static IS_REPORTED: AtomicBool = AtomicBool::new(false);
    static A: Mutex<u8> = Mutex::new(1);
    static B: Mutex<u16> = Mutex::new(2);
    static BOTH: Barrier = Barrier::new(2);
    lockdep::set_report_callback(|report| {
        if report.code == "LD0100" {
            // ORDERING: Relaxed: a flag that ends the program.
            IS_REPORTED.store(true, Ordering::Relaxed);
        }
    });
    fn waits<T>(own: &Mutex<impl Sized>, other: &Mutex<T>) {
        let _own = own.lock();
        BOTH.wait();
        let start = Instant::now();
        // ORDERING: Relaxed, as above.
        while !IS_REPORTED.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(60) {
            drop(other.try_lock_for(Duration::from_millis(200)));
        }
    }
    join_all([named("a", || waits(&A, &B)), named("b", || waits(&B, &A))]);
}

fn slow_holder() {
    static OUTER: Mutex<u8> = Mutex::new(1);
    static INNER: Mutex<u16> = Mutex::new(2);
    static STARTED: Barrier = Barrier::new(3);
    let wait = || {
        STARTED.wait();
        let _outer = OUTER.lock().unwrap();
        let _inner = INNER.lock().unwrap();
    };
    let waiters = [named("one", wait), named("other", wait)];
    let inner = INNER.lock().unwrap();
    STARTED.wait();
    // Longer than a ring is looked at.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(700) {
        std::hint::spin_loop();
    }
    drop(inner);
    join_all(waiters);
}

fn slow_crowd() {
    static LOCKS: [Mutex<u64>; 3] = [Mutex::new(0), Mutex::new(0), Mutex::new(0)];
    let work = || {
        for _ in 0..2000 {
            let mut first = LOCKS[0].lock().unwrap();
            let mut second = LOCKS[1].lock().unwrap();
            drop(LOCKS[2].lock().unwrap());
            *first += 1;
            *second += 1;
        }
    };
    join_all((0..8).map(|_| named("one of many", work)));
}
