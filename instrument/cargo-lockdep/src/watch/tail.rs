//! Reading run records while they grow, and telling each report once however many processes make it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lockdep_report::model::Report;
use lockdep_report::record::Record;
use rustc_hash::FxHashSet;

use super::tally::{Taken, Tally};
use crate::command::report;
use crate::findings::hint;
use crate::findings::ownership;
use crate::findings::policy::{self, Day, Judgement, Policy};
use crate::output::say;
use crate::source::{Places, Sources};
use crate::{input, records};

/// How much of one record is read at once; more than its longest line.
const MAX_CHUNK_BYTES: u64 = 4 * input::MAX_LINE_BYTES;

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
    /// Whether a line is longer than any can be: what follows is not read.
    is_given_up: bool,
}

/// Follows every record in a directory.
#[derive(Debug)]
pub(super) struct Tail<'w> {
    directory: PathBuf,
    /// Records of earlier runs that lie in the same directory.
    older: FxHashSet<PathBuf>,
    followed: BTreeMap<PathBuf, Follow>,
    places: &'w Places,
    policy: &'w mut Policy,
    today: Day,
    /// What an earlier run has told already.
    told: Option<&'w Tally>,
    tally: Tally,
}

impl<'w> Tail<'w> {
    /// Follows what will be written to `directory` from now on, and passes over reports that `told` has at that level.
    pub(super) fn new(
        directory: &Path,
        places: &'w Places,
        policy: &'w mut Policy,
        told: Option<&'w Tally>,
    ) -> Self {
        let older = record_files(directory).collect();
        let directory = directory.to_owned();
        Self {
            directory,
            older,
            followed: BTreeMap::new(),
            places,
            policy,
            today: policy::today(),
            told,
            tally: Tally::default(),
        }
    }

    /// Whether a watched process has written a line.
    pub(super) fn has_watched(&self) -> bool {
        self.tally.n_processes > 0
    }

    /// What was reported since the last call.
    pub(super) fn poll(&mut self) -> Vec<NewReport> {
        let mut news = Vec::new();
        for path in record_files(&self.directory).filter(|path| !self.older.contains(path)) {
            let follow = self.followed.entry(path.clone()).or_default();
            // A record that cannot be read now is tried again next time.
            let Ok(text) = read_from(&path, follow) else {
                continue;
            };
            let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            if end == 0 && text.len() as u64 >= input::MAX_LINE_BYTES {
                follow.is_given_up = true;
                self.tally.n_unreadable += 1;
            }
            follow.offset += end as u64;
            for line in text[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                match records::parse_line(line) {
                    Ok(Record::Run(run)) => {
                        self.tally.n_processes += 1;
                        follow.label = run.label();
                        let roots = [PathBuf::from(&run.source_root), PathBuf::from(&run.directory)];
                        let roots = roots.into_iter().filter(|root| !root.as_os_str().is_empty());
                        follow.sources = Rc::new(Sources::of(self.places.clone(), roots.collect()));
                    }
                    Ok(Record::Report(mut report)) => {
                        let sources = Rc::clone(&follow.sources);
                        ownership::lower(&mut report, &sources);
                        let judgement = self.policy.judge(&report, self.today);
                        if is_news(&mut self.tally, self.told, &report, &judgement) {
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
        let (reports, sources) = match report::joined(&files, self.places.clone()) {
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
            if is_news(&mut self.tally, self.told, &report, &judgement) {
                let origin = "no single process saw this; their records together show it".to_owned();
                news.push(NewReport { report, judgement, origin, sources: Rc::clone(&sources) });
            }
        }
        (self.tally, news)
    }
}

/// Whether the report is to be printed; it is counted in any case.
fn is_news(tally: &mut Tally, told: Option<&Tally>, report: &Report, judgement: &Judgement) -> bool {
    match tally.take(report, *judgement == Judgement::Denied) {
        Taken::Known => false,
        Taken::New => !told.is_some_and(|told| told.has(report)),
        // A second run is made for that.
        Taken::Exact => told.is_some_and(|told| !told.has(report)),
    }
}

fn record_files(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ext| ext == "jsonl"))
}

fn read_from(path: &Path, follow: &Follow) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if follow.is_given_up {
        return Ok(text);
    }
    let mut file = input::open(path)?;
    if file.metadata()?.len() > follow.offset {
        file.seek(SeekFrom::Start(follow.offset))?;
        file.take(MAX_CHUNK_BYTES).read_to_end(&mut text)?;
    }
    Ok(text)
}
