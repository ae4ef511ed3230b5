//! Guards that leave the thread that made them, and locks that are taken where nothing can be
//! looked at.
#![expect(unsafe_code, reason = "a raw lock is unsafe to implement")]

use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::{cell::RefCell, thread};

use lockdep::hook::{LockInfo, LockMap};
use lockdep::lock_api::{
    GuardSend, MappedMutexGuard, Mutex, MutexGuard, RawMutex, RawRwLock, RawRwLockDowngrade, RwLock,
    RwLockWriteGuard,
};
use lockdep::{Mode, sync};

use super::stage::{Cost, Kept, Program, Row, ensure, ran_without_error, run};

pub(crate) const PROGRAMS: &[Program] = &[
    ("guard-sent", guard_sent),
    ("guard-away", guard_away),
    ("guard-away-order", guard_away_order),
    ("guard-away-reader", guard_away_reader),
    ("guard-outlives-thread", guard_outlives_thread),
    ("guard-mapped", guard_mapped),
    ("guard-turned", guard_turned),
    ("guard-asserted", guard_asserted),
    ("guard-std", guard_std),
    ("guard-home-made", guard_home_made),
    ("spin-recursion", spin_recursion),
    ("spin-inversion", spin_inversion),
    ("callback-keeps", callback_keeps),
    ("callback-keeps-map", callback_keeps_map),
    ("callback-releases", callback_releases),
];

fn innocent(name: &str, deny: &str) -> Kept {
    ran_without_error(&run(name, &[("LOCKDEP_EXITCODE", "3"), ("LOCKDEP_DENY", deny)]), "done")
}

/// A row whose program must run to its end without a report at error level.
macro_rules! innocent {
    ($item:literal $name:literal $attempt:literal) => {
        innocent!($item $name $attempt, "warnings")
    };
    ($item:literal $name:literal $attempt:literal, $deny:literal) => {
        Row {
            item: $item,
            name: $name,
            attempt: $attempt,
            promise: "safe code is neither panicked nor accused, and exits with 0",
            cost: Cost::Quick,
            check: || innocent($name, $deny),
        }
    };
}

pub(crate) const ROWS: &[Row] = &[
    innocent!("A2" "guard-sent" "a guard is sent, dropped there, the lock taken there, and wanted here"),
    innocent!("A2" "guard-away" "a guard is sent, and the lock wanted here before it is dropped there"),
    innocent!("A2" "guard-away-order" "other locks are taken in both orders while the guard is away"),
    innocent!("A2" "guard-away-reader" "a read guard is away; its lock is read and written here"),
    innocent!("A2" "guard-outlives-thread" "a thread ends and returns its guard"),
    innocent!("A2" "guard-mapped" "a mapped guard is sent"),
    innocent!("A2" "guard-turned" "a write guard is sent and downgraded there"),
    innocent!("A2" "guard-asserted" "assertions about a lock whose guard was sent"),
    innocent!("+" "guard-std" "a std guard in a wrapper that is `Send` by force"),
    innocent!("+" "guard-home-made" "a home-made lock whose guards can be sent"),
    Row {
        item: "A2",
        name: "spin-recursion",
        attempt: "a thread does wait for itself, on a lock whose guards can be sent",
        promise: "it is reported before the thread waits; alone in its process, as an error",
        cost: Cost::Quick,
        check: || {
            let ended = run("spin-recursion", &[]);
            ensure(ended.stderr.contains("error[LD0001]"), "LD0001 is missing", &ended)?;
            ensure(ended.describe() == "exit 101", "the thread did not panic", &ended)
        },
    },
    Row {
        item: "A2",
        name: "spin-inversion",
        attempt: "an inversion of locks whose guards can be sent, and stay",
        promise: "it is an error as any other",
        cost: Cost::Quick,
        check: || {
            let ended = run("spin-inversion", &[]);
            ensure(ended.stderr.contains("error[LD0003]"), "LD0003 is missing", &ended)
        },
    },
    innocent!("B16" "callback-keeps" "a report callback keeps a guard, which is dropped later", "errors"),
    innocent!("B16" "callback-keeps-map" "a report callback takes a home-made lock, which is released later", "errors"),
    innocent!("+" "callback-releases" "a report callback drops a guard that was taken before", "errors"),
];

/// How often any lock of this file was found taken.
static N_REFUSED: AtomicUsize = AtomicUsize::new(0);

fn wait_for_refusal(since: usize) {
    // ORDERING: Relaxed: only the number matters.
    while N_REFUSED.load(Ordering::Relaxed) == since {
        thread::yield_now();
    }
}

fn n_refused() -> usize {
    // ORDERING: Relaxed: only the number matters.
    N_REFUSED.load(Ordering::Relaxed)
}

fn refused() {
    // ORDERING: Relaxed: only the number matters.
    N_REFUSED.fetch_add(1, Ordering::Relaxed);
    thread::yield_now();
}

/// A lock that spins: -1 is a writer, above zero are readers. Its guards can be sent.
pub(crate) struct RawSpin(AtomicIsize);

impl RawSpin {
    fn enter(&self, is_free: impl Fn(isize) -> bool, change: isize) -> bool {
        // ORDERING: Acquire, to see what the last holder wrote before its Release.
        self.0
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                is_free(state).then_some(state + change)
            })
            .is_ok()
    }

    fn leave(&self, change: isize) {
        // ORDERING: Release, for the next holder's Acquire.
        self.0.fetch_add(change, Ordering::Release);
    }
}

// SAFETY: one update at a time finds zero.
unsafe impl RawMutex for RawSpin {
    const INIT: Self = Self(AtomicIsize::new(0));
    type GuardMarker = GuardSend;

    fn lock(&self) {
        while !RawMutex::try_lock(self) {
            refused();
        }
    }

    fn try_lock(&self) -> bool {
        self.enter(|state| state == 0, -1)
    }

    unsafe fn unlock(&self) {
        self.leave(1);
    }
}

// SAFETY: a writer enters at zero only, a reader where no writer is.
unsafe impl RawRwLock for RawSpin {
    const INIT: Self = Self(AtomicIsize::new(0));
    type GuardMarker = GuardSend;

    fn lock_shared(&self) {
        while !self.try_lock_shared() {
            refused();
        }
    }

    fn try_lock_shared(&self) -> bool {
        self.enter(|state| state >= 0, 1)
    }

    unsafe fn unlock_shared(&self) {
        self.leave(-1);
    }

    fn lock_exclusive(&self) {
        while !self.try_lock_exclusive() {
            refused();
        }
    }

    fn try_lock_exclusive(&self) -> bool {
        self.enter(|state| state == 0, -1)
    }

    unsafe fn unlock_exclusive(&self) {
        self.leave(1);
    }
}

// SAFETY: a writer becomes one reader in one step.
unsafe impl RawRwLockDowngrade for RawSpin {
    unsafe fn downgrade(&self) {
        self.leave(2);
    }
}

type Spin<T> = Mutex<RawSpin, T>;

fn guard_sent() {
    let lock = Arc::new(Spin::new(0));
    let guard = lock.lock_arc();
    let (locked, is_locked) = mpsc::channel();
    let there = Arc::clone(&lock);
    let thread = thread::spawn(move || {
        drop(guard);
        let _again = there.lock();
        let since = n_refused();
        locked.send(()).expect("the other thread waits");
        wait_for_refusal(since);
    });
    is_locked.recv().expect("the thread takes the lock");
    *lock.lock() += 1;
    thread.join().expect("no panic");
    println!("done");
}

fn guard_away() {
    let lock = Arc::new(Spin::new(0));
    let since = n_refused();
    let guard = lock.lock_arc();
    let thread = thread::spawn(move || {
        wait_for_refusal(since);
        drop(guard);
    });
    *lock.lock() += 1;
    thread.join().expect("no panic");
    // What came of it is in order too.
    drop(lock.lock());
    println!("done");
}

fn guard_away_order() {
    for _ in 0..3 {
        let (a, b) = (Arc::new(Spin::new(0_u8)), Spin::new(0_u16));
        let (go, may_go) = mpsc::channel::<()>();
        let guard = a.lock_arc();
        let thread = thread::spawn(move || {
            let _may = may_go.recv();
            drop(guard);
        });
        // Not under the guard, which is away.
        drop(b.lock());
        let order = |first: &Spin<u16>, second: &Arc<Spin<u8>>| {
            let _first = first.lock();
            if let Some(second) = second.try_lock() {
                drop(second);
            }
        };
        order(&b, &a);
        go.send(()).expect("the thread waits");
        thread.join().expect("no panic");
        let _first = b.lock();
        let _second = a.lock();
    }
    println!("done");
}

fn guard_away_reader() {
    let lock = Arc::new(RwLock::<RawSpin, u32>::new(0));
    drop(lock.write());
    let since = n_refused();
    let guard = lock.read_arc();
    let thread = thread::spawn(move || {
        wait_for_refusal(since);
        drop(guard);
    });
    drop(lock.read());
    *lock.write() += 1;
    thread.join().expect("no panic");
    println!("done");
}

fn guard_outlives_thread() {
    let lock = Arc::new(Spin::new(0));
    let there = Arc::clone(&lock);
    let guard = thread::spawn(move || there.lock_arc()).join().expect("no panic");
    drop(guard);
    drop(lock.lock());
    println!("done");
}

fn guard_mapped() {
    static LOCK: Spin<(u8, u16)> = Spin::new((0, 0));
    let mapped: MappedMutexGuard<'static, RawSpin, u16> = MutexGuard::map(LOCK.lock(), |pair| &mut pair.1);
    thread::spawn(move || drop(mapped)).join().expect("no panic");
    drop(LOCK.lock());
    println!("done");
}

fn guard_turned() {
    static LOCK: RwLock<RawSpin, u8> = RwLock::new(0);
    let guard = LOCK.write();
    thread::spawn(move || drop(RwLockWriteGuard::downgrade(guard))).join().expect("no panic");
    drop(LOCK.write());
    println!("done");
}

fn guard_asserted() {
    static LOCK: Spin<u8> = Spin::new(0);
    let guard = LOCK.lock();
    thread::spawn(move || {
        lockdep::assert_held!(&LOCK);
        drop(guard);
    })
    .join()
    .expect("no panic");
    lockdep::assert_not_held!(&LOCK);
    lockdep::assert_none_held!();
    println!("done");
}

/// Makes any value `Send`, as crates do that know better.
struct ByForce<T>(T);
// SAFETY: the mutex of std on Linux is a futex, which any thread may unlock.
unsafe impl<T> Send for ByForce<T> {}

fn guard_std() {
    static LOCK: sync::Mutex<u8> = sync::Mutex::new(0);
    let guard = ByForce(LOCK.lock());
    thread::spawn(move || {
        let guard = guard;
        drop(guard);
    })
    .join()
    .expect("no panic");
    drop(LOCK.lock());
    println!("done");
}

fn guard_home_made() {
    const INFO: LockInfo = LockInfo::bare("Latch").sendable();
    static LATCH: LockMap = LockMap::new();
    LATCH.try_acquired(&INFO, Mode::Exclusive);
    thread::spawn(|| LATCH.release()).join().expect("no panic");
    LATCH.try_acquired(&INFO, Mode::Exclusive);
    LATCH.release();
    println!("done");
}

fn spin_recursion() {
    static LOCK: Spin<u8> = Spin::new(0);
    let _first = LOCK.lock();
    let _second = LOCK.lock();
}

fn spin_inversion() {
    static A: Spin<u8> = Spin::new(0);
    static B: Spin<u16> = Spin::new(0);
    {
        let _a = A.lock();
        let _b = B.lock();
    }
    let _b = B.lock();
    let _a = A.lock();
}

/// Makes the validator report something at warning level.
fn report_something() {
    static LOCK: sync::RwLock<u8> = sync::RwLock::new(0);
    let _first = LOCK.read();
    let _second = LOCK.read();
}

thread_local! {
    static KEPT: RefCell<Option<sync::MutexGuard<'static, u8>>> = const { RefCell::new(None) };
}

fn callback_keeps() {
    static LOCK: sync::Mutex<u8> = sync::Mutex::new(0);
    lockdep::set_report_callback(|_| KEPT.with(|kept| *kept.borrow_mut() = LOCK.lock().ok()));
    report_something();
    assert!(KEPT.with(RefCell::take).is_some(), "the callback was called");
    drop(LOCK.lock());
    let before = lockdep::counters().unseen;
    assert!(before > 0, "what was not seen is counted");
    println!("done");
}

fn callback_keeps_map() {
    const INFO: LockInfo = LockInfo::bare("Latch");
    static LATCH: LockMap = LockMap::new();
    LATCH.try_acquired(&INFO, Mode::Exclusive);
    LATCH.release();
    lockdep::set_report_callback(|_| LATCH.try_acquired(&INFO, Mode::Exclusive));
    report_something();
    LATCH.release();
    println!("done");
}

fn callback_releases() {
    static LOCK: sync::Mutex<u8> = sync::Mutex::new(0);
    KEPT.with(|kept| *kept.borrow_mut() = LOCK.lock().ok());
    lockdep::set_report_callback(|_| drop(KEPT.with(RefCell::take)));
    report_something();
    drop(LOCK.lock());
    println!("done");
}
