//! Reading run records while they grow, and telling each report once however many processes make it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lockdep_validator::record::Record;
use lockdep_validator::report::model::Report;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cli::say;
use crate::source::Sources;
use crate::suppress::{Day, Judgement, Policy};
use crate::{hint, report};

/// A report that is new, or whose level rose.
#[derive(Debug)]
pub(super) struct NewReport {
    pub(super) report: Report,
    pub(super) judgement: Judgement,
    /// The process that made it, or how it came about otherwise.
    pub(super) origin: String,
    pub(super) sources: Rc<Sources>,
}

/// The record of one process, as far as it was read.
#[derive(Debug, Default)]
struct Follow {
    /// Where the first line begins that is not complete yet.
    offset: u64,
    label: String,
    sources: Rc<Sources>,
}

/// Follows every record in a directory.
#[derive(Debug)]
pub(super) struct Tail {
    directory: PathBuf,
    /// Records of earlier runs that lie in the same directory.
    older: FxHashSet<PathBuf>,
    followed: BTreeMap<PathBuf, Follow>,
    policy: Policy,
    today: Day,
    tally: Tally,
}

impl Tail {
    /// Follows what will be written to `directory` from now on.
    pub(super) fn new(directory: &Path, policy: Policy) -> Self {
        let older = record_files(directory).collect();
        let directory = directory.to_owned();
        Self {
            directory,
            older,
            followed: BTreeMap::new(),
            policy,
            today: Day::today(),
            tally: Tally::default(),
        }
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
                        follow.label = run.label();
                        let roots = [PathBuf::from(&run.source_root), PathBuf::from(&run.directory)];
                        let roots = roots.into_iter().filter(|root| !root.as_os_str().is_empty());
                        follow.sources = Rc::new(Sources::new(roots.collect()));
                    }
                    Ok(Record::Report(mut report)) => {
                        let judgement = self.policy.judge(&report, self.today);
                        if self.tally.take(&report, judgement == Judgement::Denied) {
                            let sources = Rc::clone(&follow.sources);
                            hint::add(&mut report, &sources);
                            let origin = format!("in {}", follow.label);
                            news.push(NewReport { report: *report, judgement, origin, sources });
                        }
                    }
                    Ok(record) => self.tally.count(&record),
                    Err(_) => self.tally.n_unreadable += 1,
                }
            }
        }
        news
    }

    /// What all records together say, and the reports that only all of them together show.
    pub(super) fn finish(mut self) -> (Tally, Vec<NewReport>) {
        // What a single process knows it has reported by itself.
        if self.tally.n_processes < 2 {
            return (self.tally, Vec::new());
        }
        let files: Vec<PathBuf> = self.followed.keys().cloned().collect();
        let (reports, sources) = match report::joined(&files) {
            Ok(joined) => joined,
            // What the processes reported by themselves stands; the run is not undone by records that someone removed.
            Err(error) => {
                say(format_args!("the records could not be joined: {error}"));
                return (self.tally, Vec::new());
            }
        };
        let sources = Rc::new(sources);
        let mut news = Vec::new();
        for report in reports {
            let judgement = self.policy.judge(&report, self.today);
            if self.tally.take(&report, judgement == Judgement::Denied) {
                let origin = "no single process saw this; their records together show it".to_owned();
                news.push(NewReport { report, judgement, origin, sources: Rc::clone(&sources) });
            }
        }
        (self.tally, news)
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
