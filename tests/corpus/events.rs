//! Waits for what other threads bring, and deadlocks that end with a panic.
#![expect(clippy::unwrap_used, reason = "a lock of these programs is never poisoned")]

use lockdep::sync::Barrier;
use lockdep::thread::{Builder, JoinHandle};
use vmalock::AddressSpace;

use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "hang_parking_panics",
        Want::Error("LD0100"),
        "one of two threads panics, and the other gets its lock",
        parking_panics,
    ),
    Case::new("hang_mmap_lock", Want::Error("LD0100"), "the mmap lock of vmalock and a mutex", mmap_lock)
        .has_happened(&["reader -> writer", "writer -> reader"]),
    Case::new(
        "hang_excluded_reader",
        Want::Error("LD0100"),
        "a reader of a VMA waits for the mmap lock, whose writer waits for the reader",
        excluded_reader,
    )
    .has_happened(&["reader -> writer", "writer -> reader"]),
];

/// Starts a thread of this name.
fn named<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(name.to_owned()).spawn(body).unwrap()
}

fn parking_panics() {
    use lockdep::parking_lot::Mutex;
    static A: Mutex<u8> = Mutex::new(1);
    static B: Mutex<u16> = Mutex::new(2);
    static BOTH: Barrier = Barrier::new(2);
    let a = named("a", || {
        let _a = A.lock();
        BOTH.wait();
        u16::from(*B.lock() == 2)
    });
    let b = named("b", || {
        let _b = B.lock();
        BOTH.wait();
        u16::from(*A.lock() == 1)
    });
    let results = [a.join(), b.join()];
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1, "one of them gave up");
    assert_eq!(results.into_iter().flatten().sum::<u16>(), 1, "the other went on");
    assert!(A.try_lock().is_some() && B.try_lock().is_some(), "no lock is left behind");
}

fn mmap_lock() {
    use lockdep::sync::Mutex;
    static STATE: Mutex<u8> = Mutex::new(1);
    static BOTH: Barrier = Barrier::new(2);
    let space: &'static AddressSpace = Box::leak(Box::new(AddressSpace::new()));
    let writer = named("writer", || {
        let _space = space.mm().write();
        BOTH.wait();
        drop(STATE.lock().unwrap());
    });
    let reader = named("reader", || {
        let _state = STATE.lock().unwrap();
        BOTH.wait();
        drop(space.mm().read());
    });
    writer.join().unwrap();
    reader.join().unwrap();
}

fn excluded_reader() {
    static BOTH: Barrier = Barrier::new(2);
    const PAGE: usize = 0x1000;
    let space: &'static AddressSpace = Box::leak(Box::new(AddressSpace::new()));
    space.map(PAGE, PAGE, vmalock::flags::READ).expect("free");
    let reader = named("reader", || {
        let _vma = vmalock::lock_vma_under_rcu(space.mm(), PAGE).expect("no thread writes");
        BOTH.wait();
        drop(space.mm().read());
    });
    let writer = named("writer", || {
        let guard = space.mm().write();
        BOTH.wait();
        let vma = guard.vma_lookup(PAGE).expect("it is mapped");
        let _write = guard.start_write(vma);
    });
    writer.join().unwrap();
    reader.join().unwrap();
}
