//! Finding records and streaming their lines.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lockdep_report::record::{Record, SCHEMA};

use super::Union;
use super::problem::{Problem, ProblemKind};
use super::reader::{Reached, RecordReader};
use crate::error::{Context as _, Error, Result};
use crate::input;

/// How deep records are looked for: CI keeps the directories of several jobs in one.
const MAX_DEPTH: usize = 8;

/// The directories to read: the given ones, or that of `LOCKDEP_DIR`, or that of the newest run of
/// this project.
///
/// # Errors
///
/// If neither is there.
pub(crate) fn paths(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    match std::env::var_os("LOCKDEP_DIR").filter(|value| !value.is_empty()) {
        Some(directory) => Ok(vec![directory.into()]),
        None => newest_run().map(|run| vec![run]).ok_or_else(|| {
            Error::new(
                "no run records given: pass their directories, or set LOCKDEP_DIR (`cargo lockdep test` prints where it wrote them)",
            )
        }),
    }
}

/// The records of the newest run in the target directory of the project around us.
fn newest_run() -> Option<PathBuf> {
    let from = input::current_directory().ok()?;
    let given = std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty());
    let around = from.ancestors().map(|directory| directory.join("target"));
    let mut targets = given.map(|target| from.join(target)).into_iter().chain(around);
    let all = targets.find_map(|target| fs::read_dir(target.join("lockdep").join("records")).ok())?;
    let began_ms = |path: &Path| path.file_name()?.to_str()?.split_once('-')?.0.parse::<u64>().ok();
    let runs = all.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    runs.filter_map(|entry| Some((began_ms(&entry.path())?, entry.path()))).max().map(|(_, path)| path)
}

/// Every record below `paths`, sorted so that two runs of us say the same.
///
/// # Errors
///
/// If a path does not exist, or there is no record below any of them.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).context(|| format!("records in {}", path.display()))?;
        if metadata.is_dir() {
            walk(path, MAX_DEPTH, &mut found).context(|| path.display().to_string())?;
        } else if metadata.is_file() {
            found.push(path.clone());
        } else {
            return Err(Error::new(format_args!("records in {}: not a regular file", path.display())));
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::new(format_args!(
            "no run record (*.jsonl) in {}: run the program with LOCKDEP=1 and LOCKDEP_DIR set, or under `cargo lockdep test`",
            names.join(", ")
        )));
    }
    Ok(found)
}

fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if depth > 0 {
                // A directory that may not be entered does not hide the others.
                let _ = walk(&path, depth - 1, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(path);
        }
    }
    Ok(())
}

/// Streams one record into `union`.
pub(super) fn read_into(union: &mut Union, path: &Path, progress: &Progress) {
    let mut reader = RecordReader::new(path.to_owned());
    let file = match reader.open() {
        Ok(file) => file,
        Err(error) => return union.problem(path, ProblemKind::Unreadable(error.to_string())),
    };
    let mut malformed: Option<(usize, usize, String)> = None;
    let mut newer = None;
    union.begin(path);
    let reached = reader.read(file, |line| {
        progress.advance(line.n_bytes);
        match line.record {
            Ok(Record::Run(run)) if run.schema > SCHEMA => {
                newer = Some(run.schema);
                return ControlFlow::Break(());
            }
            Ok(record) => union.take(record),
            Err(error) => {
                let (n_lines, ..) = malformed.get_or_insert_with(|| (0, line.number, error.to_string()));
                *n_lines += 1;
            }
        }
        ControlFlow::Continue(())
    });
    if let Some(schema) = newer {
        union.problem(path, ProblemKind::Newer { schema });
        return union.abandon();
    }
    match reached {
        Ok(Reached::CutLine) => union.problem(path, ProblemKind::Cut),
        Ok(Reached::End | Reached::Stopped) => {}
        Err(error) => union.problem(path, ProblemKind::Unreadable(error.to_string())),
    }
    if let Some((n_lines, first, why)) = malformed {
        union.problem(path, ProblemKind::Malformed { n_lines, first, why });
    }
    union.finish(path);
}

impl Union {
    pub(super) fn problem(&mut self, path: &Path, kind: ProblemKind) {
        self.problems.push(Problem { path: path.to_owned(), kind });
    }
}

/// A progress bar that stays hidden until a second has passed.
pub(super) struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    pub(super) fn new(files: &[PathBuf]) -> Self {
        let n_bytes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum();
        let bar = ProgressBar::with_draw_target(Some(n_bytes), ProgressDrawTarget::hidden());
        if let Ok(style) =
            ProgressStyle::with_template("reading records {bar:30} {bytes}/{total_bytes} {eta}")
        {
            bar.set_style(style);
        }
        Self { bar, started: Instant::now() }
    }

    fn advance(&self, n_bytes: usize) {
        self.bar.inc(n_bytes as u64);
        if self.bar.is_hidden() && self.started.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
