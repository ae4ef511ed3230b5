//! Mutexes in conflicting orders.

use std::sync::{Arc, Barrier};

use lockdep::sync::Mutex;

use super::support::{nest, on_thread};
use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("abba_one_thread", Want::Error("LD0003"), "both orders, same two locks", abba_one_thread),
    Case::new(
        "abba_in_turn",
        Want::Error("LD0003"),
        "threads that ran in turn can run at once",
        abba_in_turn,
    ),
    Case::new("abba_real", Want::Error("LD0003"), "the threads do block each other", abba_real)
        .really_hangs(),
    Case::new("abba_scope", Want::Error("LD0003"), "scoped threads that block each other", abba_scope)
        .really_hangs(),
    Case::new("ab_bc_ca", Want::Error("LD0003"), "a cycle of three", ab_bc_ca),
    Case::new("static_abba", Want::Error("LD0003"), "locks in statics are locks", static_abba),
    Case::new("non_lifo", Want::Silent, "releasing out of order is legal", non_lifo),
    Case::new("non_lifo_then_inversion", Want::Error("LD0003"), "and hides nothing", non_lifo_then_inversion),
    Case::new(
        "temporary_between",
        Want::Error("LD0003"),
        "A -> T -> C -> A although T is gone",
        temporary_between,
    ),
    Case::new(
        "lock_coupling",
        Want::Error("LD0003"),
        "A -> B -> C -> A hangs with two threads on the first path and one on the second",
        lock_coupling,
    ),
    Case::new(
        "two_distinct_violations",
        Want::Error("LD0003"),
        "the second is not lost, repeats are",
        two_distinct,
    )
    .reports(2),
    Case::new("gate", Want::Note("LD0003"), "a gate lock is held around both orders", gate),
    Case::new(
        "gate_dropped_later",
        Want::Error("LD0003"),
        "a gate that no longer holds raises the level",
        gate_dropped,
    ),
];

fn abba_one_thread() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    nest(&a, &b);
    nest(&b, &a);
}

fn abba_in_turn() {
    let pair = Arc::new((Mutex::new('a'), Mutex::new(1_u8)));
    let other = Arc::clone(&pair);
    on_thread(move || nest(&other.0, &other.1));
    on_thread(move || nest(&pair.1, &pair.0));
}

fn abba_real() {
    let shared = Arc::new((Mutex::new('a'), Mutex::new(1_u8), Barrier::new(2)));
    let other = Arc::clone(&shared);
    let thread = lockdep::thread::spawn(move || {
        let _a = other.0.lock();
        other.2.wait();
        let _b = other.1.lock();
    });
    let b = shared.1.lock();
    shared.2.wait();
    let a = shared.0.lock();
    drop((a, b));
    thread.join().expect("unreachable: the threads block each other");
}

fn abba_scope() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    let both = Barrier::new(2);
    lockdep::thread::scope(|scope| {
        scope.spawn(|| {
            let _a = a.lock();
            both.wait();
            let _b = b.lock();
        });
        scope.spawn(|| {
            let _b = b.lock();
            both.wait();
            let _a = a.lock();
        });
    });
}

fn ab_bc_ca() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    let c = Mutex::new("c");
    nest(&a, &b);
    nest(&b, &c);
    nest(&c, &a);
}

static STATIC_A: Mutex<u8> = Mutex::new(0);
static STATIC_B: Mutex<u8> = Mutex::new(0);

fn static_abba() {
    nest(&STATIC_A, &STATIC_B);
    nest(&STATIC_B, &STATIC_A);
}

fn non_lifo() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    for _ in 0..3 {
        let first = a.lock();
        let second = b.lock();
        drop(first);
        drop(second);
    }
}

fn non_lifo_then_inversion() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    let c = Mutex::new("c");
    let held_a = a.lock();
    let held_b = b.lock();
    drop(held_a);
    let held_c = c.lock();
    drop((held_b, held_c));
    nest(&c, &b);
}

fn temporary_between() {
    let a = Mutex::new('a');
    let c = Mutex::new("c");
    {
        let _a = a.lock();
        let temporary = Mutex::new(1_u8);
        let _t = temporary.lock();
        let _c = c.lock();
    }
    nest(&c, &a);
}

fn lock_coupling() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    let c = Mutex::new("c");
    {
        let held_a = a.lock();
        let _b = b.lock();
        drop(held_a);
        let _c = c.lock();
    }
    nest(&c, &a);
}

fn two_distinct() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    let c = Mutex::new("c");
    for _ in 0..3 {
        nest(&a, &b);
        nest(&b, &a);
    }
    for _ in 0..3 {
        nest(&b, &c);
        nest(&c, &b);
    }
}

fn gate() {
    let gate = Mutex::new(());
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    for _ in 0..2 {
        let _gate = gate.lock();
        nest(&a, &b);
        nest(&b, &a);
    }
}

fn gate_dropped() {
    let gate = Mutex::new(());
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    {
        let _gate = gate.lock();
        nest(&a, &b);
        nest(&b, &a);
    }
    nest(&a, &b);
    nest(&b, &a);
}
