//! Waits about which nothing may be said, also where the run alone would allow an error.
//!
//! In a case whose name begins with `slept`, the waiting thread sleeps while the awaited one
//! acquires the lock. lockdep takes such a sleep for chance at work, so that only the hand-shake
//! after it keeps the join from being an error.
#![expect(clippy::unwrap_used, reason = "a lock of these programs is never poisoned")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockdep::parking_lot;
use lockdep::sync::mpsc::{channel, sync_channel};
use lockdep::sync::{Barrier, Condvar, Mutex, Once, OnceLock};
use lockdep::thread::{self, JoinHandle};

use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("slept_message", Want::Silent, "a message that was there orders", slept_message),
    Case::new("slept_message_tried", Want::Silent, "so does one that a try found", slept_message_tried),
    Case::new("slept_message_bounded", Want::Silent, "so does one of a channel with a bound", slept_bounded),
    Case::new(
        "slept_disconnection",
        Want::Warning("LD0101"),
        "so does the end of all senders, but lockdep does not know who dropped the last one",
        slept_disconnection,
    ),
    Case::new(
        "slept_unseen_message",
        Want::Excepted,
        "a message of a channel that lockdep does not see orders: a named limit, a wrong error",
        slept_unseen_message,
    ),
    Case::new(
        "slept_barrier",
        Want::Silent,
        "a barrier whose last party does not wait orders",
        slept_barrier,
    ),
    Case::new("slept_park", Want::Silent, "an unpark before the park orders", slept_park),
    Case::new("slept_once", Want::Silent, "a finished `Once` that is waited for orders", slept_once),
    Case::new("slept_once_running", Want::Silent, "so does one that is still running", slept_once_running),
    Case::new("slept_once_lock", Want::Silent, "so does a value that was set", slept_once_lock),
    Case::new("slept_pl_condvar", Want::Silent, "a notification of `parking_lot` orders", slept_pl_condvar),
    Case::new("slept_join", Want::Silent, "the end of a third thread orders", slept_join),
    Case::new("resource_pool", Want::Silent, "asked for under a lock that one of two takes", resource_pool),
    Case::new("pl_resource_pool", Want::Silent, "the same with `parking_lot`", pl_resource_pool),
    Case::new(
        "barrier_under_a_lock",
        Want::Silent,
        "only one party takes the lock before it arrives",
        barrier_under_a_lock,
    ),
    Case::new(
        "initialiser_after_a_lock",
        Want::Silent,
        "the initialising thread has released the lock that the waiting one holds",
        initialiser_after_a_lock,
    ),
    Case::new("two_workers", Want::Silent, "either may answer, and one takes the lock", two_workers),
    Case::new("limits_in_a_loop", Want::Silent, "each receive ends by itself", limits_in_a_loop),
];

/// Long enough for another thread to be faster.
const FASTER: Duration = Duration::from_millis(60);

/// Joins the thread under the lock that it has acquired.
fn join_under(lock: &Mutex<u8>, worker: JoinHandle<()>) {
    let _guard = lock.lock().unwrap();
    worker.join().unwrap();
}

fn slept_message() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(()).unwrap();
    });
    thread::sleep(FASTER);
    receiver.recv().unwrap();
    join_under(&STATE, worker);
}

fn slept_message_tried() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(()).unwrap();
    });
    thread::sleep(FASTER);
    while receiver.try_recv().is_err() {
        thread::yield_now();
    }
    join_under(&STATE, worker);
}

fn slept_bounded() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(()).unwrap();
    });
    thread::sleep(FASTER);
    receiver.recv().unwrap();
    join_under(&STATE, worker);
}

fn slept_disconnection() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel::<()>();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        drop(sender);
    });
    thread::sleep(FASTER);
    assert!(receiver.recv().is_err(), "the sender was dropped");
    join_under(&STATE, worker);
}

/// The channel is std's own, as one of another crate would be.
fn slept_unseen_message() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = std::sync::mpsc::channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(()).unwrap();
    });
    thread::sleep(FASTER);
    receiver.recv().unwrap();
    join_under(&STATE, worker);
}

fn slept_barrier() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static READY: Barrier = Barrier::new(2);
    let worker = thread::spawn(|| {
        drop(STATE.lock().unwrap());
        READY.wait();
    });
    thread::sleep(FASTER);
    READY.wait();
    join_under(&STATE, worker);
}

fn slept_park() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let main = thread::current();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        main.unpark();
    });
    thread::sleep(FASTER);
    thread::park();
    join_under(&STATE, worker);
}

fn slept_once() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static READY: Once = Once::new();
    let worker = thread::spawn(|| {
        drop(STATE.lock().unwrap());
        READY.call_once(|| ());
    });
    thread::sleep(FASTER);
    READY.wait();
    join_under(&STATE, worker);
}

fn slept_once_running() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static READY: Once = Once::new();
    let worker = thread::spawn(|| {
        drop(STATE.lock().unwrap());
        READY.call_once(|| thread::sleep(FASTER * 2));
    });
    thread::sleep(FASTER);
    READY.wait();
    join_under(&STATE, worker);
}

fn slept_once_lock() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static READY: OnceLock<u8> = OnceLock::new();
    let worker = thread::spawn(|| {
        drop(STATE.lock().unwrap());
        READY.set(1).unwrap();
    });
    thread::sleep(FASTER);
    assert_eq!(*READY.wait(), 1);
    join_under(&STATE, worker);
}

fn slept_pl_condvar() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_READY: parking_lot::Mutex<bool> = parking_lot::Mutex::new(false);
    static READY: parking_lot::Condvar = parking_lot::Condvar::new();
    let mut is_ready = IS_READY.lock();
    let worker = thread::spawn(|| {
        drop(STATE.lock().unwrap());
        *IS_READY.lock() = true;
        READY.notify_one();
    });
    thread::sleep(FASTER);
    READY.wait_while(&mut is_ready, |is_ready| !*is_ready);
    drop(is_ready);
    join_under(&STATE, worker);
}

fn slept_join() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(()).unwrap();
    });
    let third = thread::spawn(move || receiver.recv().unwrap());
    thread::sleep(FASTER);
    third.join().unwrap();
    join_under(&STATE, worker);
}

fn resource_pool() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static FREE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static RETURNED: Condvar = Condvar::new();
    let put_back = |resource| {
        FREE.lock().unwrap().push(resource);
        RETURNED.notify_one();
    };
    let take = || RETURNED.wait_while(FREE.lock().unwrap(), |free| free.is_empty()).unwrap().pop();
    let locks = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        put_back(1);
    });
    assert_eq!(take(), Some(1));
    let state = STATE.lock().unwrap();
    let does_not = thread::spawn(move || {
        thread::sleep(FASTER);
        put_back(2);
    });
    assert_eq!(take(), Some(2));
    drop(state);
    for worker in [locks, does_not] {
        worker.join().unwrap();
    }
}

fn pl_resource_pool() {
    use parking_lot::{Condvar, Mutex};
    static STATE: Mutex<u8> = Mutex::new(1);
    static FREE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static RETURNED: Condvar = Condvar::new();
    let put_back = |resource| {
        FREE.lock().push(resource);
        RETURNED.notify_one();
    };
    let take = || {
        let mut free = FREE.lock();
        RETURNED.wait_while(&mut free, |free| free.is_empty());
        free.pop()
    };
    let locks = thread::spawn(move || {
        drop(STATE.lock());
        put_back(1);
    });
    assert_eq!(take(), Some(1));
    let state = STATE.lock();
    let does_not = thread::spawn(move || {
        thread::sleep(FASTER);
        put_back(2);
    });
    assert_eq!(take(), Some(2));
    drop(state);
    for worker in [locks, does_not] {
        worker.join().unwrap();
    }
}

fn barrier_under_a_lock() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static BOTH: Barrier = Barrier::new(2);
    let worker = thread::spawn(|| {
        BOTH.wait();
        drop(STATE.lock().unwrap());
    });
    {
        let _state = STATE.lock().unwrap();
        BOTH.wait();
    }
    worker.join().unwrap();
}

fn initialiser_after_a_lock() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static VALUE: OnceLock<u8> = OnceLock::new();
    static IS_INSIDE: AtomicBool = AtomicBool::new(false);
    let worker = thread::spawn(|| {
        drop(STATE.lock().unwrap());
        VALUE.get_or_init(|| {
            // ORDERING: Release pairs with the Acquire below: a flag.
            IS_INSIDE.store(true, Ordering::Release);
            thread::sleep(FASTER);
            1
        });
    });
    // ORDERING: Acquire, as above.
    while !IS_INSIDE.load(Ordering::Acquire) {
        thread::yield_now();
    }
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(*VALUE.get_or_init(|| 2), 1);
    }
    worker.join().unwrap();
}

fn two_workers() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let other = sender.clone();
    let locks = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(1).unwrap();
    });
    let does_not = thread::spawn(move || {
        // In this run the first message is the one of the thread that takes the lock.
        thread::sleep(FASTER / 2);
        other.send(2).unwrap();
    });
    thread::sleep(FASTER);
    let first = {
        let _state = STATE.lock().unwrap();
        receiver.recv().unwrap()
    };
    assert_eq!(first + receiver.recv().unwrap(), 3);
    for worker in [locks, does_not] {
        worker.join().unwrap();
    }
}

fn limits_in_a_loop() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        thread::sleep(FASTER * 2);
        sender.send(1).unwrap();
    });
    thread::sleep(FASTER);
    {
        let _state = STATE.lock().unwrap();
        while receiver.recv_timeout(FASTER / 6).is_err() {}
    }
    worker.join().unwrap();
}
