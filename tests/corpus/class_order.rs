//! Classes with an order of their own: what is against it is reported in the run in which it
//! happens first.

use std::cmp::Ordering;

use lockdep::class_order::{ClassOrder, Ordered};
use lockdep::hook::{LockInfo, LockMap, Verdict};
use lockdep::parking_lot::RwLock;
use lockdep::sync::Mutex;
use lockdep::{LockClassKey, Mode, Wait};

use super::support::nest;
use super::{Case, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "order_by_key",
        Want::Error("LD0002"),
        "against the keys once, in two places: one defect of one class",
        order_by_key,
    )
    .reports(1),
    Case::new("order_by_key_kept", Want::Silent, "sorted by key before locking", order_by_key_kept),
    Case::new(
        "order_by_one_key",
        Want::Error("LD0002"),
        "one key for two locks orders nothing",
        order_by_one_key,
    ),
    Case::new(
        "order_by_key_missing",
        Want::Error("LD0002"),
        "a lock without a key: the orders that are seen decide",
        order_by_key_missing,
    ),
    Case::new(
        "order_by_key_changed",
        Want::Error("LD0002"),
        "a lock in use gets another key: what was fine is not any more",
        order_by_key_changed,
    ),
    Case::new("order_by_address", Want::Error("LD0002"), "from the higher to the lower", order_by_address),
    Case::new(
        "order_by_address_kept",
        Want::Silent,
        "sorted by address, also after the locks have moved",
        order_by_address_kept,
    ),
    Case::new(
        "order_by_address_moved",
        Want::Error("LD0002"),
        "the same two locks in the same order, but they have changed places",
        order_by_address_moved,
    ),
    Case::new(
        "order_of_parking_lot",
        Want::Error("LD0002"),
        "a reader under a writer of a higher key",
        order_of_parking_lot,
    ),
    Case::new("order_by_try", Want::Silent, "a try may go against any order", order_by_try),
    Case::new("order_by_function", Want::Error("LD0002"), "a child before its parent", order_by_function),
    Case::new(
        "order_by_function_kept",
        Want::Silent,
        "parents first; siblings are in no order",
        order_by_function_kept,
    ),
    Case::new(
        "order_of_a_home_made_lock",
        Want::Error("LD0002"),
        "the order is part of the class's key",
        order_of_a_home_made_lock,
    ),
    Case::new(
        "order_of_a_home_made_lock_kept",
        Want::Silent,
        "lower addresses first",
        order_of_a_home_made_lock_kept,
    ),
];

/// Accounts with these numbers.
fn accounts<const N: usize>(numbers: [u64; N]) -> [Mutex<i64>; N] {
    numbers.map(|number| Mutex::new(0).ordered_by_key(number))
}

fn order_by_key() {
    let [nine, two, five] = accounts([9, 2, 5]);
    nest(&two, &five);
    nest(&nine, &two);
    nest(&nine, &five);
}

fn order_by_key_kept() {
    let [nine, two, five] = accounts([9, 2, 5]);
    for _ in 0..2 {
        nest(&two, &five);
        nest(&two, &nine);
        nest(&five, &nine);
        let _two = two.lock();
        nest(&five, &nine);
    }
}

fn order_by_one_key() {
    let [one, other] = accounts([4, 4]);
    nest(&one, &other);
}

fn order_by_key_missing() {
    let numbered = || Mutex::new(0_u16);
    let [one, other] = [(); 2].map(|()| numbered());
    one.order_by(ClassOrder::ByKey);
    one.set_order_key(1);
    nest(&one, &other);
    nest(&other, &one);
}

fn order_by_key_changed() {
    let [one, other] = accounts([1, 2]);
    nest(&one, &other);
    nest(&one, &other);
    one.set_order_key(3);
    nest(&one, &other);
}

fn order_by_address() {
    let shards = [0, 1].map(|n: u32| Mutex::new(n).ordered_by_address());
    nest(&shards[1], &shards[0]);
}

fn order_by_address_kept() {
    let mut shards: Vec<_> = (0..4).map(|n: u32| Mutex::new(n).ordered_by_address()).collect();
    for _ in 0..3 {
        for high in 1..shards.len() {
            nest(&shards[high - 1], &shards[high]);
        }
        shards.rotate_left(1);
    }
}

fn order_by_address_moved() {
    let mut pair = [0, 1].map(|n: u32| Mutex::new(n).ordered_by_address());
    for _ in 0..2 {
        nest(&pair[0], &pair[1]);
    }
    pair.swap(0, 1);
    nest(&pair[1], &pair[0]);
}

fn order_of_parking_lot() {
    let [seven, three] = [7, 3].map(|key| RwLock::new(key).ordered_by_key(key));
    let _seven = seven.write();
    let _three = three.read();
}

fn order_by_try() {
    let [two, one] = accounts([2, 1]);
    let _two = two.lock();
    let _one = one.try_lock().expect("free");
}

/// Nodes of a tree: a root, and two below it.
fn tree() -> [RwLock<&'static str>; 3] {
    let node = |(depth, name)| {
        let node = RwLock::new(name);
        node.set_order_key(depth);
        node
    };
    let nodes = [(0, "root"), (1, "left"), (1, "right")].map(node);
    nodes[0].order_by(ClassOrder::By(|held, wanted| {
        Some(held.key?.cmp(&wanted.key?)).filter(|ordering| *ordering != Ordering::Equal)
    }));
    nodes
}

fn order_by_function() {
    let [root, left, _] = tree();
    let _left = left.read();
    let _root = root.read();
}

fn order_by_function_kept() {
    let [root, left, right] = tree();
    let _root = root.write();
    let _left = left.write();
    let _right = right.write();
}

static SHARD: LockClassKey = LockClassKey::named("shard").order_by(ClassOrder::ByAddress);

struct Shard(LockMap<&'static LockClassKey>);

impl Shard {
    const INFO: LockInfo = LockInfo::bare("Shard");

    const fn new() -> Self {
        Self(LockMap::with_key(&SHARD))
    }

    fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        assert_eq!(self.0.acquire(&Self::INFO, Mode::Exclusive, Wait::Blocking), Verdict::Proceed);
        let result = body();
        self.0.release();
        result
    }
}

fn order_of_a_home_made_lock() {
    let [low, high] = [Shard::new(), Shard::new()];
    let pair = [&low, &high];
    let (low, high) = if std::ptr::from_ref(pair[0]) < std::ptr::from_ref(pair[1]) {
        (pair[0], pair[1])
    } else {
        (pair[1], pair[0])
    };
    high.with(|| low.with(|| ()));
}

fn order_of_a_home_made_lock_kept() {
    let shards = [const { Shard::new() }; 3];
    for _ in 0..2 {
        shards[0].with(|| shards[1].with(|| shards[2].with(|| ())));
        shards[0].with(|| shards[2].with(|| ()));
    }
}
