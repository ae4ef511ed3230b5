//! Runs the tests of published crates plain, under the façade with validation off, and with
//! validation on.
//!
//! `cargo run -p lockdep-tests --bin crates_table [--run | --time] [NAME…]` prints a table; without
//! names all of `tests/field/crates/crates.toml` are meant. `--run` only runs the tests and
//! compares what passes, `--time` only measures what `--run` has built, on a machine that should do
//! nothing else; both keep what they found, and the page `docs/src/crates.md` is written again once
//! the tests of all crates have been run. `--more` takes `tests/field/crates/more.toml` instead,
//! which is never timed, and writes `docs/src/more-crates.md`. Needs the registry. Exits 1 if a
//! crate's tests do not pass exactly as they pass without us.

mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use lockdep_report::model::Report;
use lockdep_report::record::Record;
use lockdep_tests::{child, command_line};
use serde::{Deserialize, Serialize};

/// Covers compiling a crate and its dependencies on a slow machine.
const LIMIT: Duration = Duration::from_secs(1800);
/// A suite may have a test that looks at the clock and fails now and then, with us or without: it
/// is run again, both ways, if what passes differs.
const N_TRIES: usize = 3;
/// Each way is run so often, in turn, and the fastest run counts.
const N_ROUNDS: usize = 5;
/// A suite that takes long is run less often than that.
const MAX_TIME: Duration = Duration::from_secs(20);
/// A test program that takes longer than this waits most of the time, and is not timed.
const MAX_PROGRAM: f64 = 15.0;

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
    /// What its reports come to, for people; empty if there are none.
    #[serde(default)]
    judgement: String,
}

/// What is known of a crate, kept between calls.
#[derive(Default, Serialize, Deserialize)]
struct CrateFacts {
    run: Option<CrateRun>,
    /// Plain, façade off, façade on; `None` within if every program waits most of the time.
    times: Option<Option<[Time; 3]>>,
}

/// What a run took, in seconds.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Time {
    wall: f64,
    /// Of all processors, in the program and in the kernel for it.
    cpu: f64,
}

/// What came of running the tests with and without us.
#[derive(Default, Serialize, Deserialize)]
struct CrateRun {
    plain: Counts,
    watched: Counts,
    /// How many classes of each kind of lock; read from the records.
    #[serde(skip)]
    kinds: BTreeMap<String, usize>,
    #[serde(skip)]
    n_dependencies: usize,
    /// Level and code of each report.
    reports: BTreeSet<String>,
    /// What the summary names as not seen.
    unseen: String,
    /// The programs, plain and watched.
    programs: [Vec<PathBuf>; 2],
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    n_passed: u32,
    n_failed: u32,
}

fn main() -> ExitCode {
    let (options, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let given = |option: &str| options.iter().any(|given| given == option);
    let is_more = given("--more");
    let wants = |option: &str| given(option) || !given("--run") && !given("--time");
    let (list, page) = if is_more { ("more.toml", "more-crates.md") } else { ("crates.toml", "crates.md") };
    let list =
        fs::read_to_string(command_line::root().join("tests/field/crates").join(list)).expect("readable");
    let list: List = toml::from_str(&list).expect("the list is well-formed");
    let mut is_right = true;
    for entry in list.crates.iter().filter(|entry| names.is_empty() || names.contains(&entry.name)) {
        let mut known = entry.known();
        if wants("--run") {
            known.run = Some(entry.run());
            known.times = None;
        }
        if wants("--time") && !is_more {
            known.times = known.run.as_ref().map(|seen| entry.times(seen));
        }
        entry.keep(&known);
        is_right &= known.run.as_ref().is_some_and(|seen| seen.plain == seen.watched);
        print_line(&page::row(entry, &known, !is_more));
    }
    let all: Vec<CrateFacts> = list.crates.iter().map(Entry::known).collect();
    if all.iter().all(|known| known.run.is_some()) {
        let text = if is_more { page::more(&list.crates, &all) } else { page::timed(&list.crates, &all) };
        fs::write(command_line::root().join("docs/src").join(page), text).expect("docs/src is writable");
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "the table is this program's output")]
fn print_line(line: &str) {
    println!("{line}");
}

impl Entry {
    fn folder(&self) -> PathBuf {
        command_line::target_directory().join("crates-table").join(&self.name)
    }

    fn known(&self) -> CrateFacts {
        let text = fs::read_to_string(self.folder().join("known.json")).unwrap_or_default();
        let mut known: CrateFacts = serde_json::from_str(&text).unwrap_or_default();
        if let Some(seen) = &mut known.run {
            (seen.kinds, seen.n_dependencies) = seen_in(&self.folder().join("records"));
        }
        known
    }

    fn keep(&self, known: &CrateFacts) {
        let text = serde_json::to_string_pretty(known).expect("it is plain data");
        fs::create_dir_all(self.folder()).expect("the target directory is writable");
        fs::write(self.folder().join("known.json"), text).expect("the target directory is writable");
    }

    fn unpacked(&self) -> PathBuf {
        let folder = format!("{}-{}", self.name, self.version);
        command_line::target_directory().join("lockdep/try").join(folder)
    }

    /// `cargo lockdep try`.
    fn try_command(&self, more: &[&str]) -> Command {
        let spec = format!("{}@{}", self.name, self.version);
        let mut command = command_line::command(command_line::root(), &["try", &spec]);
        command.args(more).arg("--").args(&self.args);
        command
    }

    /// `cargo test` on the sources that `try` unpacked.
    fn plain_command(&self) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command.arg("test").args(&self.args).args(["--config", "build.rustflags=['--cap-lints=warn']"]);
        command.current_dir(self.unpacked());
        command.env("CARGO_TARGET_DIR", command_line::target_directory().join("plain"));
        command
    }

    fn run(&self) -> CrateRun {
        let mut seen = self.run_once();
        for _ in 1..N_TRIES {
            if seen.plain == seen.watched {
                break;
            }
            seen = self.run_once();
        }
        seen.programs = [
            programs(&ended(self.plain_command().arg("--no-run")), &self.unpacked()),
            programs(&ended(self.try_command(&[]).arg("--no-run")), &self.unpacked()),
        ];
        seen
    }

    fn run_once(&self) -> CrateRun {
        let records = self.folder().join("records");
        let _ = fs::remove_dir_all(&records);
        fs::create_dir_all(&records).expect("the target directory is writable");
        let found = self.folder().join("reports.json");
        let output = found.to_str().expect("a path that is text");
        let mut command = self.try_command(&["--format", "json", "--output", output]);
        command.arg("--no-fail-fast").env("LOCKDEP_DIR", &records);
        let watched = ended(&mut command);
        let plain = ended(self.plain_command().arg("--no-fail-fast"));
        let mut seen = CrateRun { plain: counts(&plain), watched: counts(&watched), ..CrateRun::default() };
        if seen.plain != seen.watched || seen.plain.n_passed == 0 {
            print_line(&format!("{}: not as without us\n{plain}\n{watched}", self.name));
        }
        let text = fs::read_to_string(&found).unwrap_or_default();
        let reports = text.lines().filter_map(|line| serde_json::from_str::<Report>(line).ok());
        seen.reports = reports.map(|report| format!("{} {}", report.level, report.code)).collect();
        let unseen = watched.lines().find_map(|line| line.strip_prefix("lockdep: not seen here: "));
        seen.unseen = unseen.unwrap_or_default().to_owned();
        (seen.kinds, seen.n_dependencies) = seen_in(&records);
        seen
    }

    /// The programs of the tests, run in turn: plain, with the façade and validation off, with the
    /// façade and validation on.
    fn times(&self, seen: &CrateRun) -> Option<[Time; 3]> {
        let began = Instant::now();
        let [plain, watched] = &seen.programs;
        let pairs = plain.iter().zip(watched).filter(|(plain, _)| self.time(plain, "").wall < MAX_PROGRAM);
        let (plain, watched): (Vec<&Path>, Vec<&Path>) =
            pairs.map(|(plain, watched)| (plain.as_path(), watched.as_path())).unzip();
        if plain.is_empty() {
            return None;
        }
        let mut best = [Time { wall: f64::INFINITY, cpu: f64::INFINITY }; 3];
        for round in 0..N_ROUNDS {
            if round > 0 && began.elapsed() > MAX_TIME {
                break;
            }
            let ways = [(&plain, ""), (&watched, "0"), (&watched, "1")];
            for (best, (programs, lockdep)) in best.iter_mut().zip(ways) {
                let took: Vec<Time> = programs.iter().map(|program| self.time(program, lockdep)).collect();
                best.wall = best.wall.min(took.iter().map(|time| time.wall).sum());
                best.cpu = best.cpu.min(took.iter().map(|time| time.cpu).sum());
            }
        }
        Some(best)
    }

    fn time(&self, program: &Path, lockdep: &str) -> Time {
        let records = self.folder().join("timed");
        let mut command = Command::new(program);
        command.current_dir(self.unpacked()).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        command.env("CARGO_MANIFEST_DIR", self.unpacked());
        for name in std::env::vars_os().map(|(name, _)| name).filter(|name| is_lockdep_variable(name)) {
            command.env_remove(name);
        }
        if !lockdep.is_empty() {
            // As `cargo lockdep` sets them.
            command.env("LOCKDEP", lockdep).env("LOCKDEP_DIR", &records);
            command.env("LOCKDEP_OUTPUT", self.folder().join("timed.txt"));
        }
        let (began, cpu_before) = (Instant::now(), cpu_of_ended());
        // How it ends was compared before.
        let _ = command.status().expect("it was built");
        let took = Time { wall: began.elapsed().as_secs_f64(), cpu: cpu_of_ended() - cpu_before };
        let _ = fs::remove_dir_all(&records);
        took
    }
}

fn is_lockdep_variable(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("LOCKDEP")
}

/// The processor time of all processes that this one started and that have ended, in seconds.
fn cpu_of_ended() -> f64 {
    // SAFETY: all bits zero are a value of this plain struct of the C library, and the call only
    // writes to it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// What a command says.
fn ended(command: &mut Command) -> String {
    let ended = child::run(command, LIMIT).expect("cargo can be run");
    ended.stdout + &ended.stderr
}

/// `test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.18s`,
/// summed.
fn counts(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().filter(|line| line.starts_with("test result:")) {
        let number = |word: &str| -> u32 {
            let before = line.split(word).next().unwrap_or_default();
            before.rsplit(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        counts.n_passed += number(" passed");
        counts.n_failed += number(" failed");
    }
    counts
}

/// `  Executable unittests src/lib.rs (/target/debug/deps/a-0123)`, each.
fn programs(output: &str, directory: &Path) -> Vec<PathBuf> {
    let lines = output.lines().filter(|line| line.trim_start().starts_with("Executable "));
    let paths = lines.filter_map(|line| line.rsplit_once('(')?.1.strip_suffix(')'));
    paths.map(|path| directory.join(path)).collect()
}

/// Classes of each kind, and the number of dependencies, in the records.
fn seen_in(records: &Path) -> (BTreeMap<String, usize>, usize) {
    let (mut classes, mut dependencies) = (BTreeMap::new(), BTreeSet::new());
    for file in fs::read_dir(records).into_iter().flatten().flatten() {
        let text = fs::read(file.path()).unwrap_or_default();
        for line in text.split(|byte| *byte == b'\n') {
            match Record::parse_line(line) {
                Ok(Record::Class(class)) => {
                    classes.insert(class.hash.to_string(), class.kind);
                }
                Ok(Record::Dependency(dependency)) if dependency.direct => {
                    dependencies.insert((dependency.from.class.to_string(), dependency.to.class.to_string()));
                }
                _ => {}
            }
        }
    }
    let mut kinds = BTreeMap::new();
    for kind in classes.into_values() {
        *kinds.entry(kind).or_insert(0) += 1;
    }
    (kinds, dependencies.len())
}
