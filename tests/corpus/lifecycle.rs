//! Threads that end, memory that goes, poison, guards that leak or travel.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lockdep::sync::Mutex;

use super::support::{nest, on_thread};
use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "poisoned_goes_on",
        Want::Error("LD0003"),
        "a poisoned mutex is still a lock",
        poisoned_goes_on,
    ),
    Case::new(
        "no_poison_by_us",
        Want::Error("LD0003"),
        "a report neither panics nor poisons",
        no_poison_by_us,
    ),
    Case::new("panic_releases", Want::Silent, "unwinding releases like any drop", panic_releases),
    Case::new("tls_destructor", Want::Silent, "locks in thread-local destructors work", tls_destructor),
    Case::new(
        "tls_destructor_violation",
        Want::Error("LD0003"),
        "and are validated",
        tls_destructor_violation,
    ),
    Case::new("atexit", Want::Silent, "locks in atexit handlers work", atexit_plain),
    Case::new("atexit_violation", Want::Error("LD0003"), "and are validated", atexit_violation),
    Case::new(
        "leaked_guard_at_exit",
        Want::Error("LD0009"),
        "a thread ended with a lock held",
        leaked_guard_at_exit,
    ),
    Case::new(
        "leaked_guard_while_main_returns",
        Want::Error("LD0009"),
        "a thread that ends while main returns is heard",
        leaked_guard_while_main_returns,
    ),
    Case::new(
        "leaked_guard_dropped_lock",
        Want::Warning("LD0008"),
        "the memory of a held lock goes away",
        leaked_guard_dropped,
    ),
    Case::new("release_elsewhere", Want::Silent, "a lock handed over to another thread", release_elsewhere),
    Case::new("release_too_many", Want::Error("LD0007"), "a home-made lock released twice", release_too_many),
    Case::new(
        "two_tasks_one_thread",
        Want::Excepted,
        "std guards across await on one thread: a warning is acceptable",
        two_tasks_one_thread,
    ),
];

fn poison(lock: &Arc<Mutex<u8>>) {
    let lock = Arc::clone(lock);
    let thread = lockdep::thread::spawn(move || {
        let _guard = lock.lock();
        panic!("poison it");
    });
    assert!(thread.join().is_err());
}

fn poisoned_goes_on() {
    let a = Arc::new(Mutex::new(0));
    let b = Arc::new(Mutex::new('b'));
    poison(&a);
    assert!(a.is_poisoned());
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    let _b = b.lock();
    let _a = a.lock();
}

fn no_poison_by_us() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    nest(&a, &b);
    nest(&b, &a);
    assert!(!a.is_poisoned() && !b.is_poisoned());
}

fn panic_releases() {
    let a = Arc::new(Mutex::new(0));
    poison(&a);
    drop(a.lock());
    let b = Mutex::new('b');
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _b = b.lock();
        panic!("unwind");
    }));
    assert!(unwound.is_err());
    drop(b.lock());
}

static TLS_A: Mutex<u8> = Mutex::new(0);
static TLS_B: Mutex<u8> = Mutex::new(0);

struct NestOnDrop(&'static Mutex<u8>, &'static Mutex<u8>);

impl Drop for NestOnDrop {
    fn drop(&mut self) {
        nest(self.0, self.1);
    }
}

thread_local! {
    static AT_THREAD_END: RefCell<Vec<NestOnDrop>> = const { RefCell::new(Vec::new()) };
}

fn at_thread_end(first: &'static Mutex<u8>, second: &'static Mutex<u8>) {
    on_thread(move || AT_THREAD_END.with_borrow_mut(|list| list.push(NestOnDrop(first, second))));
}

fn tls_destructor() {
    at_thread_end(&TLS_A, &TLS_B);
    at_thread_end(&TLS_A, &TLS_B);
}

fn tls_destructor_violation() {
    at_thread_end(&TLS_A, &TLS_B);
    at_thread_end(&TLS_B, &TLS_A);
}

extern "C" fn nest_ba() {
    nest(&TLS_B, &TLS_A);
}

extern "C" fn nest_ab() {
    nest(&TLS_A, &TLS_B);
}

fn atexit_plain() {
    nest(&TLS_A, &TLS_B);
    super::support::at_exit(nest_ab);
}

fn atexit_violation() {
    nest(&TLS_A, &TLS_B);
    super::support::at_exit(nest_ba);
}

fn leaked_guard_at_exit() {
    on_thread(|| std::mem::forget(TLS_A.lock()));
}

static MAIN_RETURNED: AtomicBool = AtomicBool::new(false);

struct EndsAfterMain;

impl Drop for EndsAfterMain {
    fn drop(&mut self) {
        while !MAIN_RETURNED.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    }
}

thread_local! {
    static LATE: EndsAfterMain = const { EndsAfterMain };
}

extern "C" fn main_returned() {
    MAIN_RETURNED.store(true, Ordering::Release);
}

fn leaked_guard_while_main_returns() {
    // The validator's handler is there first, so it runs last: after the thread was let go.
    drop(TLS_A.lock());
    super::support::at_exit(main_returned);
    // The scope waits for the function, not for the destructors behind it.
    lockdep::thread::scope(|scope| {
        scope.spawn(|| {
            LATE.with(|_| {});
            std::mem::forget(TLS_B.lock());
        });
    });
}

fn leaked_guard_dropped() {
    let lock = Mutex::new(0);
    std::mem::forget(lock.lock());
    drop(lock);
}

static HOME_MADE_KEY: lockdep::LockClassKey = lockdep::LockClassKey::named("home_made");

fn home_made() -> (lockdep::hook::LockMap<&'static lockdep::LockClassKey>, lockdep::hook::LockInfo) {
    (lockdep::hook::LockMap::with_key(&HOME_MADE_KEY), lockdep::hook::LockInfo::bare("HomeMade"))
}

fn release_elsewhere() {
    let (map, info) = home_made();
    let map = Arc::new(map);
    map.try_acquired(&info, lockdep::Mode::Exclusive);
    map.handed_over();
    let other = Arc::clone(&map);
    on_thread(move || other.release());
    map.try_acquired(&info, lockdep::Mode::Exclusive);
    map.release();
}

fn release_too_many() {
    let (map, info) = home_made();
    map.try_acquired(&info, lockdep::Mode::Exclusive);
    map.release();
    map.release();
}

fn two_tasks_one_thread() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    // Task 1 takes A and awaits; task 2, on the same thread, takes and drops B; later task 1 drops
    // A.
    let task_one = a.lock();
    drop(b.lock());
    drop(task_one);
    let task_two = b.lock();
    drop(a.lock());
    drop(task_two);
}
