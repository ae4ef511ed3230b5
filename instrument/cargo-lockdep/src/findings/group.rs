//! Reports that belong together: cycles through the same classes.
//!
//! Seven classes that are taken in every order close dozens of cycles, which are one problem to the
//! person who fixes it. Each report stays one, with its fingerprint and its judgement; only what is
//! shown is printed once in full.

use std::hash::Hash;
use std::mem::discriminant;

use lockdep_report::model::Report;
use petgraph::unionfind::UnionFind;
use rustc_hash::{FxHashMap, FxHashSet};

use super::finding::{Finding, Membership};

/// The classes of a report by which it belongs to others, by hash: those of a cycle. A report
/// without any stands alone.
pub(crate) fn classes(report: &Report) -> Vec<&str> {
    let cycle = if report.is_class_cycle() { report.cycle.as_slice() } else { &[] };
    cycle.iter().map(|step| step.from_hash.as_str()).collect()
}

/// The number of its group for each report, given as its [`classes`] and what it means for the run:
/// what fails a run must not hide behind what does not.
///
/// Every dependency of a cycle lies on that cycle, so classes that are connected by reported
/// dependencies in any way are strongly connected.
pub(crate) fn numbers<M: Eq + Hash>(reports: &[(Vec<&str>, M)]) -> Vec<usize> {
    let mut index: FxHashMap<&str, usize> = FxHashMap::default();
    for class in reports.iter().flat_map(|(classes, _)| classes) {
        let next = index.len();
        index.entry(class).or_insert(next);
    }
    let mut union: UnionFind<usize> = UnionFind::new(index.len());
    for pair in reports.iter().flat_map(|(classes, _)| classes.windows(2)) {
        union.union(index[pair[0]], index[pair[1]]);
    }
    let mut groups: FxHashMap<(usize, &M), usize> = FxHashMap::default();
    let mut n_groups = 0;
    let mut new_group = || {
        n_groups += 1;
        n_groups - 1
    };
    reports
        .iter()
        .map(|(classes, meaning)| match classes.first() {
            Some(class) => *groups.entry((union.find(index[class]), meaning)).or_insert_with(&mut new_group),
            None => new_group(),
        })
        .collect()
}

/// Marks each cycle with the report that stands for its group, where the group has several.
/// `reports` are sorted, surest first.
pub(crate) fn mark(reports: &mut [Finding]) {
    let keys: Vec<_> =
        reports.iter().map(|one| (classes(&one.report), discriminant(&one.judgement))).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, group) in numbers(&keys).into_iter().enumerate() {
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(number);
    }
    for members in groups.into_iter().filter(|members| members.len() > 1) {
        let level = reports[members[0]].report.level;
        // Of the surest the shortest: its repair is the easiest to see.
        let surest = members.iter().filter(|&&number| reports[number].report.level == level);
        let head =
            surest.min_by_key(|&&number| reports[number].report.cycle.len()).copied().unwrap_or(members[0]);
        let fingerprint = reports[head].report.fingerprint.clone();
        for &number in &members {
            let is_head = number == head;
            reports[number].group = Some(Membership { head, is_head, fingerprint: fingerprint.clone() });
        }
    }
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
    let is_head = |one: &&Finding| one.group.as_ref().is_none_or(|group| group.is_head);
    let group = |head| Group { head, folded: members(reports, head) };
    let mut groups: Vec<Group<'_>> = reports.iter().filter(is_head).map(group).collect();
    // The shortest need not have been the first.
    groups.sort_by_key(|group| std::cmp::Reverse(group.head.report.rank()));
    groups
}

fn members<'a>(reports: &'a [Finding], head: &Finding) -> Vec<&'a Finding> {
    let number = |one: &Finding| one.group.as_ref().map(|group| group.head);
    let is_member = |one: &&Finding| {
        one.group.as_ref().is_some_and(|group| !group.is_head) && number(one) == number(head)
    };
    let mut members: Vec<&Finding> = reports.iter().filter(is_member).collect();
    members.sort_by_key(|one| (std::cmp::Reverse(one.report.rank()), one.report.cycle.len()));
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::policy::Judgement;

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
        let groups: Vec<_> =
            reports.iter().map(|one| one.group.as_ref().map(|group| group.fingerprint.as_str())).collect();
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
