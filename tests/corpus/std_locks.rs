//! Which operations of `lockdep::sync` are acquisitions and which are not, one operation a case.

use std::fmt;
use std::process;
use std::sync::mpsc;
use std::time::Duration;

use lockdep::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, RwLock};
use lockdep::thread;

use super::support::nest;
use super::{Case, End, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "std_call_once_reentrant",
        Want::Error("LD0001"),
        "`call_once` inside itself",
        call_once_reentrant,
    )
    .ends(End::Exit(101)),
    Case::new(
        "std_call_once_force_reentrant",
        Want::Error("LD0001"),
        "forced or not",
        call_once_force_reentrant,
    )
    .ends(End::Exit(101)),
    Case::new(
        "std_once_wait_inside",
        Want::Error("LD0001"),
        "waiting for one's own initialisation",
        once_wait_inside,
    )
    .ends(End::Exit(101)),
    Case::new(
        "std_set_inside_init",
        Want::Error("LD0001"),
        "`set` waits for the running initialiser",
        set_inside_init,
    )
    .ends(End::Exit(101)),
    Case::new(
        "std_lazy_reentrant",
        Want::Error("LD0001"),
        "a lazy value that asks for itself",
        lazy_reentrant,
    )
    .ends(End::Exit(101)),
    Case::new("std_write_write", Want::Error("LD0001"), "two writers on one thread", write_write)
        .ends(End::Exit(101)),
    Case::new(
        "std_self_deadlock_hang",
        Want::Error("LD0001"),
        "reported, then left to hang",
        self_deadlock_hang,
    )
    .with_env(&[("LOCKDEP_ON_DEADLOCK", "hang")]),
    Case::new(
        "std_once_inversion",
        Want::Error("LD0003"),
        "a lock inside one `call_once`, around another",
        once_inversion,
    ),
    Case::new(
        "std_once_wait_under_lock",
        Want::Report("LD0003"),
        "waiting for what needs the lock held",
        once_wait,
    ),
    Case::new("std_init_panics", Want::Silent, "an initialiser that panicked holds nothing", init_panics),
    Case::new(
        "std_wait_while_reacquire",
        Want::Error("LD0003"),
        "`wait_while` takes the mutex again",
        wait_while,
    ),
    Case::new(
        "std_wait_timeout_reacquire",
        Want::Error("LD0003"),
        "the limit is not on the mutex",
        wait_timeout,
    ),
    Case::new("std_condition_met", Want::Silent, "a wait that need not wait takes nothing", condition_met),
    Case::new("std_notify", Want::Silent, "a notification is no acquisition", notify),
    Case::new(
        "std_debug_locks",
        Want::Error("LD0003"),
        "the data's `Debug` locks while the lock is held",
        debug_locks,
    ),
    Case::new(
        "std_debug_of_taken",
        Want::Silent,
        "printing a lock that is taken waits for nothing",
        debug_of_taken,
    ),
    Case::new(
        "std_exclusive_borrow",
        Want::Silent,
        "`get_mut` and `into_inner` take nothing",
        exclusive_borrow,
    ),
    Case::new(
        "std_guard_through_closure",
        Want::Silent,
        "a guard may change hands on its thread",
        guard_passes,
    ),
    #[cfg(std_rwlock_downgrade)]
    Case::new(
        "std_downgrade_then_read",
        Want::Error("LD0014"),
        "a writer that became a reader is one: LD0014, not LD0001",
        downgraded,
    ),
];

fn call_once_reentrant() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| ONCE.call_once(|| ()));
}

fn call_once_force_reentrant() {
    static ONCE: Once = Once::new();
    ONCE.call_once_force(|_| ONCE.call_once_force(|_| ()));
}

fn once_wait_inside() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| ONCE.wait());
}

fn set_inside_init() {
    static CELL: OnceLock<u8> = OnceLock::new();
    CELL.get_or_init(|| {
        let _full = CELL.set(1);
        2
    });
}

fn lazy_reentrant() {
    static LAZY: LazyLock<u8> = LazyLock::new(|| *LAZY + 1);
    assert_eq!(*LAZY, 1, "not reached");
}

fn write_write() {
    let lock = RwLock::new(());
    let _first = lock.write();
    let _second = lock.write();
}

fn self_deadlock_hang() {
    let (tell, told) = mpsc::channel();
    lockdep::set_report_callback(move |_| {
        let _over = tell.send(());
    });
    thread::spawn(|| {
        let lock = Mutex::new(());
        let _first = lock.lock();
        let _second = lock.lock();
        // A thread that gets here was not left to hang.
        process::exit(1);
    });
    told.recv().expect("the report comes before the hang");
}

fn once_inversion() {
    static LOCK: Mutex<u8> = Mutex::new(0);
    static FIRST: Once = Once::new();
    // The initialiser panics, so the same object can be entered again.
    let panicked = std::panic::catch_unwind(|| {
        FIRST.call_once(|| {
            drop(LOCK.lock());
            panic!("half way");
        });
    });
    assert!(panicked.is_err());
    let _lock = LOCK.lock();
    FIRST.call_once_force(|_| ());
}

fn once_wait() {
    static LOCK: Mutex<u8> = Mutex::new(0);
    let onces: Arc<Vec<Once>> = Arc::new((0..2).map(|_| Once::new()).collect());
    onces[0].call_once(|| drop(LOCK.lock()));
    let shared = Arc::clone(&onces);
    let (tell, told) = mpsc::channel();
    lockdep::set_report_callback(move |_| {
        let _over = tell.send(());
    });
    let waiter = thread::spawn(move || {
        let _lock = LOCK.lock();
        shared[1].wait();
    });
    // Run only once the waiter was judged: a finished one would not be waited for.
    told.recv().expect("the report comes before the wait");
    onces[1].call_once(|| ());
    waiter.join().expect("nothing panics");
}

fn init_panics() {
    static LOCK: Mutex<u8> = Mutex::new(0);
    static ONCE: Once = Once::new();
    static CELL: OnceLock<u8> = OnceLock::new();
    static LAZY: LazyLock<u8> = LazyLock::new(|| panic!("no value"));
    let panicked = [
        std::panic::catch_unwind(|| ONCE.call_once(|| panic!("no value"))).is_err(),
        std::panic::catch_unwind(|| *CELL.get_or_init(|| panic!("no value"))).is_err(),
        std::panic::catch_unwind(|| *LAZY).is_err(),
        // A poisoned one panics instead of waiting.
        std::panic::catch_unwind(|| ONCE.call_once(|| ())).is_err(),
        std::panic::catch_unwind(|| *LAZY).is_err(),
    ];
    assert_eq!(panicked, [true; 5]);
    // Were one of them still held, this would come after it, and the next lines before it.
    drop(LOCK.lock());
    let _lock = LOCK.lock();
    ONCE.call_once_force(|_| ());
    assert_eq!(*CELL.get_or_init(|| 1), 1);
}

fn wait_while() {
    let (mutex, other, condvar) = (Mutex::new(0), Mutex::new('o'), Condvar::new());
    let guard = mutex.lock().expect("not poisoned");
    let _other = other.lock();
    let mut n_calls = 0;
    // A notification that no thread waits for is lost, so one thread notifies until the wait is
    // over.
    thread::scope(|scope| {
        let (over, rest) = mpsc::channel::<()>();
        let condvar = &condvar;
        scope.spawn(move || {
            while rest.recv_timeout(Duration::from_millis(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
                condvar.notify_all();
            }
        });
        let guard = condvar.wait_while(guard, |_| {
            n_calls += 1;
            n_calls == 1
        });
        drop((guard, over));
    });
}

fn wait_timeout() {
    let (mutex, other, condvar) = (Mutex::new(0), Mutex::new('o'), Condvar::new());
    let guard = mutex.lock().expect("not poisoned");
    let _other = other.lock();
    drop(condvar.wait_timeout(guard, Duration::from_millis(1)));
}

fn condition_met() {
    let (mutex, other, condvar) = (Mutex::new(true), Mutex::new('o'), Condvar::new());
    let guard = mutex.lock().expect("not poisoned");
    let _other = other.lock();
    let guard = condvar.wait_while(guard, |met| !*met).expect("not poisoned");
    let waited =
        condvar.wait_timeout_while(guard, Duration::from_secs(9), |met| !*met).expect("not poisoned");
    assert!(!waited.1.timed_out());
}

fn notify() {
    let (mutex, other, condvar) = (Mutex::new(0), Mutex::new('o'), Condvar::new());
    nest(&mutex, &other);
    let _other = other.lock();
    condvar.notify_one();
    condvar.notify_all();
}

/// Prints itself under its own lock, and waits for it.
struct Waits(Mutex<u8>);

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lock().expect("not poisoned").fmt(f)
    }
}

fn debug_locks() {
    let outer = Mutex::new(Arc::new(Waits(Mutex::new(0))));
    let inner = Arc::clone(&outer.lock().expect("not poisoned"));
    assert!(format!("{outer:?}").contains("data: 0"));
    let _inner = inner.0.lock();
    let _outer = outer.lock();
}

fn debug_of_taken() {
    static A: Mutex<char> = Mutex::new('a');
    static B: Mutex<char> = Mutex::new('b');
    nest(&A, &B);
    let (locked, is_locked) = mpsc::channel();
    let (printed, is_printed) = mpsc::channel::<()>();
    let holder = thread::spawn(move || {
        let _a = A.lock();
        locked.send(()).expect("the printer waits");
        is_printed.recv().expect("the printer lives");
    });
    is_locked.recv().expect("the holder lives");
    let in_b = B.lock();
    assert!(format!("{A:?}").contains("<locked>"));
    drop(in_b);
    printed.send(()).expect("the holder waits");
    holder.join().expect("nothing panics");
}

fn exclusive_borrow() {
    let (mut a, b, mut c) = (Mutex::new(1), Mutex::new(2), RwLock::new(3));
    nest(&a, &b);
    {
        let _c = c.read();
        let _b = b.lock();
    }
    let _b = b.lock();
    *a.get_mut().expect("not poisoned") += 1;
    *c.get_mut().expect("not poisoned") += 1;
    assert_eq!((a.into_inner().ok(), c.into_inner().ok()), (Some(2), Some(4)));
}

fn guard_passes() {
    fn hand_on(guard: MutexGuard<'_, u8>, to: impl FnOnce(MutexGuard<'_, u8>) -> u8) -> u8 {
        to(guard)
    }
    let (a, b) = (Mutex::new(1), Mutex::new(2));
    let sum = hand_on(a.lock().expect("not poisoned"), |in_a| {
        let in_b = b.lock().expect("not poisoned");
        let sum = *in_a + *in_b;
        drop(in_a);
        // Free again: under B alone, A is only tried.
        assert!(a.try_lock().is_ok());
        sum
    });
    assert_eq!(sum, 3);
}

#[cfg(std_rwlock_downgrade)]
fn downgraded() {
    use lockdep::sync::RwLockWriteGuard;

    let lock = RwLock::new(1);
    let reading = RwLockWriteGuard::downgrade(lock.write().expect("not poisoned"));
    assert_eq!(*lock.read().expect("not poisoned"), *reading);
}
