//! A small program's records for the tests of everything that reads records.

use lockdep_report::model::{Counters, Report, ReportLock};
use lockdep_report::place::{Frame, Frames, Place};
use lockdep_report::record::{
    ClassRecord, DependencyRecord, Durations, EndRecord, Record, RecordedLock, RunRecord, SCHEMA, StatRecord,
};
use lockdep_validator::{ClassHash, LockClassKey, Mode, Wait};

use super::Union;

/// Where the classes of [`union`] are made.
const FILE: &str = "src/bank.rs";

fn place(line: u32, column: u32) -> Place {
    Place { file: FILE.into(), line, column, ..Place::default() }
}

/// A `Mutex<u32>` with this hash, made at that place.
pub(crate) fn class(hash: u64, file: &str, line: u32) -> ClassRecord {
    ClassRecord {
        hash: ClassHash(hash),
        name: None,
        kind: "Mutex".into(),
        type_name: "u32".into(),
        file: file.into(),
        site: Place { file: file.into(), line, column: 5, ..Place::default() },
        subclass: 0,
        declared: false,
        single_instance: false,
        wait_outer: String::new(),
        wait_inner: String::new(),
        ordered: true,
    }
}

/// A class whose author named it, with the hash that the engine gives it.
pub(crate) fn named(name: &str, line: u32) -> ClassRecord {
    let mut class = class(0, FILE, line);
    class.name = Some(name.to_owned());
    class.declared = true;
    let key = LockClassKey {
        name: class.name.clone(),
        kind: class.kind.clone(),
        type_name: class.type_name.clone(),
        file: class.file.clone(),
        line,
        column: 5,
        ..LockClassKey::default()
    };
    class.hash = key.hash();
    class
}

/// `to` acquired while `from` was held.
pub(crate) fn dependency(from: &ClassRecord, to: &ClassRecord, line: u32, thread: &str) -> DependencyRecord {
    let lock = |class: &ClassRecord, line| RecordedLock {
        class: class.hash,
        mode: Mode::Exclusive,
        wait: Wait::Blocking,
        instance: 7,
        address: 0,
        site: place(line, 20),
    };
    let frame = Frame { function: format!("bank::{thread}"), file: FILE.into(), line: line + 1, column: 20 };
    DependencyRecord {
        from: lock(from, line),
        to: lock(to, line + 1),
        thread: thread.into(),
        task: 1,
        segment: 0,
        direct: true,
        unpublished: false,
        gates: Vec::new(),
        guards: Vec::new(),
        frames_held: Frames::default(),
        frames_acquire: Frames { exact: true, frames: vec![frame], ..Frames::default() },
    }
}

/// The lines of one process.
pub(crate) fn record(pid: u32, test: &str, body: Vec<Record>, ended: bool) -> String {
    let run = RunRecord {
        schema: SCHEMA,
        pid,
        program: "/t/deps/bank-0123456789abcdef".into(),
        test: test.into(),
        ..RunRecord::default()
    };
    let mut counters = Counters::default();
    (counters.classes, counters.dependencies, counters.chains, counters.unseen) = (2, 1, 2, 2);
    let end = EndRecord { counters, unseen: vec![("re-entered".into(), 2)], ..EndRecord::default() };
    let end = ended.then_some(Record::End(end));
    [Record::Run(run)].into_iter().chain(body).chain(end).map(|record| record.to_line()).collect()
}

/// Two processes that take `accounts` and `journal` in opposite orders, the first also `gate` under
/// `accounts`.
pub(crate) fn lines() -> [String; 2] {
    let (accounts, journal, gate) = (named("accounts", 3), named("journal", 4), named("gate", 5));
    let mut wait = Durations::default();
    [1500, 40_000].into_iter().for_each(|ns| wait.add(ns));
    let stat = StatRecord {
        class: journal.hash,
        site: place(11, 20),
        mode: Mode::Exclusive,
        n_acquisitions: 10,
        n_contentions: 2,
        wait,
        hold: Durations::default(),
    };
    let classes =
        |list: &[&ClassRecord]| list.iter().map(|class| Record::Class((*class).clone())).collect::<Vec<_>>();
    let mut first = classes(&[&accounts, &journal, &gate]);
    first.push(Record::Dependency(dependency(&accounts, &journal, 10, "transfer")));
    first.push(Record::Dependency(dependency(&accounts, &gate, 13, "transfer")));
    first.push(Record::Stat(stat));
    let mut second = classes(&[&accounts, &journal]);
    second.push(Record::Dependency(dependency(&journal, &accounts, 20, "audit")));
    [record(100, "transfer", first, true), record(101, "audit", second, true)]
}

/// The records of [`lines`], joined.
pub(crate) fn union() -> Union {
    union_of(&lines())
}

/// Records given as text, joined.
pub(crate) fn union_of(records: &[String]) -> Union {
    let mut union = Union::default();
    for (index, text) in records.iter().enumerate() {
        let path = std::path::PathBuf::from(format!("{index}.jsonl"));
        union.begin(&path);
        for line in text.lines() {
            union.take(Record::parse_line(line.as_bytes()).expect("our own line"));
        }
        union.finish(&path);
    }
    union
}

/// One process with this many classes in twenty crates; those of a crate are taken in the order of
/// their lines, the last one around the first of the next crate.
pub(crate) fn many(n_classes: usize) -> Union {
    let n_each = n_classes / 20;
    let made = |index: usize| {
        let file = format!("crates/c{:02}/src/f{}.rs", index / n_each, index % n_each / 10);
        class(index as u64 + 1, &file, u32::try_from(index).expect("few") + 1)
    };
    let classes: Vec<ClassRecord> = (0..n_classes).map(made).collect();
    let mut body: Vec<Record> = classes.iter().cloned().map(Record::Class).collect();
    let steps = classes.windows(2).map(|pair| Record::Dependency(dependency(&pair[0], &pair[1], 10, "t")));
    body.extend(steps);
    union_of(&[record(100, "many", body, true)])
}

/// What checking [`union`] reports.
pub(crate) fn inversion_report() -> Report {
    let mut union = union();
    super::recheck(&mut union, &|_| false);
    let first = union.reports.into_values().next();
    first.expect("opposite orders of two named classes are reported").report
}

/// A lock of a report, with its place and its stack.
pub(crate) fn lock_at(site: Place, frames: Vec<Frame>, is_exact: bool) -> ReportLock {
    let json = r#"{"class": "A", "hash": "", "mode": "exclusive", "wait": "blocking", "instance": 1,
        "site": {"file": "", "line": 0, "column": 0}}"#;
    let mut lock: ReportLock = serde_json::from_str(json).expect("a lock");
    (lock.site, lock.frames, lock.exact) = (site, frames, is_exact);
    lock
}
