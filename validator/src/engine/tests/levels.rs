//! Levels, and how they rise.

use super::Bench;
use crate::base::site::Site;
use crate::check::violation::{Code, Level, Ordered};
use crate::config::Config;
use crate::state::class::ClassAttributes;

const NOTE: (Code, Level) = (Code::CircularDependency, Level::Note);
const WARNING: (Code, Level) = (Code::CircularDependency, Level::Warning);
const ERROR: (Code, Level) = (Code::CircularDependency, Level::Error);

fn user(script: &str) -> Vec<(Code, Level)> {
    Bench::user().run(script).found()
}

#[test]
fn gates() {
    assert_eq!(user("G A B -- G B A --"), [NOTE]);
    assert_eq!(user("A G B -- B G A --"), [ERROR, ERROR], "the gate is on two cycles itself");
    assert_eq!(user("rG A B -- rG B A --"), [ERROR], "readers exclude no thread");
    assert_eq!(user("G A B -- H B A --"), [ERROR], "two gates");
    assert_eq!(user("G A B C -- C A --"), [ERROR], "one thread is not kept apart from itself");
    assert_eq!(user("A B C D -- D A --"), [ERROR], "nor by the locks of the ring");
    assert_eq!(user("G A B -- G B A -- A B --"), [NOTE, ERROR], "seen without it");
    assert_eq!(user("A B -- G A B -- G B A --"), [ERROR]);
    assert_eq!(user("G1 A B -- G2 B A --"), [ERROR], "two locks of one class exclude no thread");
}

/// A chain of classes that is known is not looked at again when it runs under another lock, until
/// its classes lie on a cycle.
#[test]
fn a_gate_of_which_there_are_several_lowers_to_a_warning() {
    assert_eq!(user("G1 A B -- G1 B A -- G2 C --"), [NOTE, WARNING], "a second lock of the gate's class");
    assert_eq!(user("G1 -- G2 -- G1 A B -- G1 B A --"), [WARNING], "known before");
    assert_eq!(user("G1 -- G2 -- rG1 A B -- rG1 B A --"), [ERROR], "readers exclude no thread");
    assert_eq!(user("G1 -- G2 -- G1 A B -- G1 B A -- G2 A B --"), [WARNING, ERROR], "under another");
    assert_eq!(user("G1 -- G2 -- G1 A B -- G1 B A -- A B --"), [WARNING, ERROR], "without it");
    // A gate for each pair, as where the three are fields of one struct.
    let structs = "G1 A1 B1 -- G1 B1 A1 -- G2 A2 B2 -- G2 B2 A2 --";
    assert_eq!(user(structs), [NOTE, WARNING]);
    assert_eq!(user(&format!("{structs} G1 A2 B2 --")), [NOTE, WARNING, ERROR]);
    // The dependencies of the classes were seen without a gate, the orders of these very locks were
    // not.
    assert_eq!(user("G1 A1 B1 -- H A2 B2 -- G1 B1 A1 --"), [WARNING]);
}

#[test]
fn among_the_locks_of_one_class_any_gate_counts() {
    const ORDER: Code = Code::SameClassOrder;
    assert_eq!(user("G1 -- G2 -- G1 A1 A2 -- G1 A2 A1 --"), [(ORDER, Level::Note)]);
    assert_eq!(user("G1 -- G2 -- G1 A1 A2 -- G1 A2 A1 -- G3 --"), [(ORDER, Level::Note)]);
    assert_eq!(user("G1 -- G2 -- G1 A1 A2 -- G2 A2 A1 --"), [(ORDER, Level::Error)]);
    let seen_again = "G1 -- G2 -- G1 A1 A2 -- G1 A2 A1 -- G2 A1 A2 --";
    assert_eq!(user(seen_again), [(ORDER, Level::Note), (ORDER, Level::Error)]);
}

#[test]
fn a_lowered_cycle_does_not_hide_a_surer_one() {
    // A -> B only under G, but also A -> C -> B without.
    assert_eq!(user("G A B -- A C -- C B -- G B A --"), [ERROR]);
    // The first is as sure as the second, but for a gate of which there are several.
    let mut bench = Bench::user();
    bench.run("A2 -- B2 -- C2 -- G1 -- G2 -- G1 A1 B1 -- A1 C1 -- C2 B1 -- G1 B2 A2 --");
    assert_eq!(bench.violations[0].evidence.gate, None, "through C");
    assert_eq!(bench.found(), [WARNING]);
    // B -> A only timed, but B -> D -> A always.
    assert_eq!(user("B ~A -- B D -- D A -- A B --"), [ERROR]);
}

#[test]
fn timeouts() {
    assert_eq!(user("A ~B -- B A --"), [NOTE]);
    assert_eq!(user("A ~B -- B A -- A B --"), [NOTE, ERROR]);
}

#[test]
fn readers_wait_for_a_queued_writer() {
    assert_eq!(
        user("rA rB -- rB rA -- A -- B --"),
        [WARNING, ERROR],
        "raised when both classes have writers"
    );
    assert_eq!(user("A -- B -- rA rB -- rB rA --"), [ERROR]);
    assert_eq!(user("rA rB -- rB rA -- A --"), [WARNING], "one of two is not enough");
    assert_eq!(user("rA rB -- rB rA -- ?A -- ?B --"), [WARNING], "a try never queues");
}

/// A writer that queues between two reads is one more that waits.
#[test]
fn what_all_writers_hold_keeps_them_out() {
    const NOTED: (Code, Level) = (Code::RecursiveFairRead, Level::Note);
    const WARNED: (Code, Level) = (Code::RecursiveFairRead, Level::Warning);
    const FAILED: (Code, Level) = (Code::RecursiveFairRead, Level::Error);
    assert_eq!(user("G A -- G rA rA --"), [NOTED]);
    assert_eq!(user("rG A -- G rA rA --"), [NOTED], "either of the two exclusively");
    assert_eq!(user("rG A -- rG rA rA --"), [FAILED], "readers exclude no thread");
    assert_eq!(user("A -- G rA rA --"), [FAILED]);
    assert_eq!(user("G A -- rA rA --"), [FAILED]);
    assert_eq!(user("G A -- H rA rA --"), [FAILED]);
    assert_eq!(user("G A -- rA G rA -- rA --"), [ERROR, NOTED], "another cycle, and that one hangs");
    assert_eq!(user("G A -- G rA rA -- A --"), [NOTED, FAILED], "a writer without it");
    assert_eq!(user("G A -- G rA rA -- ?A -- ~A --"), [NOTED], "neither of these queues forever");
    assert_eq!(user("G A -- G rA rA -- H A --"), [NOTED, FAILED]);
    assert_eq!(user("G A -- G rA rA -- rA rA --"), [NOTED, FAILED], "a reader without it");
    assert_eq!(user("G rA rA -- G A --"), [WARNED], "a level never sinks");
    assert_eq!(user("G rA rA -- G A -- A --"), [WARNED, FAILED]);
    assert_eq!(user("G rA rA -- rA rA -- G A --"), [WARNED, FAILED], "what is least protected counts");
    assert_eq!(user("G1 A -- G1 rA rA -- G2 --"), [NOTED, WARNED], "a second lock of the gate's class");
    assert_eq!(user("G1 -- G2 -- G1 A -- G1 rA rA --"), [WARNED]);
}

#[test]
fn a_gate_keeps_the_writers_of_a_cycle_out() {
    assert_eq!(
        user("G A -- G B -- G rA rB -- rB rA --"),
        [NOTE],
        "neither writer can queue beside the first"
    );
    assert_eq!(
        user("G A -- G B -- rA rB -- rB rA --"),
        [NOTE],
        "two writers are needed, and only one has the gate"
    );
    assert_eq!(user("G A -- B -- rA rB -- rB rA --"), [ERROR]);
    assert_eq!(user("G A -- G B -- G rA rB -- rB rA -- A -- B --"), [NOTE, ERROR]);
    assert_eq!(user("G A -- G rA B -- B rA --"), [NOTE]);
    assert_eq!(user("G A -- rA B -- B rA --"), [ERROR]);
    assert_eq!(user("G1 -- G2 -- G1 A -- G1 rA B -- B rA --"), [WARNING]);
    // Another way round needs no writer.
    assert_eq!(user("G A -- G rA B -- A C -- C B -- B rA --"), [ERROR]);
    // Locks of one class: their orders are looked at each time, the writers are not.
    let by_order = "G rA1 rA2 -- G rA2 rA1 --";
    const ORDER: Code = Code::SameClassOrder;
    assert_eq!(user(&format!("A1 -- A2 -- {by_order}")), [(ORDER, Level::Note)]);
    assert_eq!(user("G A1 -- G A2 -- rA1 rA2 -- rA2 rA1 --"), [(ORDER, Level::Note)]);
    assert_eq!(user("G1 -- G2 -- G1 A1 -- G1 A2 -- rA1 rA2 -- rA2 rA1 --"), [(ORDER, Level::Warning)]);
}

#[test]
fn declared_classes_are_interchangeable() {
    let mut bench = Bench::user();
    let declared = ClassAttributes { declared: true, ..ClassAttributes::default() };
    bench.class_with("A", declared);
    bench.class_with("B", declared);
    assert_eq!(bench.run("A1 B1 -- B2 A2 --").found(), [ERROR]);
    let mut bench = Bench::user();
    bench.class_with("A", declared);
    bench.class_with("B", declared);
    assert_eq!(bench.run("G1 -- G2 -- G1 A B -- G1 B A --").found(), [ERROR], "others may do so under G2");
}

#[test]
fn evidence_is_reported() {
    let mut bench = Bench::user();
    bench.run("A B --");
    let (child, parent) = (crate::base::id::TaskId(2), &mut bench.task);
    let segment = bench.validator.spawned(parent);
    bench.task = bench.validator.start_task(child, Some(segment));
    bench.run("B A --");
    let evidence = bench.violations[0].evidence.clone();
    assert_eq!((evidence.n_tasks, evidence.ordered), (2, Some(Ordered::Spawn)));
    assert!(evidence.same_instances && evidence.declared && !evidence.timed);
    let cycle = &bench.violations[0].cycle;
    assert_eq!(
        cycle.iter().map(|step| (step.kind.as_str(), step.closing)).collect::<Vec<_>>(),
        [("EN", false), ("EN", true)]
    );
}

#[test]
fn reports_are_capped_and_counted() {
    let mut config = Config::user();
    config.max_reports = 2;
    let mut bench = Bench::new(config);
    bench.run("A B -- B A -- C D -- D C -- E F -- F E --");
    assert_eq!(bench.found().len(), 2);
    assert_eq!(bench.validator.counters().dropped, 1);
}

#[test]
fn what_children_acquired_depends_on_what_the_parent_holds_at_the_join() {
    let mut bench = Bench::user();
    bench.run("B A --");
    let mut child = bench.validator.start_task(crate::base::id::TaskId(2), None);
    bench.validator.record_acquired(&mut child, true);
    std::mem::swap(&mut bench.task, &mut child);
    bench.run("B --");
    std::mem::swap(&mut bench.task, &mut child);
    let acquired = bench.validator.take_acquired(&mut child);
    assert_eq!(acquired.len(), 1);
    bench.run("A");
    let site = Site(9);
    let outcome = bench.validator.joined_holding(&mut bench.task, &acquired, site, &crate::engine::NoStacks);
    bench.take(outcome);
    assert_eq!(bench.found(), [ERROR]);
}

#[test]
fn dependencies_are_listed_once() {
    let mut config = Config::user();
    config.list_dependencies = true;
    let mut bench = Bench::new(config);
    let mut listed = |script: &str| {
        let mut direct = Vec::new();
        for word in script.split_whitespace() {
            let event =
                bench.event(word, crate::base::mode::Mode::Exclusive, crate::base::mode::Wait::Blocking);
            let outcome = bench.validator.acquire(&mut bench.task, &event, &crate::engine::NoStacks);
            let found = outcome.into_findings().map(|findings| findings.dependencies).unwrap_or_default();
            direct.extend(found.iter().map(|new| new.direct));
        }
        bench.run("--");
        direct
    };
    assert_eq!(listed("A B C"), [true, true, false], "A -> C follows from the other two");
    assert!(listed("A B C").is_empty());
    assert_eq!(listed("A C"), [true], "now it was seen by itself");
    assert!(listed("A C").is_empty());
    assert_eq!(listed("A D"), [true]);
}

#[test]
fn a_level_of_a_class_with_several_locks_is_not_a_single_lock() {
    assert_eq!(user("A1 -- A2 -- ^A1 B -- B ^A1 --"), [ERROR], "its locks close the cycle themselves");
    assert_eq!(user("A1 -- A2 -- ^A1 B1 -- B1 ^A2 --"), [WARNING]);
}

#[test]
fn the_sightings_are_those_of_the_locks_that_close_the_cycle() {
    let mut bench = Bench::user();
    bench.run("A1 B1 -- A2 B2 -- B2 A2 -- A2 B2 --");
    let raised = bench.violations.last().expect("the second locks close it themselves");
    assert!(raised.evidence.same_instances && raised.level == Level::Error, "{raised:?}");
    let [one, other] = raised.cycle.as_slice() else { panic!("two orders: {raised:?}") };
    assert_eq!((one.to.lock, other.to.lock), (other.from.lock, one.from.lock));
    assert_ne!(one.from.site, Site(1), "the first locks have no part in it");
}
