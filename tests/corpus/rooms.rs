//! Locks held over a send into a channel with a bound.
#![expect(clippy::unwrap_used, reason = "a lock of these programs is never poisoned")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockdep::sync::mpsc::{TrySendError, channel, sync_channel};
use lockdep::sync::{Condvar, Mutex, RwLock};
use lockdep::thread;

use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "send_under_a_lock_of_the_receiver",
        Want::Warning("LD0101"),
        "the receiver acquires what is held over the send, which never waited",
        never_full,
    )
    .reports(1),
    Case::new(
        "subscriber_drop",
        Want::Warning("LD0101"),
        "a send under a read lock, whose receiver's owner writes it before it drops the receiver",
        subscriber_drop,
    )
    .reports(1),
    Case::new(
        "subscriber_drop_full",
        Want::Warning("LD0101"),
        "a send was seen to wait there, but the one before it may have ordered the two",
        subscriber_drop_full,
    ),
    Case::new(
        "rendezvous_under_a_lock_of_the_receiver",
        Want::Error("LD0101"),
        "a rendezvous always waits, and the receiver acquires the lock between two messages",
        rendezvous,
    ),
    Case::new(
        "send_that_others_fill",
        Want::Warning("LD0101"),
        "two senders: how full the channel is under the lock depends on both",
        two_senders,
    )
    .reports(1),
    Case::new(
        "send_under_a_lock_with_room_for_all",
        Want::Warning("LD0101"),
        "the channel holds every message that is sent before the receiver has passed the lock",
        room_for_all,
    )
    .reports(1),
    Case::new("send_without_the_lock", Want::Silent, "released before the send", without_the_lock),
    Case::new("send_tries", Want::Silent, "a try for room does not wait", tries),
    Case::new("send_without_a_bound", Want::Silent, "a channel without a bound always has room", unbounded),
    Case::new("send_under_another_lock", Want::Silent, "the receiver does not take it", another_lock),
    Case::new(
        "lock_after_the_last_send",
        Want::Silent,
        "the receiver acquires the lock once it has every message",
        after_the_last,
    ),
    Case::new(
        "receiver_locks_after_a_notification",
        Want::Silent,
        "a condition variable may order the receiver's lock after the send",
        after_a_notification,
    ),
    Case::new("readers_at_both_ends", Want::Silent, "two readers do not exclude each other", readers),
    Case::new("receiver_tries", Want::Silent, "the receiver only tries for the lock", receiver_tries),
];

fn never_full() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(8);
    let worker = thread::spawn(move || {
        for message in receiver {
            *STATE.lock().unwrap() += message;
        }
    });
    for _ in 0..3 {
        let _state = STATE.lock().unwrap();
        sender.send(1).unwrap();
    }
    drop(sender);
    worker.join().unwrap();
}

fn subscriber_drop() {
    static SUBSCRIBERS: RwLock<u8> = RwLock::new(1);
    let (sender, receiver) = sync_channel(8);
    {
        let _subscribers = SUBSCRIBERS.read().unwrap();
        sender.send(1).unwrap();
    }
    static HAS_SENT: AtomicBool = AtomicBool::new(false);
    let worker = thread::spawn(move || {
        *SUBSCRIBERS.write().unwrap() -= 1;
        // ORDERING: Acquire pairs with the Release below: a flag.
        while !HAS_SENT.load(Ordering::Acquire) {
            thread::yield_now();
        }
        drop(receiver);
    });
    let subscribers = SUBSCRIBERS.read().unwrap();
    // In this run the channel has room.
    sender.send(2).unwrap();
    drop(subscribers);
    // ORDERING: Release, as above.
    HAS_SENT.store(true, Ordering::Release);
    worker.join().unwrap();
}

/// The channel is full, and the subscriber takes nothing more.
fn subscriber_drop_full() {
    static SUBSCRIBERS: RwLock<u8> = RwLock::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || {
        assert_eq!(*SUBSCRIBERS.read().unwrap(), 1);
        *SUBSCRIBERS.write().unwrap() -= 1;
        thread::sleep(Duration::from_millis(200));
        drop(receiver);
    });
    // In this run the subscriber is faster: the lock is free again, and the receiver still there.
    thread::sleep(Duration::from_millis(60));
    let subscribers = SUBSCRIBERS.read().unwrap();
    sender.send(1).unwrap();
    sender.send(2).unwrap_err();
    drop(subscribers);
    worker.join().unwrap();
}

fn rendezvous() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(0);
    let worker = thread::spawn(move || {
        *STATE.lock().unwrap() += 1;
        // The sender is in its send by then.
        thread::sleep(Duration::from_millis(150));
        receiver.recv().unwrap()
    });
    thread::sleep(Duration::from_millis(60));
    let state = STATE.lock().unwrap();
    sender.send(1).unwrap();
    drop(state);
    assert_eq!(worker.join().unwrap(), 1);
}

fn two_senders() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(1);
    let other = sender.clone();
    let worker = thread::spawn(move || {
        *STATE.lock().unwrap() += 1;
        thread::sleep(Duration::from_millis(150));
        receiver.iter().sum::<u8>()
    });
    thread::spawn(move || other.send(1).unwrap()).join().unwrap();
    thread::sleep(Duration::from_millis(60));
    {
        let _state = STATE.lock().unwrap();
        sender.send(1).unwrap();
    }
    drop(sender);
    assert_eq!(worker.join().unwrap(), 2);
}

/// The second send waits in this run, because the receiver is slow to take the first message. While
/// the receiver waits for the lock, the channel has room.
fn room_for_all() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        receiver.recv().unwrap();
        *STATE.lock().unwrap() += 1;
        assert!(receiver.iter().eq([2, 3]));
    });
    sender.send(1).unwrap();
    {
        let _state = STATE.lock().unwrap();
        sender.send(2).unwrap();
    }
    sender.send(3).unwrap();
    drop(sender);
    worker.join().unwrap();
}

fn without_the_lock() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || {
        for message in receiver {
            *STATE.lock().unwrap() += message;
        }
    });
    for _ in 0..20 {
        drop(STATE.lock().unwrap());
        sender.send(1).unwrap();
    }
    drop(sender);
    worker.join().unwrap();
}

fn tries() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || {
        for message in receiver {
            *STATE.lock().unwrap() += message;
        }
    });
    for _ in 0..20 {
        let _state = STATE.lock().unwrap();
        match sender.try_send(1) {
            Ok(()) | Err(TrySendError::Full(1)) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(sender);
    worker.join().unwrap();
}

fn unbounded() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        for message in receiver {
            *STATE.lock().unwrap() += message;
        }
    });
    for _ in 0..20 {
        let _state = STATE.lock().unwrap();
        sender.send(1).unwrap();
    }
    drop(sender);
    worker.join().unwrap();
}

fn another_lock() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static LOG: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || {
        for message in receiver {
            *STATE.lock().unwrap() += message;
        }
    });
    for _ in 0..20 {
        let _log = LOG.lock().unwrap();
        sender.send(1).unwrap();
    }
    drop(sender);
    worker.join().unwrap();
}

fn after_the_last() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || {
        let n_messages = receiver.iter().take(10).sum::<u8>();
        *STATE.lock().unwrap() += n_messages;
    });
    {
        let _state = STATE.lock().unwrap();
        for _ in 0..10 {
            sender.send(1).unwrap();
        }
    }
    worker.join().unwrap();
}

fn after_a_notification() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static HAS_SENT: Mutex<bool> = Mutex::new(false);
    static SENT: Condvar = Condvar::new();
    let (sender, receiver) = sync_channel(4);
    let worker = thread::spawn(move || {
        let has_sent = SENT.wait_while(HAS_SENT.lock().unwrap(), |has_sent| !*has_sent);
        drop(has_sent.unwrap());
        *STATE.lock().unwrap() += receiver.iter().sum::<u8>();
    });
    thread::sleep(Duration::from_millis(60));
    {
        let _state = STATE.lock().unwrap();
        sender.send(1).unwrap();
    }
    drop(sender);
    *HAS_SENT.lock().unwrap() = true;
    SENT.notify_one();
    worker.join().unwrap();
}

fn readers() {
    static STATE: RwLock<u8> = RwLock::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || receiver.iter().all(|message| message == *STATE.read().unwrap()));
    for _ in 0..20 {
        let state = STATE.read().unwrap();
        sender.send(*state).unwrap();
    }
    drop(sender);
    assert!(worker.join().unwrap());
}

fn receiver_tries() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = sync_channel(1);
    let worker = thread::spawn(move || receiver.iter().for_each(|()| drop(STATE.try_lock())));
    for _ in 0..20 {
        let _state = STATE.lock().unwrap();
        sender.send(()).unwrap();
    }
    drop(sender);
    worker.join().unwrap();
}
