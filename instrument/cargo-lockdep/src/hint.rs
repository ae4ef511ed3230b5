//! Advice that needs the source or all reports together.
//!
//! Two thirds of the repairs of double locks in Rust shorten the life of a guard (Qin et al., PLDI 2020), and the longest
//! lives are those of temporaries. A gate lock is never advised: it is the repair that makes new deadlocks.

use lockdep_validator::report::model::{Place, Report};
use lockdep_validator::report::render::index_of_column;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::source::Sources;

/// How far above a lock call the head of its statement is looked for.
const MAX_LINES_UP: usize = 6;
/// Cycles that the smallest repair is searched for; the search tries every combination that could be smaller.
const MAX_CYCLES: usize = 24;
/// How many combinations it tries before it settles for the best so far.
const MAX_TRIES: usize = 200_000;

/// Puts what the source shows in front of the report's own advice.
pub(crate) fn add(report: &mut Report, sources: &Sources) {
    let held = report.cycle.iter().map(|step| (&step.held_site, &step.from));
    let conflict = report.conflict.iter().map(|lock| (&lock.site, &lock.class));
    let mut advice: Vec<String> = Vec::new();
    for (place, class) in held.chain(conflict) {
        if let Some(sentence) = long_life(place, class, sources)
            && !advice.contains(&sentence)
        {
            advice.push(sentence);
        }
    }
    report.help.retain(|sentence| !advice.contains(sentence));
    advice.append(&mut report.help);
    report.help = advice;
}

/// Says so if the guard made at `place` lives longer than its statement's first line suggests.
fn long_life(place: &Place, class: &str, sources: &Sources) -> Option<String> {
    if place.caller.is_some() {
        // The guard left the function that made it: what its statement looks like decides nothing.
        return None;
    }
    let lines = sources.lines(&place.file)?;
    let index = (place.line as usize).checked_sub(1)?;
    let line = lines.get(index)?;
    let before: String = line.chars().take(index_of_column(line, place.column)).collect();
    let (head, at) = statement_head(&lines, index, &before)?;
    let keyword = ["if let", "while let", "match", "for"]
        .into_iter()
        .find(|keyword| head.strip_prefix(keyword).is_some_and(|rest| rest.starts_with([' ', '(', '&'])))?;
    let until = match keyword {
        "if let" => "to the end of the whole `if let` (before edition 2024 of its `else` too)".to_owned(),
        "for" => "through the whole loop".to_owned(),
        other => format!("to the end of the whole `{other}`"),
    };
    Some(format!(
        "the guard of `{class}` made at {place} is a temporary in the head of a `{keyword}` (line {}) and lives {until}: \
         put what you need of it into a `let` before it",
        at + 1
    ))
}

/// The text of the statement up to the call, and the line it begins on. `None` if a `let` binds the guard, or the
/// beginning cannot be seen.
fn statement_head(lines: &[String], index: usize, before: &str) -> Option<(String, usize)> {
    let mut text = before.trim().to_owned();
    let mut at = index;
    for _ in 0..MAX_LINES_UP {
        // A brace or semicolon inside the line ends an earlier statement.
        if let Some(end) = text.rfind([';', '{', '}']) {
            text = text[end + 1..].trim().to_owned();
            break;
        }
        let Some(above) = at.checked_sub(1) else { break };
        let above = lines[above].split("//").next().unwrap_or_default().trim();
        if above.is_empty() || above.ends_with([';', '{', '}', ',']) || above.ends_with("=>") {
            break;
        }
        text = format!("{above} {text}");
        at -= 1;
    }
    // A labelled loop begins with its label.
    let text = match text.split_once(": ") {
        Some((label, rest)) if label.starts_with('\'') => rest.to_owned(),
        _ => text,
    };
    let text = text.strip_prefix("} else ").unwrap_or(&text).trim_start_matches("else ").to_owned();
    Some((text, at))
}

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

/// The smallest set of dependencies without which no reported cycle is left, weighted by the paths to change.
pub(crate) fn smallest_repair<'a>(reports: impl Iterator<Item = &'a Report>) -> Vec<Change> {
    let mut edges: Vec<Change> = Vec::new();
    let mut index: FxHashMap<(String, String), usize> = FxHashMap::default();
    let mut cycles: Vec<Vec<usize>> = Vec::new();
    for report in reports.filter(|report| report.code == "LD0003" && report.level != "note").take(MAX_CYCLES)
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
    let mut search = Search { edges: &edges, cycles: &cycles, best: None, n_tries: 0 };
    search.run(&mut Vec::new(), 0);
    let chosen = search.best.map_or_else(Vec::new, |(_, chosen)| chosen);
    chosen.into_iter().map(|edge| edges[edge].clone()).collect()
}

/// Branch and bound over the cycles: each must lose one of its dependencies.
struct Search<'a> {
    edges: &'a [Change],
    cycles: &'a [Vec<usize>],
    best: Option<(u64, Vec<usize>)>,
    n_tries: usize,
}

impl Search<'_> {
    fn run(&mut self, chosen: &mut Vec<usize>, cost: u64) {
        self.n_tries += 1;
        if self.n_tries > MAX_TRIES || self.best.as_ref().is_some_and(|(best, _)| *best <= cost) {
            return;
        }
        let Some(open) = self.cycles.iter().find(|cycle| !cycle.iter().any(|edge| chosen.contains(edge)))
        else {
            self.best = Some((cost, chosen.clone()));
            return;
        };
        // The cheapest first, so that a good bound is there early.
        let mut choices = open.clone();
        choices.sort_by_key(|edge| self.edges[*edge].n_paths);
        for edge in choices {
            chosen.push(edge);
            self.run(chosen, cost + self.edges[edge].n_paths);
            chosen.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(text: &str) -> Option<String> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let index = lines.iter().position(|line| line.contains("lock()")).expect("the call");
        let before = lines[index].split("lock()").next().unwrap_or_default();
        let (head, _) = statement_head(&lines, index, before)?;
        ["if let", "while let", "match", "for"].iter().find(|k| head.starts_with(*k)).map(|k| (*k).to_owned())
    }

    #[test]
    fn temporaries_in_heads_are_found() {
        for (text, keyword) in [
            ("    match a.lock() {", Some("match")),
            ("    if let Some(x) = self.a.lock().unwrap().pop() {", Some("if let")),
            ("} else if let Some(x) = self.a.lock().unwrap().pop() {", Some("if let")),
            (
                "    while let Some(job) = queue\n        .inner\n        .lock().unwrap().pop() {",
                Some("while let"),
            ),
            ("    'outer: for x in a.lock().unwrap().iter() {", Some("for")),
            ("    let guard = a.lock();", None),
            ("    f(); a.lock();", None),
            ("    match x {\n        1 => a.lock(),", None),
            ("    match x { 1 => a.lock(), }", None),
            ("// match\n\n    a.lock();", None),
        ] {
            assert_eq!(life(text).as_deref(), keyword, "{text}");
        }
    }

    #[test]
    fn a_guard_that_left_the_function_that_made_it_is_no_temporary() {
        let folder = std::env::temp_dir();
        let file = format!("cargo-lockdep-hint-{}.rs", std::process::id());
        std::fs::write(folder.join(&file), "match self.0.lock() {\n").expect("written");
        let sources = Sources::new(vec![folder.clone()]);
        let mut place = Place { file: file.clone(), line: 1, column: 14, ..Place::default() };
        assert!(long_life(&place, "Mutex<u8>", &sources).is_some());
        place.caller = Some(Box::new(Place::default()));
        assert_eq!(long_life(&place, "Mutex<u8>", &sources), None);
        let _ = std::fs::remove_file(folder.join(&file));
    }

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
            smallest_repair(reports.iter())
                .iter()
                .map(|change| format!("{}{}", change.from, change.to))
                .collect()
        };
        assert_eq!(chosen(&shared), ["ab", "ac"]);
        let cheap =
            [report(&[("a", "b", 4), ("b", "a", 5)]), report(&[("b", "a", 5), ("a", "c", 2), ("c", "b", 5)])];
        assert_eq!(chosen(&cheap), ["ba"], "one change for both");
        assert!(smallest_repair(std::iter::empty()).is_empty());
    }
}
