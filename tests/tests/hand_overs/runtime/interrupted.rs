//! A thread's state and its deferred events, and handlers that come at any step: `access.rs`,
//! `entered.rs` and the rings.
//!
//! What an event does with them is `event/enter.rs` and `event/deferred.rs` in short, here: those
//! need the whole runtime.

use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::sync::Mutex;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use lockdep_validator::{LockId, Site};

use crate::runtime::memory::pointer::Pointer;
use crate::runtime::memory::{self, Task};
use crate::runtime::task::access::{self, BUSY, DEFERRED, DEFERRED_ALONE, DRAIN, NOT_STARTED, UNBORN, fence};
use crate::runtime::task::deferred::{self, DeferredEvent};
use crate::runtime::task::entered::{self, Entered};
use crate::seed::explore;

thread_local! {
    static N_EVENTS: Cell<u64> = const { Cell::new(0) };
    static N_REPLAYED: Cell<u64> = const { Cell::new(0) };
    static N_UNSEEN: Cell<u64> = const { Cell::new(0) };
}

fn add(count: &'static std::thread::LocalKey<Cell<u64>>, n_events: u64) {
    count.set(count.get() + n_events);
}

pub(crate) fn count_unseen() {
    count_all_unseen(1);
}

pub(crate) fn count_all_unseen(n_events: u64) {
    add(&N_UNSEEN, n_events);
}

/// An event that the thread has validated before.
fn known() {
    add(&N_EVENTS, 1);
    let is_done = access::quickly(|task| {
        task.count();
        true
    });
    if !is_done {
        slow(true);
    }
}

/// One that it has not: a handler must defer it.
fn new() {
    add(&N_EVENTS, 1);
    slow(false);
}

fn slow(is_known: bool) {
    match entered::take() {
        Ok(mut entered) if is_known || !memory::is_in_handler() => entered.task().count(),
        Ok(entered) => {
            entered.park();
            defer();
        }
        Err(NOT_STARTED | UNBORN) if memory::is_in_handler() => {
            leave_unborn();
            defer();
        }
        Err(NOT_STARTED | UNBORN) => {
            Pointer::of_this_thread().mark::<BUSY>();
            fence();
            deferred::install();
            replay_and_count(Entered::new(NonNull::from(Box::leak(Box::new(UnsafeCell::new(
                Task::default(),
            ))))));
        }
        Err(DRAIN) if !memory::is_in_handler() => replay_and_count(entered::unpark()),
        Err(DRAIN | DEFERRED | DEFERRED_ALONE) => defer(),
        Err(_) => count_unseen(),
    }
}

fn leave_unborn() {
    if Pointer::of_this_thread().load().addr() != UNBORN {
        Pointer::of_this_thread().mark::<UNBORN>();
    }
}

fn replay_and_count(mut entered: Entered) {
    if let Some(taken) = deferred::take() {
        add(&N_REPLAYED, taken.events.len() as u64);
    }
    entered.task().count();
}

fn defer() {
    assert!(access::deferred_state().is_some(), "broken: an event is neither looked at nor deferred");
    let lock = LockId::from_raw(1 << LockId::INSTANCE_BITS | 1).expect("a class");
    deferred::push(DeferredEvent::Release(lock, Site::UNKNOWN));
    if !access::is_announced() {
        deferred::wait_if_pending();
    }
}

/// The handler of the first signal is announced, that of the second is not.
fn handler(number: usize) {
    if number == 0 {
        let interrupted = access::enter_deferred();
        new();
        if access::put_back(&interrupted, deferred::is_pending()) {
            leave_unborn();
        }
        deferred::wait_if_pending();
    } else {
        known();
        new();
    }
}

/// Runs `main` with two signals, and checks that nothing was lost.
fn model(is_started: bool) {
    // The spare rings and the count of what waits are the whole process's.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock();
    explore(move || {
        [&N_EVENTS, &N_REPLAYED, &N_UNSEEN].into_iter().for_each(|count| count.set(0));
        access::park(ptr::null_mut());
        deferred::uninstall();
        let n_sent = Arc::new(AtomicUsize::new(0));
        memory::begin(Arc::clone(&n_sent), handler);
        if is_started {
            new();
        }
        let sender = {
            let n_sent = Arc::clone(&n_sent);
            thread::spawn(move || {
                for _ in 0..2 {
                    n_sent.fetch_add(1, Ordering::AcqRel);
                }
            })
        };
        known();
        new();
        sender.join().expect("no panic");
        memory::step();
        // Looks at what the last handler deferred.
        new();
        let word = Pointer::of_this_thread().load();
        assert!(!deferred::is_pending(), "broken: events were deferred and not looked at: {word:?}");
        assert_eq!(deferred::n_waiting(), 0, "broken: events count as waiting that were looked at");
        let n_counted = memory::end();
        let n_seen = n_counted + N_REPLAYED.get() + N_UNSEEN.get();
        assert_eq!(n_seen, N_EVENTS.get(), "broken: an event was lost, or looked at twice");
    });
}

#[test]
fn a_handler_may_come_anywhere() {
    model(true);
}

#[test]
fn a_handler_may_come_before_the_first_event() {
    model(false);
}
