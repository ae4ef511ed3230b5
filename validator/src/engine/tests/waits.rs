//! Waits for the end of other tasks, and for their messages, with locks held.

use super::Bench;
use crate::base::event::Acquire;
use crate::base::id::{LockId, TaskId};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Level};
use crate::engine::{EndedTask, NoStacks, TaskContext};
use crate::state::acquired::Noted;

const CHILD: TaskId = TaskId(2);

/// What the bench finds when a task that holds A waits for one that acquired `lock` so.
fn waited(held: Mode, lock: &str, mode: Mode, wait: Wait) -> Vec<(Code, Level)> {
    let mut bench = Bench::user();
    let acquired = acquired(&mut bench, lock, mode, wait);
    let a = bench.lock("A");
    let outcome =
        bench.validator.acquire(&mut bench.task, &Acquire::new(a, held, Wait::Blocking, Site(3)), &NoStacks);
    bench.take(outcome);
    wait_for(&mut bench, &acquired);
    wait_for(&mut bench, &acquired);
    bench.found()
}

/// What a child has acquired, and released.
fn acquired(bench: &mut Bench, lock: &str, mode: Mode, wait: Wait) -> Vec<Noted> {
    let mut child = bench.validator.start_task(CHILD, None);
    bench.validator.record_acquired(&mut child, false);
    let lock = bench.lock(lock);
    let outcome = bench.validator.acquire(&mut child, &Acquire::new(lock, mode, wait, Site(2)), &NoStacks);
    bench.take(outcome);
    let outcome = bench.validator.release(&mut child, lock, Site(2));
    bench.take(outcome);
    bench.validator.take_acquired(&mut child)
}

fn wait_for(bench: &mut Bench, acquired: &[Noted]) {
    let ended = [EndedTask { task: CHILD, spawned_at: Site(4), acquired, is_only_provider: true }];
    let class = bench.class("Event");
    let outcome =
        bench.validator.waited_for_end(&bench.task, &ended, Site(5), &mut || Some(class), &NoStacks);
    bench.take(outcome);
}

#[test]
fn a_lock_that_the_awaited_task_acquires_is_reported_once() {
    let once = [(Code::WaitHoldingLock, Level::Warning)];
    for (held, wanted) in [
        (Mode::Exclusive, Mode::Exclusive),
        (Mode::Exclusive, Mode::Shared),
        (Mode::Exclusive, Mode::SharedRecursive),
        (Mode::Shared, Mode::Exclusive),
    ] {
        assert_eq!(waited(held, "A", wanted, Wait::Blocking), once, "{held:?} {wanted:?}");
    }
}

#[test]
fn what_cannot_block_the_awaited_task_is_silent() {
    assert_eq!(waited(Mode::Exclusive, "B", Mode::Exclusive, Wait::Blocking), [], "another lock");
    assert_eq!(waited(Mode::Exclusive, "A1", Mode::Exclusive, Wait::Blocking), [], "another of its class");
    assert_eq!(waited(Mode::Exclusive, "A", Mode::Exclusive, Wait::Try), [], "a try");
    assert_eq!(waited(Mode::Shared, "A", Mode::Shared, Wait::Blocking), [], "readers");
}

#[test]
fn a_timeout_and_a_guard_that_may_have_left_make_a_note() {
    let note = [(Code::WaitHoldingLock, Level::Note)];
    assert_eq!(waited(Mode::Exclusive, "A", Mode::Exclusive, Wait::Timed), note);
    let mut bench = Bench::user();
    let class = bench.class("A");
    bench.validator.set_movable(class);
    let acquired = acquired(&mut bench, "A", Mode::Exclusive, Wait::Blocking);
    bench.run("A");
    wait_for(&mut bench, &acquired);
    assert_eq!(bench.found(), note);
}

#[test]
fn the_cycle_runs_through_the_wait() {
    let mut bench = Bench::user();
    let acquired = acquired(&mut bench, "A", Mode::Exclusive, Wait::Blocking);
    bench.run("B A");
    wait_for(&mut bench, &acquired);
    let [found] = bench.violations.as_slice() else { panic!("{:?}", bench.violations) };
    let [provision, wait] = found.cycle.as_slice() else { panic!("{found:?}") };
    let (a, event) = (bench.locks["A"], provision.from.lock);
    assert_eq!((event.class(), provision.to.lock, provision.task), (bench.classes["Event"], a, CHILD));
    assert_eq!((provision.from.site, provision.to.site), (Site(4), Site(2)));
    assert_eq!((wait.from.lock, wait.to.lock, wait.to.site), (a, event, Site(5)));
    assert!(wait.closing && !provision.closing && found.held.len() == 2);
}

/// A child acquires A, then `order_fn` is run, then the bench waits for the child's message while
/// it holds A.
fn ordered(order_fn: impl FnOnce(&mut Bench, &mut TaskContext)) -> Vec<(Code, Level)> {
    let mut bench = Bench::user();
    let mut child = bench.validator.start_task(CHILD, None);
    bench.validator.record_acquired(&mut child, false);
    let a = bench.lock("A");
    acquire(&mut bench, &mut child, a);
    order_fn(&mut bench, &mut child);
    bench.run("A");
    let acquired = bench.validator.acquired(&child).to_vec();
    wait_for(&mut bench, &acquired);
    bench.found()
}

fn acquire(bench: &mut Bench, task: &mut TaskContext, lock: LockId) {
    let acquire = Acquire::new(lock, Mode::Exclusive, Wait::Blocking, Site(2));
    let outcome = bench.validator.acquire(task, &acquire, &NoStacks);
    bench.take(outcome);
    let outcome = bench.validator.release(task, lock, Site(2));
    bench.take(outcome);
}

#[test]
fn a_message_orders_what_its_sender_acquired_before() {
    let once = [(Code::WaitHoldingLock, Level::Warning)];
    assert_eq!(ordered(|_, _| ()), once);
    let received = |bench: &mut Bench, child: &mut TaskContext| {
        let sent = bench.validator.spawned(child);
        bench.validator.received(&mut bench.task, sent);
    };
    assert_eq!(ordered(received), [], "a start-up hand-shake");
    let over_another = |bench: &mut Bench, child: &mut TaskContext| {
        let mut other = bench.validator.start_task(TaskId(3), None);
        let sent = bench.validator.spawned(child);
        bench.validator.received(&mut other, sent);
        let sent = bench.validator.spawned(&mut other);
        bench.validator.received(&mut bench.task, sent);
    };
    assert_eq!(ordered(over_another), [], "over a third task");
    let again = |bench: &mut Bench, child: &mut TaskContext| {
        received(bench, child);
        let a = bench.lock("A");
        acquire(bench, child, a);
    };
    assert_eq!(ordered(again), once, "acquired again after the message");
    let not_received = |bench: &mut Bench, child: &mut TaskContext| {
        bench.validator.spawned(child);
    };
    assert_eq!(ordered(not_received), once);
}

#[test]
fn a_wait_whose_order_is_not_known_may_order() {
    let once = [(Code::WaitHoldingLock, Level::Warning)];
    assert_eq!(ordered(|bench, _| bench.validator.wait_ended(&mut bench.task)), []);
    let of_another = |bench: &mut Bench, child: &mut TaskContext| bench.validator.wait_ended(child);
    assert_eq!(ordered(of_another), once, "of another task");
    let before = |bench: &mut Bench, child: &mut TaskContext| {
        bench.validator.wait_ended(&mut bench.task);
        bench.validator.spawned(child);
        let a = bench.lock("A");
        acquire(bench, child, a);
    };
    assert_eq!(ordered(before), once, "acquired again after the wait");
}

#[test]
fn a_wait_whose_end_is_not_seen_orders_up_to_the_next_event() {
    let once = [(Code::WaitHoldingLock, Level::Warning)];
    let begins = |bench: &mut Bench, _: &mut TaskContext| bench.validator.wait_begins(&mut bench.task);
    assert_eq!(ordered(begins), [], "it ends after all that the child did");
    let of_another = |bench: &mut Bench, child: &mut TaskContext| bench.validator.wait_begins(child);
    assert_eq!(ordered(of_another), once, "of another task");
    let over = |bench: &mut Bench, child: &mut TaskContext| {
        bench.validator.wait_begins(&mut bench.task);
        bench.validator.spawned(&mut bench.task);
        let a = bench.lock("A");
        acquire(bench, child, a);
    };
    assert_eq!(ordered(over), once, "acquired again after the wait was over");
}

#[test]
fn a_join_orders_as_well() {
    let joined = |bench: &mut Bench, child: &mut TaskContext| {
        let mut other = bench.validator.start_task(TaskId(3), None);
        let sent = bench.validator.spawned(child);
        bench.validator.received(&mut other, sent);
        bench.validator.joined(&mut bench.task, TaskId(3));
    };
    assert_eq!(ordered(joined), []);
}
