//! Locks held over the receive of a message, and hand-shakes that order them.
#![expect(clippy::unwrap_used, reason = "a lock of these programs is never poisoned")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockdep::sync::mpsc::{self, channel, sync_channel};
use lockdep::sync::{Barrier, Condvar, LazyLock, Mutex, OnceLock, RwLock};
use lockdep::thread;

use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "receive_under_a_lock_of_the_sender",
        Want::Warning("LD0101"),
        "the sender acquires what the receiver holds",
        under_a_lock,
    )
    .reports(1),
    Case::new(
        "main_loop_reply",
        Want::Warning("LD0101"),
        "a mutex is held over the answer of a loop that takes it for another message",
        main_loop_reply,
    )
    .reports(1),
    Case::new(
        "main_loop_reply_by_chance",
        Want::Error("LD0101"),
        "the same, and nothing orders the two threads",
        main_loop_reply_by_chance,
    )
    .reports(1),
    Case::new(
        "reply_that_another_may_send",
        Want::Warning("LD0101"),
        "another thread has a sender as well",
        reply_that_another_may_send,
    )
    .reports(1),
    Case::new(
        "rendezvous_under_a_read_lock",
        Want::Warning("LD0101"),
        "the sender writes what the receiver reads",
        rendezvous,
    )
    .reports(1),
    Case::new(
        "join_under_a_lock_taken_again",
        Want::Warning("LD0101"),
        "a hand-shake orders the first acquisition only",
        join_taken_again,
    )
    .reports(1),
    Case::new("start_up_by_message", Want::Silent, "ordered by a message", start_up_by_message),
    Case::new("start_up_by_condvar", Want::Silent, "ordered by a notification", start_up_by_condvar),
    Case::new("start_up_by_barrier", Want::Silent, "ordered by a barrier", start_up_by_barrier),
    Case::new("start_up_by_park", Want::Silent, "ordered by a park", start_up_by_park),
    Case::new("join_after_start_up", Want::Silent, "a hand-shake orders the lock and the join", join),
    Case::new("condvar_alone", Want::Silent, "a waiter that holds nothing but its mutex", condvar_alone),
    Case::new("bounded_pair", Want::Silent, "producer and consumer without other locks", bounded_pair),
    Case::new("lock_after_the_last_message", Want::Silent, "the sender locks after it has sent", lock_after),
    Case::new("pool_without_lock", Want::Silent, "a pool locks for each job, its user waits without", pool),
    Case::new("logger", Want::Silent, "a logger thread with a channel", logger),
    Case::new(
        "lock_long_before",
        Want::Silent,
        "a lock long before, ordered over a third thread",
        long_before,
    ),
    Case::new("sender_dropped_under_a_lock", Want::Silent, "a lock that the receiver does not take", dropped),
    Case::new("sender_in_a_closure", Want::Silent, "a sender lives to the end of its closure", in_a_closure),
    Case::new("value_made_by_the_sender", Want::Silent, "an initialiser locks, others find the value", made),
    Case::new("receive_with_a_limit", Want::Silent, "a receive that ends by itself", with_a_limit),
    Case::new("receiver_of_a_pool", Want::Silent, "workers share a receiver behind a lock", shared_receiver),
    Case::new("try_of_the_sender", Want::Silent, "the sender tries for the lock", try_of_the_sender),
    Case::new("readers_on_both_sides", Want::Silent, "two readers do not exclude each other", readers),
    Case::new("two_requests", Want::Silent, "request and response over two channels", two_requests),
];

/// The thread acquires the lock, and only then the caller goes on, in a way that lockdep does not
/// see.
fn faster(is_faster: &AtomicBool) {
    // ORDERING: Acquire pairs with the Release in `passed`: a flag.
    while !is_faster.load(Ordering::Acquire) {
        thread::yield_now();
    }
}

fn passed(is_faster: &AtomicBool) {
    // ORDERING: Release, as above.
    is_faster.store(true, Ordering::Release);
}

fn under_a_lock() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_FASTER: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        passed(&IS_FASTER);
        sender.send(1).unwrap();
    });
    faster(&IS_FASTER);
    let state = STATE.lock().unwrap();
    assert_eq!(receiver.recv(), Ok(1));
    drop(state);
    worker.join().unwrap();
}

enum Message {
    Tick,
    Ask(mpsc::Sender<u8>),
}

fn main_loop_reply() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static HAS_TICKED: AtomicBool = AtomicBool::new(false);
    let (sender, messages) = channel();
    let main_loop = thread::spawn(move || {
        for message in messages {
            match message {
                Message::Tick => {
                    *STATE.lock().unwrap() += 1;
                    passed(&HAS_TICKED);
                }
                Message::Ask(answer) => answer.send(2).unwrap(),
            }
        }
    });
    sender.send(Message::Tick).unwrap();
    faster(&HAS_TICKED);
    {
        let _state = STATE.lock().unwrap();
        let (answer, wait) = channel();
        sender.send(Message::Ask(answer)).unwrap();
        assert_eq!(wait.recv(), Ok(2));
    }
    drop(sender);
    main_loop.join().unwrap();
}

fn main_loop_reply_by_chance() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, messages) = channel();
    let main_loop = thread::spawn(move || {
        for message in messages {
            match message {
                Message::Tick => *STATE.lock().unwrap() += 1,
                Message::Ask(answer) => answer.send(2).unwrap(),
            }
        }
    });
    sender.send(Message::Tick).unwrap();
    // In this run the loop has ticked by then.
    thread::sleep(Duration::from_millis(60));
    {
        let _state = STATE.lock().unwrap();
        let (answer, wait) = channel();
        sender.send(Message::Ask(answer)).unwrap();
        assert_eq!(wait.recv(), Ok(2));
    }
    drop(sender);
    main_loop.join().unwrap();
}

fn reply_that_another_may_send() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let other = sender.clone();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(1).unwrap();
    });
    thread::sleep(Duration::from_millis(60));
    let state = STATE.lock().unwrap();
    assert_eq!(receiver.recv(), Ok(1));
    drop((state, other));
    worker.join().unwrap();
}

fn rendezvous() {
    static STATE: RwLock<u8> = RwLock::new(1);
    static IS_FASTER: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = sync_channel(0);
    let worker = thread::spawn(move || {
        *STATE.write().unwrap() += 1;
        passed(&IS_FASTER);
        sender.send(1).unwrap();
    });
    faster(&IS_FASTER);
    let state = STATE.read().unwrap();
    assert_eq!(receiver.recv(), Ok(*state - 1));
    drop(state);
    worker.join().unwrap();
}

fn join_taken_again() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_FASTER: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(()).unwrap();
        drop(STATE.lock().unwrap());
        passed(&IS_FASTER);
    });
    receiver.recv().unwrap();
    faster(&IS_FASTER);
    let _state = STATE.lock().unwrap();
    worker.join().unwrap();
}

fn start_up_by_message() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(0).unwrap();
        sender.send(1).unwrap();
    });
    assert_eq!(receiver.recv(), Ok(0));
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
    worker.join().unwrap();
}

fn start_up_by_condvar() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_READY: Mutex<bool> = Mutex::new(false);
    static READY: Condvar = Condvar::new();
    static MAY_BEGIN: Barrier = Barrier::new(2);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        MAY_BEGIN.wait();
        drop(STATE.lock().unwrap());
        *IS_READY.lock().unwrap() = true;
        READY.notify_one();
        sender.send(1).unwrap();
    });
    let ready = IS_READY.lock().unwrap();
    MAY_BEGIN.wait();
    drop(READY.wait_while(ready, |ready| !*ready).unwrap());
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
    worker.join().unwrap();
}

fn start_up_by_barrier() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static READY: Barrier = Barrier::new(2);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        READY.wait();
        sender.send(1).unwrap();
    });
    READY.wait();
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
    worker.join().unwrap();
}

fn start_up_by_park() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_READY: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let main = thread::current();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        passed(&IS_READY);
        main.unpark();
        sender.send(1).unwrap();
    });
    loop {
        thread::park();
        // ORDERING: Acquire, as in `faster`.
        if IS_READY.load(Ordering::Acquire) {
            break;
        }
    }
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
    worker.join().unwrap();
}

fn join() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        sender.send(()).unwrap();
    });
    receiver.recv().unwrap();
    let _state = STATE.lock().unwrap();
    worker.join().unwrap();
}

fn condvar_alone() {
    static QUEUE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static FILLED: Condvar = Condvar::new();
    let worker = thread::spawn(|| {
        for n in 0..100 {
            QUEUE.lock().unwrap().push(n);
            FILLED.notify_one();
        }
    });
    let mut n_taken = 0;
    while n_taken < 100 {
        let mut queue = FILLED.wait_while(QUEUE.lock().unwrap(), |queue| queue.is_empty()).unwrap();
        n_taken += queue.drain(..).count();
    }
    worker.join().unwrap();
}

fn bounded_pair() {
    let (sender, receiver) = sync_channel(2);
    let worker = thread::spawn(move || (0..1000).for_each(|n| sender.send(n).unwrap()));
    assert!(receiver.iter().eq(0..1000));
    worker.join().unwrap();
}

fn lock_after() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_FASTER: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        sender.send(1).unwrap();
        drop(STATE.lock().unwrap());
        passed(&IS_FASTER);
    });
    faster(&IS_FASTER);
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
    worker.join().unwrap();
}

fn pool() {
    static STATE: Mutex<u32> = Mutex::new(0);
    let (jobs, results) = (channel::<u32>(), channel::<u32>());
    let queue = Arc::new(Mutex::new(jobs.1));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (queue, results) = (Arc::clone(&queue), results.0.clone());
            thread::spawn(move || {
                loop {
                    let job = queue.lock().unwrap().recv();
                    let Ok(job) = job else { break };
                    *STATE.lock().unwrap() += job;
                    results.send(job).unwrap();
                }
            })
        })
        .collect();
    (0..100).for_each(|job| jobs.0.send(job).unwrap());
    assert_eq!(results.1.iter().take(100).sum::<u32>(), 4950);
    drop(jobs.0);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert_eq!(*STATE.lock().unwrap(), 4950);
}

fn logger() {
    static STATE: Mutex<u32> = Mutex::new(0);
    static LINES: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    let (log, lines) = channel();
    let logger = thread::spawn(move || lines.iter().for_each(|line| LINES.lock().unwrap().push(line)));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let log = log.clone();
            thread::spawn(move || {
                for _ in 0..100 {
                    let mut state = STATE.lock().unwrap();
                    *state += 1;
                    log.send(*state).unwrap();
                }
            })
        })
        .collect();
    drop(log);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    logger.join().unwrap();
    assert_eq!(LINES.lock().unwrap().len(), 200);
}

fn long_before() {
    static STATE: Mutex<u8> = Mutex::new(1);
    let (first, first_end) = channel();
    let (second, second_end) = channel();
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        first.send(()).unwrap();
        (0..10).for_each(|n| sender.send(n).unwrap());
    });
    let between = thread::spawn(move || {
        first_end.recv().unwrap();
        second.send(()).unwrap();
    });
    second_end.recv().unwrap();
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.iter().sum::<i32>(), 45);
    }
    worker.join().unwrap();
    between.join().unwrap();
}

fn dropped() {
    static OTHER: Mutex<u8> = Mutex::new(1);
    let (sender, receiver) = channel::<u8>();
    let worker = thread::spawn(move || {
        let _other = OTHER.lock().unwrap();
        drop(sender);
    });
    assert!(receiver.recv().is_err());
    worker.join().unwrap();
}

fn in_a_closure() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_FASTER: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        sender.send(1).unwrap();
        drop(STATE.lock().unwrap());
        passed(&IS_FASTER);
        drop(sender);
    });
    faster(&IS_FASTER);
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.iter().sum::<u8>(), 1);
    }
    worker.join().unwrap();
}

fn made() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static VALUE: OnceLock<u8> = OnceLock::new();
    static LAZY: LazyLock<u8> = LazyLock::new(|| *STATE.lock().unwrap());
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        VALUE.get_or_init(|| *LAZY + *STATE.lock().unwrap());
        sender.send(1).unwrap();
    });
    while VALUE.get().is_none() {
        thread::yield_now();
    }
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
    worker.join().unwrap();
}

fn with_a_limit() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_FASTER: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.lock().unwrap());
        passed(&IS_FASTER);
        sender.send(1).unwrap();
    });
    faster(&IS_FASTER);
    let state = STATE.lock().unwrap();
    let limit = Duration::from_secs(60);
    assert_eq!(receiver.recv_timeout(limit), Ok(1));
    drop(state);
    worker.join().unwrap();
}

fn shared_receiver() {
    let (sender, receiver) = channel::<u8>();
    let (sender, receiver) = (Mutex::new(sender), Arc::new(Mutex::new(receiver)));
    let workers = [(); 2].map(|()| {
        let receiver = Arc::clone(&receiver);
        thread::spawn(move || receiver.lock().unwrap().recv().unwrap())
    });
    (0..2).for_each(|job| sender.lock().unwrap().send(job).unwrap());
    assert_eq!(workers.map(|worker| worker.join().unwrap()).iter().sum::<u8>(), 1);
}

fn try_of_the_sender() {
    static STATE: Mutex<u8> = Mutex::new(1);
    static IS_FASTER: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.try_lock());
        passed(&IS_FASTER);
        sender.send(1).unwrap();
    });
    faster(&IS_FASTER);
    {
        let _state = STATE.lock().unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
    worker.join().unwrap();
}

fn readers() {
    static STATE: RwLock<u8> = RwLock::new(1);
    static IS_FASTER: AtomicBool = AtomicBool::new(false);
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        drop(STATE.read().unwrap());
        passed(&IS_FASTER);
        sender.send(1).unwrap();
    });
    faster(&IS_FASTER);
    {
        let _state = STATE.read().unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
    worker.join().unwrap();
}

fn two_requests() {
    let (ask, asked) = sync_channel(1);
    let (answer, answered) = sync_channel(1);
    let server = thread::spawn(move || asked.iter().for_each(|n: u32| answer.send(n + 1).unwrap()));
    for n in 0..100 {
        ask.send(n).unwrap();
        assert_eq!(answered.recv(), Ok(n + 1));
    }
    drop(ask);
    server.join().unwrap();
}
