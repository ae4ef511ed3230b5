//! Locks of one class, and classes whose locks are distinguished.

use super::Bench;
use crate::base::event::Acquire;
use crate::base::id::{LockId, TaskId};
use crate::base::mode::{Mode, Wait};
use crate::check::violation::{Code, Level};
use crate::config::Config;
use crate::engine::{ClassOrder, TaskContext};

const INVERTED: (Code, Level) = (Code::SameClassOrder, Level::Error);
const CYCLE: (Code, Level) = (Code::CircularDependency, Level::Error);
const MAYBE: (Code, Level) = (Code::CircularDependency, Level::Warning);

fn user(script: &str) -> Vec<(Code, Level)> {
    Bench::user().run(script).found()
}

#[test]
fn one_class_is_judged_by_its_locks() {
    assert_eq!(user("A1 A2 -- A1 A2 --"), []);
    assert_eq!(user("A1 A2 -- A2 A1 --"), [INVERTED]);
    assert_eq!(user("A1 A2 -- A2 A3 -- A3 A1 --"), [INVERTED]);
    assert_eq!(user("A0 A1 -- A3 A2 --"), []);
    assert_eq!(user("A1 A2 -- A2 A1 -- A3 A4 -- A4 A3 --"), [INVERTED], "one class, one report");
    assert_eq!(user("A1 ?A2 -- A2 A1 --"), []);
    assert_eq!(user("rA1 rA2 -- rA2 rA1 --"), [(Code::SameClassOrder, Level::Warning)]);
    assert_eq!(user("RA1 RA2 -- RA2 RA1 --"), []);
    assert_eq!(user("A1 ~A2 -- A2 A1 --"), [(Code::SameClassOrder, Level::Note)]);
    assert_eq!(user("G A1 A2 -- G A2 A1 --"), [(Code::SameClassOrder, Level::Note)]);
    assert_eq!(
        user("G A1 A2 -- G A2 A1 -- A2 A1 -- A1 A2 --"),
        [(Code::SameClassOrder, Level::Note), INVERTED]
    );
}

#[test]
fn a_pair_that_is_known_stays_known_and_others_are_looked_at() {
    let mut bench = Bench::user();
    for _ in 0..3 {
        assert_eq!(bench.run("B A1 A2 --").found(), []);
    }
    assert_eq!(bench.run("B A2 A1 --").found(), [(Code::SameClassOrder, Level::Note)], "B is a gate");
    assert_eq!(bench.run("A1 A2 -- A2 A1 --").found(), [INVERTED]);
}

#[test]
fn hand_over_hand() {
    let mut bench = Bench::user();
    bench.run("A1");
    for index in 1..500 {
        bench.run(&format!("A{} -A{index}", index + 1));
    }
    assert_eq!(bench.found(), []);
    bench.run("-- A500 A1 --");
    assert_eq!(bench.found(), [INVERTED]);
}

#[test]
fn classes_first_and_locks_decide() {
    assert_eq!(user("A1 B1 -- B2 A2 --"), [MAYBE]);
    assert_eq!(user("A1 B1 -- B1 A1 -- A2 B2 --"), [CYCLE], "A and B had one lock each");
    assert_eq!(user("A1 B1 -- A2 B2 -- B2 A2 --"), [MAYBE], "the first sighting was of others");
    assert_eq!(user("A1 B1 -- A2 B2 -- B2 A2 -- A2 B2 --"), [MAYBE, CYCLE], "suspects are distinguished");
    assert_eq!(user("A1 B1 -- A2 B2 -- B2 A2 -- A3 B3 -- B4 A4 --"), [MAYBE]);
    assert_eq!(
        user("A1 B1 -- B2 A2 -- A2 M B2 -- "),
        [MAYBE, CYCLE, CYCLE],
        "over a lock of no suspect class, and through it"
    );
}

#[test]
fn an_order_of_its_own() {
    let mut bench = Bench::user();
    let class = bench.class("A");
    let by_number = ClassOrder::By(|held, wanted| Some(held.id.instance().cmp(&wanted.id.instance())));
    assert_eq!(bench.validator.order_class(class, by_number), Ok(()));
    assert_eq!(bench.validator.order_class(class, by_number), Ok(()));
    assert_eq!(bench.validator.order_class(class, ClassOrder::ByKey), Err(by_number));
    bench.lock("A1");
    bench.lock("A2");
    assert_eq!(bench.run("A1 A2 --").found(), []);
    assert_eq!(bench.run("A2 A1 --").found(), [INVERTED], "pairs that agree are not remembered one by one");
    let mut bench = Bench::kernel();
    let class = bench.class("A");
    assert_eq!(bench.validator.order_class(class, by_number), Ok(()));
    bench.lock("A1");
    assert_eq!(bench.run("A1 A2 --").found(), []);
    assert_eq!(bench.run("A2 A1 --").found(), [INVERTED]);
}

/// A bench whose class A is ordered by key, with locks of these keys: A0, A1 …
fn keyed(config: Config, keys: &[Option<u64>]) -> Bench {
    let mut bench = Bench::new(config);
    let class = bench.class("A");
    assert_eq!(bench.validator.order_class(class, ClassOrder::ByKey), Ok(()));
    for (index, key) in keys.iter().enumerate() {
        let lock = bench.lock(&format!("A{index}"));
        if let Some(key) = key {
            bench.validator.set_order_key(lock, *key, true);
        }
    }
    bench
}

#[test]
fn an_order_by_key() {
    for config in [Config::user(), Config::kernel()] {
        let mut bench = keyed(config, &[Some(30), Some(10), Some(20), Some(20)]);
        assert_eq!(bench.run("A1 A2 A0 -- A2 A0 --").found(), []);
        assert_eq!(bench.run("A0 ?A1 --").found(), [], "what does not wait is in any order");
        assert_eq!(bench.run("A1 A0 A2 --").found(), [INVERTED]);
        let mut bench = keyed(bench.validator.config().clone(), &[Some(30), Some(10), Some(20)]);
        assert_eq!(bench.run("A0 A1 --").found(), [INVERTED]);
        let mut bench = keyed(bench.validator.config().clone(), &[Some(30), Some(10), Some(20)]);
        assert_eq!(
            bench.run("A0 ?A1 A2 --").found(),
            [INVERTED],
            "every holder counts, not only the nearest"
        );
        let mut bench = keyed(bench.validator.config().clone(), &[Some(20), Some(20)]);
        assert_eq!(bench.run("A0 A1 --").found(), [INVERTED], "one key orders nothing");
    }
}

#[test]
fn a_timed_wait_against_the_order_cannot_hang_for_ever() {
    let mut bench = keyed(Config::user(), &[Some(2), Some(1)]);
    assert_eq!(bench.run("A0 ~A1 --").found(), [(Code::SameClassOrder, Level::Note)]);
    assert_eq!(bench.run("A0 A1 --").found(), [INVERTED]);
}

#[test]
fn where_a_key_is_missing_the_orders_that_are_seen_decide() {
    let mut bench = keyed(Config::user(), &[Some(1), None, None]);
    assert_eq!(bench.run("A0 A1 -- A1 A2 -- A0 A2 --").found(), []);
    assert_eq!(bench.run("A2 A0 --").found(), [INVERTED]);
    let mut bench = keyed(Config::kernel(), &[Some(1), None]);
    assert_eq!(bench.run("A0 A1 --").found(), [INVERTED], "the kernel wants nesting allowed");
}

#[test]
fn another_key_voids_what_was_validated() {
    let mut bench = keyed(Config::user(), &[Some(1), Some(2)]);
    assert_eq!(bench.run("A0 A1 -- A0 A1 --").found(), []);
    let lock = bench.lock("A0");
    bench.validator.set_order_key(lock, 1, false);
    assert_eq!(bench.run("A0 A1 --").found(), []);
    bench.validator.set_order_key(lock, 3, false);
    assert_eq!(bench.run("A1 A0 --").found(), []);
    assert_eq!(bench.run("A0 A1 --").found(), [INVERTED]);
}

#[test]
fn a_lock_that_is_gone_takes_its_key_along() {
    let mut bench = keyed(Config::user(), &[Some(1), Some(2)]);
    let lock = bench.lock("A1");
    assert!(bench.validator.minds_freed(&bench.task, lock));
    assert!(bench.validator.freed(&mut bench.task, lock, crate::base::site::Site(0)).is_clean());
    assert_eq!(bench.validator.registry.order_key(lock), None);
}

/// Acquires locks of A, each at an address, and releases them.
fn at_addresses(bench: &mut Bench, nested: &[(&str, usize)]) -> Vec<(Code, Level)> {
    for (name, address) in nested {
        let event = bench.event(name, Mode::Exclusive, Wait::Blocking);
        bench.send(&Acquire { address: *address, ..event });
    }
    bench.run("--").found()
}

#[test]
fn an_order_by_address() {
    let mut bench = Bench::user();
    let class = bench.class("A");
    assert_eq!(bench.validator.order_class(class, ClassOrder::ByAddress), Ok(()));
    assert_eq!(at_addresses(&mut bench, &[("A1", 16), ("A2", 32)]), []);
    assert_eq!(at_addresses(&mut bench, &[("A1", 16), ("A2", 32)]), []);
    assert_eq!(
        at_addresses(&mut bench, &[("A2", 16), ("A1", 32)]),
        [],
        "locks that no thread holds may move"
    );
    assert_eq!(
        at_addresses(&mut bench, &[("A1", 32), ("A2", 16)]),
        [INVERTED],
        "what was validated was other places"
    );
}

#[test]
fn a_lock_that_is_gone_takes_its_orders_along() {
    let mut bench = Bench::user();
    bench.run("A1 A2 --");
    let lock: LockId = bench.lock("A1");
    assert!(bench.validator.freed(&mut bench.task, lock, crate::base::site::Site(0)).is_clean());
    assert_eq!(bench.run("A2 A1 --").found(), []);
}

#[test]
fn a_gate_counts_for_pairs_that_no_longer_fit() {
    let mut bench = Bench::user();
    // More pairs than are remembered one by one, all under G.
    for index in 0..4_200 {
        bench.run(&format!("G A{} A{} --", 2 * index, 2 * index + 1));
    }
    assert_eq!(bench.found(), []);
    assert_eq!(bench.run("G A8399 A8398 --").found(), [(Code::SameClassOrder, Level::Note)]);
    assert_eq!(bench.run("A8399 A8398 --").found(), [INVERTED]);
}

#[test]
fn a_child_of_a_scope_tells_what_it_acquires_even_if_it_is_known() {
    let mut bench = Bench::user();
    assert_eq!(bench.run("A1 B1 -- B2 A2 -- A1 B1 --").found(), [MAYBE]);
    let mut child = TaskContext::new(TaskId(2));
    bench.validator.record_acquired(&mut child, true);
    std::mem::swap(&mut bench.task, &mut child);
    bench.run("A1 B1 --");
    let acquired = bench.validator.take_acquired(&mut bench.task);
    let classes: Vec<_> = acquired.iter().map(|noted| noted.acquisition.class).collect();
    assert_eq!(classes, [bench.class("A"), bench.class("B")]);
}

/// Gates are kept for each pair: thousands of locks held at once would make gigabytes of them.
#[test]
fn of_many_held_locks_the_outermost_are_gates() {
    let mut bench = Bench::user();
    let names: Vec<String> = (0..300).map(|number| format!("A{number}")).collect();
    bench.run(&names.join(" "));
    let (from, to) = (bench.lock("A298"), bench.lock("A299"));
    let outermost = bench.lock("A0");
    let knowledge = bench.validator.knowledge.lock().expect("no panic");
    let gates = knowledge.pair_gates(from, to);
    assert_eq!((gates.len(), gates[0].lock), (256, outermost));
}
