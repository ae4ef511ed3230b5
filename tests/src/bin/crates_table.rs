//! Runs the tests of published crates plain, under the façade with validation off, and with validation on.
//!
//! `cargo run -p lockdep-tests --bin crates_table [NAME…]` prints a table; without names all of `tests/crates/crates.toml`
//! are run and the table is written to `docs/src/crates.md`. Needs the registry. Exits 1 if a crate's tests do not pass
//! exactly as they pass without us.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use lockdep_tests::{child, command_line};
use lockdep_validator::record::Record;
use lockdep_validator::report::model::Report;
use serde::Deserialize;

/// Covers compiling a crate and its dependencies on a slow machine.
const LIMIT: Duration = Duration::from_secs(1800);
/// Each way is run so often, in turn, and the fastest run counts.
const N_ROUNDS: usize = 3;

#[derive(Deserialize)]
struct List {
    #[serde(rename = "crate")]
    crates: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    args: Vec<String>,
}

/// One run of a crate's tests.
#[derive(Clone, Default, Debug)]
struct Run {
    n_passed: u32,
    n_failed: u32,
    /// What the test harnesses say they took, summed.
    took_s: f64,
    output: String,
}

/// What validation saw in one run.
#[derive(Default)]
struct Seen {
    classes: BTreeSet<String>,
    dependencies: BTreeSet<(String, String)>,
    reports: Vec<Report>,
}

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let path = command_line::root().join("tests/crates/crates.toml");
    let list = fs::read_to_string(path).expect("tests/crates/crates.toml is readable");
    let list: List = toml::from_str(&list).expect("tests/crates/crates.toml is well-formed");
    let mut rows = String::new();
    let mut n_wrong = 0;
    for entry in list.crates.iter().filter(|entry| names.is_empty() || names.contains(&entry.name)) {
        let (row, is_right) = row(entry);
        n_wrong += u32::from(!is_right);
        tell(&row);
        writeln!(rows, "{row}").expect("a string takes it");
    }
    if names.is_empty() {
        fs::write(command_line::root().join("docs/src/crates.md"), page(&rows))
            .expect("docs/src is writable");
    }
    if n_wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "the table is this program's output")]
fn tell(line: &str) {
    println!("{line}");
}

fn row(entry: &Entry) -> (String, bool) {
    let scratch = command_line::target_directory().join("crates-table").join(&entry.name);
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).expect("the target directory is writable");
    // The first round compiles; it is not counted.
    let (first, seen) = watched(entry, &scratch.join("first"), "1");
    let unpacked = unpacked(entry);
    plain(entry, &unpacked);
    let mut best: [Option<Run>; 3] = Default::default();
    for round in 0..N_ROUNDS {
        let off = watched(entry, &scratch.join(format!("off-{round}")), "0").0;
        let on = watched(entry, &scratch.join(format!("on-{round}")), "1").0;
        for (best, run) in best.iter_mut().zip([plain(entry, &unpacked), off, on]) {
            if best.as_ref().is_none_or(|known| run.took_s < known.took_s) {
                *best = Some(run);
            }
        }
    }
    let [plain, off, on] = best.map(Option::unwrap_or_default);
    let is_right = plain.n_passed > 0
        && [&off, &on].iter().all(|run| (run.n_passed, run.n_failed) == (plain.n_passed, plain.n_failed));
    if !is_right {
        tell(&format!("{}: not as without us\n{}\n{}", entry.name, plain.output, first.output));
    }
    let ratio = |run: &Run| run.took_s / plain.took_s.max(0.01);
    let row = format!(
        "| {} {} | `{}` | {} of {} | {} | {} | {} | {:.2} s | {:.2} | {:.2} |",
        entry.name,
        entry.version,
        entry.args.join(" "),
        on.n_passed,
        plain.n_passed,
        seen.classes.len(),
        seen.dependencies.len(),
        reports(&seen),
        plain.took_s,
        ratio(&off),
        ratio(&on),
    );
    (row, is_right)
}

fn reports(seen: &Seen) -> String {
    let said: BTreeSet<String> =
        seen.reports.iter().map(|report| format!("{} {}", report.level, report.code)).collect();
    if said.is_empty() { "none".to_owned() } else { said.into_iter().collect::<Vec<_>>().join(", ") }
}

/// `cargo lockdep try`, with records and reports in files of their own.
fn watched(entry: &Entry, records: &Path, lockdep: &str) -> (Run, Seen) {
    fs::create_dir_all(records).expect("the target directory is writable");
    let spec = format!("{}@{}", entry.name, entry.version);
    let found = records.join("reports.json");
    let mut command = command_line::command(command_line::root(), &["try", &spec, "--format", "json"]);
    command.arg("--output").arg(&found).arg("--").args(&entry.args).arg("--no-fail-fast");
    command.env("LOCKDEP_DIR", records).env("LOCKDEP", lockdep);
    let run = run(&mut command);
    let mut seen = Seen::default();
    let text = fs::read_to_string(&found).unwrap_or_default();
    seen.reports = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for file in fs::read_dir(records).expect("it was created").flatten() {
        let text = fs::read(file.path()).unwrap_or_default();
        for line in text.split(|byte| *byte == b'\n') {
            match Record::parse_line(line) {
                Ok(Record::Class(class)) => {
                    seen.classes.insert(class.hash.to_string());
                }
                Ok(Record::Dependency(dependency)) => {
                    seen.dependencies
                        .insert((dependency.from.class.to_string(), dependency.to.class.to_string()));
                }
                _ => {}
            }
        }
    }
    (run, seen)
}

/// `cargo test` on the very sources that `try` unpacked.
fn plain(entry: &Entry, unpacked: &Path) -> Run {
    let mut command = Command::new(env!("CARGO"));
    command.arg("test").args(&entry.args).args([
        "--no-fail-fast",
        "--config",
        "build.rustflags=['--cap-lints=warn']",
    ]);
    command.current_dir(unpacked).env("CARGO_TARGET_DIR", command_line::target_directory().join("plain"));
    run(&mut command)
}

fn unpacked(entry: &Entry) -> PathBuf {
    let folder = format!("{}-{}", entry.name, entry.version);
    command_line::target_directory().join("lockdep/try").join(folder)
}

fn run(command: &mut Command) -> Run {
    let ended = child::run(command, LIMIT).expect("cargo can be run");
    let mut run = Run { output: ended.stdout + &ended.stderr, ..Run::default() };
    // test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.18s
    for line in run.output.lines().filter(|line| line.starts_with("test result:")) {
        let number = |word: &str| -> u32 {
            let before = line.split(word).next().unwrap_or_default();
            before.rsplit(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        run.n_passed += number(" passed");
        run.n_failed += number(" failed");
        let took = line.rsplit(' ').next().and_then(|text| text.strip_suffix('s'));
        run.took_s += took.and_then(|text| text.parse().ok()).unwrap_or(0.0);
    }
    run
}

fn page(rows: &str) -> String {
    format!(
        "# Published crates under validation\n\n\
         The tests of each crate as it comes from the registry: plain, with the façade but validation off, and with \
         validation on. *tests* says how many pass under validation, of those that pass without. *plain* is what the test \
         harness says the tests took (the fastest of {N_ROUNDS} runs); *off* and *on* are ratios to it, measured in turn with \
         it.\n\n\
         Written by `cargo run -p lockdep-tests --bin crates_table`; the list is `tests/crates/crates.toml`.\n\n\
         | crate | cargo test | tests | lock classes | dependencies | reports | plain | off | on |\n\
         |---|---|---|---|---|---|---|---|---|\n{rows}"
    )
}
