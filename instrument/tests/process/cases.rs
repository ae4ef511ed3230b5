//! What the child processes do.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use lockdep::class_order::{ClassOrder, Ordered as _};
use lockdep::context;
use lockdep::hook::{LockInfo, LockMap, Verdict};
use lockdep::sync::{Mutex, RwLock};
use lockdep::{Mode, Wait};

/// Counts allocations, and takes a watched lock in each if the case asks for it.
struct Allocator;

static N_ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LOCKS_IN_ALLOCATOR: AtomicUsize = AtomicUsize::new(0);
static ALLOCATOR_LOCK: Mutex<()> = Mutex::new(());

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // ORDERING: Relaxed: a counter and a switch, both read by the thread that sets them.
        N_ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        in_allocator(LOCKS_IN_ALLOCATOR.load(Ordering::Relaxed));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // ORDERING: Relaxed, as above.
        let what = LOCKS_IN_ALLOCATOR.load(Ordering::Relaxed);
        if what > 1 {
            in_allocator(what);
        }
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Takes a lock as the case asks: 1 and 3 announce it, 2 does not.
fn in_allocator(what: usize) {
    match what {
        0 => {}
        2 => drop(ALLOCATOR_LOCK.lock()),
        _ => {
            let _inside = context::allocator();
            let _locked = ALLOCATOR_LOCK.try_lock();
        }
    }
}

/// Has the allocator take a lock.
#[cfg(target_os = "linux")]
pub(crate) fn lock_in_allocator(what: usize) {
    // ORDERING: Relaxed: threads that are started later see it.
    LOCKS_IN_ALLOCATOR.store(what, Ordering::Relaxed);
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u16> = Mutex::new(0);

pub(crate) fn run(name: &str) {
    match name {
        "inversion" => inversion(),
        "clean" => drop((A.lock(), B.lock())),
        "self_deadlock" => self_deadlock(),
        "self_deadlock_unwinding" => self_deadlock_unwinding(),
        "inversion_panics" => inversion_panics(),
        "thread_local" => thread_local_destructor(),
        "held_at_exit" => held_at_exit(),
        "fork_alone" => fork_alone(),
        "fork_threads" => fork_threads(),
        "callback" => callback(),
        "signal" => signal_context(),
        "allocator" => allocator(),
        "steady" => steady_state(),
        "scope" => scope(),
        "stale" => stale_holder(),
        "assertions" => assertions(),
        "raised" => raised(),
        "at_exit" => at_exit(),
        "two_orders" => two_orders(),
        #[cfg(target_os = "linux")]
        "contention" => crate::contention::fights(),
        #[cfg(target_os = "linux")]
        "late_objects" => crate::late::load(),
        "unloaded_object" => crate::late::unload(),
        #[cfg(target_os = "linux")]
        "flood" => crate::flood::flood(),
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        "single_steps" => crate::steps::single_steps(),
        #[cfg(target_os = "linux")]
        "profiled" => crate::signals::profiled(),
        #[cfg(target_os = "linux")]
        "first_event_in_handler" => crate::signals::first_event_in_handler(),
        #[cfg(target_os = "linux")]
        "full_ring" => crate::signals::full_ring(),
        #[cfg(target_os = "linux")]
        "alternate_stack" => crate::signals::alternate_stack(),
        #[cfg(target_os = "linux")]
        "small_stack" => crate::signals::small_stack(),
        #[cfg(target_os = "linux")]
        "tight_memory" => crate::signals::tight_memory(),
        #[cfg(target_os = "linux")]
        "locking_allocator" => crate::signals::locking_allocator(),
        #[cfg(target_os = "linux")]
        other if crate::harm::run_case(other) => {}
        other if crate::holder::run_case(other) => {}
        other => match other.strip_prefix("just_made_") {
            Some(how) => crate::just_made::case(how),
            None => panic!("no case is called {other}"),
        },
    }
}

/// Both orders of two locks, one after the other.
pub(crate) fn inversion() {
    drop((A.lock(), B.lock()));
    let b = B.lock();
    let a = A.lock();
    drop((a, b));
}

/// The same with two others.
pub(crate) fn second_inversion() {
    static C: Mutex<u32> = Mutex::new(0);
    static D: Mutex<u64> = Mutex::new(0);
    drop((C.lock(), D.lock()));
    let d = D.lock();
    let c = C.lock();
    drop((c, d));
}

/// Takes one lock, which starts the validator.
pub(crate) fn take_one() {
    drop(A.lock());
}

fn self_deadlock() {
    let _first = A.lock();
    let _second = A.lock();
}

struct LocksWhenDropped;

impl Drop for LocksWhenDropped {
    fn drop(&mut self) {
        self_deadlock();
    }
}

fn self_deadlock_unwinding() {
    let _late = LocksWhenDropped;
    panic!("the first panic");
}

fn inversion_panics() {
    let caught = std::panic::catch_unwind(inversion);
    println!("panicked: {}", caught.is_err());
    // The lock whose acquisition panicked was never taken; the one that was held is poisoned by the
    // panic, as in std.
    println!("a free: {}, b poisoned: {}", A.try_lock().is_ok(), B.is_poisoned());
}

struct LocksAtThreadEnd;

impl Drop for LocksAtThreadEnd {
    fn drop(&mut self) {
        inversion();
    }
}

fn thread_local_destructor() {
    thread_local!(static LATE: Cell<Option<LocksAtThreadEnd>> = const { Cell::new(None) });
    // Registered before the validator has seen the thread, and run after everything else of it.
    let worker = std::thread::spawn(|| LATE.set(Some(LocksAtThreadEnd)));
    println!("joined: {}", worker.join().is_ok());
}

fn held_at_exit() {
    let worker = std::thread::Builder::new().name("forgetful".to_owned());
    let worker = worker.spawn(|| std::mem::forget(A.lock())).expect("a thread starts");
    println!("joined: {}", worker.join().is_ok());
}

/// Forks; the child does `work` and exits, the parent waits for it.
pub(crate) fn fork(work: impl FnOnce()) {
    // SAFETY: the cases say how many threads there are; the child of one with several only takes
    // locks of its own.
    match unsafe { libc::fork() } {
        0 => {
            work();
            std::process::exit(0);
        }
        child => {
            let mut status = 0;
            // SAFETY: `child` is a child of this process, and `status` a place for the result.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            println!("child: {status}");
        }
    }
}

fn fork_alone() {
    drop((A.lock(), B.lock()));
    fork(|| drop((B.lock(), A.lock())));
}

fn fork_threads() {
    drop((A.lock(), B.lock()));
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let other = std::thread::spawn(move || {
        drop(A.lock());
        ready.send(()).expect("main waits");
        // Ends when the sender is dropped.
        let _ = stopped.recv();
    });
    is_ready.recv().expect("the thread has locked");
    fork(inversion);
    drop(stop);
    other.join().expect("it only locks");
}

fn callback() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    lockdep::set_report_callback(|report| {
        SEEN.lock().expect("not poisoned").push(report.code.to_string());
        // Locks, and both orders of two, are not watched in here.
        drop((A.try_lock(), B.try_lock()));
        assert!(report.level != lockdep::Level::Error, "a panic in a callback stays there");
    });
    inversion();
    println!("seen: {:?}", SEEN.lock().expect("not poisoned"));
}

extern "C" fn on_signal(signal: i32) {
    let _inside = context::signal(signal).enter();
    drop(A.try_lock());
    let map = &HANDLER_LOCK;
    let _ = map.acquire(&HANDLER_INFO, Mode::Exclusive, Wait::Blocking);
    map.release();
}

static HANDLER_LOCK: LockMap = LockMap::new();
const HANDLER_INFO: LockInfo = LockInfo::bare("SpinLock");

fn signal_context() {
    context::signal(libc::SIGUSR1).register();
    // The class is known, and the lock held where the signal may arrive.
    let _ = HANDLER_LOCK.acquire(&HANDLER_INFO, Mode::Exclusive, Wait::Blocking);
    HANDLER_LOCK.release();
    // SAFETY: the handler has the signature that `signal` wants; it is installed before the signal
    // is raised.
    unsafe {
        libc::signal(libc::SIGUSR1, on_signal as *const () as libc::sighandler_t);
        libc::raise(libc::SIGUSR1);
    }
    // What the handler did is looked at now.
    drop(B.lock());
}

fn allocator() {
    drop(A.lock());
    // ORDERING: Relaxed: read by this thread.
    LOCKS_IN_ALLOCATOR.store(1, Ordering::Relaxed);
    inversion();
    let many: Vec<Box<u64>> = (0..1000).map(Box::new).collect();
    // ORDERING: Relaxed, as above.
    LOCKS_IN_ALLOCATOR.store(0, Ordering::Relaxed);
    println!("boxes: {}, classes: {}", many.len(), lockdep::counters().classes);
}

fn steady_state() {
    let lock = RwLock::new(0_u32);
    let ordered = [3, 7].map(|key| Mutex::new(key).ordered_by_key(key));
    let round = || {
        let a = A.lock();
        let b = B.lock();
        drop(lock.read());
        drop(a);
        drop(b);
        drop(lock.write());
        drop(lock.try_read());
        let low = ordered[0].lock();
        drop((ordered[1].lock(), low));
    };
    (0..10).for_each(|_| round());
    // ORDERING: Relaxed: there is one thread.
    let before = N_ALLOCATIONS.load(Ordering::Relaxed);
    (0..10_000).for_each(|_| round());
    // ORDERING: Relaxed, as above.
    println!("allocations: {}", N_ALLOCATIONS.load(Ordering::Relaxed) - before);
}

/// A class is given two orders, the second twice.
fn two_orders() {
    let locks = [(); 3].map(|()| Mutex::new(0_u8).ordered_by_address());
    for lock in &locks[1..] {
        lock.order_by(ClassOrder::ByAddress);
        lock.order_by(ClassOrder::ByKey);
    }
    drop((locks[0].lock(), locks[1].lock(), locks[2].lock()));
}

fn scope() {
    drop((B.lock(), A.lock()));
    let held = A.lock();
    lockdep::thread::scope(|scope| {
        scope.spawn(|| drop(B.lock()));
    });
    drop(held);
}

/// A home-made lock whose holder gives it up behind the validator's back.
fn stale_holder() {
    static MAP: LockMap = LockMap::new();
    const INFO: LockInfo = LockInfo::bare("RawLock");
    let _ = MAP.acquire(&INFO, Mode::Exclusive, Wait::Blocking);
    // The real lock is released here without an event.
    match MAP.acquire(&INFO, Mode::Exclusive, Wait::Blocking) {
        Verdict::SelfDeadlock => MAP.stale_holder(),
        Verdict::Proceed | Verdict::Measure => println!("not noticed"),
    }
    MAP.release();
    println!("held: {:?}, unseen: {}", MAP.is_held(), lockdep::counters().unseen);
}

fn raised() {
    let lock = RwLock::new(0_u8);
    {
        let _first = lock.read().expect("not poisoned");
        let _second = lock.read().expect("not poisoned");
    }
    // Only another thread can queue in between.
    std::thread::scope(|scope| {
        scope.spawn(|| writer_that_raises(&lock));
    });
}

#[inline(never)]
fn writer_that_raises(lock: &RwLock<u8>) {
    *lock.write().expect("not poisoned") += 1;
}

fn assertions() {
    let lock = RwLock::new(());
    let read = lock.read();
    lockdep::assert_held!(lock);
    lockdep::assert_held_shared!(&lock);
    lockdep::assert_held_exclusive!(lock);
    drop(read);
    lockdep::assert_not_held!(lock);
    lockdep::assert_none_held!();
}

extern "C" fn locks_at_exit() {
    inversion();
}

fn at_exit() {
    // SAFETY: the handler is a function of the program's own life. Registered before the first
    // lock, it runs after the validator's own handler.
    unsafe {
        libc::atexit(locks_at_exit);
    }
    drop(A.lock());
}
