//! The union of many records: one graph, and who contributed what to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lockdep_report::hang_report::HangReport;
use lockdep_report::model::{Counters, Report};
use lockdep_report::place::Place;
use lockdep_report::record::{ClassRecord, DependencyRecord, EndRecord, Record, RunRecord, StatRecord};
use lockdep_validator::{ClassHash, Code, Kind};
use rustc_hash::{FxHashMap, FxHashSet};

use super::problem::{Problem, ProblemKind};
use crate::printable;

/// How many of the places and tests of one dependency are remembered; all are counted.
const MAX_REMEMBERED: usize = 8;

/// A dependency as it is distinguished: classes, kind, and the gates and guards it was seen under.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct DependencyKey {
    pub(crate) from: ClassHash,
    pub(crate) to: ClassHash,
    /// The bit of the kind; sorts surest first.
    pub(crate) kind: u32,
    pub(crate) gates: Vec<ClassHash>,
    pub(crate) guards: Vec<ClassHash>,
}

/// Every sighting of one dependency.
#[derive(Clone, Debug)]
pub(crate) struct JoinedDependency {
    /// The first sighting; the first direct one if there is any, on an object that other threads
    /// could have if there is any.
    pub(crate) first: DependencyRecord,
    /// The run of the first sighting, as an index into [`Union::runs`].
    pub(crate) run: usize,
    /// In how many runs it was seen.
    pub(crate) n_runs: usize,
    /// The run that counted last.
    last_run: usize,
    /// The first few pairs of places: held, acquired.
    pub(crate) places: Vec<(Place, Place)>,
    /// The first few threads (of libtest: tests), each with its run.
    pub(crate) threads: Vec<(usize, String)>,
}

/// A report and every run that made it.
#[derive(Clone, Debug)]
pub(crate) struct JoinedReport {
    pub(crate) report: Report,
    /// Reports of one identity and level about other locks of one class: the source may show that
    /// the first ones cannot hang. A few.
    pub(crate) others: Vec<Report>,
    /// The runs that made it; empty if no single process could see it.
    pub(crate) runs: Vec<usize>,
}

/// Everything that any number of processes saw.
#[derive(Debug, Default)]
pub(crate) struct Union {
    pub(crate) runs: Vec<RunRecord>,
    /// The file of each run.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) classes: FxHashMap<ClassHash, ClassRecord>,
    pub(crate) dependencies: BTreeMap<DependencyKey, JoinedDependency>,
    /// By [`Report::identity`], at the highest level that any process gave.
    pub(crate) reports: BTreeMap<String, JoinedReport>,
    /// What the threads of a process did that seemed to hang, each with its run.
    pub(crate) hangs: Vec<(usize, HangReport)>,
    pub(crate) stats: FxHashMap<(ClassHash, Place, &'static str), StatRecord>,
    pub(crate) end: EndRecord,
    pub(crate) problems: Vec<Problem>,
    /// Classes of which one process used several locks: not one static, even if the source looks so
    /// (an array of them).
    pub(crate) several: FxHashSet<ClassHash>,
    /// Kinds of locks in the crate graphs that no façade reaches, as `cargo lockdep test` noted
    /// them.
    pub(crate) not_seen: Vec<String>,
    /// The run and the lock that each class was seen with last.
    last_instance: FxHashMap<ClassHash, (usize, u64)>,
    /// Whether the record being read has ended, and which classes it named without describing them.
    current: Current,
}

#[derive(Debug, Default)]
struct Current {
    ended: bool,
    started: bool,
    named: FxHashSet<ClassHash>,
    described: FxHashSet<ClassHash>,
}

impl Union {
    /// A record begins.
    pub(super) fn begin(&mut self, path: &Path) {
        self.current = Current::default();
        self.runs.push(RunRecord::default());
        self.paths.push(path.to_owned());
    }

    /// The record that began last must not count after all.
    pub(super) fn abandon(&mut self) {
        self.runs.pop();
        self.paths.pop();
    }

    /// The record that began last was read to its end.
    pub(super) fn finish(&mut self, path: &Path) {
        let n_classes = self.current.named.difference(&self.current.described).count();
        if n_classes > 0 {
            self.problem(path, ProblemKind::Undescribed { n_classes });
        }
        if !self.current.started {
            self.problem(path, ProblemKind::NoStart);
        } else if !self.current.ended && self.problems.last().is_none_or(|last| last.path != path) {
            self.problem(path, ProblemKind::NoEnd);
        }
    }

    /// Adds one line of the record that began last.
    pub(super) fn take(&mut self, record: Record) {
        let run = self.runs.len() - 1;
        match record {
            Record::Run(new) => {
                self.current.started = true;
                self.runs[run] = new;
            }
            Record::Class(class) => self.class(class),
            Record::Dependency(dependency) => self.dependency(dependency, run),
            Record::Report(report) => self.report(*report, run),
            Record::Hang(report) => self.hangs.push((run, *report)),
            Record::Stat(stat) => self.stat(stat),
            Record::End(end) => {
                self.current.ended = true;
                self.ended(&end);
            }
            // Contexts are judged in the process that saw them.
            Record::Usage(_) | Record::Unknown(_) => {}
            _ => {}
        }
    }

    fn class(&mut self, class: ClassRecord) {
        let is_first_here = self.current.described.insert(class.hash);
        match self.classes.get_mut(&class.hash) {
            None => {
                self.classes.insert(class.hash, class);
            }
            Some(known) => {
                // One instance in every process it is, or it is not; within one process the last
                // line counts.
                let single = class.single_instance && (known.single_instance || !is_first_here);
                known.single_instance = single && known.single_instance;
                known.declared |= class.declared;
            }
        }
    }

    fn dependency(&mut self, mut dependency: DependencyRecord, run: usize) {
        self.current.named.insert(dependency.from.class);
        self.current.named.insert(dependency.to.class);
        for lock in [&dependency.from, &dependency.to] {
            match self.last_instance.insert(lock.class, (run, lock.instance)) {
                Some((known_run, instance)) if known_run == run && instance != lock.instance => {
                    self.several.insert(lock.class);
                }
                _ => {}
            }
        }
        for classes in [&mut dependency.gates, &mut dependency.guards] {
            classes.sort_unstable();
            classes.dedup();
        }
        let kind = Kind::new(dependency.from.mode, dependency.to.mode, dependency.to.wait);
        let key = DependencyKey {
            from: dependency.from.class,
            to: dependency.to.class,
            kind: kind.index(),
            gates: dependency.gates.clone(),
            guards: dependency.guards.clone(),
        };
        let places = (dependency.from.site.clone(), dependency.to.site.clone());
        let thread = (run, dependency.thread.clone());
        // The surest sighting stands for all: one that others could meet, then a direct one.
        let rank = |seen: &DependencyRecord| (!seen.unpublished, seen.direct);
        let this = dependency.clone();
        let seen = self.dependencies.entry(key).or_insert_with(|| JoinedDependency {
            first: dependency,
            run,
            n_runs: 0,
            last_run: usize::MAX,
            places: Vec::new(),
            threads: Vec::new(),
        });
        if rank(&this) > rank(&seen.first) {
            (seen.first, seen.run) = (this, run);
        }
        if seen.last_run != run {
            seen.last_run = run;
            seen.n_runs += 1;
        }
        if seen.places.len() < MAX_REMEMBERED && !seen.places.contains(&places) {
            seen.places.push(places);
        }
        if seen.threads.len() < MAX_REMEMBERED && !seen.threads.contains(&thread) {
            seen.threads.push(thread);
        }
    }

    fn report(&mut self, report: Report, run: usize) {
        let identity = report.identity();
        match self.reports.get_mut(&identity) {
            None => {
                let others = Vec::new();
                self.reports.insert(identity, JoinedReport { report, others, runs: vec![run] });
            }
            Some(known) => {
                let n_shared =
                    |report: &Report| report.cycle.iter().filter(|step| step.shared.is_some()).count();
                let rank = |report: &Report| (report.rank(), n_shared(report));
                let is_of_one_class = report.code == Code::SameClassOrder;
                let other = if rank(&report) > rank(&known.report) {
                    Some(std::mem::replace(&mut known.report, report))
                } else {
                    Some(report)
                };
                let other = other.filter(|other| is_of_one_class && other.rank() == known.report.rank());
                known.others.extend(other.filter(|_| known.others.len() < MAX_REMEMBERED));
                if !known.runs.contains(&run) {
                    known.runs.push(run);
                }
            }
        }
    }

    fn stat(&mut self, stat: StatRecord) {
        let key = (stat.class, stat.site.clone(), stat.mode.as_str());
        match self.stats.get_mut(&key) {
            None => {
                self.stats.insert(key, stat);
            }
            Some(known) => {
                known.n_acquisitions = known.n_acquisitions.saturating_add(stat.n_acquisitions);
                known.n_contentions = known.n_contentions.saturating_add(stat.n_contentions);
                known.wait.merge(&stat.wait);
                known.hold.merge(&stat.hold);
            }
        }
    }

    fn ended(&mut self, end: &EndRecord) {
        let sum = &mut self.end.counters;
        // A record may claim any number.
        sum.chains = sum.chains.saturating_add(end.counters.chains);
        sum.dropped = sum.dropped.saturating_add(end.counters.dropped);
        sum.unseen = sum.unseen.saturating_add(end.counters.unseen);
        self.end.n_reports = self.end.n_reports.saturating_add(end.n_reports);
        self.end.n_denied = self.end.n_denied.saturating_add(end.n_denied);
        for (reason, count) in &end.unseen {
            match self.end.unseen.iter_mut().find(|(known, _)| known == reason) {
                Some((_, sum)) => *sum = sum.saturating_add(*count),
                None => self.end.unseen.push((reason.clone(), *count)),
            }
        }
    }

    /// How much was looked at in all runs together.
    pub(crate) fn counters(&self) -> Counters {
        let direct = self.dependencies.iter().filter(|(_, seen)| seen.first.direct);
        let pairs: FxHashSet<(ClassHash, ClassHash)> = direct.map(|(key, _)| (key.from, key.to)).collect();
        let mut counters = self.end.counters;
        counters.classes = self.classes.len() as u64;
        counters.dependencies = pairs.len() as u64;
        counters
    }

    /// What people call the run.
    pub(crate) fn run_label(&self, run: usize) -> String {
        self.runs.get(run).map_or_else(String::new, |known| {
            if known.program.is_empty() {
                printable::line(&self.paths[run].file_name().unwrap_or_default().to_string_lossy())
                    .into_owned()
            } else {
                known.label()
            }
        })
    }

    /// Gives every class that is named but not described a description of its own.
    pub(super) fn complete(&mut self) {
        for hash in self.dependencies.keys().flat_map(|key| [key.from, key.to]) {
            self.classes.entry(hash).or_insert_with(|| undescribed(hash));
        }
    }

    /// Where relative source paths may start, most recent run first, each once.
    pub(crate) fn source_roots(&self) -> Vec<PathBuf> {
        let mut roots: Vec<PathBuf> = Vec::new();
        for run in &self.runs {
            for root in [&run.source_root, &run.directory] {
                if !root.is_empty() && !roots.iter().any(|known| known.as_os_str() == root.as_str()) {
                    roots.push(root.into());
                }
            }
        }
        roots
    }
}

/// A class of which only the hash is known.
fn undescribed(hash: ClassHash) -> ClassRecord {
    ClassRecord {
        hash,
        name: None,
        kind: format!("class {hash}"),
        type_name: String::new(),
        file: String::new(),
        site: Place::default(),
        subclass: 0,
        declared: false,
        single_instance: false,
        wait_outer: String::new(),
        wait_inner: String::new(),
        ordered: true,
    }
}
