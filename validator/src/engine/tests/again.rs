//! Orders that are seen on objects which two tasks have, beside those of the makers.

use super::Bench;
use crate::base::event::Acquire;
use crate::base::id::TaskId;
use crate::base::mode::{Mode, Wait};
use crate::check::violation::{Level, Violation};
use crate::engine::{NoStacks, TaskContext};

/// A bench whose tasks take turns; the word `N:` gives the next ones to task `N`. A name with a `!`
/// is of a lock that was never acquired before.
struct Tasks {
    bench: Bench,
    others: Vec<TaskContext>,
    repeated: Vec<Violation>,
}

impl Tasks {
    fn run(script: &str) -> Self {
        let others = (2..6).map(|number| TaskContext::new(TaskId(number))).collect();
        let mut tasks = Self { bench: Bench::user(), others, repeated: Vec::new() };
        for word in script.split_whitespace() {
            let word = match word.split_once(':') {
                Some((number, word)) => {
                    let number: usize = number.parse().expect("a number");
                    std::mem::swap(&mut tasks.bench.task, &mut tasks.others[number]);
                    tasks.word(word);
                    std::mem::swap(&mut tasks.bench.task, &mut tasks.others[number]);
                    continue;
                }
                None => word,
            };
            tasks.word(word);
        }
        tasks
    }

    /// Locks of one character each, acquired under each other, and released.
    fn word(&mut self, word: &str) {
        let mut names = word.chars().peekable();
        while let Some(name) = names.next() {
            let number: String = std::iter::from_fn(|| names.next_if(char::is_ascii_digit)).collect();
            let event = self.bench.event(&format!("{name}{number}"), Mode::Exclusive, Wait::Blocking);
            let is_first = names.next_if_eq(&'!').is_some();
            let event = Acquire { is_first, address: 0x1000, ..event };
            let outcome = self.bench.validator.acquire(&mut self.bench.task, &event, &NoStacks);
            if let Some(findings) = outcome.into_findings() {
                self.bench.violations.extend(findings.violations);
                self.repeated.extend(findings.repeated);
            }
        }
        self.bench.run("--");
    }

    /// The tasks that were seen with a lock which another one has, by the orders of the last
    /// report.
    fn shared(&self) -> Vec<Option<u32>> {
        let reported = self.repeated.last().or(self.bench.violations.last()).expect("a report");
        assert_eq!(reported.level, Level::Error, "{reported:#?}");
        let task = |step: &crate::check::violation::CycleStep| step.shared().map(|shared| shared.task.0);
        reported.cycle.iter().map(task).collect()
    }
}

#[test]
fn an_order_on_an_object_that_two_tasks_have_is_kept_beside_the_first() {
    // The maker takes X under A, and so does another task; a third one takes both the other way.
    assert_eq!(Tasks::run("AX! 0:AX 1:XA").shared(), [Some(2), Some(3)]);
    assert_eq!(Tasks::run("AX! 1:XA 0:AX").shared(), [Some(2), Some(3)], "after the report");
    // The maker alone takes X under A.
    assert_eq!(Tasks::run("AX! 1:XA").shared(), [None, Some(3)]);
    assert_eq!(Tasks::run("AX! AX! AX 1:XA").shared(), [None, Some(3)]);
    // It does so where others have X.
    assert_eq!(Tasks::run("AX! 1:XA AX").shared(), [Some(1), Some(3)]);
    // The locks that close the cycle are others than those of the first sighting.
    assert_eq!(Tasks::run("AX1! AX2! 0:AX2 1:X2A").shared(), [Some(2), Some(3)]);
    let tasks = Tasks::run("AX1! AX2! 1:X2A 0:AX2");
    let reported = tasks.bench.violations.last().expect("a report");
    assert_eq!((reported.level, reported.cycle[1].task), (Level::Error, TaskId(2)), "{reported:#?}");
    // Another object of the class, made by the same task or another one.
    assert_eq!(Tasks::run("AX1! AX2! AX3! 0:AX3 1:X1A").shared(), [None, Some(3)]);
    assert_eq!(Tasks::run("AX1! AX2! AX3! 0:AX3 0:AX1 1:X1A").shared(), [Some(2), Some(3)]);
    assert_eq!(Tasks::run("AX1! 0:AX2! 2:AX3! 1:X1A").shared(), [None, Some(3)]);
    assert_eq!(Tasks::run("AX1! 0:AX2! 2:AX3! 0:AX3 0:AX1 1:X1A").shared(), [Some(2), Some(3)]);
    // A task that has made one itself still notices.
    assert_eq!(Tasks::run("AX1! 0:AX2! 0:AX2 0:AX1 1:X1A").shared(), [Some(2), Some(3)]);
    // The chain of the other task is a new one.
    assert_eq!(Tasks::run("AX! 0:GAX 1:XA").shared(), [Some(2), Some(3)]);
}

#[test]
fn an_order_of_two_locks_of_one_class_is_kept_when_others_take_it() {
    // The maker takes A2 under A1, and so does another task; a third one takes both the other way.
    assert_eq!(Tasks::run("A1!A2! 0:A1A2 1:A2A1").shared(), [Some(2), Some(3)]);
    assert_eq!(Tasks::run("A1!A2! 1:A2A1 0:A1A2").shared(), [Some(2), Some(3)], "after the report");
    // The maker alone takes A2 under A1.
    assert_eq!(Tasks::run("A1!A2! 1:A2A1").shared(), [None, Some(3)]);
    assert_eq!(Tasks::run("A1!A2! A1A2 A1A2 1:A2A1").shared(), [None, Some(3)]);
    // It does so again after the report, where others have both.
    assert_eq!(Tasks::run("A1!A2! 1:A2A1 A1A2").shared(), [Some(1), Some(3)]);
    // Two other locks of the class, after a report that their source may explain.
    let tasks = Tasks::run("A1!A2! A2A1 A3!A4! 0:A3A4 1:A4A3");
    assert_eq!(tasks.bench.violations.len(), 1, "one class, one report");
    assert_eq!(tasks.shared(), [Some(2), Some(3)]);
    assert_eq!(Tasks::run("A1!A2! A2A1 A3!A4! 1:A4A3 0:A3A4").shared(), [Some(2), Some(3)]);
    // Each task has locks of its own.
    assert!(Tasks::run("A1!A2! A2A1 0:A3!A4! 0:A3A4").repeated.is_empty());
}

#[test]
fn an_order_that_two_tasks_took_is_known_to_all() {
    let is_known = |script: &str| {
        let mut tasks = Tasks::run(script);
        let [held, wanted] = ["A1", "A2"].map(|name| {
            let event = tasks.bench.event(name, Mode::Exclusive, Wait::Blocking);
            Acquire { address: 0x1000, ..event }
        });
        let mut task = TaskContext::new(TaskId(9));
        assert!(tasks.bench.validator.acquire(&mut task, &held, &NoStacks).is_clean());
        tasks.bench.validator.acquire_known_instances(&mut task, &wanted)
    };
    assert!(!is_known("A1!A2! A1A2"), "the maker alone");
    assert!(is_known("A1!A2! 0:A1A2"));
}

#[test]
fn a_new_chain_stays_out_of_the_caches_for_a_few_looks_only() {
    let mut tasks = Tasks::run("AX!");
    let events = ["A", "X"].map(|name| {
        let event = tasks.bench.event(name, Mode::Exclusive, Wait::Blocking);
        Acquire { address: 0x1000, ..event }
    });
    let mut n_slow = 0;
    for _ in 0..100 {
        for event in &events {
            let (validator, task) = (&tasks.bench.validator, &mut tasks.bench.task);
            if !validator.acquire_known(task, event) {
                n_slow += 1;
                assert!(validator.acquire(task, event, &NoStacks).is_clean());
            }
        }
        tasks.bench.run("--");
    }
    assert_eq!(n_slow, 9, "eight looks, and the one that found nothing left");
}
