//! `--settle`: a second run in which the suspects are distinguished from the start.

use lockdep_report::model::Report;

use crate::harness::{assert_ended, fixture, run, run_strictly};

/// Asserts that `stderr` has each of these in this order.
fn assert_in_order(stderr: &str, wanted: &[&str]) {
    let mut rest = stderr;
    for text in wanted {
        let Some((_, after)) = rest.split_once(text) else {
            panic!("no `{text}`, or not there, in\n{stderr}")
        };
        rest = after;
    }
}

#[test]
fn a_warning_becomes_an_error_when_the_locks_themselves_close_the_cycle() {
    let project = fixture("cargo_graph");
    let alone = run(&project, &["run", "-q", "-p", "app", "--", "crowd"]);
    assert_ended(&alone, "exit 0");
    assert!(alone.stderr.contains("1 warning (0 denied)"), "{}", alone.stderr);
    assert!(alone.stderr.contains("warning[LD0003]") && !alone.stderr.contains("error["), "{}", alone.stderr);

    let settled = run(&project, &["run", "-q", "-p", "app", "--settle", "--", "crowd"]);
    assert_ended(&settled, "exit 3");
    assert_in_order(
        &settled.stderr,
        &[
            "warning[LD0003]",
            "settling: running again, with the locks of 2 classes",
            "error[LD0003]",
            "how it hangs",
            "is an error now",
            "1 error (1 denied)",
        ],
    );
}

#[test]
fn a_warning_that_no_locks_confirm_stays_one_and_is_not_printed_twice() {
    let args = ["run", "-q", "-p", "app", "--settle", "--", "strangers"];
    let ended = run_strictly(&fixture("cargo_graph"), &args);
    assert_ended(&ended, "exit 3");
    assert_in_order(
        &ended.stderr,
        &["warning[LD0003]", "settling: ", "stays a warning", "1 warning (1 denied)"],
    );
    assert_eq!(ended.stderr.matches("warning[LD0003]").count(), 1, "{}", ended.stderr);
}

#[test]
fn nothing_runs_twice_without_a_suspect() {
    let ended = run(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--settle", "--", "write", "once"]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stderr.contains("nothing to settle"), "{}", ended.stderr);
    assert_eq!(ended.stdout.matches("argument once").count(), 1, "{}", ended.stdout);
}

#[test]
fn a_second_run_shows_the_very_acquisitions() {
    let project = fixture("cargo_graph");
    let words = ["peek", "write", "read"];
    let alone = run(&project, &[&["run", "-q", "-p", "app", "--"][..], &words].concat());
    assert_ended(&alone, "exit 3");
    assert!(alone.stderr.contains("`--settle` runs once more"), "{}", alone.stderr);
    let args = ["run", "-q", "-p", "app", "--settle", "--format", "json", "--"];
    let settled = run(&project, &[&args[..], &words].concat());
    assert_ended(&settled, "exit 3");
    assert_in_order(
        &settled.stderr,
        &["settling: ", "shows the acquisitions themselves now", "1 error (1 denied)"],
    );
    let reports: Vec<Report> =
        settled.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let [first, second] = &reports[..] else { panic!("one of each run: {}", settled.stderr) };
    let is_exact =
        |report: &Report| report.cycle.iter().all(|step| step.frames_held.exact && step.frames_acquire.exact);
    assert!(!is_exact(first) && is_exact(second), "{}", settled.stderr);
    let held = |report: &Report| report.cycle.iter().map(|step| step.frames_held.frames.len()).min();
    assert!(held(second) > Some(0), "{second:#?}");
}
