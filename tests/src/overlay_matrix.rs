//! Async programs that know nothing of lockdep, run under `cargo lockdep` with several versions of
//! tokio: what is reported of each.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lockdep_report::model::Report;
use lockdep_report::record::{Record, whole_lines};

use crate::child;
use crate::command_line;

/// The versions of the table: the oldest that is hooked, the newest, and some between.
pub const VERSIONS: [&str; 6] = ["1.20.6", "1.28.2", "1.38.2", "1.47.5", "1.51.1", "1.54.1"];

/// What is to be reported of one program: codes and levels.
pub type Wanted = &'static [(&'static str, &'static str)];

/// The programs of `tests/fixtures/tokio_programs`.
pub const PROGRAMS: [(&str, Wanted); 37] = [
    ("in_turn_on_one_thread", &[("LD0003", "error")]),
    ("in_turn_on_four_threads", &[("LD0003", "error")]),
    ("in_turn_by_a_handle", &[("LD0003", "error")]),
    ("awaits_its_own_lock", &[("LD0001", "error")]),
    ("awaits_its_own_lock_for_a_while", &[("LD0001", "note")]),
    ("mixes_locks", &[("LD0003", "error")]),
    ("holds_across_an_await", &[("LD0201", "warning")]),
    ("waits_for_its_own_thread", &[("LD0201", "warning"), ("LD0201", "error")]),
    ("starves_its_queued_future", &[("LD0202", "error")]),
    ("awaits_what_its_future_holds", &[("LD0001", "error")]),
    ("locks_beside_its_future", &[("LD0003", "error")]),
    ("reads_twice", &[("LD0014", "error")]),
    ("writes_what_it_reads", &[("LD0001", "error")]),
    // A guard that owns its lock may be with another task, until it is dropped.
    ("owned_in_turn", &[("LD0003", "note"), ("LD0003", "error")]),
    ("readers_and_writers_in_turn", &[("LD0003", "error")]),
    // Another task may add a permit.
    ("permits_in_turn", &[("LD0003", "note"), ("LD0003", "error")]),
    ("awaits_its_own_permit_for_a_while", &[("LD0001", "note")]),
    ("fills_its_cell_from_itself", &[("LD0001", "error")]),
    ("cells_in_turn", &[("LD0003", "error")]),
    ("blocks_in_turn", &[("LD0003", "error")]),
    ("joins_futures", &[]),
    ("selects_and_drops", &[]),
    ("selects_in_a_loop", &[]),
    ("gives_guards_away", &[]),
    ("gives_permits_away", &[]),
    ("is_aborted_with_a_lock", &[]),
    ("shares_threads", &[]),
    ("signals", &[]),
    ("drops_before_it_awaits", &[]),
    ("joins_by_hand", &[]),
    ("makes_once", &[]),
    ("blocks_on_locks", &[]),
    ("sends_the_guard_of_a_static", &[("LD0001", "note"), ("LD0003", "note")]),
    ("downgrades", &[]),
    ("runs_long", &[]),
    ("holds_under_block_on", &[]),
    ("counts_permits", &[]),
];

/// Covers a first build of the runtime on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

/// Far more than a program takes.
const PROGRAM_LIMIT: Duration = Duration::from_secs(60);

/// One program as it ran.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// Codes and levels.
    pub reports: Vec<(String, String)>,
    /// How it ended, in words.
    pub ended: String,
    /// What was said besides.
    pub said: String,
}

impl Ran {
    /// Returns whether that is what was wanted of it.
    pub fn is(&self, wanted: Wanted) -> bool {
        self.reports.iter().map(|(code, level)| (&**code, &**level)).eq(wanted.iter().copied())
    }
}

/// Writes the programs for one version of tokio, below the target directory.
///
/// # Errors
/// When they cannot be written.
pub fn written(version: &str) -> io::Result<PathBuf> {
    let from = command_line::root().join("tests/fixtures/tokio_programs");
    let directory = command_line::target_directory().join("overlays").join(version);
    fs::create_dir_all(directory.join("src"))?;
    for entry in fs::read_dir(from.join("src"))?.flatten() {
        fs::write(directory.join("src").join(entry.file_name()), fs::read(entry.path())?)?;
    }
    let manifest = fs::read_to_string(from.join("Cargo.toml"))?;
    let manifest = manifest.replace("version = \"1\"", &format!("version = \"={version}\""));
    fs::write(directory.join("Cargo.toml"), manifest)?;
    Ok(directory)
}

/// The programs of a directory, built once.
#[derive(Debug)]
pub struct Built {
    executable: PathBuf,
    source_root: PathBuf,
}

impl Built {
    /// Builds the programs that lie in the directory.
    ///
    /// # Errors
    /// When cargo cannot be started, or the programs do not compile.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let args = ["build", "-q", "--message-format=json"];
        let ended = child::run(&mut command_line::command(directory, &args), LIMIT)?;
        let executable = ended.stdout.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        let executable = executable.ok_or_else(|| io::Error::other(ended.stderr))?;
        Ok(Self { executable, source_root: directory.to_owned() })
    }

    /// Runs one program as `cargo lockdep run` does, without cargo.
    ///
    /// # Errors
    /// When the program cannot be started, or its record cannot be read.
    pub fn run(&self, program: &str) -> io::Result<Ran> {
        let records = tempfile::tempdir()?;
        let mut command = Command::new(&self.executable);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LOCKDEP"))
        {
            command.env_remove(name);
        }
        command
            .arg(program)
            .env("LOCKDEP", "1")
            .env("LOCKDEP_DIR", records.path())
            .env("LOCKDEP_OUTPUT", "/dev/null")
            .env("LOCKDEP_SOURCE_ROOT", &self.source_root);
        let ended = child::run(&mut command, PROGRAM_LIMIT)?;
        let mut reports = Vec::new();
        for file in fs::read_dir(records.path())?.flatten() {
            if file.path().extension().is_some_and(|extension| extension == "jsonl") {
                let bytes = fs::read(file.path())?;
                reports.extend(whole_lines(&bytes).0.filter_map(|line| match Record::parse_line(line) {
                    Ok(Record::Report(report)) => Some(named(&report)),
                    _ => None,
                }));
            }
        }
        Ok(Ran { reports, ended: ended.describe(), said: ended.stderr })
    }
}

fn named(report: &Report) -> (String, String) {
    (report.code.as_str().to_owned(), report.level.as_str().to_owned())
}

/// Runs one program that lies in the directory, by `cargo lockdep run`.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(directory: &Path, program: &str) -> io::Result<Ran> {
    let args = ["run", "-q", "--format", "json", "--", program];
    let ended = child::run(&mut command_line::command(directory, &args), LIMIT)?;
    let reports = ended.stderr.lines().filter_map(|line| serde_json::from_str(line).ok());
    Ok(Ran {
        reports: reports.map(|report| named(&report)).collect(),
        ended: ended.describe(),
        said: ended.stderr,
    })
}
