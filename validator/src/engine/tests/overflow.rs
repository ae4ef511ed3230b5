//! Tasks that hold more locks than can be looked at one by one.

use super::Bench;
use crate::base::id::LockId;
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Level};
use crate::engine::{Held, NoStacks};
use crate::state::overflow::MAX_ORDERED;

/// A bench whose task holds `n` locks of class A.
fn holding(n: usize) -> (Bench, Vec<LockId>) {
    let mut bench = Bench::user();
    let class = bench.class("A");
    let mut locks = Vec::new();
    for number in 0..n {
        let lock = bench.validator.new_lock(&mut bench.task, class);
        acquire(&mut bench, lock, number);
        locks.push(lock);
    }
    assert_eq!((bench.found(), bench.task.n_held()), (Vec::new(), n));
    (bench, locks)
}

fn acquire(bench: &mut Bench, lock: LockId, address: usize) {
    let mut event = crate::base::event::Acquire::new(lock, Mode::Exclusive, Wait::Blocking, Site(7));
    event.address = 64 * (address + 1);
    let outcome = bench.validator.acquire(&mut bench.task, &event, &NoStacks);
    bench.take(outcome);
}

fn release(bench: &mut Bench, lock: LockId) {
    let outcome = bench.validator.release(&mut bench.task, lock, Site(8));
    bench.take(outcome);
}

#[test]
fn a_lock_beyond_is_known_as_held() {
    let n = MAX_ORDERED + 100;
    let (mut bench, locks) = holding(n);
    assert_eq!(bench.validator.counters().dropped, 100, "what was not looked at is counted");
    let last = locks[n - 1];
    assert_eq!(bench.validator.is_held(&bench.task, last, Some(Mode::Exclusive)), Held::Yes);
    assert!(bench.validator.minds_freed(&bench.task, last));
    acquire(&mut bench, last, n);
    assert_eq!(bench.found(), [(Code::Recursion, Level::Error)]);
    acquire(&mut bench, locks[3], 3);
    assert_eq!(bench.found(), [(Code::Recursion, Level::Error)]);
    let outcome = bench.validator.freed(&mut bench.task, last, Site(9));
    bench.take(outcome);
    assert_eq!(bench.found(), [(Code::HeldLockFreed, Level::Error)]);
    release(&mut bench, last);
    assert_eq!(bench.found(), [(Code::BadRelease, Level::Error)]);
    let outcome = bench.validator.thread_exit(&mut bench.task, Site(9));
    bench.take(outcome);
    assert_eq!(bench.found(), [(Code::HeldAtExit, Level::Error)]);
    assert_eq!(bench.task.n_held(), 0);
}

#[test]
fn what_is_acquired_beyond_depends_on_the_classes_before_it() {
    let (mut bench, locks) = holding(MAX_ORDERED);
    let (b, class_a) = (bench.lock("B"), bench.class("A"));
    acquire(&mut bench, b, 0);
    release(&mut bench, b);
    locks.iter().rev().for_each(|lock| release(&mut bench, *lock));
    assert_eq!((bench.found(), bench.task.n_held()), (Vec::new(), 0));
    let another = bench.validator.new_lock(&mut bench.task, class_a);
    acquire(&mut bench, b, 0);
    acquire(&mut bench, another, 1);
    assert_eq!(bench.found(), [(Code::CircularDependency, Level::Warning)]);
}

#[test]
fn locks_are_released_in_any_order() {
    let n = 3 * MAX_ORDERED;
    let (mut bench, locks) = holding(n);
    // Every third from the front, the rest from the back.
    let (first, rest): (Vec<_>, Vec<_>) = locks.iter().enumerate().partition(|(index, _)| index % 3 == 0);
    first.iter().for_each(|(_, lock)| release(&mut bench, **lock));
    let b = bench.lock("B");
    acquire(&mut bench, b, 0);
    rest.iter().rev().for_each(|(_, lock)| release(&mut bench, **lock));
    release(&mut bench, b);
    assert_eq!((bench.found(), bench.task.n_held()), (Vec::new(), 0));
    assert_eq!(bench.run("D C -- C D --").found(), [(Code::CircularDependency, Level::Error)]);
}

/// What an acquisition and a release walk over is bounded, whatever the number of held locks. The
/// time itself is a row of `graph_growth`.
#[test]
fn the_work_of_an_event_does_not_grow_with_the_number_of_locks() {
    for n in [10_000, 40_000] {
        let (mut bench, locks) = holding(n);
        assert_eq!((bench.task.held.len(), bench.task.overflow.len()), (MAX_ORDERED, n - MAX_ORDERED));
        assert_eq!(bench.validator.counters().dropped, (n - MAX_ORDERED) as u64);
        locks.iter().for_each(|lock| release(&mut bench, *lock));
        assert_eq!((bench.task.held.len(), bench.task.overflow.len()), (0, 0));
    }
}
