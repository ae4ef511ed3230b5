//! Many locks from one line: where classes alone would cry wolf.

use std::sync::Arc;

use lockdep::sync::Mutex;

use super::support::nest;
use super::{Case, End, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("self_deadlock", Want::Error("LD0001"), "the thread waits for itself", self_deadlock)
        .ends(End::Exit(101)),
    Case::new("self_deadlock_abort", Want::Error("LD0001"), "LOCKDEP_ON_DEADLOCK=abort", self_deadlock)
        .ends(End::Signal(6))
        .with_env(&[("LOCKDEP_ON_DEADLOCK", "abort")]),
    Case::new(
        "self_deadlock_twice",
        Want::Error("LD0001"),
        "again in a destructor that the first one's panic runs: it cannot panic twice, so it aborts",
        self_deadlock_twice,
    )
    .ends(End::Signal(6)),
    Case::new("array_in_order", Want::Silent, "i before j for i < j, always", array_in_order),
    Case::new(
        "array_other_instances",
        Want::Silent,
        "0 before 1 and 3 before 2 contradict nothing",
        array_other_instances,
    ),
    Case::new("array_inverted", Want::Error("LD0002"), "0 before 1 and 1 before 0", array_inverted),
    Case::new(
        "array_ring",
        Want::Error("LD0002"),
        "0 1, 1 2, 2 0: five philosophers, three will do",
        array_ring,
    ),
    Case::new(
        "class_inversion",
        Want::Warning("LD0003"),
        "the classes can hang, these objects cannot",
        class_inversion,
    ),
    Case::new(
        "class_inversion_then_same",
        Want::Error("LD0003"),
        "then one object takes both orders: the instances close the cycle",
        class_inversion_then_same,
    ),
    Case::new(
        "fresh_pairs_alternating",
        Want::Warning("LD0003"),
        "10 000 pairs, each in one order only",
        fresh_pairs,
    ),
    Case::new("global_then_fresh", Want::Silent, "10 000 fresh locks under one global", global_then_fresh),
    Case::new(
        "address_reuse",
        Want::Silent,
        "another lock at the same address is another lock",
        address_reuse,
    ),
    Case::new(
        "reinitialised_in_place",
        Want::Silent,
        "and so is one assigned over it",
        reinitialised_in_place,
    ),
    Case::new(
        "locked_before_published",
        Want::Report("LD0003"),
        "a fresh object cannot be contended before it is published: a documented limit",
        locked_before_published,
    ),
    Case::new("moved_lock", Want::Error("LD0003"), "a lock that moved is still that lock", moved_lock),
];

fn self_deadlock_twice() {
    struct Counted<'a>(&'a Mutex<u32>);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
        }
    }
    let count = Mutex::new(0);
    let _guard = count.lock();
    drop((Counted(&count), Counted(&count)));
}

fn self_deadlock() {
    let a = Mutex::new('a');
    let _outer = a.lock();
    let _inner = a.lock();
}

fn array<const N: usize>() -> [Mutex<usize>; N] {
    std::array::from_fn(Mutex::new)
}

fn array_in_order() {
    let locks = array::<8>();
    for i in 0..8 {
        for j in i + 1..8 {
            nest(&locks[i], &locks[j]);
        }
    }
}

fn array_other_instances() {
    let locks = array::<4>();
    nest(&locks[0], &locks[1]);
    nest(&locks[3], &locks[2]);
}

fn array_inverted() {
    let locks = array::<2>();
    nest(&locks[0], &locks[1]);
    nest(&locks[1], &locks[0]);
}

fn array_ring() {
    let locks = array::<3>();
    nest(&locks[0], &locks[1]);
    nest(&locks[1], &locks[2]);
    nest(&locks[2], &locks[0]);
}

struct Pair {
    a: Mutex<char>,
    b: Mutex<u8>,
}

impl Pair {
    fn new() -> Self {
        Self { a: Mutex::new('a'), b: Mutex::new(1) }
    }
}

fn class_inversion() {
    let (one, two) = (Pair::new(), Pair::new());
    nest(&one.a, &one.b);
    nest(&two.b, &two.a);
}

fn class_inversion_then_same() {
    let (one, two) = (Pair::new(), Pair::new());
    nest(&one.a, &one.b);
    nest(&two.b, &two.a);
    nest(&one.a, &one.b);
    nest(&one.b, &one.a);
}

fn fresh_pairs() {
    for i in 0..10_000 {
        let pair = Box::new(Pair::new());
        if i % 2 == 0 { nest(&pair.a, &pair.b) } else { nest(&pair.b, &pair.a) }
    }
}

fn global_then_fresh() {
    static GLOBAL: Mutex<u8> = Mutex::new(0);
    for _ in 0..10_000 {
        let fresh = Box::new(Mutex::new('f'));
        nest(&GLOBAL, &fresh);
    }
}

#[inline(never)]
fn in_a_frame(global: &Mutex<char>, fresh_first: bool) {
    let on_stack = Mutex::new(1_u8);
    if fresh_first {
        drop(on_stack.lock());
        drop(global.lock());
    } else {
        nest(global, &on_stack);
    }
}

fn address_reuse() {
    let global = Mutex::new('g');
    in_a_frame(&global, false);
    in_a_frame(&global, true);
    let locks: Vec<_> = (0..100).map(|i| Box::new(Mutex::new(i))).collect();
    for pair in locks.windows(2) {
        nest(&pair[0], &pair[1]);
    }
    drop(locks);
    let again: Vec<_> = (0..100).map(|i| Box::new(Mutex::new(i))).collect();
    for pair in again.windows(2) {
        nest(&pair[0], &pair[1]);
    }
}

fn reinitialised_in_place() {
    let mut locks: Vec<Mutex<u32>> = (0..2).map(Mutex::new).collect();
    nest(&locks[0], &locks[1]);
    for (place, value) in locks.iter_mut().zip(5..) {
        *place = Mutex::new(value);
    }
    nest(&locks[1], &locks[0]);
}

fn locked_before_published() {
    let registry = Mutex::new(Vec::new());
    let fresh = Arc::new(Mutex::new('f'));
    {
        let _fresh = fresh.lock();
        registry.lock().expect("not poisoned").push(Arc::clone(&fresh));
    }
    let registry = registry.lock().expect("not poisoned");
    for entry in registry.iter() {
        drop(entry.lock());
    }
}

fn moved_lock() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    nest(&a, &b);
    let moved = Box::new((a, b));
    nest(&moved.1, &moved.0);
}
