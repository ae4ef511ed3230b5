//! The channels of `mpsc`.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::sync::mpsc::{
    RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError, channel, sync_channel,
};
use super::thread;

#[test]
fn messages_come_in_order_and_then_the_end() {
    let (sender, receiver) = channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    for n in 0..3 {
        sender.send(n).unwrap();
    }
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(sender);
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Ok(2));
    assert_eq!(receiver.recv(), Err(RecvError));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn what_cannot_be_sent_comes_back() {
    let (sender, receiver) = channel();
    drop(receiver);
    assert_eq!(sender.send("lost"), Err(SendError("lost")));
    let (sender, receiver) = sync_channel(1);
    sender.send("there").unwrap();
    assert_eq!(sender.try_send("full"), Err(TrySendError::Full("full")));
    drop(receiver);
    assert_eq!(sender.try_send("lost"), Err(TrySendError::Disconnected("lost")));
    assert_eq!(sender.send("lost"), Err(SendError("lost")));
}

#[test]
fn a_receive_waits_for_its_message() {
    let (sender, receiver) = channel();
    let other = thread::spawn(move || receiver.recv());
    sender.send(Box::new(5)).unwrap();
    assert_eq!(other.join().unwrap(), Ok(Box::new(5)));
    let (sender, receiver) = channel::<u8>();
    let other = thread::spawn(move || receiver.recv());
    drop(sender);
    assert_eq!(other.join().unwrap(), Err(RecvError));
}

#[test]
fn a_timeout_ends_a_receive() {
    let (sender, receiver) = channel::<u8>();
    let start = Instant::now();
    let timeout = Duration::from_millis(20);
    assert_eq!(receiver.recv_timeout(timeout), Err(RecvTimeoutError::Timeout));
    assert!(start.elapsed() >= timeout);
    drop(sender);
}

#[test]
fn a_full_channel_waits_for_room() {
    let (sender, receiver) = sync_channel(2);
    let other = thread::spawn(move || (0..1000).try_for_each(|n| sender.send(n)));
    assert!(receiver.iter().eq(0..1000));
    other.join().unwrap().unwrap();
    let (sender, receiver) = sync_channel(1);
    sender.send(1).unwrap();
    let other = thread::spawn(move || sender.send(2));
    drop(receiver);
    assert_eq!(other.join().unwrap(), Err(SendError(2)));
}

#[test]
fn a_rendezvous_hands_over() {
    let (sender, receiver) = sync_channel(0);
    assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
    let other = thread::spawn(move || (1..=100).try_for_each(|n| sender.send(n)));
    let mut sum = 0;
    for n in &receiver {
        sum += n;
    }
    assert_eq!(sum, 5050);
    other.join().unwrap().unwrap();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn senders_are_cloned() {
    let (sender, receiver) = channel();
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let sender = sender.clone();
            thread::spawn(move || sender.send(n))
        })
        .collect();
    drop(sender);
    let mut all: Vec<i32> = receiver.into_iter().collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
    threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    let (sender, receiver) = sync_channel(4);
    let other = sender.clone();
    other.send(1).unwrap();
    drop((sender, other));
    assert_eq!(receiver.iter().collect::<Vec<u8>>(), [1]);
}

#[test]
fn iterators_end_as_they_should() {
    let (sender, receiver) = channel();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<u8>>(), [1, 2]);
    sender.send(3).unwrap();
    drop(sender);
    assert_eq!(receiver.iter().size_hint(), (0, None));
    assert_eq!(receiver.into_iter().collect::<Vec<u8>>(), [3]);
}

#[test]
fn what_is_left_is_dropped_once() {
    static N_DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            N_DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (sender, receiver) = channel();
    for _ in 0..3 {
        sender.send(Counted).map_err(|_| ()).unwrap();
    }
    drop(receiver.recv());
    drop(receiver);
    assert_eq!(N_DROPPED.load(Ordering::Relaxed), 3);
    assert!(sender.send(Counted).is_err());
    assert_eq!(N_DROPPED.load(Ordering::Relaxed), 4);
}

#[test]
fn data_need_not_be_send() {
    let (sender, receiver) = channel();
    sender.send(Rc::new(1)).unwrap();
    assert_eq!(receiver.recv(), Ok(Rc::new(1)));
    let (sender, receiver) = sync_channel::<&mut u8>(1);
    let mut here = 1;
    sender.send(&mut here).unwrap();
    *receiver.recv().unwrap() += 1;
    drop((sender, receiver));
    assert_eq!(here, 2);
}

#[test]
fn they_are_shown_as_such() {
    let (sender, receiver) = channel::<u8>();
    assert_eq!(format!("{sender:?} {receiver:?}"), "Sender { .. } Receiver { .. }");
    let (sender, receiver) = sync_channel::<u8>(1);
    assert_eq!(format!("{sender:?} {receiver:?}"), "SyncSender { .. } Receiver { .. }");
    assert_eq!(format!("{:?}", receiver.try_iter()), "TryIter { rx: Receiver { .. } }");
    assert_eq!(format!("{:?}", receiver.iter()), "Iter { rx: Receiver { .. } }");
    assert_eq!(format!("{:?}", receiver.into_iter()), "IntoIter { rx: Receiver { .. } }");
    let error: Box<dyn std::error::Error> = Box::new(RecvError);
    assert_eq!(error.to_string(), "receiving on a closed channel");
}
