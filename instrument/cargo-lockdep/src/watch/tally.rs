//! What a run saw, counted: each report once, at its highest level.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use lockdep_report::model::Report;
use lockdep_report::record::{EndRecord, Record};
use lockdep_validator::Level;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::count::counted;
use crate::findings::group;

/// How many reasons for events that were not looked at the end of a run names.
const MAX_REASONS: usize = 8;

/// What a whole run saw.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) n_processes: usize,
    pub(super) n_unreadable: usize,
    /// How many hang reports were made.
    pub(super) n_hangs: usize,
    /// Whether the run was cut short.
    pub(super) has_timed_out: bool,
    classes: FxHashSet<u64>,
    dependencies: FxHashSet<(u64, u64)>,
    /// By [`Report::identity`].
    reports: FxHashMap<String, KnownReport>,
    /// How many threads the processes had that ended in good order.
    n_threads: u64,
    n_dropped: u64,
    n_unseen: u64,
    /// Why events were not looked at, and how many each.
    unseen: BTreeMap<String, u64>,
}

/// A report at the highest level that it was made at.
#[derive(Debug, Default)]
struct KnownReport {
    rank: u8,
    is_denied: bool,
    /// The classes of a cycle, by hash.
    classes: Vec<String>,
    /// Whether these tie it to other reports.
    ties: bool,
    /// The classes that it is about, by hash, whether or not they form a cycle.
    about: Vec<String>,
    /// Whether no single locks close the cycle so far.
    is_open: bool,
    /// Whether one of its stacks may be that of another path.
    is_inexact: bool,
    /// Its title, for the line that says what settling its level found.
    title: String,
    code: String,
}

/// What a report adds to those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// Nothing.
    Known,
    /// It is new, or its level rose.
    New,
    /// Its stacks are those of the acquisitions shown, which were not known before.
    Exact,
}

impl Tally {
    /// Notes a report.
    pub(super) fn take(&mut self, report: &Report, is_denied: bool) -> Taken {
        let rank = report.rank();
        let known = self.reports.entry(report.identity());
        let is_first = matches!(known, std::collections::hash_map::Entry::Vacant(_));
        let known = known.or_default();
        let becomes_exact = known.is_inexact && rank == known.rank && !is_inexact(report);
        if !is_first && rank <= known.rank && !becomes_exact {
            return Taken::Known;
        }
        known.rank = rank;
        known.is_denied |= is_denied;
        known.title.clone_from(&report.title);
        known.code = report.code.to_string();
        known.is_open = is_open(report);
        known.is_inexact = is_inexact(report);
        known.about = about(report);
        known.classes = report.cycle.iter().map(|step| step.from_hash.clone()).collect();
        known.ties = report.is_class_cycle();
        if becomes_exact { Taken::Exact } else { Taken::New }
    }

    pub(super) fn count(&mut self, record: &Record) {
        match record {
            Record::Class(class) => {
                self.classes.insert(class.hash.0);
            }
            // Those that locks in between connect follow from the others.
            Record::Dependency(dependency) if dependency.direct => {
                self.dependencies.insert((dependency.from.class.0, dependency.to.class.0));
            }
            Record::End(end) => self.end(end),
            _ => {}
        }
    }

    fn end(&mut self, end: &EndRecord) {
        // A record may claim any number.
        self.n_threads = self.n_threads.saturating_add(end.n_threads);
        self.n_dropped = self.n_dropped.saturating_add(end.counters.dropped);
        self.n_unseen = self.n_unseen.saturating_add(end.counters.unseen);
        for (reason, count) in &end.unseen {
            let sum = self.unseen.entry(reason.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// Why events were dropped or not looked at, a sentence each, most frequent first.
    pub(super) fn losses(&self) -> Vec<String> {
        let mut reasons: Vec<(&String, &u64)> = self.unseen.iter().collect();
        reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), (*reason).clone()));
        reasons
            .iter()
            .take(MAX_REASONS)
            .map(|(reason, count)| format!("not looked at: {count} {reason}"))
            .collect()
    }

    pub(super) fn n_reports(&self) -> usize {
        self.reports.len()
    }

    pub(super) fn n_dependencies(&self) -> usize {
        self.dependencies.len()
    }

    /// The code of a report that no other outranks: denied ones first, then by level.
    pub(super) fn foremost_code(&self) -> Option<&str> {
        let foremost = self
            .reports
            .values()
            .max_by_key(|known| (known.is_denied, known.rank, std::cmp::Reverse(&known.code)))?;
        Some(&foremost.code)
    }

    /// How many groups the reports are: those about the same classes are one, the others stand
    /// alone.
    pub(super) fn n_groups(&self) -> usize {
        let mut keys: Vec<(Vec<&str>, bool)> = Vec::new();
        for known in self.reports.values() {
            let classes = if known.ties { known.classes.as_slice() } else { &[] };
            keys.push((classes.iter().map(String::as_str).collect(), known.is_denied));
        }
        group::numbers(&keys).into_iter().max().map_or(0, |last| last + 1)
    }

    pub(super) fn n_denied(&self) -> usize {
        self.reports.values().filter(|known| known.is_denied).count()
    }

    /// The classes, by hash, whose locks a second run should distinguish from the start.
    pub(super) fn suspects(&self) -> BTreeSet<&str> {
        let unsettled = self.reports.values().filter(|known| known.is_open || known.is_inexact);
        unsettled.flat_map(|known| &known.about).map(String::as_str).collect()
    }

    /// How many reports show a stack that may be that of another path.
    pub(super) fn n_inexact(&self) -> usize {
        self.reports.values().filter(|known| known.is_inexact).count()
    }

    /// Adds what a second run saw, for which the suspects of this one were distinguished from the
    /// start. Returns a sentence for each report that was open, on what became of it.
    pub(super) fn settle(&mut self, second: Self) -> Vec<String> {
        let mut sentences = Vec::new();
        let fingerprint_of = |identity: &str| identity.split('/').next().unwrap_or(identity).to_owned();
        let inexact = self.reports.iter().filter(|(_, known)| known.is_inexact && !known.is_open);
        for (identity, known) in inexact {
            let became = match second.reports.get(identity) {
                Some(again) if !again.is_inexact => "shows the acquisitions themselves now",
                Some(_) => "still has a stack that may be that of another path",
                None => "was not seen again, so its stacks stay as they were",
            };
            sentences.push(format!("settled: {} {became} ({})", fingerprint_of(identity), known.title));
        }
        for (identity, known) in self.reports.iter().filter(|(_, known)| known.is_open) {
            let became = match second.reports.get(identity) {
                Some(again) if !again.is_open && again.rank > known.rank => {
                    format!("is an {} now: the locks themselves close the cycle", name_of(again.rank))
                }
                Some(again) if !again.is_open => {
                    format!("stays a {}, for the reason that its report gives", name_of(again.rank))
                }
                Some(again) => format!(
                    "stays a {}: every order of these locks was looked at, and no locks closed the cycle",
                    name_of(again.rank)
                ),
                None => "was not seen again, so its level stays as it was".to_owned(),
            };
            sentences.push(format!("settled: {} {became} ({})", fingerprint_of(identity), known.title));
        }
        sentences.sort();
        self.n_processes += second.n_processes;
        self.n_hangs += second.n_hangs;
        self.n_unreadable += second.n_unreadable;
        self.n_threads = self.n_threads.saturating_add(second.n_threads);
        self.n_dropped = self.n_dropped.saturating_add(second.n_dropped);
        self.n_unseen = self.n_unseen.saturating_add(second.n_unseen);
        for (reason, count) in second.unseen {
            let sum = self.unseen.entry(reason).or_default();
            *sum = sum.saturating_add(count);
        }
        self.classes.extend(second.classes);
        self.dependencies.extend(second.dependencies);
        for (identity, again) in second.reports {
            let known = self.reports.entry(identity).or_default();
            let is_denied = known.is_denied | again.is_denied;
            if again.rank > known.rank || again.rank == known.rank && (known.is_inexact || !again.is_inexact)
            {
                *known = again;
            }
            known.is_denied = is_denied;
        }
        sentences
    }

    /// Whether the other run has told this report already.
    pub(super) fn has(&self, report: &Report) -> bool {
        self.reports.get(&report.identity()).is_some_and(|known| {
            known.rank > report.rank()
                || known.rank == report.rank() && (!known.is_inexact || is_inexact(report))
        })
    }
}

/// Whether only classes close the cycle so far: the locks may do so when more of their orders are
/// known.
fn is_open(report: &Report) -> bool {
    let evidence = &report.evidence;
    report.level == Level::Warning
        && !report.cycle.is_empty()
        && !evidence.same_instances
        && !evidence.declared
}

/// Whether one of its stacks may be that of another path to the same place. Without any stack at
/// all they were not wanted.
fn is_inexact(report: &Report) -> bool {
    let of_cycle = report.cycle.iter().flat_map(|step| [&step.frames_held, &step.frames_acquire]);
    let of_cycle = of_cycle.map(|frames| (frames.exact, !frames.is_empty()));
    let locks = report.subject.iter().chain(&report.conflict);
    let stacks: Vec<(bool, bool)> =
        of_cycle.chain(locks.map(|lock| (lock.exact, !lock.frames.is_empty()))).collect();
    stacks.iter().any(|(exact, _)| !exact) && stacks.iter().any(|(_, has_frames)| *has_frames)
}

/// The classes that a report is about: those of its cycle, or of the locks that it points at.
fn about(report: &Report) -> Vec<String> {
    let of_cycle = report.cycle.iter().map(|step| step.from_hash.clone());
    let alone = report.subject.iter().chain(&report.conflict).map(|lock| lock.hash.clone());
    if report.cycle.is_empty() { alone.collect() } else { of_cycle.collect() }
}

fn name_of(rank: u8) -> &'static str {
    ["note", "warning", "error"][usize::from(rank.min(2))]
}

impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_level = |wanted| self.reports.values().filter(|known| known.rank == wanted).count();
        if self.reports.is_empty() {
            let hangs = counted(self.n_hangs, "hang report", "hang reports");
            match (self.n_hangs, self.has_timed_out) {
                (0, true) => f.write_str("ended by --timeout without a report")?,
                (0, false) => f.write_str("nothing to report")?,
                (_, true) => write!(f, "ended by --timeout: {hangs}, and no other report")?,
                (_, false) => write!(f, "{hangs}, and no other report")?,
            }
        } else {
            let counts: Vec<_> = [(2, "error", "errors"), (1, "warning", "warnings"), (0, "note", "notes")]
                .into_iter()
                .map(|(rank, one, many)| (of_level(rank), one, many))
                .filter(|(n, ..)| *n > 0)
                .map(|(n, one, many)| counted(n, one, many))
                .collect();
            f.write_str(&counts.join(", "))?;
            let n_groups = self.n_groups();
            if n_groups < self.reports.len() {
                write!(f, " in {}", counted(n_groups, "group", "groups"))?;
            }
            write!(f, " ({} denied)", self.n_denied())?;
        }
        if self.n_hangs > 0 && !self.reports.is_empty() {
            write!(f, "; {}", counted(self.n_hangs, "hang report", "hang reports"))?;
        }
        write!(
            f,
            "; {}, {} in {}",
            counted(self.classes.len(), "lock class", "lock classes"),
            counted(self.dependencies.len(), "dependency", "dependencies"),
            counted(self.n_processes, "process", "processes"),
        )?;
        if self.n_threads > 0 {
            write!(f, " with {}", counted(self.n_threads, "thread", "threads"))?;
        }
        if self.n_dropped > 0 {
            write!(f, "; {} dropped", self.n_dropped)?;
        }
        if self.n_unseen > 0 {
            write!(f, "; {} unseen", self.n_unseen)?;
        }
        if self.n_unreadable > 0 {
            write!(f, "; {} record lines could not be read", self.n_unreadable)?;
        }
        Ok(())
    }
}
