//! Which stack a violation carries.

use std::cell::Cell;
use std::num::NonZeroU32;

use super::Bench;
use crate::base::id::StackId;
use crate::base::mode::{Mode, Wait};
use crate::check::violation::{Code, Level, Violation};
use crate::engine::StackSource;

/// Every capture is another stack.
#[derive(Default)]
struct Numbered(Cell<u32>);

impl Numbered {
    fn newest(&self) -> Option<StackId> {
        NonZeroU32::new(self.0.get()).map(StackId)
    }
}

impl StackSource for Numbered {
    fn capture(&self) -> Option<StackId> {
        self.0.set(self.0.get() + 1);
        self.newest()
    }
}

/// Takes the locks in turn, lets them all go, and returns what the last acquisition found.
fn nest(bench: &mut Bench, stacks: &Numbered, names: [&str; 2], mode: Mode) -> Vec<Violation> {
    let mut found = Vec::new();
    for name in names {
        let event = bench.event(name, mode, Wait::Blocking);
        let outcome = bench.validator.acquire(&mut bench.task, &event, stacks);
        found = outcome.into_findings().map(|findings| findings.violations).unwrap_or_default();
    }
    for name in names {
        bench.run(&format!("-{name}"));
    }
    found
}

#[test]
fn the_same_lock_again_shows_where_it_is_wanted() {
    for (mode, code) in [(Mode::Exclusive, Code::Recursion), (Mode::Shared, Code::RecursiveFairRead)] {
        let (mut bench, stacks) = (Bench::user(), Numbered::default());
        let event = bench.event("A1", mode, Wait::Blocking);
        for _ in 0..2 {
            let outcome = bench.validator.acquire(&mut bench.task, &event, &stacks);
            let Some(findings) = outcome.into_findings() else { continue };
            let violation = &findings.violations[0];
            assert_eq!(violation.code, code);
            let (wanted, held) = (violation.subject.expect("wanted"), violation.conflict.expect("held"));
            assert_eq!((wanted.stack, wanted.stack_exact), (stacks.newest(), true));
            assert_ne!(held.stack, wanted.stack);
            assert!(held.stack_exact);
        }
    }
}

#[test]
fn what_a_writer_raises_shows_the_stacks_of_the_reader_that_was_reported_before() {
    let (mut bench, stacks) = (Bench::user(), Numbered::default());
    let mut found = Vec::new();
    for mode in [Mode::Shared, Mode::Shared, Mode::Exclusive] {
        if mode == Mode::Exclusive {
            bench.run("-A1 -A1");
        }
        let event = bench.event("A1", mode, Wait::Blocking);
        let outcome = bench.validator.acquire(&mut bench.task, &event, &stacks);
        found.extend(outcome.into_findings().map(|findings| findings.violations).unwrap_or_default());
    }
    let [told, raised] = found.as_slice() else { panic!("a warning, then an error: {found:#?}") };
    assert_eq!((told.level, raised.level), (Level::Warning, Level::Error));
    let wanted = raised.subject.expect("wanted");
    assert!(wanted.stack.is_some() && wanted.stack_exact, "{wanted:?}");
    assert!(wanted.stack <= told.subject.expect("wanted").stack, "captured when the reader was told");
}

#[test]
fn a_known_chain_does_not_lend_its_stack_to_what_closes_a_cycle_of_locks() {
    let (mut bench, stacks) = (Bench::user(), Numbered::default());
    assert_eq!(nest(&mut bench, &stacks, ["A1", "A2"], Mode::Exclusive), []);
    let found = nest(&mut bench, &stacks, ["A2", "A1"], Mode::Exclusive);
    assert_eq!(found[0].code, Code::SameClassOrder);
    let closing = found[0].cycle.iter().find(|step| step.closing).expect("closed");
    assert_eq!((closing.to.stack, closing.to.stack_exact), (stacks.newest(), true));
    assert!(!closing.from.stack_exact, "the outer lock's chain was known, so no stack was captured");
}

#[test]
fn an_order_of_other_locks_in_a_known_chain_has_the_stack_of_its_own_sighting() {
    let (mut bench, stacks) = (Bench::user(), Numbered::default());
    nest(&mut bench, &stacks, ["A1", "A2"], Mode::Exclusive);
    let n_before = stacks.newest();
    assert_eq!(nest(&mut bench, &stacks, ["A3", "A4"], Mode::Exclusive), []);
    let sighting = stacks.newest();
    assert!(sighting > n_before, "the chain of the classes is known, the order of the locks is not");
    nest(&mut bench, &stacks, ["A3", "A4"], Mode::Exclusive);
    assert_eq!(stacks.newest(), sighting, "once for each order");
    let found = nest(&mut bench, &stacks, ["A4", "A3"], Mode::Exclusive);
    let first = found[0].cycle.iter().find(|step| !step.closing).expect("the opposite order");
    assert_eq!((first.to.stack, first.to.stack_exact), (sighting, true));
    assert!(!found[0].evidence.other_objects);
}

#[test]
fn an_order_that_did_not_fit_is_said_to_show_other_locks() {
    let (mut bench, stacks) = (Bench::user(), Numbered::default());
    for n in 0..crate::check::knowledge::MAX_PAIR_SITES {
        let (outer, inner) = (format!("A{}", 2 * n + 1), format!("A{}", 2 * n + 2));
        nest(&mut bench, &stacks, [&outer, &inner], Mode::Exclusive);
    }
    let [outer, inner] = [100_001, 100_002].map(|n| format!("A{n}"));
    nest(&mut bench, &stacks, [&outer, &inner], Mode::Exclusive);
    let found = nest(&mut bench, &stacks, [&inner, &outer], Mode::Exclusive);
    assert_eq!(found[0].code, Code::SameClassOrder);
    assert!(found[0].evidence.other_objects);
}

/// What was held below has gone meanwhile: the chain is now one that another thread was the first
/// with.
#[test]
fn the_stack_of_a_chain_that_changed_is_not_that_of_the_sighting() {
    // Right below the newest, and further down.
    for between in [None, Some("W1")] {
        let (mut bench, stacks) = (Bench::user(), Numbered::default());
        let take = |bench: &mut Bench, name: &str| {
            let event = bench.event(name, Mode::Exclusive, Wait::Blocking);
            let outcome = bench.validator.acquire(&mut bench.task, &event, &stacks);
            outcome.into_findings().map(|found| found.violations).unwrap_or_default()
        };
        take(&mut bench, "X1");
        bench.run("--");
        take(&mut bench, "Y1");
        take(&mut bench, "X1");
        let sighting = stacks.newest();
        between.map(|name| take(&mut bench, name));
        bench.run("-Y1");
        take(&mut bench, "Z1");
        bench.run("--");
        take(&mut bench, "Z1");
        let found = take(&mut bench, "X1");
        let step = |closing| found[0].cycle.iter().find(|step| step.closing == closing).expect("both orders");
        let held = step(false).from;
        // The fast path puts nothing aside: the chain is that of the first to take X alone.
        assert_eq!(held.stack_exact, between.is_some(), "{held:?}");
        assert_eq!(held.stack, sighting, "the stack led to the place all the same");
        assert!(step(false).to.stack_exact && step(true).from.stack_exact && step(true).to.stack_exact);
    }
}

#[test]
fn of_a_traced_class_each_acquisition_shows_its_own_stack() {
    for is_traced in [false, true] {
        let (mut bench, stacks) = (Bench::user(), Numbered::default());
        let class = bench.class("A");
        if is_traced {
            bench.validator.trace(class);
        }
        nest(&mut bench, &stacks, ["B1", "A1"], Mode::Exclusive);
        nest(&mut bench, &stacks, ["A1", "C1"], Mode::Exclusive);
        let n_before = stacks.newest();
        let found = nest(&mut bench, &stacks, ["A1", "B1"], Mode::Exclusive);
        assert_eq!(found.len(), 1);
        let held = found[0].conflict.expect("A is held");
        assert_eq!(held.stack_exact, is_traced);
        assert_eq!(held.stack > n_before, is_traced, "the chain of A alone was known: {held:?}");
        // Whatever was seen, it is looked at again.
        let n_before = stacks.newest();
        nest(&mut bench, &stacks, ["A1", "C1"], Mode::Exclusive);
        assert_eq!(stacks.newest() > n_before, is_traced);
    }
}
