//! Drives documented hangs of published crates under `cargo lockdep run --timeout`, and compares
//! the hang report of each with what a person found in the source.
//!
//! `cargo run -p lockdep-tests --bin known_hangs [NAME…]` drives the hangs of
//! `tests/field/hangs/hangs.toml`, all of them without names. It writes `docs/src/known-hangs.md`
//! again; a hang that was not driven keeps its part of the page. Needs the registry. Exits 1 if a
//! report is wrong.

mod judge;
mod page;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lockdep_report::hang_report::HangReport;
use lockdep_report::record::Record;
use lockdep_tests::{child, command_line};
use serde::Deserialize;

/// Covers compiling the crate and its dependencies on a slow machine.
const LIMIT: Duration = Duration::from_secs(1800);
/// When the program is asked, in seconds. By then each of them hangs.
const TIMEOUT: &str = "15";

#[derive(Deserialize)]
struct List {
    hang: Vec<Hang>,
}

/// A hang, and what its report has to say.
#[derive(Deserialize)]
struct Hang {
    name: String,
    /// The folder of the driver.
    driver: String,
    #[serde(rename = "crate")]
    package: String,
    version: String,
    source: String,
    what: String,
    dependencies: String,
    /// The threads that have a part in it, the one that the report has to name first.
    thread: Vec<Expected>,
}

/// What the report has to say of a thread.
#[derive(Deserialize)]
struct Expected {
    name: String,
    /// The kind of its wait, as in JSON; else `running` or `sleeping`.
    does: String,
    /// Places of its stack as `FILE:FUNCTION`, each an end of a file's name and a part of a
    /// function's.
    at: Vec<String>,
    /// The places since which it holds locks, as an end of a file's name and a line.
    #[serde(default)]
    holds: Vec<String>,
    /// The threads that it waits for.
    #[serde(default)]
    waits_for: Vec<String>,
}

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let list = fs::read_to_string(folder().join("hangs.toml")).expect("hangs.toml is readable");
    let list: List = toml::from_str(&list).expect("hangs.toml is well-formed");
    if let Some(unknown) = names.iter().find(|name| list.hang.iter().all(|hang| hang.name != **name)) {
        print_line(&format!("`{unknown}` is not the name of a hang of hangs.toml"));
        return ExitCode::FAILURE;
    }
    let mut n_wrong = 0;
    let mut texts = Vec::new();
    for hang in list.hang.iter().filter(|hang| names.is_empty() || names.contains(&hang.name)) {
        let run = drive(hang);
        let mut wrong = judge::wrong(&hang.thread, run.report.as_ref());
        if !["exit 124", "exit 3"].contains(&run.ended.as_str()) {
            wrong.push(format!("it ended with {}", run.ended));
        }
        print_line(&format!("{}: {}", hang.name, if wrong.is_empty() { "as expected" } else { "WRONG" }));
        wrong.iter().for_each(|wrong| print_line(&format!("    {wrong}")));
        if wrong.is_empty() {
            texts.push((hang.name.as_str(), page::excerpt(&run.stderr)));
            // What comes after it may take long, or never end.
            page::write(&list.hang, &texts);
        } else {
            print_line(&run.stderr);
            n_wrong += 1;
        }
    }
    if n_wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn folder() -> PathBuf {
    command_line::root().join("tests/field/hangs")
}

#[expect(clippy::print_stdout, reason = "the verdicts are this program's output")]
fn print_line(line: &str) {
    println!("{line}");
}

/// What came of a run.
struct HangRun {
    ended: String,
    report: Option<HangReport>,
    stderr: String,
}

/// Builds the driver of a hang, and runs it until it is asked.
fn drive(hang: &Hang) -> HangRun {
    let project = command_line::target_directory().join("known-hangs").join(&hang.name);
    let records = project.join("records");
    // Of an earlier run; the first one has none.
    let _ = fs::remove_dir_all(&records);
    fs::create_dir_all(&project).expect("the target directory is writable");
    let manifest = format!(
        "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[[bin]]\nname = \"{}\"\n\
         path = \"main.rs\"\n[workspace]\n[dependencies]\n{}",
        hang.name, hang.name, hang.dependencies
    );
    fs::write(project.join("Cargo.toml"), manifest).expect("the target directory is writable");
    let driver = fs::read_to_string(folder().join(&hang.driver).join("main.rs")).expect("there is a driver");
    fs::write(project.join("main.rs"), driver).expect("the target directory is writable");
    let mut command = command_line::command(&project, &["run", "--quiet", "--timeout", TIMEOUT]);
    let ended = child::run(command.env("LOCKDEP_DIR", &records), LIMIT).expect("cargo lockdep runs");
    HangRun { ended: ended.describe(), report: recorded(&records), stderr: ended.stderr }
}

/// The last hang report of the records.
fn recorded(records: &std::path::Path) -> Option<HangReport> {
    let files = fs::read_dir(records).into_iter().flatten().flatten();
    let files =
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let mut hangs = Vec::new();
    for file in files {
        let bytes = fs::read(file).unwrap_or_default();
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(Record::Hang(hang)) = Record::parse_line(line) {
                hangs.push(*hang);
            }
        }
    }
    hangs.pop()
}
