//! What people read, for each code: whole reports built from hand-made violations.

use std::num::NonZeroU32;

use lockdep_validator::{
    Acquisition, ClassAttributes, ClassId, ClassOrder, Code, CycleStep, Demand, DependencyKind as Kind,
    Detail, Evidence, HeldQuery, Level, LockClass, LockClassKey, LockId, Misuse, Mode, Ordered, Site,
    StackId, Subclass, TaskId, Violation, Wait,
};

use super::advice::{Advice, General};
use super::build::{Classes, Resolver, build};
use super::detail::DetailWords;
use super::help;
use super::history::{Earlier, Relation, ReportHistory};
use super::model::{Counters, Report};
use super::note::{GateEffect, Note};
use super::place::{Frame, Place};
use super::render::{NoSource, SourceText, Styles, TextOptions, brief, json_line, text};

/// A program of twenty lines, whose line numbers the sites below are.
const SOURCE: &str = "\
use lockdep::sync::{Mutex, RwLock};
struct Bank { accounts: Mutex<Vec<u32>>, journal: Mutex<String>, rates: RwLock<f64> }
fn transfer(bank: &Bank) {
    let mut accounts = bank.accounts.lock().unwrap();
    accounts.push(1);
\tlet mut journal = bank.journal.lock().unwrap();
}
fn audit(bank: &Bank) {
    let journal = bank.journal.lock().unwrap();
    println!(\"{journal}\");
    let accounts = bank.accounts.lock().unwrap();
}
fn rate(bank: &Bank) -> f64 {
    let rate = bank.rates.read().unwrap();
    *rate + *bank.rates.read().unwrap()
}
";
mod callers;
mod length;
mod recursive_reads;

struct Fixture;

impl SourceText for Fixture {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        if file == "src/bank.rs" { SOURCE.lines().nth(line as usize - 1).map(str::to_owned) } else { None }
    }
}

impl Classes for Fixture {
    fn class(&self, id: ClassId) -> Option<LockClass> {
        let (name, kind, type_name, column) = match id.index() {
            0 => (None, "Mutex", "alloc::vec::Vec<u32>", 15),
            1 => (Some("journal"), "Mutex", "alloc::string::String", 42),
            2 => (None, "RwLock", "f64", 66),
            3 => (Some("gate"), "Mutex", "()", 80),
            4 => (None, "JoinHandle", "", 12),
            _ => return None,
        };
        let key = LockClassKey {
            name: name.map(str::to_owned),
            kind: kind.into(),
            type_name: type_name.into(),
            file: "src/bank.rs".into(),
            line: 2,
            column,
            subclass: Subclass::ZERO,
        };
        // The rates are of parking_lot, the other locks of std.
        let attributes = ClassAttributes { recursive_reads: id.index() == 2, ..ClassAttributes::default() };
        Some(LockClass { hash: key.hash(), key, site: Site::UNKNOWN, attributes })
    }
}

impl Resolver for Fixture {
    fn place(&self, site: Site) -> Place {
        if site == Site::UNKNOWN {
            return Place::default();
        }
        let line = u32::try_from(site.0).expect("small");
        let column = match line {
            4 => 38,
            // Behind a tab, which is four columns wide.
            6 => 36,
            9 => 32,
            11 => 34,
            14 => 27,
            15 => 25,
            _ => 1,
        };
        Place { file: "src/bank.rs".into(), line, column, ..Place::default() }
    }

    fn frames(&self, stack: StackId) -> Vec<Frame> {
        let line = stack.0.get();
        let function = if line < 8 { "bank::transfer" } else { "bank::audit" };
        let frame = |function: &str, file: &str, line| Frame {
            function: function.into(),
            file: file.into(),
            line,
            column: 5,
        };
        vec![
            frame("lockdep::sync::mutex::Mutex<T>::lock", "/r/lockdep/src/sync/mutex.rs", 90),
            frame(function, "/r/bank/src/bank.rs", line),
            frame("bank_test::both", "/r/bank/tests/bank_test.rs", 12),
            frame(
                "std::sys::backtrace::__rust_begin_short_backtrace",
                "/rustc/0/library/std/src/sys/backtrace.rs",
                1,
            ),
        ]
    }

    fn task_name(&self, task: TaskId) -> String {
        ["main", "tests::transfer", "tests::audit"][task.0 as usize].to_owned()
    }
}

fn class(index: usize) -> ClassId {
    ClassId::from_index(index).expect("small")
}

pub(crate) fn lock(index: usize, instance: u64, mode: Mode, line: u64) -> Acquisition {
    Acquisition {
        lock: LockId::new(class(index), instance),
        class: class(index),
        subclass: Subclass::ZERO,
        mode,
        wait: Wait::Blocking,
        address: 0,
        site: Site(line),
        stack: u32::try_from(line).ok().and_then(NonZeroU32::new).map(StackId),
        stack_exact: true,
    }
}

pub(crate) fn step(from: Acquisition, to: Acquisition, kind: Kind, task: u32, count: u64) -> CycleStep {
    CycleStep {
        from: Acquisition { stack_exact: task == 2, ..from },
        to,
        kind,
        task: TaskId(task),
        segment: 0,
        count,
        closing: task == 2,
        shared: None,
    }
}

pub(crate) fn violation(code: Code, level: Level) -> Violation {
    Violation {
        code,
        level,
        fingerprint: 0x0123_4567_89ab_cdef,
        task: TaskId(2),
        subject: None,
        conflict: None,
        cycle: Vec::new(),
        held: Vec::new(),
        evidence: Evidence::default(),
        detail: Detail::None,
    }
}

pub(crate) fn inversion() -> Violation {
    let accounts = lock(0, 1, Mode::Exclusive, 4);
    let journal = lock(1, 2, Mode::Exclusive, 6);
    Violation {
        cycle: vec![
            step(accounts, journal, Kind::ExclusiveNonrecursive, 1, 3),
            step(
                lock(1, 2, Mode::Exclusive, 9),
                lock(0, 1, Mode::Exclusive, 11),
                Kind::ExclusiveNonrecursive,
                2,
                1,
            ),
        ],
        held: vec![lock(3, 9, Mode::Exclusive, 8), lock(1, 2, Mode::Exclusive, 9)],
        evidence: Evidence {
            same_instances: true,
            n_tasks: 2,
            ordered: Some(Ordered::Join),
            ..Evidence::default()
        },
        ..violation(Code::CircularDependency, Level::Error)
    }
}

pub(crate) fn report(violation: &Violation) -> Report {
    let mut counters = Counters::default();
    (counters.classes, counters.dependencies, counters.chains, counters.unseen) = (4, 5, 6, 1);
    build(violation, &Fixture, &Fixture, counters)
}

fn plain(violation: &Violation) -> String {
    text(&report(violation), &TextOptions::default(), &Fixture)
}

#[test]
fn circular_dependency() {
    insta::assert_snapshot!(plain(&inversion()));
}

#[test]
fn several_locks_of_one_class_are_numbered() {
    let order = |from, to, line, task| {
        step(
            lock(0, from, Mode::Exclusive, line),
            lock(0, to, Mode::Exclusive, line + 2),
            Kind::ExclusiveNonrecursive,
            task,
            1,
        )
    };
    let cycle = vec![order(7, 9, 4, 1), order(9, 7, 9, 2)];
    let found = Violation { cycle, ..violation(Code::SameClassOrder, Level::Error) };
    let text = text(&report(&found), &TextOptions { n_frames: 0, ..TextOptions::default() }, &Fixture);
    insta::assert_snapshot!(text);
    assert!(!plain(&inversion()).contains('#'), "one lock of each class needs no number");
}

#[test]
fn circular_dependency_in_colour() {
    let options = TextOptions { styles: Styles::COLOUR, n_frames: 0, ..TextOptions::default() };
    insta::assert_snapshot!(text(&report(&inversion()), &options, &Fixture).replace('\x1b', "ESC"));
}

#[test]
fn circular_dependency_without_source() {
    let options = TextOptions { n_frames: 1, ..TextOptions::default() };
    insta::assert_snapshot!(text(&report(&inversion()), &options, &NoSource));
}

#[test]
fn circular_dependency_as_json() {
    let line = json_line(&report(&inversion()));
    assert_eq!(line.matches('\n').count(), 1);
    let back: Report = serde_json::from_str(&line).expect("its own schema");
    assert_eq!(back, report(&inversion()));
    let pretty = serde_json::to_string_pretty(&back).expect("writable");
    insta::assert_snapshot!(pretty);
}

#[test]
fn three_readers_that_need_a_writer() {
    let cycle = vec![
        step(lock(0, 1, Mode::Exclusive, 4), lock(2, 3, Mode::Shared, 14), Kind::ExclusiveNonrecursive, 1, 1),
        step(lock(2, 4, Mode::Shared, 14), lock(1, 2, Mode::Exclusive, 9), Kind::SharedNonrecursive, 1, 1),
        step(
            lock(1, 2, Mode::Exclusive, 9),
            lock(0, 1, Mode::Exclusive, 11),
            Kind::ExclusiveNonrecursive,
            2,
            1,
        ),
    ];
    let evidence = Evidence { sibling: true, n_tasks: 2, ..Evidence::default() };
    let found = Violation { cycle, evidence, ..violation(Code::CircularDependency, Level::Warning) };
    insta::assert_snapshot!(text(
        &report(&found),
        &TextOptions { n_frames: 0, ..TextOptions::default() },
        &Fixture
    ));
}

#[test]
fn what_follows_from_an_earlier_report_is_reported_in_few_words() {
    let mut told = ReportHistory::default();
    let with = |fingerprint, level, cycle| report(&Violation { fingerprint, level, cycle, ..inversion() });
    let earlier =
        |report: &Report, relation| Some(Earlier { fingerprint: report.fingerprint.clone(), relation });
    let by = |report: &Report, index| earlier(report, Relation::Dependency(index));
    let direct = inversion().cycle;
    // The same closing dependency, but round by the rates.
    let detour = vec![
        step(lock(0, 1, Mode::Exclusive, 4), lock(2, 3, Mode::Shared, 14), Kind::ExclusiveNonrecursive, 1, 1),
        step(lock(2, 3, Mode::Shared, 14), lock(1, 2, Mode::Exclusive, 9), Kind::SharedNonrecursive, 1, 1),
        direct[1].clone(),
    ];
    let other = vec![
        step(lock(0, 1, Mode::Exclusive, 4), lock(2, 3, Mode::Shared, 14), Kind::ExclusiveNonrecursive, 1, 1),
        step(
            lock(2, 3, Mode::Exclusive, 14),
            lock(0, 1, Mode::Exclusive, 11),
            Kind::ExclusiveNonrecursive,
            2,
            1,
        ),
    ];
    let first = with(1, Level::Warning, direct.clone());
    assert_eq!(told.note(&first, true), None, "nothing was told before");
    assert_eq!(told.note(&with(2, Level::Warning, detour.clone()), true), by(&first, 2));
    // Closed by something new, but all about classes that are one problem already.
    assert_eq!(told.note(&with(3, Level::Warning, other.clone()), true), earlier(&first, Relation::Classes));
    let sure = with(4, Level::Error, detour);
    assert_eq!(told.note(&sure, true), None, "surer than what it follows from");
    let raised = with(1, Level::Error, direct.clone());
    assert_eq!(
        told.note(&raised, true),
        earlier(&first, Relation::Raised),
        "told in full before its level rose"
    );
    let mut told_of_others = ReportHistory::default();
    assert_eq!(told_of_others.note(&first, true), None);
    let mut of_other_locks = raised.clone();
    of_other_locks.cycle[0].instances.0 += 7;
    let elsewhere = earlier(&first, Relation::RaisedElsewhere);
    assert_eq!(told_of_others.note(&of_other_locks, true), elsewhere, "what stands above shows other locks");
    assert_eq!(
        told_of_others.note(&of_other_locks, true).map(|earlier| earlier.relation),
        Some(Relation::Raised)
    );
    let of_others =
        brief(&of_other_locks, &elsewhere.expect("made here"), "somewhere", &TextOptions::default());
    insta::assert_snapshot!("raised_for_other_locks", of_others);
    assert_eq!(told.note(&with(5, Level::Error, direct.clone()), true), by(&sure, 1));
    let options = TextOptions::default();
    let by_closing = brief(&sure, &by(&first, 2).expect("made here"), "somewhere", &options);
    let by_classes = brief(
        &with(3, Level::Warning, other),
        &earlier(&first, Relation::Classes).expect("made here"),
        "somewhere",
        &options,
    );
    let by_level =
        brief(&raised, &earlier(&first, Relation::Raised).expect("made here"), "somewhere", &options);
    insta::assert_snapshot!(by_closing + &by_classes + &by_level);

    let mut told = ReportHistory::default();
    assert_eq!(told.note(&with(1, Level::Error, direct.clone()), false), None);
    let denied = with(2, Level::Warning, direct.clone());
    assert_eq!(told.note(&denied, true), None, "what fails the run does not hide behind what does not");
    assert_eq!(told.note(&with(3, Level::Warning, direct), true), by(&denied, 1));
}

#[test]
fn a_cycle_with_a_class_that_no_report_had_is_reported_in_full() {
    let mut told = ReportHistory::default();
    let with = |fingerprint, pairs: &[(usize, usize)]| {
        let step = |&(from, to): &(usize, usize)| {
            step(
                lock(from, 1, Mode::Exclusive, 4),
                lock(to, 2, Mode::Exclusive, 9),
                Kind::ExclusiveNonrecursive,
                1,
                1,
            )
        };
        report(&Violation { fingerprint, cycle: pairs.iter().map(step).collect(), ..inversion() })
    };
    assert_eq!(told.note(&with(1, &[(0, 1), (1, 0)]), true), None);
    // Without what closed the first, 1 -> 0, this one is gone as well, whatever else is new in it.
    let by_first =
        Some(Earlier { fingerprint: "0000000000000001".into(), relation: Relation::Dependency(0) });
    assert_eq!(told.note(&with(5, &[(1, 0), (0, 3), (3, 1)]), true), by_first);
    let mut told = ReportHistory::default();
    assert_eq!(told.note(&with(1, &[(0, 1), (1, 0)]), true), None);
    assert_eq!(told.note(&with(2, &[(2, 3), (3, 2)]), true), None, "other classes");
    assert_eq!(
        told.note(&with(3, &[(1, 2), (2, 1)]), true),
        None,
        "two problems become one, and this says so"
    );
    let last = told.note(&with(4, &[(0, 3), (3, 0)]), true);
    assert_eq!(last, Some(Earlier { fingerprint: "0000000000000001".into(), relation: Relation::Classes }));
}

#[test]
fn a_detour_through_an_initialisation_follows_from_either_order() {
    let with = |fingerprint, pairs: &[(usize, usize)]| {
        let step = |&(from, to): &(usize, usize)| {
            let (from, to) = (lock(from, 1, Mode::Exclusive, 4), lock(to, 2, Mode::Exclusive, 9));
            step(from, to, Kind::ExclusiveNonrecursive, 1, 1)
        };
        report(&Violation { fingerprint, cycle: pairs.iter().map(step).collect(), ..inversion() })
    };
    let mut told = ReportHistory::default();
    assert_eq!(told.note(&with(1, &[(0, 1), (1, 0)]), true), None);
    // The order that the first had already, and a way round by another class.
    let mut detour = with(2, &[(1, 3), (3, 0), (0, 1)]);
    detour.cycle.rotate_left(2);
    detour
        .classes
        .iter_mut()
        .filter(|class| class.name == "gate")
        .for_each(|class| class.kind = "Once".into());
    let earlier = Earlier { fingerprint: "0000000000000001".into(), relation: Relation::Dependency(0) };
    assert_eq!(told.note(&detour, true), Some(earlier));
}

#[test]
fn two_rules_about_one_guard_are_one_report_and_a_line_that_follows() {
    let rule = |code| simple_rules().into_iter().find(|found| found.code == code).expect("one of them");
    let first = Violation { fingerprint: 1, ..rule(Code::RecursiveFairRead) };
    let write = lock(2, 3, Mode::Exclusive, 15);
    let second = Violation { subject: Some(write), detail: Detail::SelfDeadlock, ..first.clone() };
    let second = Violation { code: Code::Recursion, level: Level::Error, fingerprint: 2, ..second };
    let [first, second] = [first, second].map(|found| report(&found));
    let mut told = ReportHistory::default();
    assert_eq!(told.note(&second, true), None);
    let earlier = told.note(&first, true).expect("one guard");
    assert_eq!(earlier, Earlier { fingerprint: second.fingerprint.clone(), relation: Relation::Guard });
    insta::assert_snapshot!(brief(&first, &earlier, "somewhere", &TextOptions::default()));
    let mut told = ReportHistory::default();
    let lower = Report { level: Level::Warning, ..first.clone() };
    assert_eq!((told.note(&lower, true), told.note(&second, true)), (None, None), "an error is in full");
    let mut other = second;
    other.conflict.as_mut().expect("a recursion").instance += 1;
    let mut told = ReportHistory::default();
    assert_eq!((told.note(&first, true), told.note(&other, true)), (None, None), "another lock");
}

#[test]
fn an_initialisation_is_not_to_be_tried_and_of_two_orders_both_are_reported() {
    let mut found = report(&inversion());
    let advice = |report: &Report| help::help(Code::CircularDependency, report, &DetailWords::None);
    let is_tried = |help: &[Advice]| help.iter().any(|help| matches!(help, Advice::TryLock { .. }));
    let tells_other = |help: &[Advice]| help.iter().any(|help| matches!(help, Advice::ChangeOther { .. }));
    found.cycle.iter_mut().zip([3, 2]).for_each(|(step, count)| step.count = count);
    assert!(is_tried(&advice(&found)));
    let both = advice(&found);
    let [Advice::TakeBefore { second, .. }, Advice::ChangeOther { release, .. }, ..] = both.as_slice() else {
        panic!("which of the orders is meant only the reader knows: {both:?}")
    };
    assert_eq!((second, release), (&found.cycle[1].from, &found.cycle[0].from), "less work comes first");
    let closing = found.closing().expect("a cycle").to_hash.clone();
    found
        .classes
        .iter_mut()
        .filter(|class| class.hash == closing)
        .for_each(|class| class.kind = "Once".into());
    assert!(!is_tried(&advice(&found)));
    found.cycle.iter_mut().for_each(|step| step.count = 2);
    assert!(!tells_other(&advice(&found)), "no call releases a `Once`: {:?}", advice(&found));
    found.classes.iter_mut().for_each(|class| class.kind = "Mutex".into());
    assert!(tells_other(&advice(&found)));
    assert!(
        !advice(&found).iter().any(|help| matches!(help, Advice::TryLock { at: None, .. })),
        "two places were named"
    );
}

#[test]
fn an_initialisation_that_waits_for_itself_has_no_guard_to_drop() {
    let found = simple_rules().into_iter().find(|found| found.code == Code::Recursion).expect("one of them");
    let mut found = report(&found);
    let advice = |report: &Report| help::help(Code::Recursion, report, &DetailWords::SelfDeadlock);
    assert!(matches!(advice(&found)[0], Advice::DropGuard { .. }), "{:?}", advice(&found));
    found.classes.iter_mut().for_each(|class| class.kind = "OnceLock".into());
    assert_eq!(advice(&found), [General::InitialiserAsks, General::InitialiserPath].map(Advice::from));
}

#[test]
fn a_gate_and_a_timeout() {
    let mut found = inversion();
    found.level = Level::Note;
    found.cycle[0].to.wait = Wait::Timed;
    found.evidence = Evidence {
        gate: Some(class(3)),
        timed: true,
        ordered: Some(Ordered::Program),
        ..Evidence::default()
    };
    let text = text(&report(&found), &TextOptions { n_frames: 0, ..TextOptions::default() }, &Fixture);
    insta::assert_snapshot!(text);
    assert!(!text.contains("add a gate"), "a gate lock is never advised");
}

#[test]
fn a_fair_read_that_a_gate_keeps_from_every_writer() {
    let read = |line| lock(2, 3, Mode::Shared, line);
    let mut found = Violation {
        subject: Some(read(15)),
        conflict: Some(read(14)),
        evidence: Evidence { gate: Some(class(3)), writer_seen: true, ..Evidence::default() },
        ..violation(Code::RecursiveFairRead, Level::Note)
    };
    let note = report(&found);
    insta::assert_snapshot!(text(&note, &TextOptions { n_frames: 0, ..TextOptions::default() }, &Fixture));
    found.level = Level::Warning;
    let gated = |effect| [Note::GatedReads { gate: "gate".into(), effect }];
    assert_eq!(note.notes, gated(GateEffect::Safe));
    assert_eq!(report(&found).notes, gated(GateEffect::SafeForThese));
    found.evidence = Evidence { writer_seen: true, ..Evidence::default() };
    assert_eq!(report(&found).notes, [Note::WriterSeen { writer: None }]);
    found.evidence.writer = Some((TaskId(1), Site(9)));
    assert_eq!(
        report(&found).notes[0].to_string(),
        "a writer of this class was seen at src/bank.rs:9:32 in thread `tests::transfer`: a reader queues behind the \
         writer, which waits for the first read"
    );
}

/// One violation of each of the rules that are not about a cycle.
pub(crate) fn simple_rules() -> Vec<Violation> {
    let held = lock(1, 2, Mode::Exclusive, 9);
    let wanted = lock(0, 1, Mode::Exclusive, 11);
    let read = |line| lock(2, 3, Mode::Shared, line);
    let with = |code, subject, conflict, detail| Violation {
        subject: Some(subject),
        conflict,
        detail,
        ..violation(code, Level::Error)
    };
    let context = || Detail::Context {
        context: "signal".into(),
        used_in: (class(1), Site(6)),
        enabled: (class(1), Site(9)),
    };
    let ordered = |order| Detail::ClassOrder { order, held: None, wanted: None };
    let by_key = |held, wanted| Detail::ClassOrder {
        order: ClassOrder::ByKey,
        held: Some(held),
        wanted: Some(wanted),
    };
    let after_done = Detail::Misuse(Misuse::AfterDone);
    let not_held = Detail::Misuse(Misuse::UnpinNotHeld);
    let limit = Detail::WaitType { wanted: "sleep", limit: "spin", limited_by: Some(class(1)) };
    vec![
        with(Code::Recursion, lock(1, 2, Mode::Exclusive, 6), Some(held), Detail::SelfDeadlock),
        with(Code::SameClassOrder, lock(1, 3, Mode::Exclusive, 6), Some(held), Detail::None),
        with(Code::SameClassOrder, lock(1, 3, Mode::Exclusive, 6), Some(held), by_key(7, 3)),
        with(Code::SameClassOrder, lock(1, 3, Mode::Exclusive, 6), Some(held), by_key(7, 7)),
        with(
            Code::SameClassOrder,
            lock(1, 3, Mode::Exclusive, 6),
            Some(held),
            ordered(ClassOrder::ByAddress),
        ),
        with(
            Code::SameClassOrder,
            lock(1, 3, Mode::Exclusive, 6),
            Some(held),
            ordered(ClassOrder::By(|_, _| None)),
        ),
        with(Code::InconsistentContext, held, None, context()),
        with(Code::ContextInversion, wanted, Some(held), context()),
        with(Code::WaitType, wanted, Some(held), limit),
        with(Code::BadRelease, held, None, Detail::None),
        with(Code::HeldLockFreed, held, None, Detail::None),
        with(Code::HeldAtExit, held, None, Detail::None),
        with(Code::HeldAcrossAwait, lock(1, 2, Mode::Exclusive, 6), Some(held), Detail::None),
        with(Code::Futurelock, lock(1, 2, Mode::Exclusive, 6), Some(held), Detail::None),
        Violation { level: Level::Warning, ..with(Code::HeldAcrossAwait, held, None, Detail::None) },
        with(
            Code::Assertion,
            held,
            None,
            Detail::Assertion(Demand::Lock { query: HeldQuery::HeldExclusive, found: Some(Mode::Shared) }),
        ),
        with(Code::NestLockNotHeld, wanted, None, Detail::None),
        with(
            Code::PinnedLockReleased,
            lock(1, 2, Mode::Exclusive, 11),
            Some(held),
            Detail::Pinned { at: Site(10) },
        ),
        with(Code::PinnedLockReleased, held, None, not_held),
        with(Code::WoundWait, wanted, None, after_done),
        with(Code::RecursiveFairRead, read(15), Some(read(14)), Detail::None),
        with(Code::DeclaredOrder, wanted, Some(held), Detail::None),
        with(Code::Deadlock, wanted, Some(held), crate::ring_tests::ring(wanted, held)),
        crate::ring_tests::wait(held),
    ]
}

#[test]
fn every_other_rule() {
    let mut all = String::new();
    let options = TextOptions { n_frames: 0, ..TextOptions::default() };
    let by_guard = Violation {
        subject: Some(lock(1, 2, Mode::Exclusive, 9)),
        detail: Detail::ByGuard,
        ..violation(Code::BadRelease, Level::Error)
    };
    for found in simple_rules().into_iter().chain([by_guard]) {
        all.push_str(&text(&report(&found), &options, &Fixture));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn hostile_words_do_not_break_the_report() {
    let mut hostile = report(&inversion());
    hostile.cycle[0].held_site.line = u32::MAX;
    hostile.cycle[0].acquire_site.column = u32::MAX;
    hostile.cycle[1].held_site.file = "\u{1b}[31m".into();
    hostile.cycle[1].instances = (0, u64::MAX);
    hostile.title = "\n\n".into();
    hostile.cycle.push(hostile.cycle[0].clone());
    let _ = text(&hostile, &TextOptions { width: 0, ..TextOptions::default() }, &Fixture);
    let _ = json_line(&hostile);
}
