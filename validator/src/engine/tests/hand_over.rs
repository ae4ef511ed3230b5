//! Locks that another task releases than the one that acquired them.

use super::Bench;
use crate::base::id::TaskId;
use crate::base::site::Site;
use crate::check::violation::{Code, Level};
use crate::config::Config;
use crate::engine::{Held, HeldQuery, TaskContext};

const NOTE: (Code, Level) = (Code::CircularDependency, Level::Note);
const ERROR: (Code, Level) = (Code::CircularDependency, Level::Error);

impl Bench {
    /// A guard of the lock is dropped by another task.
    fn released_by_another(&mut self, name: &str) {
        let lock = self.lock(name);
        let mut other = TaskContext::new(TaskId(2));
        let outcome = self.validator.release_by_any_task(&mut other, lock, Site(0));
        self.take(outcome);
    }

    fn movable(&mut self, name: &str) {
        let class = self.class(name);
        self.validator.set_movable(class);
    }
}

#[test]
fn a_release_by_another_task_is_noticed_before_anything_rests_on_the_entry() {
    let mut bench = Bench::user();
    bench.run("A");
    bench.released_by_another("A");
    assert_eq!(bench.run("B -B").found(), [], "no order of the two");
    assert_eq!(bench.run("B A --").found(), []);
    bench.run("A");
    bench.released_by_another("A");
    assert_eq!(bench.run("A").found(), [], "no recursion");
    assert_eq!(bench.task.n_held(), 1);
    bench.released_by_another("A");
    let outcome = bench.validator.thread_exit(&mut bench.task, Site(0));
    assert!(outcome.is_clean(), "{outcome:?}");
    assert!(!bench.validator.released_elsewhere.any(), "every note was taken");
}

#[test]
fn a_home_made_lock_that_is_released_too_often_is_still_a_violation() {
    let mut bench = Bench::user();
    assert_eq!(bench.run("A -A -A").found(), [(Code::BadRelease, Level::Error)]);
    // A release too many takes nothing away from what the task does next.
    assert_eq!(bench.run("A B").found(), []);
    assert_eq!(bench.task.n_held(), 2);
    assert_eq!(bench.run("--").found(), []);
}

#[test]
fn what_another_task_holds_is_in_doubt_after_a_release_that_was_too_much() {
    let mut bench = Bench::user();
    bench.run("A");
    let lock = bench.lock("A");
    let mut other = TaskContext::new(TaskId(2));
    let outcome = bench.validator.release(&mut other, lock, Site(0));
    bench.take(outcome);
    assert_eq!(bench.found(), [(Code::BadRelease, Level::Error)]);
    // It may have been released in truth, or not: nothing is said about either.
    assert_eq!(bench.run("B").found(), []);
    assert_eq!(bench.task.n_held(), 1, "the entry is gone");
    let outcome = bench.validator.assert_held(&mut bench.task, lock, HeldQuery::Held, Site(0));
    bench.take(outcome);
    assert_eq!(bench.validator.is_held(&bench.task, lock, None), Held::Unknown);
    assert_eq!(bench.run("-A -B").found(), []);
    // What is acquired later is known again, by either task.
    bench.run("A B");
    assert_eq!(bench.validator.is_held(&bench.task, lock, None), Held::Yes);
    assert_eq!(bench.run("-B -A").found(), []);
}

#[test]
fn an_order_under_a_guard_that_was_away_is_a_note() {
    let mut bench = Bench::user();
    bench.movable("A");
    bench.run("A B");
    bench.released_by_another("A");
    bench.run("-B");
    assert_eq!(bench.run("B A --").found(), [NOTE]);
}

#[test]
fn an_order_is_sure_once_the_task_has_released_the_lock_itself() {
    let mut bench = Bench::user();
    bench.movable("A");
    assert_eq!(bench.run("A B -- B A").found(), [ERROR]);

    let mut bench = Bench::user();
    bench.movable("A");
    assert_eq!(bench.run("B A -- A B").found(), [NOTE], "said before the task waits");
    assert_eq!(bench.run("-B -A").found(), [ERROR], "the guard was not away");
    assert_eq!(bench.run("A B -- B A --").found(), [], "once");
}

#[test]
fn an_order_of_single_locks_is_sure_in_the_same_way() {
    const SAME: Code = Code::SameClassOrder;
    let mut bench = Bench::user();
    bench.movable("A");
    assert_eq!(bench.run("A1 A2 -- A2 A1").found(), [(SAME, Level::Note)]);
    assert_eq!(bench.run("--").found(), [(SAME, Level::Error)]);
}

#[test]
fn an_order_that_is_not_sure_is_looked_at_until_it_is() {
    let mut bench = Bench::user();
    bench.movable("A");
    bench.run("A B");
    bench.released_by_another("A");
    assert_eq!(bench.run("-B B A --").found(), [NOTE]);
    assert_eq!(bench.run("A B --").found(), [ERROR], "the chain was not taken for known");
}

#[test]
fn a_run_record_lists_an_order_once_it_is_sure() {
    let mut bench = Bench::new(Config { list_dependencies: true, ..Config::user() });
    bench.movable("A");
    let n_listed = |bench: &mut Bench, script: &str| {
        let mut n = 0;
        for word in script.split_whitespace() {
            let lock = bench.lock(word.trim_start_matches('-'));
            let outcome = if word.starts_with('-') {
                bench.validator.release(&mut bench.task, lock, Site(0))
            } else {
                let event =
                    bench.event(word, crate::base::mode::Mode::Exclusive, crate::base::mode::Wait::Blocking);
                bench.validator.acquire(&mut bench.task, &event, &crate::engine::NoStacks)
            };
            n += outcome.into_findings().map_or(0, |findings| findings.dependencies.len());
        }
        n
    };
    assert_eq!(n_listed(&mut bench, "A B"), 0);
    bench.released_by_another("A");
    assert_eq!(n_listed(&mut bench, "-B A B -B"), 0);
    assert_eq!(n_listed(&mut bench, "-A"), 1);
    assert_eq!(n_listed(&mut bench, "A B -B -A"), 0);
}

#[test]
fn what_is_held_where_a_guard_can_leave_is_not_known() {
    let mut bench = Bench::user();
    bench.movable("A");
    let lock = bench.lock("A");
    assert_eq!(bench.validator.is_held(&bench.task, lock, None), Held::Unknown);
    let outcome = bench.validator.assert_held(&mut bench.task, lock, HeldQuery::Held, Site(0));
    bench.take(outcome);
    bench.run("A");
    let outcome = bench.validator.assert_none_held(&mut bench.task, Site(0));
    bench.take(outcome);
    let (cookie, outcome) = bench.validator.pin(&mut TaskContext::new(TaskId(2)), lock, Site(0));
    bench.take(outcome);
    assert!(cookie.is_none());
    let outcome = bench.validator.thread_exit(&mut bench.task, Site(0));
    bench.take(outcome);
    assert_eq!(bench.found(), []);
    // The guard outlived its task: the thread that drops it owes no note to another.
    bench.released_by_another("A");
    assert!(!bench.validator.released_elsewhere.any());
}

#[test]
fn a_read_behind_a_read_whose_guard_may_be_away_is_a_note_until_it_comes_back() {
    const READ: Code = Code::RecursiveFairRead;
    let mut bench = Bench::user();
    bench.movable("A");
    assert_eq!(bench.run("A -- rA rA").found(), [(READ, Level::Note)]);
    assert_eq!(bench.run("--").found(), [(READ, Level::Error)]);
}

#[test]
fn an_entry_that_was_dropped_too_early_starts_no_chain_of_notes() {
    let mut bench = Bench::user();
    // A note about a hold that ended before this one began.
    bench.released_by_another("A");
    bench.run("A B");
    assert_eq!(bench.task.n_held(), 1, "the wrong entry");
    let lock = bench.lock("A");
    let outcome = bench.validator.release_by_any_task(&mut bench.task, lock, Site(0));
    bench.take(outcome);
    assert!(!bench.validator.released_elsewhere.any() && bench.found().is_empty());
}

#[test]
fn a_lock_given_away_after_its_release_was_noted_leaves_nothing_behind() {
    let mut bench = Bench::user();
    bench.run("A");
    bench.released_by_another("A");
    let lock = bench.lock("A");
    bench.validator.handed_over(&mut bench.task, lock);
    assert!(!bench.validator.released_elsewhere.any());
    bench.run("A");
    bench.validator.handed_over(&mut bench.task, lock);
    bench.released_by_another("A");
    assert!(!bench.validator.released_elsewhere.any(), "the release was expected");
}
