//! What each operation of `lockdep::parking_lot` and `lockdep::lock_api` tells the validator: by
//! what it makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lockdep::lock_api::{self, GuardSend, RawMutex as _};
use lockdep::parking_lot::{
    Condvar, FairMutex, FairMutexGuard, MappedMutexGuard, Mutex, MutexGuard, Once, OnceState, ReentrantMutex,
    RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};

use super::support::on_thread;
use super::{Case, End, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("pl_try_inversion", Want::Silent, "a try never waits, whatever it is called", try_inversion),
    Case::new("pl_read_twice", Want::Warning("LD0014"), "hangs if a writer queues in between", read_twice),
    Case::new("pl_read_twice_writer", Want::Error("LD0014"), "and this lock has writers", read_twice_writer),
    Case::new(
        "pl_read_then_write",
        Want::Error("LD0001"),
        "a writer waits for its own reader",
        read_then_write,
    )
    .ends(End::Exit(101)),
    Case::new("pl_two_upgradable", Want::Error("LD0001"), "one upgradable reader at a time", two_upgradable)
        .ends(End::Exit(101)),
    Case::new(
        "pl_upgrade_abba",
        Want::Error("LD0003"),
        "the upgrade waits for a reader that waits",
        upgrade_abba,
    ),
    Case::new("pl_try_upgrade_abba", Want::Silent, "a try-upgrade never waits", try_upgrade_abba),
    Case::new("pl_timed_upgrade_abba", Want::Note("LD0003"), "a timed upgrade gives up", timed_upgrade_abba),
    Case::new(
        "pl_with_upgraded_abba",
        Want::Error("LD0003"),
        "upgraded for a closure is upgraded",
        with_upgraded_abba,
    ),
    Case::new("pl_modes", Want::Silent, "every change of mode that cannot wait for itself", modes),
    Case::new("pl_unlocked", Want::Error("LD0003"), "`unlocked` takes A again under B", unlocked),
    Case::new("pl_bump", Want::Error("LD0003"), "`bump` takes A again under B", bump),
    Case::new("pl_mapped", Want::Error("LD0003"), "a mapped guard still holds its lock", mapped),
    Case::new(
        "pl_arc_guards",
        Want::Error("LD0003"),
        "a guard that owns its lock holds it as any other",
        arc_guards,
    ),
    Case::new("pl_fair_release", Want::Silent, "a fair release is a release", fair_release),
    Case::new("pl_leak", Want::Silent, "leaked on purpose is not forgotten at thread exit", leak),
    Case::new(
        "pl_force_unlock",
        Want::Silent,
        "a forgotten guard whose lock is given up by hand",
        force_unlock,
    ),
    Case::new("pl_raw", Want::Silent, "the raw lock was taken: nothing is held against it", raw_unlock),
    Case::new(
        "pl_raw_other_order",
        Want::Silent,
        "given up behind the wrapper, held no more",
        raw_other_order,
    ),
    Case::new("pl_condvar_while", Want::Silent, "all waits, nothing else held", condvar_while),
    Case::new(
        "pl_condvar_while_abba",
        Want::Error("LD0003"),
        "every loop of a wait takes M again",
        condvar_while_abba,
    ),
    Case::new(
        "pl_once_mutex",
        Want::Error("LD0003"),
        "the initialiser locks M, M's holder initialises",
        once_mutex,
    ),
    Case::new("pl_once_again", Want::Error("LD0001"), "an initialiser that starts itself", once_again)
        .ends(End::Exit(101)),
    Case::new("pl_once_done", Want::Silent, "a finished one is no lock", once_done),
    Case::new("pl_reentrant_depth", Want::Error("LD0003"), "held until the last guard goes", reentrant_depth),
    Case::new("pl_timed_self", Want::Silent, "a timed wait for oneself ends", timed_self),
    Case::new("lock_api_abba", Want::Error("LD0003"), "anyone's raw lock", own_raw_lock),
    Case::new("lock_api_unsized", Want::Error("LD0003"), "behind `dyn` as well", unsized_lock),
];

fn try_inversion() {
    let (a, b) = (Mutex::new('a'), RwLock::new(1_u8));
    {
        let _a = a.lock();
        let _b = b.write();
    }
    {
        let _b = b.write();
        let _a = a.try_lock();
    }
    {
        let _b = b.try_upgradable_read();
        let _a = a.try_lock();
    }
    let _b = b.try_read_recursive();
    let _a = a.try_lock();
}

fn read_twice() {
    let lock = RwLock::new(0);
    let _outer = lock.read();
    let _inner = lock.read();
}

fn read_twice_writer() {
    let lock = RwLock::new(0);
    drop(lock.write());
    let _outer = lock.read();
    let _inner = lock.read();
}

fn read_then_write() {
    let lock = RwLock::new(0);
    let _read = lock.read();
    let _write = lock.write();
}

fn two_upgradable() {
    let lock = RwLock::new(0);
    let _one = lock.upgradable_read();
    let _two = lock.upgradable_read();
}

/// Reads `lock`, then takes `mutex`: the other half of every upgrade case.
fn read_then_lock(lock: &RwLock<i32>, mutex: &Mutex<char>) {
    let _read = lock.read();
    let _mutex = mutex.lock();
}

fn upgrade_abba() {
    let (lock, mutex) = (RwLock::new(0), Mutex::new('m'));
    read_then_lock(&lock, &mutex);
    let upgradable = lock.upgradable_read();
    let _mutex = mutex.lock();
    let _write = RwLockUpgradableReadGuard::upgrade(upgradable);
}

fn try_upgrade_abba() {
    let (lock, mutex) = (RwLock::new(0), Mutex::new('m'));
    read_then_lock(&lock, &mutex);
    let mut upgradable = lock.upgradable_read();
    let _mutex = mutex.lock();
    upgradable.try_with_upgraded(|data| *data += 1);
    let _write = RwLockUpgradableReadGuard::try_upgrade(upgradable).map_err(drop);
}

fn timed_upgrade_abba() {
    let (lock, mutex) = (RwLock::new(0), Mutex::new('m'));
    read_then_lock(&lock, &mutex);
    let upgradable = lock.upgradable_read();
    let _mutex = mutex.lock();
    let _write =
        RwLockUpgradableReadGuard::try_upgrade_for(upgradable, Duration::from_millis(1)).map_err(drop);
}

fn with_upgraded_abba() {
    let (lock, mutex) = (RwLock::new(0), Mutex::new('m'));
    read_then_lock(&lock, &mutex);
    let mut upgradable = lock.upgradable_read();
    let _mutex = mutex.lock();
    upgradable.with_upgraded(|data| *data += 1);
}

fn modes() {
    let lock = RwLock::new(0);
    let mut upgradable = lock.upgradable_read();
    upgradable.with_upgraded(|data| *data += 1);
    let write = RwLockUpgradableReadGuard::upgrade(upgradable);
    let upgradable = RwLockWriteGuard::downgrade_to_upgradable(write);
    let reader = lock.read_recursive();
    let Err(upgradable) = RwLockUpgradableReadGuard::try_upgrade_for(upgradable, Duration::from_millis(1))
    else {
        panic!("a reader is in the way")
    };
    drop(reader);
    let Ok(write) = RwLockUpgradableReadGuard::try_upgrade_until(upgradable, Instant::now()) else {
        panic!("no thread is in the way")
    };
    let read = RwLockWriteGuard::downgrade(write);
    let read = RwLockReadGuard::map(read, |data| data);
    drop(read);
    let upgradable = lock.upgradable_read();
    let mut read = RwLockUpgradableReadGuard::downgrade(upgradable);
    RwLockReadGuard::unlocked(&mut read, || drop(lock.write()));
    RwLockReadGuard::bump(&mut read);
    RwLockReadGuard::unlock_fair(read);
    assert_eq!(lock.into_inner(), 1);
}

fn unlocked() {
    let (a, b) = (Mutex::new('a'), Mutex::new(1_u8));
    let mut first = a.lock();
    let _b = b.lock();
    MutexGuard::unlocked(&mut first, || ());
}

fn bump() {
    let (a, b) = (Mutex::new('a'), Mutex::new(1_u8));
    let mut first = a.lock();
    let _b = b.lock();
    MutexGuard::bump(&mut first);
}

fn mapped() {
    let (a, b) = (Mutex::new(('a', 'x')), Mutex::new(1_u8));
    {
        let part = MutexGuard::map(a.lock(), |pair| &mut pair.0);
        let _smaller = MappedMutexGuard::map(part, |letter| letter);
        let _b = b.lock();
    }
    let _b = b.lock();
    let _a = a.lock();
}

fn arc_guards() {
    let (a, b) = (Arc::new(Mutex::new('a')), Arc::new(RwLock::new(1_u8)));
    {
        let _a = a.lock_arc();
        let _b = b.upgradable_read_arc();
    }
    let _b = b.write_arc();
    let _a = a.lock_arc();
}

fn fair_release() {
    let (a, b) = (FairMutex::new('a'), Mutex::new(1_u8));
    {
        let first = a.lock();
        let _b = b.lock();
        FairMutexGuard::unlock_fair(first);
    }
    let second = b.lock();
    MutexGuard::unlock_fair(second);
    let _a = a.lock();
}

fn leak() {
    on_thread(|| {
        let mutex = Box::leak(Box::new(Mutex::new(0)));
        *MutexGuard::leak(mutex.lock()) = 1;
    });
}

fn force_unlock() {
    let (a, b) = (Mutex::new('a'), RwLock::new(1_u8));
    std::mem::forget(a.lock());
    std::mem::forget(b.read());
    #[expect(unsafe_code, reason = "releasing by hand is what is tried")]
    // SAFETY: both are held, and their guards are gone.
    unsafe {
        a.force_unlock();
        b.force_unlock_read();
    }
    drop(b.write());
    drop(a.lock());
}

fn raw_unlock() {
    on_thread(|| {
        let a = Mutex::new('a');
        std::mem::forget(a.lock());
        #[expect(unsafe_code, reason = "the raw lock is what is tried")]
        // SAFETY: the mutex is held, and its guard is gone.
        unsafe {
            a.raw().unlock();
        }
        drop(a.lock());
        std::mem::forget(a.lock());
    });
}

fn raw_other_order() {
    let (a, b) = (Mutex::new('a'), Mutex::new(1_u8));
    for _ in 0..2 {
        // As dashmap 7 does with its shards: lock, forget, and unlock the raw lock later.
        std::mem::forget(a.lock());
        #[expect(unsafe_code, reason = "the raw lock is what is tried")]
        // SAFETY: the mutex is held, and its guard is gone.
        unsafe {
            a.raw().unlock();
        }
        drop(b.lock());
    }
    let _b = b.lock();
    let _a = a.lock();
}

fn condvar_while() {
    static READY: Mutex<u8> = Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();
    on_thread(|| {
        let waker = lockdep::thread::spawn(|| {
            *READY.lock() = 1;
            CHANGED.notify_all();
        });
        let mut ready = READY.lock();
        CHANGED.wait_while(&mut ready, |ready| *ready == 0);
        assert!(CHANGED.wait_for(&mut ready, Duration::from_millis(1)).timed_out());
        assert!(CHANGED.wait_until(&mut ready, Instant::now()).timed_out());
        let over = CHANGED.wait_while_for(&mut ready, |ready| *ready == 1, Duration::from_millis(1));
        assert!(over.timed_out());
        drop(ready);
        waker.join().expect("the waker does not panic");
    });
}

fn condvar_while_abba() {
    let (m, a) = (Mutex::new(0), Mutex::new('a'));
    let condvar = Condvar::new();
    let mut guard = m.lock();
    let _a = a.lock();
    condvar.wait_while_for(&mut guard, |_| true, Duration::from_millis(1));
}

fn once_mutex() {
    let (once, mutex) = (Once::new(), Mutex::new('m'));
    let late = Once::new();
    late.call_once(|| ());
    {
        let _mutex = mutex.lock();
        once.call_once(|| ());
    }
    let same = |once: &Once| once.call_once(|| drop(mutex.lock()));
    // Another of the same class would do too; here it is the same object, made anew after a
    // panic.
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| same(&once)));
    assert!(panicked.is_ok());
    let again = Once::new();
    let initialise = |inside: &dyn Fn()| again.call_once_force(|_| inside());
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _mutex = mutex.lock();
        initialise(&|| std::panic::resume_unwind(Box::new("the first try fails")));
    }));
    assert!(failed.is_err());
    initialise(&|| drop(mutex.lock()));
}

fn once_again() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| ONCE.call_once(|| ()));
}

fn once_done() {
    let (once, mutex) = (Once::new(), Mutex::new('m'));
    once.call_once(|| drop(mutex.lock()));
    let _mutex = mutex.lock();
    once.call_once(|| ());
    once.call_once_force(|_| ());
    assert_eq!(once.state(), OnceState::Done);
}

fn reentrant_depth() {
    let (r, a) = (ReentrantMutex::new('r'), Mutex::new(1_u8));
    {
        let outer = r.lock();
        let inner = r.lock();
        drop(outer);
        let _a = a.lock();
        drop(inner);
    }
    let _a = a.lock();
    let _r = r.try_lock_for(Duration::from_millis(1));
    drop(_r);
    let _r = r.lock();
}

fn timed_self() {
    let a = Mutex::new('a');
    let _outer = a.lock();
    assert!(a.try_lock_for(Duration::from_millis(1)).is_none());
    assert!(a.try_lock_until(Instant::now()).is_none());
}

struct RawSpin(AtomicBool);

#[expect(unsafe_code, reason = "a raw lock is unsafe to implement")]
// SAFETY: one swap at a time finds `false`.
unsafe impl lock_api::RawMutex for RawSpin {
    const INIT: Self = Self(AtomicBool::new(false));

    type GuardMarker = GuardSend;

    fn lock(&self) {
        while !self.try_lock() {
            std::hint::spin_loop();
        }
    }

    fn try_lock(&self) -> bool {
        // ORDERING: Acquire, to see what the last holder wrote before its Release store.
        !self.0.swap(true, Ordering::Acquire)
    }

    unsafe fn unlock(&self) {
        // ORDERING: Release, for the next holder's Acquire swap.
        self.0.store(false, Ordering::Release);
    }
}

type Spin<T> = lock_api::Mutex<RawSpin, T>;

fn own_raw_lock() {
    static A: Spin<char> = Spin::new('a');
    static B: Spin<u8> = Spin::new(1);
    {
        let _a = A.lock();
        let _b = B.lock();
    }
    let _b = B.lock();
    let _a = A.lock();
}

fn unsized_lock() {
    let a: Arc<Mutex<dyn std::fmt::Debug + Send>> = Arc::new(Mutex::new('a'));
    let b: Box<RwLock<[u8]>> = Box::new(RwLock::new([1, 2]));
    {
        let _a = a.lock();
        let _b = b.read();
    }
    let _b = b.write();
    let _a = a.lock();
}
