//! Drives documented deadlocks of published crates under `cargo lockdep`, the version with the bug and the one without.
//!
//! `cargo run -p lockdep-tests --bin known_bugs [NAME…]` prints a table; without names all of `tests/field/known-bugs` are
//! driven. Rows are kept, and `docs/src/known-bugs.md` is written anew once all bugs were driven and every verdict was right.
//! Needs the registry. Exits 1 if a verdict is wrong.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use lockdep_report::model::Report;
use lockdep_tests::{child, command_line};
use serde::Deserialize;

/// Covers compiling the crate and its dependencies on a slow machine.
const LIMIT: Duration = Duration::from_secs(1800);

#[derive(Deserialize)]
struct List {
    bug: Vec<Bug>,
}

#[derive(Deserialize)]
struct Bug {
    name: String,
    #[serde(rename = "crate")]
    package: String,
    broken: String,
    fixed: String,
    code: String,
    locks: String,
    source: String,
    what: String,
}

/// What came of one side.
struct Verdict {
    /// How the run ended.
    ended: String,
    reports: Vec<Report>,
    stderr: String,
}

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let folder = command_line::root().join("tests/field/known-bugs");
    let list =
        fs::read_to_string(folder.join("bugs.toml")).expect("tests/field/known-bugs/bugs.toml is readable");
    let list: List = toml::from_str(&list).expect("tests/field/known-bugs/bugs.toml is well-formed");
    let kept = command_line::target_directory().join("known-bugs");
    let mut n_wrong = 0;
    for bug in list.bug.iter().filter(|bug| names.is_empty() || names.contains(&bug.name)) {
        let broken = drive(&folder, bug, "broken");
        let fixed = drive(&folder, bug, "fixed");
        let is_found =
            broken.ended == "exit 3" && broken.reports.iter().any(|report| report.code == *bug.code);
        let is_silent = fixed.ended == "exit 0" && fixed.reports.is_empty();
        let row_file = kept.join(format!("{}.row", bug.name));
        let _ = fs::remove_file(&row_file);
        for (verdict, is_right) in [(&broken, is_found), (&fixed, is_silent)] {
            if !is_right {
                n_wrong += 1;
                tell(&format!("{}: wrong: {}\n{}", bug.name, verdict.ended, verdict.stderr));
            }
        }
        let row = row(bug, &broken, &fixed);
        tell(&row);
        if is_found && is_silent {
            fs::write(row_file, row).expect("the target directory is writable");
        }
    }
    let rows = list.bug.iter().map(|bug| fs::read_to_string(kept.join(format!("{}.row", bug.name))).ok());
    if let Some(rows) = rows.collect::<Option<Vec<String>>>() {
        let page = page(&(rows.join("\n") + "\n"));
        fs::write(command_line::root().join("docs/src/known-bugs.md"), page).expect("docs/src is writable");
    }
    if n_wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "the table is this program's output")]
fn tell(line: &str) {
    println!("{line}");
}

/// Builds and runs the driver of a bug with one of its two dependency tables.
fn drive(folder: &Path, bug: &Bug, side: &str) -> Verdict {
    let from = folder.join(&bug.name);
    let project = command_line::target_directory().join("known-bugs").join(format!("{}-{side}", bug.name));
    fs::create_dir_all(&project).expect("the target directory is writable");
    let dependencies =
        fs::read_to_string(from.join(format!("{side}.toml"))).expect("each side has dependencies");
    let name = bug.name.replace('-', "_");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[[bin]]\nname = \"{name}\"\n\
         path = \"main.rs\"\n[workspace]\n[dependencies]\n{dependencies}"
    );
    // An interface that changed in between needs a driver for each side.
    let own = from.join(format!("{side}.rs"));
    let driver = if own.exists() { own } else { from.join("main.rs") };
    let driver = fs::read_to_string(driver).expect("each bug has a driver");
    fs::write(project.join("Cargo.toml"), manifest).expect("the target directory is writable");
    fs::write(project.join("main.rs"), driver).expect("the target directory is writable");
    let lock = project.join("Cargo.lock");
    if fs::copy(from.join(format!("{side}.lock")), &lock).is_err() {
        // Without one of its own, a side takes the newest versions of what it does not pin.
        let _ = fs::remove_file(&lock);
    }
    let args = ["run", "--quiet", "--timeout", "1500", "--format", "json"];
    let mut command = command_line::command(&project, &args);
    // A few of the bugs show as warnings.
    let ended = child::run(command.env("LOCKDEP_DENY", "warnings"), LIMIT).expect("cargo lockdep runs");
    let reports = ended.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Verdict { ended: ended.describe(), reports, stderr: ended.stderr }
}

fn row(bug: &Bug, broken: &Verdict, fixed: &Verdict) -> String {
    let said = |verdict: &Verdict| {
        let reports: Vec<String> =
            verdict.reports.iter().map(|report| format!("{} {}", report.level, report.code)).collect();
        if reports.is_empty() { "silent".to_owned() } else { reports.join(", ") }
    };
    let page = bug.source.rsplit('/').next().unwrap_or_default();
    let source = if page.parse::<u32>().is_ok() { format!("#{page}") } else { "changelog".to_owned() };
    format!(
        "| {} | {} | {} | {}: {} | {}: {} | [{source}]({}) |",
        bug.package,
        bug.locks,
        bug.what,
        bug.broken,
        said(broken),
        bug.fixed,
        said(fixed),
        bug.source,
    )
}

fn page(rows: &str) -> String {
    format!(
        "# Known bugs, found again\n\n\
         The trackers of published crates document these deadlocks.\n\
         A program drives each of them through the crate's public interface.\n\
         No program can hang by a race, because one thread is enough to show a lock order.\n\
         Where the program would wait for itself, the report comes before the wait and ends the program.\n\
         The version with the fix is silent.\n\n\
         `cargo run -p lockdep-tests --bin known_bugs` writes this page.\n\
         The programs are in `tests/field/known-bugs`.\n\n\
         | crate | locks | bug | with the bug | with the fix | source |\n|---|---|---|---|---|---|\n{rows}"
    )
}
