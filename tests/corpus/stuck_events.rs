//! Programs that hang in a channel, at a barrier, in a park, or for a notification that was lost.
#![expect(clippy::unwrap_used, reason = "a lock of these programs is never poisoned")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockdep::sync::mpsc::{channel, sync_channel};
use lockdep::sync::{Barrier, Condvar, Mutex};
use lockdep::thread::{self, Builder, JoinHandle};

use super::stuck::Stuck;

pub(crate) const STUCK: &[Stuck] = &[
    Stuck {
        name: "stuck_receive",
        why: "the receiver has the last sender itself",
        says: "1 thread waits for thread `receiver`, which has waited # s for a message",
        run: receive,
    },
    Stuck {
        name: "stuck_send",
        why: "a channel is full, and its receiver waits for a lock of the sender",
        says: "2 threads wait for thread `producer`, which has waited # s for room in a channel",
        run: send,
    },
    Stuck {
        name: "stuck_barrier",
        why: "a barrier is one thread short",
        says: "1 thread waits for thread `one` and thread `two`, each of which has waited # s for the other threads to reach a barrier",
        run: barrier,
    },
    Stuck {
        name: "stuck_park",
        why: "no thread unparks a parked one",
        says: "1 thread waits for thread `parked`, which has waited # s for another thread to unpark it",
        run: park,
    },
    Stuck {
        name: "stuck_unpark",
        why: "a thread that was unparked once parks twice",
        says: "1 thread waits for thread `parked`, which has waited # s for another thread to unpark it",
        run: unpark,
    },
    Stuck {
        name: "stuck_sleep",
        why: "a thread sleeps for an hour under a lock",
        says: "2 threads wait for thread `sleeper`, which has waited # s for time to pass, with a timeout",
        run: sleep,
    },
    Stuck {
        name: "stuck_lost_notification",
        why: "a thread notifies between the look at a flag and the wait",
        says: "1 thread waits for thread `waiter`, which has waited # s for a notification, and then `Mutex<()>`",
        run: lost_notification,
    },
    Stuck {
        name: "stuck_test",
        why: "a thread of a test's thread is parked",
        says: "1 thread waits for thread `parked`, which has waited # s for another thread to unpark it",
        run: of_test,
    },
    Stuck {
        name: "stuck_parking_condvar",
        why: "parking_lot's condition variable was notified before its only wait",
        says: "1 thread waits for thread `waiter`, which has waited # s for a notification, and then `Mutex<bool>`",
        run: parking_condvar,
    },
];

fn named(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    Builder::new().name(name.to_owned()).spawn(body).unwrap()
}

fn receive() {
    let (sender, receiver) = channel();
    let other = sender.clone();
    named("sender", move || other.send(1).unwrap()).join().unwrap();
    let receiver = named("receiver", move || {
        let _sender = sender;
        for number in &receiver {
            assert_eq!(number, 1);
        }
    });
    receiver.join().unwrap();
}

fn send() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static HELD: Barrier = Barrier::new(2);
    let (sender, receiver) = sync_channel(1);
    let consumer = named("consumer", move || {
        assert_eq!(receiver.recv(), Ok(1));
        HELD.wait();
        drop(STATE.lock().unwrap());
        assert_eq!(receiver.recv(), Ok(2));
    });
    let producer = named("producer", move || {
        sender.send(1).unwrap();
        let _state = STATE.lock().unwrap();
        HELD.wait();
        sender.send(2).unwrap();
        sender.send(3).unwrap();
    });
    producer.join().unwrap();
    consumer.join().unwrap();
}

fn barrier() {
    static THREE: Barrier = Barrier::new(3);
    let threads = ["one", "two"].map(|name| {
        named(name, || {
            THREE.wait();
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn park() {
    named("parked", thread::park).join().unwrap();
}

fn unpark() {
    let parked = named("parked", || {
        thread::park();
        thread::park();
    });
    let handle = parked.thread().clone();
    named("unparker", move || handle.unpark()).join().unwrap();
    parked.join().unwrap();
}

fn sleep() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static HELD: Barrier = Barrier::new(2);
    let sleeper = named("sleeper", || {
        let _state = STATE.lock().unwrap();
        HELD.wait();
        thread::sleep(Duration::from_secs(3600));
    });
    let waiter = named("waiter", || {
        HELD.wait();
        drop(STATE.lock().unwrap());
    });
    waiter.join().unwrap();
    sleeper.join().unwrap();
}

fn lost_notification() {
    static IS_READY: AtomicBool = AtomicBool::new(false);
    static STATE: Mutex<()> = Mutex::new(());
    static CHANGED: Condvar = Condvar::new();
    static HAS_LOOKED: Barrier = Barrier::new(2);
    static HAS_NOTIFIED: Barrier = Barrier::new(2);
    let waiter = named("waiter", || {
        let state = STATE.lock().unwrap();
        // ORDERING: Relaxed: the defect of this program.
        let is_ready = IS_READY.load(Ordering::Relaxed);
        HAS_LOOKED.wait();
        HAS_NOTIFIED.wait();
        if !is_ready {
            drop(CHANGED.wait(state).unwrap());
        }
    });
    let notifier = named("notifier", || {
        HAS_LOOKED.wait();
        // ORDERING: Relaxed, as above.
        IS_READY.store(true, Ordering::Relaxed);
        CHANGED.notify_one();
        HAS_NOTIFIED.wait();
    });
    notifier.join().unwrap();
    waiter.join().unwrap();
}

fn parking_condvar() {
    use lockdep::parking_lot::{Condvar, Mutex};
    static STATE: Mutex<bool> = Mutex::new(false);
    static EARLY: Condvar = Condvar::new();
    named("notifier", || assert!(!EARLY.notify_one())).join().unwrap();
    let waiter = named("waiter", || {
        let mut state = STATE.lock();
        EARLY.wait(&mut state);
    });
    waiter.join().unwrap();
}

/// As libtest does: a thread of the standard library's own runs the test.
fn of_test() {
    let test = std::thread::Builder::new().name("a_test".to_owned()).spawn(|| {
        drop(Mutex::new(1).lock().unwrap());
        let middle = thread::spawn(|| named("parked", thread::park));
        // The thread between the two is gone.
        middle.join().unwrap().join().unwrap();
    });
    test.unwrap().join().unwrap();
}
