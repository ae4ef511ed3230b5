//! Which mutants the *validator* reports, with which code, about which lock and at which lines: not
//! a test that fails, but a report that names the offence, from a run in which nothing needs to go
//! wrong.

use std::path::Path;
use std::time::Duration;

/// A mutant, a test that walks the broken path, and what the report must say.
struct Row {
    mutant: &'static str,
    case: &'static str,
    code: &'static str,
    /// The lock class that the report is about.
    class: &'static str,
    /// The test's file, and a piece of each of its lines that the report must name: the crate's
    /// functions pass their callers on, so a report leads to who asked for the broken operation.
    file: &'static str,
    lines: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row {
        mutant: "H7a",
        case: "space::maps_splits_and_merges",
        code: "LD0010",
        class: "vm_lock",
        file: "suite/space.rs",
        lines: &["space.protect(page(10), page(10), RW)"],
    },
    Row {
        mutant: "H7b",
        case: "find::grows_a_stack",
        code: "LD0010",
        class: "vm_lock",
        file: "suite/find.rs",
        lines: &["lock_mm_and_find_vma(space.mm(), page(n), FaultOrigin::User)"],
    },
    Row {
        mutant: "H7c",
        case: "space::fork_copies_what_stands_still",
        code: "LD0010",
        class: "vm_lock",
        file: "suite/space.rs",
        lines: &["move |space| send.send(space.fork().unwrap()).unwrap()"],
    },
    Row {
        mutant: "H7d",
        case: "space::maps_splits_and_merges",
        code: "LD0010",
        class: "vm_lock",
        file: "suite/fixture.rs",
        lines: &["space.map(page(start), page(end - start), RW)"],
    },
    Row {
        mutant: "H8",
        case: "space::maps_splits_and_merges",
        code: "LD0010",
        class: "vm_lock",
        file: "suite/space.rs",
        lines: &["space.unmap(page(13), page(2))"],
    },
    Row {
        mutant: "H9",
        case: "find::killed_it_holds_nothing",
        code: "LD0007",
        class: "mmap_lock",
        file: "suite/find.rs",
        // The guard of a lock that was never had, by the one who asked for it.
        lines: &["lock_mm_and_find_vma(space.mm(), page(4), FaultOrigin::User).is_some()"],
    },
    Row {
        mutant: "H10",
        case: "space::fault_waits_behind_no_writer",
        code: "LD0014",
        class: "mmap_lock",
        file: "suite/space.rs",
        lines: &["space.fault(page(100), Access::Read), Err(SpaceError::NotMapped)"],
    },
    Row {
        mutant: "H14",
        case: "asserts::every_misuse_warns",
        code: "LD0010",
        class: "mmap_lock",
        file: "suite/asserts.rs",
        lines: &["raw_mm_seqnum(vma)"],
    },
    Row {
        mutant: "M18a",
        case: "space::maps_splits_and_merges",
        code: "LD0010",
        class: "vm_lock",
        file: "suite/fixture.rs",
        lines: &["space.map(page(start), page(end - start), RW)"],
    },
];

/// Runs the rows; whether every report is as it should be.
pub(crate) fn check(limit: Duration) -> bool {
    let mut is_right = true;
    for row in ROWS {
        let program = std::env::current_exe().expect("a running program has a path");
        let mut command = std::process::Command::new(program);
        command
            .args(["--case", row.case, row.mutant])
            .env("LOCKDEP", "1")
            .env("LOCKDEP_BACKTRACE", "0")
            .env("LOCKDEP_ON_VIOLATION", "report")
            .env("VMALOCK_TEST_DEADLINE_MS", super::DEADLINE_MS)
            .env_remove("LOCKDEP_EXITCODE")
            .env_remove("LOCKDEP_OUTPUT")
            .env_remove("LOCKDEP_FORMAT");
        let said = super::reports::stderr_of(&mut command, limit);
        let report = of_code(&said, row.code);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(row.file);
        let source = std::fs::read_to_string(path).expect("the test's own source lies where it was compiled");
        let file = row.file.rsplit('/').next().unwrap_or(row.file);
        let named = super::reports::named_lines(&report, file, &source);
        let missing: Vec<_> =
            row.lines.iter().filter(|line| !named.iter().any(|named| named.contains(**line))).collect();
        if report.contains(&format!("`{}`", row.class)) && missing.is_empty() {
            println!("{:<5} reported as {} at {}", row.mutant, row.code, first_place(&report));
        } else {
            is_right = false;
            println!(
                "{:<5} NOT REPORTED as {} of {} at {missing:?}, but: {said}",
                row.mutant, row.code, row.class
            );
        }
    }
    is_right
}

/// The reports of `code` in what a child said, one behind the other.
fn of_code(said: &str, code: &str) -> String {
    let heads = [format!("error[{code}]"), format!("warning[{code}]")];
    let mut is_inside = false;
    let mut report = String::new();
    for line in said.lines() {
        if line.starts_with("error[") || line.starts_with("warning[") || line.starts_with("note[") {
            is_inside = heads.iter().any(|head| line.starts_with(head));
        }
        if is_inside {
            report.push_str(line);
            report.push('\n');
        }
    }
    report
}

fn first_place(report: &str) -> &str {
    report.lines().find_map(|line| line.trim_start().strip_prefix("--> ")).unwrap_or("no place")
}
