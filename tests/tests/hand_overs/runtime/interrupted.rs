//! A thread's state, the places of its locks and its deferred events, and handlers that come at any
//! step: `access.rs`, `entered.rs`, `newest.rs`, `place.rs` and the rings.
//!
//! What an event does with them is `event/enter.rs` and `event/deferred.rs` in short, here: those
//! need the whole runtime.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use std::sync::Mutex;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use lockdep_validator::{Acquire, ChainKey, LockId, Mode, Site, Wait};

use crate::runtime::identity::known_class::{KnownClass, Token};
use crate::runtime::memory;
use crate::runtime::task::Task;
use crate::runtime::task::access::{self, Access};
use crate::runtime::task::deferred::{self, DeferredEvent};
use crate::runtime::task::entered::{self, Entered};
use crate::runtime::task::newest::{self, Taken};
use crate::runtime::task::place::{BUSY, DEFERRED, DEFERRED_ALONE, DRAIN, NOT_STARTED, UNBORN, fence};
use crate::runtime::task::pointer::{self, Pointer};
use crate::seed::explore;

thread_local! {
    static N_EVENTS: Cell<u64> = const { Cell::new(0) };
    static N_REPLAYED: Cell<u64> = const { Cell::new(0) };
    static N_UNSEEN: Cell<u64> = const { Cell::new(0) };
    /// How many events needed no look.
    static N_FAST: Cell<u64> = const { Cell::new(0) };
    /// Whether the second handler holds a lock of its own meanwhile.
    static LOCKS_IN_HANDLER: Cell<bool> = const { Cell::new(false) };
    /// Whether the interrupted code holds its lock.
    static IS_HELD: Cell<bool> = const { Cell::new(false) };
    /// Whether it goes on to a second lock hand over hand, and how far it is.
    static GOES_ON: Cell<bool> = const { Cell::new(false) };
    static IS_SECOND_HELD: Cell<bool> = const { Cell::new(false) };
    /// Whether each lock is a new one, of a class that has several.
    static ARE_NEW: Cell<bool> = const { Cell::new(false) };
    /// The ids of the new locks.
    static IDS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
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

/// The address of the lock of the interrupted code, and that of the handlers' lock.
const OWN: usize = 1 << 12;
const OF_HANDLER: usize = 2 << 12;
/// The address of the second lock of the interrupted code.
const SECOND: usize = 3 << 12;

/// What is done with a lock.
#[derive(Clone, Copy)]
enum Change {
    Acquired(usize),
    Released(usize),
    /// A new event, of another lock, that is over at once.
    Nothing,
}

impl Change {
    fn apply(self, task: &mut Task) {
        match self {
            Self::Acquired(address) => task.change(address, true),
            Self::Released(address) => task.change(address, false),
            Self::Nothing => {}
        }
    }

    /// As it is deferred, in place of a call.
    fn to_word(self) -> u64 {
        match self {
            Self::Acquired(address) => address as u64 | 1,
            Self::Released(address) => address as u64,
            Self::Nothing => 0,
        }
    }

    fn from_word(word: u64) -> Self {
        let address = usize::try_from(word & !1).expect("it was an address");
        match word {
            0 => Self::Nothing,
            word if word & 1 == 1 => Self::Acquired(address),
            _ => Self::Released(address),
        }
    }
}

/// The class of the new locks.
static CLASS: KnownClass =
    KnownClass { token: Token { key: 8, type_name: 16, kind: 24 }, word: 1 << LockId::INSTANCE_BITS };
/// The key of a lock without an id.
const KEY_OF_NEW: u64 = 1 << 63;

/// Gives a new lock its id.
fn name(id: u64) -> bool {
    memory::step();
    IDS.with_borrow_mut(|ids| {
        assert!(!ids.contains(&id), "broken: two locks have one id");
        ids.push(id);
    });
    memory::step();
    true
}

/// Acquires a new lock of a class that the thread knows.
fn acquire_new(address: usize) {
    add(&N_EVENTS, 1);
    if newest::acquire_next(KEY_OF_NEW, (address, 1), |class| class.token == CLASS.token, name) {
        add(&N_FAST, 1);
        return;
    }
    match Taken::take() {
        Some(mut taken) => {
            taken.task().count();
            // SAFETY: the state that was just taken.
            let number = unsafe { Task::take_number(taken.task()) };
            let id = CLASS.word | number.expect("there is always one");
            name(id);
            let lock = LockId::from_raw(id).expect("a class");
            let acquire = Acquire { address, ..Acquire::new(lock, Mode::Exclusive, Wait::Blocking, Site(1)) };
            taken.push((KEY_OF_NEW, KnownClass::tagged(&raw const CLASS)), &acquire, ChainKey(1));
        }
        None => slow(true, Change::Acquired(address)),
    }
}

/// The id of the lock at the address.
fn id_at(address: usize) -> u64 {
    1 << LockId::INSTANCE_BITS | address as u64
}

/// Acquires a lock that the thread has validated before.
fn acquire(address: usize) {
    if ARE_NEW.get() {
        return acquire_new(address);
    }
    add(&N_EVENTS, 1);
    let key = address as u64 | 1 << 40;
    if newest::acquire_again(key, address, 1) {
        add(&N_FAST, 1);
        return;
    }
    match Taken::take() {
        Some(mut taken) => {
            taken.task().count();
            let lock = LockId::from_raw(id_at(address)).expect("a class");
            let acquire = Acquire { address, ..Acquire::new(lock, Mode::Exclusive, Wait::Blocking, Site(1)) };
            taken.push((key, address), &acquire, ChainKey(1));
        }
        None => slow(true, Change::Acquired(address)),
    }
}

/// Releases it.
fn release(address: usize) {
    add(&N_EVENTS, 1);
    if newest::release_newest(address) || newest::release_below(address) {
        add(&N_FAST, 1);
    } else {
        slow(true, Change::Released(address));
    }
}

/// An event that the thread has not validated: a handler must defer it.
fn new() {
    add(&N_EVENTS, 1);
    slow(false, Change::Nothing);
}

fn slow(is_known: bool, change: Change) {
    match entered::take() {
        Ok(entered) if is_known || !memory::is_in_handler() => look_at(entered, change),
        Ok(entered) => {
            entered.park();
            defer(change);
        }
        Err(NOT_STARTED | UNBORN) if memory::is_in_handler() => {
            leave_unborn();
            defer(change);
        }
        Err(NOT_STARTED | UNBORN) => {
            Pointer::of_this_thread().mark::<BUSY>();
            fence();
            deferred::install();
            replay(Entered::new(NonNull::from(Task::start()).cast()), change);
        }
        Err(DRAIN) if !memory::is_in_handler() => replay(entered::unpark(), change),
        Err(DRAIN | DEFERRED | DEFERRED_ALONE) => defer(change),
        Err(_) => count_unseen(),
    }
}

/// The engine looks at an event. It knows what the interrupted code holds.
fn look_at(mut entered: Entered, change: Change) {
    let task = entered.task();
    if !memory::is_in_handler() {
        assert_eq!(task.holds(OWN), IS_HELD.get(), "broken: what is held is not what the engine knows");
        assert_eq!(task.holds(SECOND), IS_SECOND_HELD.get(), "broken: what is held is not what it knows");
        assert!(!task.holds(OF_HANDLER), "broken: the lock of a handler is held after it");
    }
    task.count();
    change.apply(task);
}

fn leave_unborn() {
    if !matches!(access::look(), Access::Closed(UNBORN)) {
        Pointer::of_this_thread().mark::<UNBORN>();
    }
}

fn replay(mut entered: Entered, change: Change) {
    if let Some(taken) = deferred::take() {
        add(&N_REPLAYED, taken.events.len() as u64);
        for event in &taken.events {
            if let DeferredEvent::Release(_, Site(word)) = event {
                Change::from_word(*word).apply(entered.task());
            }
        }
    }
    look_at(entered, change);
}

fn defer(change: Change) {
    assert!(access::deferred_state().is_some(), "broken: an event is neither looked at nor deferred");
    let lock = LockId::from_raw(1 << LockId::INSTANCE_BITS | 1).expect("a class");
    deferred::push(DeferredEvent::Release(lock, Site(change.to_word())));
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
    } else if LOCKS_IN_HANDLER.get() {
        acquire(OF_HANDLER);
        new();
        release(OF_HANDLER);
    } else {
        new();
    }
}

/// Acquires and releases the lock of the interrupted code.
fn pair() {
    acquire(OWN);
    IS_HELD.set(true);
    if GOES_ON.get() {
        acquire(SECOND);
        IS_SECOND_HELD.set(true);
    }
    release(OWN);
    IS_HELD.set(false);
    if GOES_ON.get() {
        // The engine looks at what is left.
        new();
        release(SECOND);
        IS_SECOND_HELD.set(false);
    }
}

/// What a model is about.
#[derive(Clone, Copy)]
struct About {
    /// The thread has a state.
    is_started: bool,
    /// The second handler holds a lock of its own.
    locks_in_handler: bool,
    /// The place that the interrupted code acquires in was last used for the handlers' lock.
    is_stale: bool,
    /// Each lock is a new one.
    are_new: bool,
    /// The interrupted code goes on hand over hand.
    goes_on: bool,
}

const PLAIN: About =
    About { is_started: true, locks_in_handler: true, is_stale: false, are_new: false, goes_on: false };

/// Runs the interrupted code with two signals, and checks that nothing was lost.
fn model(About { is_started, locks_in_handler, is_stale, are_new, goes_on }: About) {
    // The spare rings and the count of what waits are the whole process's.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock();
    explore(move || {
        [&N_EVENTS, &N_REPLAYED, &N_UNSEEN, &N_FAST].into_iter().for_each(|count| count.set(0));
        LOCKS_IN_HANDLER.set(locks_in_handler);
        ARE_NEW.set(are_new);
        GOES_ON.set(goes_on);
        IDS.with_borrow_mut(Vec::clear);
        access::park(ptr::null_mut());
        pointer::begin();
        deferred::uninstall();
        let n_sent = Arc::new(AtomicUsize::new(0));
        memory::begin(Arc::clone(&n_sent), handler);
        if is_started {
            new();
            // Its place knows the lock then.
            pair();
        }
        if are_new {
            // What the handler does under the lock is known then.
            acquire(OWN);
            acquire(OF_HANDLER);
            release(OF_HANDLER);
            release(OWN);
        }
        if is_stale {
            acquire(OF_HANDLER);
            release(OF_HANDLER);
        }
        let sender = {
            let n_sent = Arc::clone(&n_sent);
            thread::spawn(move || {
                for _ in 0..2 {
                    n_sent.fetch_add(1, Ordering::AcqRel);
                }
            })
        };
        pair();
        new();
        sender.join().expect("no panic");
        memory::step();
        // Looks at what the last handler deferred.
        new();
        let word = Pointer::of_this_thread().load();
        assert!(!deferred::is_pending(), "broken: events were deferred and not looked at: {word:?}");
        assert_eq!(deferred::n_waiting(), 0, "broken: events count as waiting that were looked at");
        let n_counted = memory::end();
        let n_seen = n_counted + N_REPLAYED.get() + N_UNSEEN.get() + N_FAST.get();
        assert_eq!(n_seen, N_EVENTS.get(), "broken: an event was lost, or looked at twice");
    });
}

#[test]
fn a_handler_may_come_anywhere() {
    model(PLAIN);
}

#[test]
fn a_handler_may_set_the_state_aside_anywhere() {
    model(About { locks_in_handler: false, ..PLAIN });
}

#[test]
fn a_handler_may_come_before_the_first_event() {
    model(About { is_started: false, ..PLAIN });
}

#[test]
fn a_handler_may_release_what_was_not_seen() {
    model(About { is_stale: true, ..PLAIN });
}

#[test]
fn a_handler_may_come_while_a_lock_gets_its_id() {
    model(About { are_new: true, ..PLAIN });
}

#[test]
fn a_handler_may_set_the_state_aside_while_a_lock_gets_its_id() {
    model(About { are_new: true, locks_in_handler: false, ..PLAIN });
}

#[test]
fn a_handler_may_come_in_a_step_hand_over_hand() {
    model(About { goes_on: true, ..PLAIN });
}

#[test]
fn a_handler_may_set_the_state_aside_in_a_step_hand_over_hand() {
    model(About { goes_on: true, locks_in_handler: false, ..PLAIN });
}
