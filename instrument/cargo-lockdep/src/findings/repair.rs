//! The least work after which no reported cycle is left: a feedback set over the reported
//! dependencies, weighted by paths.

use lockdep_report::model::Report;
use lockdep_validator::{Code, Level};
use rustc_hash::FxHashMap;
use serde::Serialize;

/// How many cycles are looked at in the search for the smallest repair before it settles for the
/// best so far.
const MAX_WORK: usize = 4_000_000;

/// One change of the smallest repair.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Change {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) held_site: String,
    pub(crate) acquire_site: String,
    /// How many distinct paths take them in this order: each has to be changed.
    pub(crate) n_paths: u64,
}

/// Changes without which no reported cycle is left.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Repair {
    pub(crate) changes: Vec<Change>,
    /// Whether no cheaper set does; false if there were too many to try.
    pub(crate) is_smallest: bool,
}

/// The smallest set of dependencies without which no reported cycle is left, weighted by the paths
/// to change.
pub(crate) fn smallest_repair<'a>(reports: impl Iterator<Item = &'a Report>) -> Repair {
    let mut edges: Vec<Change> = Vec::new();
    let mut index: FxHashMap<(String, String), usize> = FxHashMap::default();
    let mut cycles: Vec<Vec<usize>> = Vec::new();
    for report in
        reports.filter(|report| report.code == Code::CircularDependency && report.level != Level::Note)
    {
        let cycle = report.cycle.iter().map(|step| {
            let edge = *index.entry((step.from_hash.clone(), step.to_hash.clone())).or_insert_with(|| {
                edges.push(Change {
                    from: step.from.clone(),
                    to: step.to.clone(),
                    held_site: step.held_site.to_string(),
                    acquire_site: step.acquire_site.to_string(),
                    n_paths: 0,
                });
                edges.len() - 1
            });
            edges[edge].n_paths = edges[edge].n_paths.max(step.count.max(1));
            edge
        });
        cycles.push(cycle.collect());
    }
    // The shortest leave the fewest choices.
    cycles.sort_by_key(Vec::len);
    let max_tries = MAX_WORK / cycles.len().max(1);
    let is_chosen = vec![false; edges.len()];
    let mut search = Search { edges: &edges, cycles: &cycles, is_chosen, best: None, n_tries: 0, max_tries };
    search.run(0, 0);
    let is_smallest = search.n_tries <= max_tries;
    let chosen = search.best.map_or_else(Vec::new, |(_, chosen)| chosen);
    let changes =
        edges.iter().zip(&chosen).filter(|(_, is_chosen)| **is_chosen).map(|(edge, _)| edge.clone());
    Repair { changes: changes.collect(), is_smallest }
}

/// Branch and bound over the cycles: each must lose one of its dependencies.
struct Search<'a> {
    edges: &'a [Change],
    cycles: &'a [Vec<usize>],
    is_chosen: Vec<bool>,
    best: Option<(u64, Vec<bool>)>,
    n_tries: usize,
    max_tries: usize,
}

impl Search<'_> {
    /// Goes on from the cycle `first`; those before it are broken already.
    fn run(&mut self, first: usize, cost: u64) {
        self.n_tries += 1;
        // The first way down always ends with a repair; only others are given up.
        let is_late = self.best.is_some() && self.n_tries > self.max_tries;
        if is_late || self.best.as_ref().is_some_and(|(best, _)| *best <= cost) {
            return;
        }
        let is_open = |cycle: &Vec<usize>| !cycle.iter().any(|&edge| self.is_chosen[edge]);
        let Some(next) = self.cycles[first..].iter().position(is_open).map(|offset| first + offset) else {
            self.best = Some((cost, self.is_chosen.clone()));
            return;
        };
        // The cheapest first, so that a good bound is there early; of those, what breaks most of
        // what is open.
        let n_broken = |edge: usize| {
            self.cycles[next..].iter().filter(|cycle| is_open(cycle) && cycle.contains(&edge)).count()
        };
        let mut choices = self.cycles[next].clone();
        // Of equals the newest, which is last in a cycle: the report itself advises to change that
        // one.
        choices.reverse();
        choices.sort_by_cached_key(|&edge| (self.edges[edge].n_paths, std::cmp::Reverse(n_broken(edge))));
        for edge in choices {
            self.is_chosen[edge] = true;
            self.run(next + 1, cost + self.edges[edge].n_paths);
            self.is_chosen[edge] = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_repair_breaks_every_cycle_at_the_least_cost() {
        let report = |edges: &[(&str, &str, u64)]| {
            let mut report = crate::records::fixture::inversion_report();
            let template = report.cycle[0].clone();
            report.cycle = edges
                .iter()
                .map(|(from, to, count)| {
                    let mut step = template.clone();
                    (step.from, step.to, step.count) = ((*from).into(), (*to).into(), *count);
                    (step.from_hash, step.to_hash) = ((*from).into(), (*to).into());
                    step
                })
                .collect();
            report
        };
        // B -> A is in both cycles, but costs more than the two others together.
        let shared =
            [report(&[("a", "b", 1), ("b", "a", 9)]), report(&[("b", "a", 9), ("a", "c", 2), ("c", "b", 5)])];
        let chosen = |reports: &[Report]| -> Vec<String> {
            let repair = smallest_repair(reports.iter());
            assert!(repair.is_smallest);
            repair.changes.iter().map(|change| format!("{}{}", change.from, change.to)).collect()
        };
        assert_eq!(chosen(&shared), ["ab", "ac"]);
        let cheap =
            [report(&[("a", "b", 4), ("b", "a", 5)]), report(&[("b", "a", 5), ("a", "c", 2), ("c", "b", 5)])];
        assert_eq!(chosen(&cheap), ["ba"], "one change for both");
        assert_eq!(chosen(&[report(&[("a", "b", 2), ("b", "a", 2)])]), ["ba"], "as the report advises");
        assert_eq!(smallest_repair(std::iter::empty()), Repair { changes: Vec::new(), is_smallest: true });
        // Every order of five classes, as pairs and as rings of three: one order of them is left.
        let names = ["a", "b", "c", "d", "e"];
        let mut all = Vec::new();
        for x in names {
            for y in names.into_iter().filter(|&y| x != y) {
                all.push(report(&[(x, y, 1), (y, x, 1)]));
                all.extend(
                    names
                        .into_iter()
                        .filter(|&z| z != x && z != y)
                        .map(|z| report(&[(x, y, 1), (y, z, 1), (z, x, 1)])),
                );
            }
        }
        let left = chosen(&all);
        assert_eq!(left.len(), 10, "{left:?}");
        let is_broken =
            |one: &Report| one.cycle.iter().any(|step| left.contains(&format!("{}{}", step.from, step.to)));
        assert!(all.iter().all(is_broken), "{left:?}");
    }
}
