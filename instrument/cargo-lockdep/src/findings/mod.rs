//! What was found: reports with what their sources show, judged, grouped; and what the runs
//! together say besides.
//!
//! A report takes one way from its record to people, [`enrich`]; [`Findings`] is everything that a
//! renderer gets.

pub(crate) mod contention;
pub(crate) mod coverage;
mod finding;
pub(crate) mod group;
mod hint;
pub(crate) mod observed_order;
mod ownership;
pub(crate) mod policy;
pub(crate) mod repair;
mod statics;

use std::cmp::Reverse;
use std::path::PathBuf;

use lockdep_report::model::Report;
use lockdep_validator::Level;

use crate::count::counted;
use crate::error::Result;
use crate::excerpts::Excerpts;
use crate::records::{self, JoinedReport, Union};
use crate::source::{Places, Sources};

use coverage::Coverage;
use group::Group;
use policy::{CommandPolicy, Day, Judgement};
use repair::Repair;

pub(crate) use finding::Finding;

/// Everything that was found.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    pub(crate) union: &'a Union,
    pub(crate) sources: &'a Sources,
    /// Surest first.
    pub(crate) reports: Vec<Finding>,
    pub(crate) repair: Repair,
    pub(crate) coverage: Coverage,
    /// Whether reports about the same classes are each shown in full.
    pub(crate) shows_all: bool,
}

/// Reads the records and looks at all of them together; their sources say which locks are the same
/// in every run.
///
/// # Errors
///
/// If there is no record below `paths`.
pub(crate) fn read(paths: &[PathBuf], places: Places) -> Result<(Union, Sources)> {
    let mut union = records::read(paths)?;
    let sources = Sources::of(places, union.source_roots()).with_excerpts(Excerpts::beside(&union.paths));
    records::recheck(&mut union, &|class| statics::is_static(class, &sources));
    Ok((union, sources))
}

/// The one way of a report from its record to people: lowered by what its source says of its locks,
/// advised, judged.
pub(crate) fn enrich(
    mut report: Report,
    sources: &Sources,
    policy: &mut CommandPolicy,
    today: Day,
) -> Finding {
    ownership::lower(&mut report, sources);
    hint::add(&mut report, sources);
    let judgement = policy.judge(&report, today);
    Finding { report, runs: Vec::new(), judgement, group: None }
}

/// Every report of the records, [enriched](enrich), surest first.
pub(crate) fn of_union(
    union: &Union,
    sources: &Sources,
    policy: &mut CommandPolicy,
    today: Day,
) -> Vec<Finding> {
    let finding = |joined: &JoinedReport| {
        let runs = joined.runs.iter().map(|&run| union.run_label(run)).collect();
        let mut best = enrich(joined.report.clone(), sources, policy, today);
        // The surest of those that the source does not explain.
        for other in &joined.others {
            let other = enrich(other.clone(), sources, policy, today);
            if other.report.rank() > best.report.rank() {
                best = other;
            }
        }
        Finding { runs, ..best }
    };
    let mut findings: Vec<Finding> = union.reports.values().map(finding).collect();
    findings.sort_by_key(|one| {
        let report = &one.report;
        let is_out_of_reach = report.evidence.is_out_of_reach();
        (Reverse(report.rank()), is_out_of_reach, report.code.clone(), report.fingerprint.clone())
    });
    findings
}

impl<'a> Findings<'a> {
    /// Everything that these records show.
    pub(crate) fn gather(
        union: &'a Union,
        sources: &'a Sources,
        policy: &mut CommandPolicy,
        today: Day,
        shows_all: bool,
    ) -> Self {
        let mut reports = of_union(union, sources, policy, today);
        group::mark(&mut reports);
        let repair = repair::smallest_repair(reports.iter().map(|found| &found.report));
        let coverage = coverage::measure(union, sources);
        Self { union, sources, reports, repair, coverage, shows_all }
    }

    /// The reports as they are shown to people.
    pub(crate) fn groups(&self) -> Vec<Group<'_>> {
        if self.shows_all {
            self.reports.iter().map(|head| Group { head, folded: Vec::new() }).collect()
        } else {
            group::folded(&self.reports)
        }
    }

    /// What was found, in one line.
    pub(crate) fn summary(&self) -> String {
        let count = |level| self.reports.iter().filter(|found| found.report.level == level).count();
        let n_excepted =
            self.reports.iter().filter(|found| matches!(found.judgement, Judgement::Excepted(_))).count();
        let n_joined = self.reports.iter().filter(|found| found.runs.is_empty()).count();
        let counters = self.union.counters();
        let n_groups = group::folded(&self.reports).len();
        let groups = if n_groups == self.reports.len() {
            String::new()
        } else {
            format!(" in {}", counted(n_groups, "group", "groups"))
        };
        let found = [(Level::Error, "errors"), (Level::Warning, "warnings"), (Level::Note, "notes")]
            .map(|(level, many)| counted(count(level), level.as_str(), many));
        format!(
            "{}, {}, {}: {}{groups} ({n_joined} seen only by joining, {n_excepted} excepted); {}, {} never acquired, {} dropped, {} unseen",
            counted(self.union.runs.len(), "process", "processes"),
            counted(counters.classes, "class", "classes"),
            counted(counters.dependencies, "dependency", "dependencies"),
            found.join(", "),
            counted(self.coverage.leaves.len(), "leaf class", "leaf classes"),
            counted(self.coverage.never_ran.len(), "lock", "locks"),
            counters.dropped,
            counters.unseen,
        )
    }
}
