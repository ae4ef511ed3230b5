//! The same bodies once more, in a process that validates.

use std::process::Command;
use std::time::Duration;

use lockdep_tests::{child, reports};

/// The bodies that do on purpose what a warning is for: they read a lock twice.
const HAZARDS: [&str; 1] = ["LD0014"];

#[test]
fn the_bodies_pass_under_validation_and_nothing_else_is_reported() {
    let directory = tempfile::tempdir().expect("a place for the reports");
    let output = directory.path().join("reports.jsonl");
    let mut command = Command::new(std::env::current_exe().expect("the running test is a file"));
    command
        .args(["with_lockdep"])
        .env("LOCKDEP", "1")
        .env("LOCKDEP_FORMAT", "json")
        .env("LOCKDEP_OUTPUT", &output);
    let ended = child::run(&mut command, Duration::from_secs(120)).expect("the child starts");
    assert_eq!(ended.describe(), "exit 0", "{}\n{}", ended.stdout, ended.stderr);
    let n_run = ended.stdout.matches(" ... ok").count();
    assert!(n_run > 30, "only {n_run} bodies ran:\n{}", ended.stdout);
    let denied: Vec<_> = reports::read(&output)
        .into_iter()
        .filter(|report| reports::rank(report) >= 2 && !HAZARDS.contains(&report.code.as_str()))
        .collect();
    assert!(denied.is_empty(), "{denied:#?}");
}
