//! Acquisitions that cannot block.

use std::sync::Arc;

use lockdep::sync::{Mutex, RwLock};
use lockdep::{lock_many as lock, parking_lot, reading, writing};

use super::support::{nest, on_thread};
use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("try_inversion_succeeds", Want::Silent, "a try never waits", try_inversion_succeeds),
    Case::new(
        "try_inversion_would_block",
        Want::Silent,
        "a failed try leaves no trace",
        try_inversion_would_block,
    ),
    Case::new(
        "try_held_then_blocking",
        Want::Error("LD0003"),
        "a lock got by a try blocks others",
        try_held_then_blocking,
    ),
    Case::new("lock_many", Want::Silent, "several at once have no order between them", lock_many),
    Case::new(
        "lock_many_under_another",
        Want::Error("LD0003"),
        "but each of them may be the one that is waited for",
        lock_many_under_another,
    ),
    Case::new(
        "lock_many_of_any_type",
        Want::Silent,
        "nor have those of several types, in any mode",
        lock_many_of_any_type,
    ),
    Case::new(
        "lock_many_of_any_type_under_another",
        Want::Error("LD0003"),
        "the second of the list may be waited for as well",
        lock_many_of_any_type_under_another,
    ),
    Case::new(
        "lock_many_reading_under_another",
        Want::Warning("LD0003"),
        "a reader of the list waits like any reader: no writer was seen",
        lock_many_reading_under_another,
    ),
    Case::new("try_own", Want::Silent, "a try on one's own lock fails and that is all", try_own),
];

fn try_inversion_succeeds() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    nest(&a, &b);
    let _b = b.lock();
    let _a = a.try_lock().expect("free");
}

fn try_inversion_would_block() {
    let a = Arc::new(Mutex::new('a'));
    let b = Arc::new(Mutex::new(1_u8));
    nest(&a, &b);
    let _a = a.lock();
    let (a, b) = (Arc::clone(&a), Arc::clone(&b));
    on_thread(move || {
        let _b = b.lock();
        assert!(a.try_lock().is_err(), "held by the main thread");
    });
}

fn try_held_then_blocking() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    {
        let _a = a.try_lock().expect("free");
        let _b = b.lock();
    }
    nest(&b, &a);
}

fn lock_many() {
    let (a, b, c) = (Mutex::new(1), Mutex::new(2), Mutex::new(3));
    for order in [[&a, &b, &c], [&c, &b, &a], [&b, &c, &a]] {
        let [mut first, ..] = lock(order).expect("not poisoned");
        *first += 1;
    }
}

fn lock_many_under_another() {
    let outer = Mutex::new('o');
    let (a, b) = (Mutex::new(1), Mutex::new(2));
    {
        let _outer = outer.lock();
        let _both = lock([&a, &b]);
    }
    nest(&b, &outer);
}

fn lock_many_of_any_type() {
    let (a, b) = (Mutex::new(1_u8), RwLock::new('b'));
    let (c, d) = (parking_lot::Mutex::new("c"), Arc::new(parking_lot::RwLock::new(4.0)));
    for _ in 0..2 {
        drop(lock((&a, reading(&b), &c, writing(&d))).expect("not poisoned"));
        drop(lock((writing(&d), &c, writing(&b), &a)).expect("not poisoned"));
        drop(lock((&c, reading(&d), &a)).expect("not poisoned"));
    }
}

fn lock_many_of_any_type_under_another() {
    let (outer, first, second) = (Mutex::new('o'), Mutex::new(1_u8), parking_lot::RwLock::new(2));
    {
        let _outer = outer.lock();
        let _both = lock((&first, writing(&second)));
    }
    let _second = second.write();
    drop(outer.lock());
}

fn lock_many_reading_under_another() {
    let (outer, first, second) = (Mutex::new('o'), Mutex::new(1_u8), RwLock::new(2));
    {
        let _outer = outer.lock();
        let _both = lock((&first, reading(&second)));
    }
    let _second = second.read();
    drop(outer.lock());
}

fn try_own() {
    let a = Mutex::new('a');
    let _held = a.lock();
    assert!(a.try_lock().is_err(), "held by this thread");
}
