//! Drives documented deadlocks of published crates under `cargo lockdep`, with the bug and without.
//!
//! `cargo run -p lockdep-tests --bin known_bugs [--broken | --judge] [NAME…]` prints a table;
//! without names all of `tests/field/known-bugs` are driven. `--broken` drives the versions
//! with the bug only. `--judge` drives nothing. Reports are kept in
//! `tests/field/known-bugs/reports`, and judged against `places.toml` beside it.
//! `docs/src/known-bugs.md` is written again each time; a row that this call has not renewed
//! stays as it is. Needs the registry. Exits 1 if a verdict is wrong.

mod judge;
mod page;
mod truth;

use std::fs;
use std::path::{Path, PathBuf};
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
struct SideResult {
    /// How the run ended.
    ended: String,
    reports: Vec<Report>,
    stderr: String,
}

/// What a call of this program does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drive {
    Both,
    Broken,
    Nothing,
}

fn main() -> ExitCode {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |flag: &str| {
        let n_before = names.len();
        names.retain(|name| name != flag);
        names.len() < n_before
    };
    let what = match (flag("--judge"), flag("--broken")) {
        (true, _) => Drive::Nothing,
        (_, true) => Drive::Broken,
        _ => Drive::Both,
    };
    let folder = folder();
    let list = fs::read_to_string(folder.join("bugs.toml")).expect("bugs.toml is readable");
    let list: List = toml::from_str(&list).expect("bugs.toml is well-formed");
    if let Some(unknown) = names.iter().find(|name| list.bug.iter().all(|bug| bug.name != **name)) {
        print_line(&format!("`{unknown}` is not the name of a bug of bugs.toml"));
        return ExitCode::FAILURE;
    }
    let mut n_wrong = 0;
    if what != Drive::Nothing {
        for bug in list.bug.iter().filter(|bug| names.is_empty() || names.contains(&bug.name)) {
            n_wrong += renew(&folder, bug, what);
        }
    }
    let truths = truth::read(&folder);
    let judgements: Vec<_> = list.bug.iter().map(|bug| (bug, judge_stored(&folder, bug, &truths))).collect();
    for (bug, judgement) in &judgements {
        if let Some(judgement) = judgement {
            print_line(&format!("{}: {judgement}", bug.name));
        }
    }
    page::write(&judgements);
    if n_wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn folder() -> PathBuf {
    command_line::root().join("tests/field/known-bugs")
}

/// Where the row of a bug is kept until the page is written.
fn row_file(bug: &Bug) -> PathBuf {
    command_line::target_directory().join("known-bugs").join(format!("{}.row", bug.name))
}

fn stored(folder: &Path, bug: &Bug) -> PathBuf {
    folder.join("reports").join(format!("{}.jsonl", bug.name))
}

/// Drives a bug, and keeps what came of it. Returns how many verdicts are wrong.
fn renew(folder: &Path, bug: &Bug, what: Drive) -> usize {
    let mut n_wrong = 0;
    let mut check = |verdict: &SideResult, is_right: bool| {
        if !is_right {
            n_wrong += 1;
            print_line(&format!("{}: wrong: {}\n{}", bug.name, verdict.ended, verdict.stderr));
        }
    };
    let broken = drive(folder, bug, "broken");
    let is_found = broken.ended == "exit 3" && broken.reports.iter().any(|report| report.code == *bug.code);
    check(&broken, is_found);
    if is_found {
        let is_report = |line: &&str| serde_json::from_str::<Report>(line).is_ok();
        let lines: Vec<&str> = broken.stderr.lines().filter(is_report).collect();
        let file = stored(folder, bug);
        fs::create_dir_all(file.parent().expect("a folder of reports")).expect("the package is writable");
        // A thread may be named after a file.
        let text = (lines.join("\n") + "\n").replace(&*command_line::root().to_string_lossy(), "");
        fs::write(file, text).expect("the package is writable");
    }
    if what == Drive::Both {
        let fixed = drive(folder, bug, "fixed");
        let is_silent = fixed.ended == "exit 0" && fixed.reports.is_empty();
        check(&fixed, is_silent);
        let row = page::row(bug, &broken, &fixed);
        print_line(&row);
        if is_found && is_silent {
            fs::write(row_file(bug), row).expect("the target directory is writable");
        }
    }
    n_wrong
}

/// What the stored report of a bug is worth; `None` if there is none.
fn judge_stored(folder: &Path, bug: &Bug, truths: &[truth::Truth]) -> Option<judge::Judgement> {
    let reports = lockdep_tests::reports::read(&stored(folder, bug));
    let truth = truths.iter().find(|truth| truth.name == bug.name)?;
    let sources = judge::DriverSource { driver: driver(folder, bug, "broken") };
    judge::judge_best(&reports, &bug.code, truth, &sources)
}

#[expect(clippy::print_stdout, reason = "the table is this program's output")]
fn print_line(line: &str) {
    println!("{line}");
}

/// Builds and runs the driver of a bug with one of its two dependency tables.
fn drive(folder: &Path, bug: &Bug, side: &str) -> SideResult {
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
    let driver = fs::read_to_string(driver(folder, bug, side)).expect("each bug has a driver");
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
    SideResult { ended: ended.describe(), reports, stderr: ended.stderr }
}

/// The program that drives one side: an interface that changed in between needs one for each.
fn driver(folder: &Path, bug: &Bug, side: &str) -> PathBuf {
    let own = folder.join(&bug.name).join(format!("{side}.rs"));
    if own.exists() { own } else { folder.join(&bug.name).join("main.rs") }
}
