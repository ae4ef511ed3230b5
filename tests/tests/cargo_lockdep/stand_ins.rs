//! Crates that a stand-in is compiled for: `lock_api` 0.1 to 0.3, below parking_lot 0.7 to 0.10,
//! and `once_cell`.

use lockdep_report::model::Report;
use lockdep_tests::child::Ended;
use lockdep_tests::stand_in_matrix::{Outcome, Row};

use crate::harness::{assert_ended, command, finish, fixture, run};

fn do_it(what: &[&str]) -> (Ended, Vec<Report>) {
    let mut args = vec!["run", "-q", "--format", "json", "--"];
    args.extend(what);
    let ended = run(&fixture("lock_crates"), &args);
    let reports = ended.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (ended, reports)
}

fn codes(reports: &[Report]) -> Vec<(&str, &str)> {
    reports.iter().map(|report| (report.code.as_str(), report.level.as_str())).collect()
}

#[test]
fn they_do_what_the_crates_promise_and_say_nothing() {
    let (ended, reports) = do_it(&["as-documented"]);
    assert_ended(&ended, "exit 0");
    assert!(reports.is_empty(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("lock_api") && !ended.stderr.contains("once_cell"), "{}", ended.stderr);
}

#[test]
fn a_lazy_that_needs_itself_is_reported_before_it_hangs() {
    let (ended, reports) = do_it(&["lazy-in-itself"]);
    assert_ended(&ended, "exit 3");
    assert_eq!(codes(&reports), [("LD0001", "error")]);
    let class = &reports[0].classes[0];
    assert!(class.site.file.ends_with("src/main.rs"), "the class is where the cell is made: {class:?}");
}

#[test]
fn a_cell_that_is_being_filled_is_a_lock() {
    let (ended, reports) = do_it(&["cell-and-mutex"]);
    assert_ended(&ended, "exit 0");
    // Two cells: no two objects close the cycle.
    assert_eq!(codes(&reports), [("LD0003", "warning")]);
}

#[test]
fn locks_of_old_parking_lots_are_seen() {
    // 0.10, 0.8 and 0.7: lock_api 0.3, 0.2 and 0.1.
    for version in ["old-mutexes", "older-mutexes", "oldest-mutexes"] {
        let (ended, reports) = do_it(&[version]);
        assert_ended(&ended, "exit 3");
        assert_eq!(codes(&reports), [("LD0003", "error")], "{version}");
    }
    let (ended, reports) = do_it(&["old-mutex-again"]);
    assert_ended(&ended, "exit 3");
    assert_eq!(codes(&reports), [("LD0001", "error")]);
}

#[test]
fn a_dependency_that_waits_for_itself_ends_as_the_user_wants() {
    // Whatever comes, the report was made before: it is all that is left of a process that aborts
    // or hangs.
    let with = |what: &str, on_deadlock: &str, timeout: &str| {
        let args = ["run", "-q", "--timeout", timeout, "--", what];
        finish(command(&fixture("lock_crates"), &args).env("LOCKDEP_ON_DEADLOCK", on_deadlock))
    };
    for what in ["dependency-again", "old-dependency-again"] {
        let ended = with(what, "panic", "600");
        assert_ended(&ended, "exit 3");
        assert!(ended.stdout.contains("unwound: lockdep: this acquisition waits"), "{}", ended.stdout);
        assert!(
            ended.stderr.contains("LD0001") && ended.stderr.contains("store/src/lib.rs"),
            "{}",
            ended.stderr
        );
        let ended = with(what, "abort", "600");
        assert_ended(&ended, "exit 3");
        assert_eq!(ended.stdout, "", "nothing unwinds");
        assert!(ended.stderr.contains("LD0001") && !ended.stderr.contains("--timeout"), "{}", ended.stderr);
    }
    let ended = with("old-dependency-again", "hang", "20");
    assert_ended(&ended, "exit 3");
    let told = ended.stderr.find("LD0001").expect("the report was made");
    assert!(ended.stderr.find("--timeout").is_some_and(|end| told < end), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

/// The quick rows of the matrix; `stand_in_matrix` has them all.
#[test]
fn features_that_bring_dependencies_build() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, version, features) in [
        ("once_cell", "1.21.4", &["critical-section", "parking_lot", "portable-atomic"][..]),
        ("lock_api", "0.4.14", &["arc_lock", "owning_ref", "serde"]),
    ] {
        let row = Row::new(name, version, features);
        let outcome = row.build(folder.path()).expect("cargo can be run");
        assert_eq!(outcome, Outcome::Builds, "{}", row.label());
    }
}
