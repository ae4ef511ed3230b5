//! Reports that belong together: cycles through the same classes.
//!
//! Seven classes that are taken in every order close dozens of cycles, which are one problem to whoever mends it. Each report
//! stays one, with its fingerprint and its judgement; only what is shown is told once in full.

use std::mem::{Discriminant, discriminant};

use lockdep_validator::report::model::Report;
use petgraph::unionfind::UnionFind;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::render::Finding;
use crate::suppress::Judgement;

/// The component of the classes, and what the report means for the run.
type Key = (usize, Discriminant<Judgement>);

/// Marks each cycle with the fingerprint of the first report of its group, where the group has several. `reports` are sorted,
/// surest first.
///
/// Every dependency of a cycle lies on that cycle, so classes that are connected by reported dependencies in any way are
/// strongly connected.
pub(crate) fn mark(reports: &mut [Finding]) {
    let mut index: FxHashMap<String, usize> = FxHashMap::default();
    for step in reports.iter().filter(|one| is_cycle(&one.report)).flat_map(|one| &one.report.cycle) {
        let next = index.len();
        index.entry(step.from_hash.clone()).or_insert(next);
    }
    let mut classes: UnionFind<usize> = UnionFind::new(index.len());
    for one in reports.iter().filter(|one| is_cycle(&one.report)) {
        for pair in one.report.cycle.windows(2) {
            classes.union(index[&pair[0].from_hash], index[&pair[1].from_hash]);
        }
    }
    // What fails the run must not hide behind what does not.
    let mut groups: Vec<(Key, Vec<usize>)> = Vec::new();
    for (number, one) in reports.iter().enumerate().filter(|(_, one)| is_cycle(&one.report)) {
        let key = (classes.find(index[&one.report.cycle[0].from_hash]), discriminant(&one.judgement));
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(number),
            None => groups.push((key, vec![number])),
        }
    }
    for (_, members) in groups.into_iter().filter(|(_, members)| members.len() > 1) {
        let level = &reports[members[0]].report.level;
        // Of the surest the shortest: its repair is the easiest to see.
        let surest = members.iter().filter(|&&number| reports[number].report.level == *level);
        let head =
            surest.min_by_key(|&&number| reports[number].report.cycle.len()).copied().unwrap_or(members[0]);
        let fingerprint = reports[head].report.fingerprint.clone();
        members.iter().for_each(|&number| reports[number].group = Some(fingerprint.clone()));
    }
}

fn is_cycle(report: &Report) -> bool {
    report.code == "LD0003" && report.cycle.len() > 1
}

/// A report that is shown in full, and those that are folded under it.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) head: &'a Finding,
    pub(crate) folded: Vec<&'a Finding>,
}

impl Group<'_> {
    /// How many classes the reports tie together.
    pub(crate) fn n_classes(&self) -> usize {
        let all = self.folded.iter().copied().chain([self.head]);
        all.flat_map(|one| &one.report.cycle).map(|step| &step.from_hash).collect::<FxHashSet<_>>().len()
    }

    /// What the folded reports are, in one sentence; empty if there are none.
    pub(crate) fn sentence(&self) -> String {
        match self.folded.len() {
            0 => String::new(),
            1 => format!("1 more report is about the same {} classes", self.n_classes()),
            n => format!("{n} more reports are about the same {} classes", self.n_classes()),
        }
    }
}

/// The reports as they are shown: groups in the place of their heads, everything else alone.
pub(crate) fn folded(reports: &[Finding]) -> Vec<Group<'_>> {
    let is_head = |one: &&Finding| one.group.as_ref().is_none_or(|group| *group == one.report.fingerprint);
    let group = |head| Group { head, folded: members(reports, head) };
    let mut groups: Vec<Group<'_>> = reports.iter().filter(is_head).map(group).collect();
    // The shortest need not have been the first.
    groups.sort_by_key(|group| std::cmp::Reverse(group.head.report.rank()));
    groups
}

fn members<'a>(reports: &'a [Finding], head: &Finding) -> Vec<&'a Finding> {
    let is_member = |one: &&Finding| {
        one.group.is_some() && one.group == head.group && one.report.fingerprint != head.report.fingerprint
    };
    let mut members: Vec<&Finding> = reports.iter().filter(is_member).collect();
    members.sort_by_key(|one| (std::cmp::Reverse(one.report.rank()), one.report.cycle.len()));
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(fingerprint: &str, classes: &[&str], judgement: Judgement) -> Finding {
        let mut report = crate::records::fixture::inversion_report();
        report.fingerprint = fingerprint.into();
        let template = report.cycle[0].clone();
        report.cycle = classes
            .iter()
            .zip(classes.iter().cycle().skip(1))
            .map(|(from, to)| {
                let mut step = template.clone();
                (step.from_hash, step.to_hash) = ((*from).into(), (*to).into());
                step
            })
            .collect();
        Finding { report, runs: Vec::new(), judgement, group: None }
    }

    #[test]
    fn cycles_through_the_same_classes_are_one_group_and_nothing_is_lost() {
        let excepted = || Judgement::Excepted("known".into());
        let mut reports = [
            finding("1", &["a", "b", "c"], Judgement::Denied),
            finding("2", &["a", "b"], Judgement::Denied),
            finding("3", &["x", "y"], Judgement::Denied),
            finding("4", &["c", "d"], Judgement::Denied),
            finding("5", &["a", "d"], excepted()),
        ];
        mark(&mut reports);
        let groups: Vec<_> = reports.iter().map(|one| one.group.as_deref()).collect();
        assert_eq!(
            groups,
            [Some("2"), Some("2"), None, Some("2"), None],
            "an excepted one is not mixed with denied ones"
        );
        let folded = folded(&reports);
        let shown: Vec<(&str, Vec<&str>)> = folded
            .iter()
            .map(|group| {
                let name = |one: &Finding| one.report.fingerprint.clone().leak() as &str;
                (name(group.head), group.folded.iter().map(|one| name(one)).collect())
            })
            .collect();
        assert_eq!(shown, [("2", vec!["4", "1"]), ("3", vec![]), ("5", vec![])]);
        assert_eq!(folded[0].sentence(), "2 more reports are about the same 4 classes");
    }
}
