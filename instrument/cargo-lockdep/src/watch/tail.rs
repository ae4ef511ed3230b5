//! Reading run records while they grow, and telling each report once however many processes make it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use lockdep_validator::record::{Record, RunRecord};
use lockdep_validator::report::model::Report;
use rustc_hash::{FxHashMap, FxHashSet};

use super::judge::Judge;

/// A report that is new, or whose level rose, and the process that made it.
#[derive(Clone, Debug)]
pub(crate) struct NewReport {
    pub(crate) report: Report,
    pub(crate) run: RunRecord,
}

/// The record of one process, as far as it was read.
#[derive(Debug, Default)]
struct Follow {
    /// Where the first line begins that is not complete yet.
    offset: u64,
    run: RunRecord,
}

/// Follows every record in a directory.
#[derive(Debug)]
pub(super) struct Tail {
    directory: PathBuf,
    /// Records of earlier runs that lie in the same directory.
    older: FxHashSet<PathBuf>,
    followed: BTreeMap<PathBuf, Follow>,
    judge: Judge,
    tally: Tally,
}

impl Tail {
    /// Follows what will be written to `directory` from now on.
    pub(super) fn new(directory: &Path, judge: Judge) -> Self {
        let older = record_files(directory).collect();
        let directory = directory.to_owned();
        Self { directory, older, followed: BTreeMap::new(), judge, tally: Tally::default() }
    }

    /// What was reported since the last call.
    pub(super) fn poll(&mut self) -> Vec<NewReport> {
        let mut news = Vec::new();
        for path in record_files(&self.directory).filter(|path| !self.older.contains(path)) {
            let follow = self.followed.entry(path.clone()).or_default();
            // A record that cannot be read now is tried again next time.
            let Ok(text) = read_from(&path, follow.offset) else {
                continue;
            };
            let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            follow.offset += end as u64;
            for line in text[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                match Record::parse_line(line) {
                    Ok(Record::Run(run)) => {
                        self.tally.n_processes += 1;
                        follow.run = run;
                    }
                    Ok(Record::Report(report)) => {
                        let is_denied = self.judge.is_denied(&report);
                        if self.tally.take(&report, is_denied) {
                            news.push(NewReport { report: *report, run: follow.run.clone() });
                        }
                    }
                    Ok(record) => self.tally.count(&record),
                    Err(_) => self.tally.n_unreadable += 1,
                }
            }
        }
        news
    }

    /// What all records together say.
    pub(super) fn finish(self) -> Tally {
        self.tally
    }
}

fn record_files(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ext| ext == "jsonl"))
}

fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut text = Vec::new();
    if file.metadata()?.len() > offset {
        file.seek(SeekFrom::Start(offset))?;
        file.read_to_end(&mut text)?;
    }
    Ok(text)
}

/// What a whole run saw.
#[derive(Debug, Default)]
pub(super) struct Tally {
    n_processes: usize,
    n_unreadable: usize,
    classes: FxHashSet<u64>,
    dependencies: FxHashSet<(u64, u64)>,
    /// By fingerprint: the highest level so far, and whether that is denied.
    reports: FxHashMap<String, (u8, bool)>,
    n_dropped: u64,
}

impl Tally {
    /// Notes a report; true if it is new or its level rose.
    fn take(&mut self, report: &Report, is_denied: bool) -> bool {
        let rank = rank(&report.level);
        match self.reports.get_mut(&report.fingerprint) {
            Some((known, denied)) if *known < rank => {
                *known = rank;
                *denied |= is_denied;
                true
            }
            Some(_) => false,
            None => {
                self.reports.insert(report.fingerprint.clone(), (rank, is_denied));
                true
            }
        }
    }

    fn count(&mut self, record: &Record) {
        match record {
            Record::Class(class) => {
                self.classes.insert(class.hash.0);
            }
            Record::Dependency(dependency) => {
                self.dependencies.insert((dependency.from.class.0, dependency.to.class.0));
            }
            Record::End(end) => self.n_dropped += end.counters.dropped,
            _ => {}
        }
    }

    pub(super) fn n_processes(&self) -> usize {
        self.n_processes
    }

    pub(super) fn n_reports(&self) -> usize {
        self.reports.len()
    }

    pub(super) fn n_denied(&self) -> usize {
        self.reports.values().filter(|(_, denied)| *denied).count()
    }
}

fn rank(level: &str) -> u8 {
    match level {
        "error" => 2,
        "warning" => 1,
        _ => 0,
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_level = |wanted| self.reports.values().filter(|(rank, _)| *rank == wanted).count();
        if self.reports.is_empty() {
            f.write_str("nothing to report")?;
        } else {
            let levels = [(2, "error"), (1, "warning"), (0, "note")];
            let counts = levels.into_iter().map(|(rank, name)| (of_level(rank), name));
            let counts: Vec<_> =
                counts.filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {}", plural(n, name))).collect();
            write!(f, "{} ({} denied)", counts.join(", "), self.n_denied())?;
        }
        write!(
            f,
            "; {} lock {}, {} {} in {} {}",
            self.classes.len(),
            if self.classes.len() == 1 { "class" } else { "classes" },
            self.dependencies.len(),
            if self.dependencies.len() == 1 { "dependency" } else { "dependencies" },
            self.n_processes,
            if self.n_processes == 1 { "process" } else { "processes" },
        )?;
        if self.n_dropped > 0 {
            write!(f, "; {} dropped", self.n_dropped)?;
        }
        if self.n_unreadable > 0 {
            write!(f, "; {} record lines could not be read", self.n_unreadable)?;
        }
        Ok(())
    }
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 { word.to_owned() } else { format!("{word}s") }
}
