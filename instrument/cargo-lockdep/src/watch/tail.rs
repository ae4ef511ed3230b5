//! Reading run records while they grow, and telling each report once however many processes make
//! it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lockdep_report::hang_report::HangReport;
use lockdep_report::record::Record;
use rustc_hash::FxHashSet;

use super::tally::{Taken, Tally};
use crate::excerpts::Excerpts;
use crate::findings::policy::{self, CommandPolicy, Day, Judgement};
use crate::findings::{self, Finding};
use crate::output::say;
use crate::records::reader::RecordReader;
use crate::source::{Places, Sources};

/// How much of one record is read before the run is looked after again.
const MAX_BYTES_AT_ONCE: usize = 64 << 20;

/// A report that is new, or whose level rose.
#[derive(Debug)]
pub(super) struct NewReport {
    pub(super) finding: Finding,
    /// The process that made it, or how it came about otherwise.
    pub(super) origin: String,
    pub(super) sources: Rc<Sources>,
}

/// A hang report that is new.
#[derive(Debug)]
pub(super) struct NewHang {
    pub(super) report: HangReport,
    /// The process that made it.
    pub(super) origin: String,
}

/// A watched process that can be asked for a hang report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) pid: u32,
    pub(super) signal: i32,
}

/// The record of one process, as far as it was read.
#[derive(Debug)]
struct Follow {
    reader: RecordReader,
    label: String,
    sources: Rc<Sources>,
}

impl Follow {
    fn new(path: &Path) -> Self {
        Self { reader: RecordReader::new(path.to_owned()), label: String::new(), sources: Rc::default() }
    }
}

/// Follows every record in a directory.
#[derive(Debug)]
pub(super) struct Tail<'w> {
    directory: PathBuf,
    /// Records of earlier runs that lie in the same directory.
    older: FxHashSet<PathBuf>,
    followed: BTreeMap<PathBuf, Follow>,
    places: &'w Places,
    policy: &'w mut CommandPolicy,
    today: Day,
    /// What an earlier run has told already.
    told: Option<&'w Tally>,
    tally: Tally,
    /// The lines of all reports.
    excerpts: Excerpts,
    hangs: Vec<NewHang>,
    /// The processes that have begun.
    processes: Vec<Asked>,
}

impl<'w> Tail<'w> {
    /// Follows what will be written to `directory` from now on, and passes over reports that `told`
    /// has at that level.
    pub(super) fn new(
        directory: &Path,
        places: &'w Places,
        policy: &'w mut CommandPolicy,
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
            excerpts: Excerpts::default(),
            hangs: Vec::new(),
            processes: Vec::new(),
        }
    }

    /// The hang reports that were made since the last call.
    pub(super) fn hangs(&mut self) -> Vec<NewHang> {
        std::mem::take(&mut self.hangs)
    }

    /// How many hang reports there were.
    pub(super) fn n_hangs(&self) -> usize {
        self.tally.n_hangs
    }

    /// The processes that can be asked for a hang report; some may have ended.
    pub(super) fn processes(&self) -> &[Asked] {
        &self.processes
    }

    /// Whether a watched process has written a line.
    pub(super) fn has_watched(&self) -> bool {
        self.tally.n_processes > 0
    }

    /// What was reported since the last call.
    pub(super) fn poll(&mut self) -> Vec<NewReport> {
        let Self {
            directory,
            older,
            followed,
            places,
            policy,
            today,
            told,
            tally,
            excerpts,
            hangs,
            processes,
        } = self;
        let mut news = Vec::new();
        for path in record_files(directory).filter(|path| !older.contains(path)) {
            let follow = followed.entry(path).or_insert_with_key(|path| Follow::new(path));
            let Follow { reader, label, sources } = follow;
            // A record that cannot be read now is tried again next time.
            let Ok(file) = reader.open() else { continue };
            let mut n_bytes = 0;
            let reached = reader.read(file, |line| {
                match line.record {
                    Ok(Record::Run(run)) => {
                        tally.n_processes += 1;
                        *label = run.label();
                        processes.push(Asked { pid: run.pid, signal: run.hang_signal });
                        let roots = [PathBuf::from(&run.source_root), PathBuf::from(&run.directory)];
                        let roots = roots.into_iter().filter(|root| !root.as_os_str().is_empty());
                        *sources = Rc::new(Sources::of(places.clone(), roots.collect()));
                    }
                    Ok(Record::Report(report)) => {
                        let finding = findings::enrich(*report, sources, policy, *today);
                        if is_news(tally, *told, &finding) {
                            sources.excerpt(&finding.report, excerpts);
                            let origin = format!("in {label}");
                            news.push(NewReport { finding, origin, sources: Rc::clone(sources) });
                        }
                    }
                    Ok(Record::Hang(report)) => {
                        tally.n_hangs += 1;
                        hangs.push(NewHang { report: *report, origin: format!("in {label}") });
                    }
                    Ok(record) => tally.count(&record),
                    Err(_) => tally.n_unreadable += 1,
                }
                n_bytes += line.n_bytes;
                if n_bytes < MAX_BYTES_AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            if reached.is_err_and(|error| error.kind() == io::ErrorKind::FileTooLarge) {
                tally.n_unreadable += 1;
            }
        }
        news
    }

    /// What all records together say, and the reports that only all of them together show.
    pub(super) fn finish(mut self) -> (Tally, Vec<NewReport>) {
        let news = self.join();
        if let Err(error) = self.excerpts.note(&self.directory) {
            let directory = self.directory.display();
            say(format_args!(
                "warning: {directory}: {error}; another machine will not show source lines of these records"
            ));
        }
        (self.tally, news)
    }

    fn join(&mut self) -> Vec<NewReport> {
        // What a single process knows it has reported by itself.
        if self.tally.n_processes < 2 {
            return Vec::new();
        }
        let files: Vec<PathBuf> = self.followed.keys().cloned().collect();
        let (union, sources) = match findings::read(&files, self.places.clone()) {
            Ok(read) => read,
            // What the processes reported by themselves stands; the run is not undone by records
            // that someone removed.
            Err(error) => {
                say(format_args!("the records could not be joined: {error}"));
                return Vec::new();
            }
        };
        let findings = findings::of_union(&union, &sources, self.policy, self.today);
        let sources = Rc::new(sources);
        let mut news = Vec::new();
        for finding in findings {
            if is_news(&mut self.tally, self.told, &finding) {
                sources.excerpt(&finding.report, &mut self.excerpts);
                let origin = "no single process saw this; their records together show it".to_owned();
                news.push(NewReport { finding, origin, sources: Rc::clone(&sources) });
            }
        }
        news
    }
}

/// Whether the report is to be printed; it is counted in any case.
fn is_news(tally: &mut Tally, told: Option<&Tally>, finding: &Finding) -> bool {
    let report = &finding.report;
    match tally.take(report, finding.judgement == Judgement::Denied) {
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
