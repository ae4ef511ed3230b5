//! What a run came to: reports on stderr while it runs, and the exit code.

use std::process::Stdio;
use std::time::{Duration, Instant};

use lockdep_report::model::Report;

use crate::harness::{assert_ended, command, finish, fixture, run};

/// The reports among lines that are JSON.
fn reports(text: &str) -> Vec<Report> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn opposite_orders_are_reported_with_both_places_and_exit_3() {
    let ended =
        run(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--format", "json", "--", "write", "read"]);
    assert_ended(&ended, "exit 3");
    let reports = reports(&ended.stderr);
    let [report] = &reports[..] else { panic!("one report expected:\n{}", ended.stderr) };
    assert_eq!((report.code.as_str(), report.level.as_str()), ("LD0003", "error"));
    let lines: Vec<u32> = report.cycle.iter().map(|dependency| dependency.acquire_site.line).collect();
    let source = std::fs::read_to_string(fixture("cargo_graph/app/src/lib.rs")).expect("readable");
    for acquired in ["self.right.lock().unwrap().push_str", "*self.left.lock().unwrap() +="] {
        let line = source.lines().position(|line| line.contains(acquired)).expect("it is there") + 1;
        assert!(lines.contains(&u32::try_from(line).expect("short")), "{acquired} in {lines:?}");
    }
}

#[test]
fn one_order_is_clean_and_the_programs_own_code_wins() {
    let project = fixture("cargo_graph");
    assert_ended(&run(&project, &["run", "-q", "-p", "app", "--", "write", "write"]), "exit 0");
    assert_ended(&run(&project, &["run", "-q", "-p", "app", "--", "write", "fail"]), "exit 7");
}

#[test]
fn a_denied_report_wins_over_the_programs_own_code() {
    let ended = run(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--", "write", "read", "fail"]);
    assert_ended(&ended, "exit 3");
}

#[test]
fn source_lines_travel_with_the_records() {
    let records = tempfile::tempdir().expect("a temporary folder");
    let mut watched = command(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--", "write", "read"]);
    assert_ended(&finish(watched.env("LOCKDEP_DIR", records.path())), "exit 3");
    // Neither the workspace nor `--source` permits the files here, as on another machine.
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let directory = records.path().to_str().expect("text");
    for format in ["text", "html", "rustc"] {
        let ended = run(elsewhere.path(), &["report", directory, "--format", format]);
        assert_ended(&ended, "exit 3");
        let shown = "self.right.lock().unwrap().push_str";
        assert!(ended.stdout.contains(shown), "{format}: {}", ended.stdout);
    }
}

#[test]
fn a_report_names_the_tests_of_both_orders() {
    let args = ["test", "-q", "-p", "app", "--test", "orders", "--format", "json", "--", "--test-threads=1"];
    let ended = run(&fixture("cargo_graph"), &args);
    assert_ended(&ended, "exit 3");
    let reports = reports(&ended.stderr);
    let mut threads: Vec<&str> =
        reports.iter().flat_map(|report| &report.cycle).map(|dependency| &*dependency.thread).collect();
    threads.sort_unstable();
    assert_eq!(threads, ["reads", "writes"]);
}

#[test]
fn two_test_binaries_with_opposite_orders_are_joined_when_they_have_ended() {
    let binaries = ["test", "-q", "-p", "app", "--test", "only_writes", "--test", "only_reads"];
    let ended = run(&fixture("cargo_graph"), &binaries);
    assert_ended(&ended, "exit 3");
    assert!(ended.stderr.contains("no single process saw this"), "{}", ended.stderr);
    assert!(ended.stderr.contains("in thread `writes` of process `only_writes"), "{}", ended.stderr);
    assert!(ended.stderr.contains("in thread `reads` of process `only_reads"), "{}", ended.stderr);
    let alone = run(&fixture("cargo_graph"), &["test", "-q", "-p", "app", "--test", "only_reads"]);
    assert_ended(&alone, "exit 0");
}

#[test]
#[expect(clippy::print_stdout, reason = "a skipped test has to say so")]
fn nextest_runs_one_test_in_a_process_and_the_records_are_joined() {
    // The join itself is tested above; nextest is not part of the toolchain.
    let version = std::process::Command::new(env!("CARGO")).args(["nextest", "--version"]).output();
    if !version.is_ok_and(|version| version.status.success()) {
        println!("skipped: cargo-nextest is not installed");
        return;
    }
    let ended = run(&fixture("cargo_graph"), &["nextest", "run", "-p", "app", "--test", "orders"]);
    assert_ended(&ended, "exit 3");
    assert!(ended.stderr.contains("LD0003") && ended.stderr.contains("in 2 processes"), "{}", ended.stderr);
    assert!(ended.stderr.contains("no single process saw this"), "{}", ended.stderr);
}

#[test]
fn allowed_reports_are_printed_but_do_not_fail_the_run() {
    let mut command = command(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--", "write", "read"]);
    let ended = finish(command.env("LOCKDEP_ALLOW", "LD0003"));
    assert_ended(&ended, "exit 0");
    let is_line = |line: &&str| line.starts_with("lockdep: excepted: LD0003 ");
    assert_eq!(ended.stderr.lines().filter(is_line).count(), 1, "a line is enough: {}", ended.stderr);
    assert!(!ended.stderr.contains("error["), "{}", ended.stderr);
}

#[test]
fn a_hang_has_spoken_before_the_timeout_ends_it() {
    let began = Instant::now();
    let args = ["run", "-q", "-p", "app", "--timeout", "20", "--", "write", "read", "sleep"];
    let ended = run(&fixture("cargo_graph"), &args);
    assert_ended(&ended, "exit 3");
    assert!(ended.stderr.contains("LD0003") && ended.stderr.contains("--timeout"), "{}", ended.stderr);
    assert!(began.elapsed() < Duration::from_secs(600), "the program would have slept for ten minutes");
    let clean = run(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--timeout", "5", "--", "sleep"]);
    assert_ended(&clean, "exit 124");
    for hung in [&ended, &clean] {
        // Before it is ended each process says what its threads do.
        let told = hung.stderr.find("   = asked by: the command").expect("a hang report");
        assert!(hung.stderr.find("(--timeout)").is_some_and(|end| told < end), "{}", hung.stderr);
        assert_eq!(hung.stderr.matches("   = asked by: ").count(), 1, "once: {}", hung.stderr);
    }
    assert!(clean.stderr.contains("ended by --timeout: 1 hang report, and no other"), "{}", clean.stderr);
    assert!(!clean.stderr.contains("nothing to report"), "it was cut short: {}", clean.stderr);
}

#[test]
fn taking_a_lock_again_is_reported_before_it_hangs() {
    let ended = run(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--timeout", "60", "--", "again"]);
    assert_ended(&ended, "exit 3");
    assert!(ended.stderr.contains("LD0001") && !ended.stderr.contains("--timeout"), "{}", ended.stderr);
}

#[test]
fn a_report_is_printed_in_full_before_the_panic_that_it_leads_to() {
    for (variable, value, end, what) in [
        ("LOCKDEP_ON_DEADLOCK", "panic", "panicked at", &["again"][..]),
        ("LOCKDEP_ON_DEADLOCK", "abort", "lockdep: aborting", &["again"]),
        ("LOCKDEP_ON_VIOLATION", "panic", "panicked at", &["write", "read"]),
    ] {
        let args = [&["run", "-q", "-p", "app", "--timeout", "60", "--"][..], what].concat();
        let mut command = command(&fixture("cargo_graph"), &args);
        let ended = finish(command.env(variable, value).env("RUST_BACKTRACE", "1"));
        assert_ended(&ended, "exit 3");
        let said = &ended.stderr;
        // The last line of a report.
        let (report, end) = (said.find("to silence it: "), said.find(end));
        assert!(report.is_some() && report < end, "{variable}={value}: {said}");
    }
}

#[test]
fn the_programs_streams_are_its_own() {
    let mut command =
        command(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--", "write", "read", "x"]);
    command.stderr(Stdio::piped());
    let ended = finish(&mut command);
    assert!(!ended.stdout.contains("LD0003") && ended.stdout.ends_with("argument x\n"), "{}", ended.stdout);
}

#[test]
fn colours_are_those_that_cargo_was_given() {
    let report = |args: &[&str], variable: &str| {
        let mut command = command(&fixture("cargo_graph"), args);
        let ended = finish(command.env("CARGO_TERM_COLOR", variable));
        assert_ended(&ended, "exit 3");
        ended.stderr.lines().find(|line| line.contains("LD0003")).map(String::from).expect("a report")
    };
    let run = ["run", "-q", "-p", "app", "--", "write", "read"];
    let never = ["run", "-q", "-p", "app", "--color", "never", "--", "write", "read"];
    assert!(report(&run, "always").contains("\x1b["));
    assert!(!report(&never, "always").contains("\x1b["));
    assert!(!report(&run, "auto").contains("\x1b["), "stderr is a pipe");
}

/// Four statics of one type in one file: only their lines tell them apart, and so the fingerprints
/// of what is wrong with them are the same.
#[test]
fn cycles_about_the_same_classes_are_reported_once_in_full_and_counted_each() {
    let records = tempfile::tempdir().expect("a temporary folder");
    let mut command = command(&fixture("advice"), &["test", "-q", "-p", "young", "every_order"]);
    let ended = finish(command.env("LOCKDEP_DIR", records.path()));
    assert_ended(&ended, "exit 3");
    let said = &ended.stderr;
    assert_eq!(said.matches("error[LD0003]").count(), 6, "each pair of them: {said}");
    let n_full = said.matches("how it hangs").count();
    let n_brief = said.matches("   = related: ").count() + said.matches("   = follows: ").count();
    assert_eq!((n_full, n_brief), (3, 3), "shown in full is what has a class that no other had: {said}");
    assert!(said.contains("lockdep: 6 errors in 1 group (6 denied); 4 lock classes"), "{said}");
    assert!(said.contains("shows them in groups, `--all` each report in full"), "{said}");

    let records = records.path().to_string_lossy();
    let count = |args: &[&str], mark: &str| {
        let ended = run(&fixture("advice"), &[&["report", &*records], args].concat());
        assert_ended(&ended, "exit 3");
        assert!(ended.stderr.contains("6 errors, 0 warnings, 0 notes in 1 group ("), "{}", ended.stderr);
        ended.stdout.matches(mark).count()
    };
    assert_eq!(count(&[], "how it hangs"), 1);
    assert_eq!(count(&[], "\n       error[LD0003] "), 5, "a line each");
    assert_eq!(count(&["--all"], "how it hangs"), 6);
    assert_eq!(count(&["--format", "json"], "\"code\":\"LD0003\""), 6);
}

#[test]
fn a_run_that_watched_nothing_says_so() {
    let ended = run(&fixture("cargo_graph"), &["build", "-q", "-p", "app"]);
    assert_ended(&ended, "exit 0");
    assert!(!ended.stderr.contains("lockdep: "), "nothing was asked: {}", ended.stderr);
    let ended = run(&fixture("cargo_graph"), &["build", "-p", "app"]);
    assert!(ended.stderr.contains("lockdep: built below "), "{}", ended.stderr);
    let ended = run(&fixture("cargo_graph"), &["test", "-q", "-p", "mac", "--lib", "--no-run"]);
    assert_ended(&ended, "exit 0");
    assert!(!ended.stderr.contains("nothing was checked"), "nothing was to run: {}", ended.stderr);
    let ended = run(&fixture("cargo_graph"), &["test", "-q", "-p", "mac", "--lib"]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stderr.contains("nothing was checked"), "{}", ended.stderr);
}
