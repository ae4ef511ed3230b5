//! Sizes at which other validators crash, forget or stop.

use lockdep::sync::{Mutex, MutexGuard};

use super::support::nest;
use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new("cycle_of_25", Want::Error("LD0002"), "25 locks of one line in a ring", || ring(25)),
    Case::new("cycle_of_300", Want::Error("LD0002"), "300 locks of one line in a ring", || ring(300)),
    Case::new("cycle_of_300_classes", Want::Error("LD0003"), "300 classes in a ring", ring_of_classes),
    Case::new("held_70", Want::Silent, "70 locks held at once", || hold(70)),
    Case::new("held_5000", Want::Silent, "5 000 locks held at once", || hold(5_000)),
    Case::new(
        "inversion_after_10000",
        Want::Error("LD0003"),
        "A B, 10 000 newer locks, B A",
        inversion_after_newer,
    ),
    Case::new(
        "inversion_among_10000_live",
        Want::Error("LD0003"),
        "10 000 live locks beside it",
        inversion_among_live,
    ),
    Case::new("hand_over_hand_100000", Want::Silent, "a list of 100 000 nodes, twice", hand_over_hand),
    Case::new(
        "hand_over_hand_inverted",
        Want::Error("LD0002"),
        "and one step backwards at the end of it",
        hand_over_hand_inverted,
    ),
    Case::new(
        "short_lived_1000000",
        Want::Silent,
        "a million locks that come and go: memory stays flat",
        short_lived,
    ),
];

fn locks(n: usize) -> Vec<Mutex<usize>> {
    (0..n).map(Mutex::new).collect()
}

fn ring(n: usize) {
    let locks = locks(n);
    for i in 0..n {
        nest(&locks[i], &locks[(i + 1) % n]);
    }
}

fn ring_of_classes() {
    // A named key is a class of its own; named classes are declared interchangeable, so their cycle
    // is an error at once.
    let keys: Vec<&'static lockdep::LockClassKey> = (0..300)
        .map(|i| {
            &*Box::leak(Box::new(lockdep::LockClassKey::named(Box::leak(
                format!("ring_{i}").into_boxed_str(),
            ))))
        })
        .collect();
    let info = lockdep::hook::LockInfo::bare("HomeMade");
    let maps: Vec<_> = keys.into_iter().map(lockdep::hook::LockMap::with_key).collect();
    for i in 0..maps.len() {
        let (held, next) = (&maps[i], &maps[(i + 1) % maps.len()]);
        for map in [held, next] {
            let _proceed = map.acquire(&info, lockdep::Mode::Exclusive, lockdep::Wait::Blocking);
        }
        next.release();
        held.release();
    }
}

fn hold(n: usize) {
    let locks = locks(n);
    for _ in 0..2 {
        let guards: Vec<MutexGuard<'_, usize>> =
            locks.iter().map(|lock| lock.lock().expect("not poisoned")).collect();
        drop(guards);
    }
}

fn inversion_after_newer() {
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    nest(&a, &b);
    let newer = locks(10_000);
    for pair in newer.windows(2) {
        nest(&pair[0], &pair[1]);
    }
    drop(newer);
    nest(&b, &a);
}

fn inversion_among_live() {
    let live = locks(10_000);
    for lock in &live {
        drop(lock.lock());
    }
    let a = Mutex::new('a');
    let b = Mutex::new(1_u8);
    nest(&a, &b);
    nest(&b, &a);
}

fn walk(list: &[Mutex<usize>]) {
    let mut held = list[0].lock().expect("not poisoned");
    for next in &list[1..] {
        held = next.lock().expect("not poisoned");
    }
    drop(held);
}

fn hand_over_hand() {
    let list = locks(100_000);
    walk(&list);
    walk(&list);
}

fn hand_over_hand_inverted() {
    let list = locks(100_000);
    walk(&list);
    nest(&list[99_999], &list[0]);
}

fn short_lived() {
    let before = super::support::own_memory_kib();
    let outer = Mutex::new('o');
    for i in 0..1_000_000_usize {
        let fresh = Mutex::new(i);
        nest(&outer, &fresh);
    }
    let grown_kib = super::support::own_memory_kib().saturating_sub(before);
    assert!(grown_kib < 16 * 1024, "a million short-lived locks left {grown_kib} KiB behind");
}
