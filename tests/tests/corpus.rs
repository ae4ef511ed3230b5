//! Runs every program of the corpus in a child process and compares its reports with what it wants.
//!
//! `cargo test -p lockdep-tests --test corpus -- --nocapture` prints the table.
#![expect(clippy::print_stdout, reason = "the table is what people run this test for")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lockdep_report::model::Report;
use lockdep_report::record::Record;
use lockdep_tests::child::{self, Ended};
use lockdep_tests::reports;

#[path = "../corpus/mod.rs"]
mod corpus;

use corpus::{Case, Counts, End, Want};

/// How long a program may take before it counts as hung.
const LIMIT: Duration = Duration::from_secs(120);

struct Row {
    case: &'static Case,
    got: String,
    wrong: Option<String>,
}

#[test]
fn every_program_gets_its_verdict() {
    let cases: Vec<&'static Case> = corpus::cases().collect();
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    // ORDERING: Relaxed; the counter only hands out indices, the rows travel
                    // through the mutex.
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    let row = run(case);
                    rows.lock().expect("no row panics").push((index, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("no row panics");
    rows.sort_by_key(|(index, _)| *index);
    let wrong: Vec<&Row> = rows.iter().map(|(_, row)| row).filter(|row| row.wrong.is_some()).collect();
    // A failure prints its own rows alone, so that a log that keeps the last lines keeps them.
    let shown = rows.iter().map(|(_, row)| row).filter(|row| wrong.is_empty() || row.wrong.is_some());
    print!("{}", table(shown));
    if wrong.is_empty() {
        print!("{}", stuck_rows());
    }
    println!("corpus: {} programs, {} right, {} wrong", rows.len(), rows.len() - wrong.len(), wrong.len());
    let details: Vec<String> = wrong
        .iter()
        .map(|row| format!("{}: {}", row.case.name, row.wrong.as_deref().unwrap_or_default()))
        .collect();
    assert!(wrong.is_empty(), "wrong verdicts:\n{}", details.join("\n"));
}

#[test]
fn names_are_unique() {
    let stuck = corpus::stuck().map(|stuck| stuck.name);
    let mut names: Vec<&str> = corpus::cases().map(|case| case.name).chain(stuck).collect();
    let n_cases = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), n_cases);
}

#[test]
fn off_is_silent() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corpus"));
    clear(&mut command);
    let ended = child::run(command.arg("abba_one_thread"), LIMIT).expect("the corpus starts");
    assert_eq!((ended.describe().as_str(), ended.stderr.as_str()), ("exit 0", ""));
}

#[test]
fn an_abort_says_why() {
    for (program, why) in [
        ("self_deadlock_abort", "aborting, as LOCKDEP_ON_VIOLATION or LOCKDEP_ON_DEADLOCK asks"),
        (
            "self_deadlock_twice",
            "aborting: this thread would wait for itself forever, and it cannot panic, because",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corpus"));
        clear(&mut command);
        command.env("LOCKDEP", "1");
        if program.ends_with("abort") {
            command.env("LOCKDEP_ON_DEADLOCK", "abort");
        }
        let ended = child::run(command.arg(program), LIMIT).expect("the corpus starts");
        assert_eq!(ended.describe(), "signal 6", "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{program}: {}", ended.stderr);
    }
}

/// The lines of the source text that have this in them.
fn lines_with(text: &str) -> Vec<u32> {
    let lines = include_str!("../corpus/flows.rs").lines().zip(1..);
    lines.filter(|(line, _)| line.contains(text)).map(|(_, number)| number).collect()
}

#[test]
fn reports_about_tasks_name_tasks_and_their_places() {
    for (program, wanted, held, spawned) in [
        (
            "tasks_in_turn_on_one_thread",
            "let _second = second",
            "let _first = first",
            "spawn(async move { both",
        ),
        (
            "tasks_in_turn_on_four_threads",
            "let _second = second",
            "let _first = first",
            "spawn(async move { both",
        ),
        (
            "task_awaits_its_own_lock",
            "let _again = lock.lock().await;",
            "let _guard = lock.lock().await;",
            "spawn(async {",
        ),
    ] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let output = dir.path().join("reports.jsonl");
        let mut command = Command::new(env!("CARGO_BIN_EXE_corpus"));
        clear(&mut command);
        command.arg(program).env("LOCKDEP", "1").env("LOCKDEP_FORMAT", "json").env("LOCKDEP_OUTPUT", &output);
        child::run(&mut command, LIMIT).expect("the corpus starts");
        let found = reports::read(&output);
        let [report] = found.as_slice() else { panic!("{program}: {} reports", found.len()) };
        let (wanted, held, spawned) = (lines_with(wanted), lines_with(held), lines_with(spawned));
        let mut sites: Vec<(&str, u32, u32)> = report
            .cycle
            .iter()
            .map(|step| (step.thread.as_str(), step.held_site.line, step.acquire_site.line))
            .collect();
        if let (Some(conflict), Some(subject)) = (&report.conflict, &report.subject) {
            sites.push((report.thread.as_str(), conflict.site.line, subject.site.line));
        }
        for (task, held_line, wanted_line) in sites {
            let is_spawned = spawned.iter().any(|line| task.ends_with(&format!("flows.rs:{line})")));
            assert!(task.starts_with("task ") && is_spawned, "{program}: {task}, spawned at {spawned:?}");
            assert!(
                held.contains(&held_line) && wanted.contains(&wanted_line),
                "{program}: {held_line} {wanted_line}"
            );
        }
        let frames = report.subject.iter().flat_map(|subject| &subject.frames);
        let runtime = frames.clone().find(|frame| frame.function.contains("tokio::"));
        assert!(runtime.is_none() && frames.count() > 0, "{program}: {runtime:?}");
    }
}

fn clear(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOCKDEP") {
            command.env_remove(name);
        }
    }
}

fn run(case: &'static Case) -> Row {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let output = dir.path().join("reports.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_corpus"));
    clear(&mut command);
    command.arg(case.name).env("LOCKDEP", "1").env("LOCKDEP_FORMAT", "json").env("LOCKDEP_OUTPUT", &output);
    command.envs(case.env.iter().copied());
    let records = dir.path().join("records");
    if case.counts.is_some() {
        // The last line of a run record tells what was counted, in a program that is silent too.
        command.env("LOCKDEP_DIR", &records);
    }
    let ended = match child::run(&mut command, LIMIT) {
        Ok(ended) => ended,
        Err(error) => {
            return Row { case, got: String::new(), wrong: Some(format!("did not start: {error}")) };
        }
    };
    let found = reports::read(&output);
    let got = describe(&found, &ended);
    let miscounted = case.counts.and_then(|counts| miscounted(&counts, &records));
    let wrong = match (judge(case, &found, &ended), miscounted) {
        (Some(wrong), Some(miscounted)) => Some(wrong + &miscounted),
        (wrong, miscounted) => wrong.or(miscounted),
    };
    Row { case, got, wrong }
}

/// What the process counted, if it is not what the case wants.
fn miscounted(wanted: &Counts, records: &Path) -> Option<String> {
    let lines: Vec<Record> = match whole_record(records) {
        Ok(lines) => lines,
        Err(error) => return Some(error),
    };
    let Some(Record::End(end)) = lines.last() else {
        return Some(" left a record without an end".to_owned());
    };
    let counted = [end.counters.classes, end.counters.dependencies, end.counters.chains, end.n_reports];
    let lost = end.counters.dropped + end.counters.unseen;
    (counted != *wanted || lost > 0).then(|| {
        format!(" counted {counted:?} classes, dependencies, chains, reports instead of {wanted:?}, and lost {lost} events")
    })
}

/// The record of the process that was started; its children leave records of their own.
fn whole_record(records: &Path) -> Result<Vec<Record>, String> {
    let files = std::fs::read_dir(records).map_err(|error| format!(" left no record: {error}"))?;
    let mut own = Vec::new();
    for file in files {
        let path = file.map_err(|error| error.to_string())?.path();
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines: Vec<Record> = lines.filter_map(|line| Record::parse_line(line).ok()).collect();
        if matches!(lines.first(), Some(Record::Run(run)) if run.forked_from.is_none()) {
            own.push(lines);
        }
    }
    match own.len() {
        1 => Ok(own.remove(0)),
        n_records => Err(format!(" left {n_records} records of its own instead of one")),
    }
}

fn describe(found: &[Report], ended: &Ended) -> String {
    let mut list: Vec<(u8, String)> = found
        .iter()
        .map(|report| (reports::rank(report), format!("{} {}", report.level, report.code)))
        .collect();
    list.sort();
    list.reverse();
    list.dedup();
    let list: Vec<String> = list.into_iter().map(|(_, text)| text).collect();
    let verdict = if list.is_empty() { "silent".to_owned() } else { list.join(", ") };
    format!("{verdict}; {}", ended.describe())
}

fn judge(case: &Case, found: &[Report], ended: &Ended) -> Option<String> {
    let mut wrong = String::new();
    let end = match case.end {
        End::Exit(code) => format!("exit {code}"),
        End::Signal(signal) => format!("signal {signal}"),
    };
    if ended.describe() != end {
        let _ = write!(wrong, "ended with {} instead of {end}\n{}", ended.describe(), ended.stderr);
    }
    let worst = found.iter().map(reports::rank).max().unwrap_or(0);
    let has = |code: &str, ranks: std::ops::RangeInclusive<u8>| {
        found.iter().any(|report| report.code == code && ranks.contains(&reports::rank(report)))
    };
    let right = match case.want {
        Want::Silent => worst <= 1,
        Want::Note(code) => worst <= 1 && has(code, 1..=1),
        Want::Warning(code) => worst == 2 && has(code, 2..=2),
        Want::Error(code) => has(code, 3..=3),
        Want::Report(code) => has(code, 2..=3),
        Want::Excepted => true,
    };
    let wanted = match case.want {
        Want::Note(code) | Want::Warning(code) | Want::Error(code) | Want::Report(code) => code,
        Want::Silent | Want::Excepted => "",
    };
    // A deadlock that has happened could be predicted as well, in most cases.
    let stray =
        found.iter().find(|report| reports::rank(report) >= 2 && report.code != wanted && wanted != "LD0100");
    if let Some(stray) = stray.filter(|_| case.want != Want::Excepted) {
        let _ = write!(wrong, " and, not asked for: {} {}", stray.level, stray.code);
    }
    if !right {
        let _ = write!(wrong, " wants {:?}, got {}", case.want, describe(found, ended));
    }
    if let Some(n_reports) = case.n_reports {
        let mut distinct: Vec<&str> = found
            .iter()
            .filter(|report| reports::rank(report) >= 2)
            .map(|report| report.fingerprint.as_str())
            .collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() != n_reports {
            let _ = write!(wrong, " wants {n_reports} distinct reports, got {}", distinct.len());
        }
    }
    if !case.ring.is_empty() {
        let rings: Vec<Vec<String>> = found.iter().map(ring).filter(|ring| !ring.is_empty()).collect();
        if rings != [case.ring] {
            let _ = write!(wrong, " wants the ring {:?}, got {rings:?}", case.ring);
        }
    }
    // Nothing that these programs do is too much, or out of sight.
    let lossy = found.iter().find(|report| report.counters.dropped + report.counters.unseen > 0);
    if let Some(report) = lossy {
        let _ = write!(wrong, " lost events: {:?}", report.counters);
    }
    (!wrong.is_empty()).then_some(wrong)
}

/// Which thread waits for which, sorted.
fn ring(report: &Report) -> Vec<String> {
    let waits = report.threads.iter().map(|thread| format!("{} -> {}", thread.thread, thread.waits_for));
    let mut waits: Vec<String> = waits.collect();
    waits.sort();
    waits
}

fn table<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut text = String::from("| case | want | got | why |\n|---|---|---|---|\n");
    for row in rows {
        let mark = if row.wrong.is_some() { " **WRONG**" } else { "" };
        let want = match row.case.want {
            Want::Silent => "silent".to_owned(),
            Want::Note(code) => format!("note {code}"),
            Want::Warning(code) => format!("warning {code}"),
            Want::Error(code) => format!("error {code}"),
            Want::Report(code) => format!("warning or error {code}"),
            Want::Excepted => "excepted".to_owned(),
        };
        let _ = writeln!(text, "| {} | {want} | {}{mark} | {} |", row.case.name, row.got, row.case.why);
    }
    text
}

/// The programs that hang: `hang_reports` compares what is said of them.
fn stuck_rows() -> String {
    corpus::stuck()
        .map(|stuck| {
            format!("| {} | hang: {} | see `hang_reports` | {} |\n", stuck.name, stuck.says, stuck.why)
        })
        .collect()
}
