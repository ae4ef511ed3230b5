//! The page that shows the bugs, and what their reports are worth.

use std::fs;

use lockdep_tests::command_line;
use rustc_hash::FxHashMap;

use crate::judge::Judgement;
use crate::{Bug, SideResult, row_file};

/// How many of a total.
type Count<'a> = &'a dyn Fn(&dyn Fn(&Judgement) -> bool) -> usize;

/// Writes the page. A row that was not renewed is that of the page as it is.
pub(crate) fn write(judged: &[(&Bug, Option<Judgement>)]) {
    let path = command_line::root().join("docs/src/known-bugs.md");
    let old = fs::read_to_string(&path).unwrap_or_default();
    let old: FxHashMap<String, &str> = old.lines().filter_map(|line| Some((key(line)?, line))).collect();
    let rows: Vec<String> = judged
        .iter()
        .filter_map(|(bug, _)| {
            let kept = fs::read_to_string(row_file(bug)).ok();
            kept.or_else(|| old.get(&key_of(bug)).map(|line| (*line).to_owned()))
        })
        .collect();
    let page = page(&rows.join("\n"), &worth(judged));
    fs::write(path, page).expect("docs/src is writable");
}

/// A row of the first table.
pub(crate) fn row(bug: &Bug, broken: &SideResult, fixed: &SideResult) -> String {
    let said = |verdict: &SideResult| {
        let reports: Vec<String> =
            verdict.reports.iter().map(|report| format!("{} {}", report.level, report.code)).collect();
        if reports.is_empty() { "silent".to_owned() } else { reports.join(", ") }
    };
    let page = bug.source.rsplit('/').next().unwrap_or_default();
    let source = if page.parse::<u32>().is_ok() { format!("#{page}") } else { "changelog".to_owned() };
    format!("{}{} | {}: {} | [{source}]({}) |", key_of(bug), said(broken), bug.fixed, said(fixed), bug.source,)
}

/// How the row of a bug begins.
fn key_of(bug: &Bug) -> String {
    format!("| {} | {} | {} | {}: ", bug.package, bug.locks, bug.what, bug.broken)
}

/// The same of a row.
fn key(row: &str) -> Option<String> {
    let cells: Vec<&str> = row.split(" | ").collect();
    let [package, locks, what, broken, _, _] = cells[..] else { return None };
    let (version, _) = broken.split_once(": ")?;
    Some(format!("{package} | {locks} | {what} | {version}: "))
}

/// The second table, with its totals.
fn worth(judged: &[(&Bug, Option<Judgement>)]) -> String {
    let known: Vec<&Judgement> = judged.iter().filter_map(|(_, judgement)| judgement.as_ref()).collect();
    let mut lengths: Vec<usize> = known.iter().map(|judgement| judgement.n_lines).collect();
    lengths.sort_unstable();
    let (Some(&longest), Some(&median)) = (lengths.last(), lengths.get(lengths.len() / 2)) else {
        return String::new();
    };
    let count: Count<'_> = &|is: &dyn Fn(&Judgement) -> bool| known.iter().filter(|one| is(one)).count();
    let yes = |is: bool| if is { "yes" } else { "**no**" };
    let rows: Vec<String> = judged
        .iter()
        .filter_map(|(bug, judgement)| {
            let one = judgement.as_ref()?;
            Some(format!(
                "| {} {} | {} | {} | {} | {} |",
                bug.package,
                bug.broken,
                if one.holds && !one.is_certain { "perhaps" } else { yes(one.holds) },
                yes(one.wants),
                one.advice.map_or("**no**".to_owned(), |n| if n == 1 {
                    "yes".to_owned()
                } else {
                    format!("number {n}")
                }),
                one.n_lines
            ))
        })
        .collect();
    format!(
        "\n## What the reports are worth\n\n\
         A report is judged by itself, against a file that a person wrote from the source of the fix.\n\
         The file, `tests/field/known-bugs/places.toml`, names the line that holds and the line that wants.\n\
         It also names the advice that is applicable, and the places that this advice may name.\n\
         A side is right if the report marks the line of the file.\n\
         Of several reports with the code of the bug, the one about its locks is judged.\n\
         It is *perhaps* right if the report says that another path may have led there.\n\
         Advice is right if the first one that the report gives is in the file.\n\
         The last column is the length of the report as text, in lines.\n\n\
         `cargo run -p lockdep-tests --bin known_bugs -- --judge` judges the stored reports again, without a run.\n\n\
         Of {} bugs, {} reports were judged.\n\n\
         | | reports |\n|---|---|\n\
         | right line on both sides | {} |\n\
         | of these, with a stack that is certain | {} |\n\
         | right line that holds | {} |\n\
         | right line that wants | {} |\n\
         | first advice applicable | {} |\n\
         | some advice applicable | {} |\n\
         | longer than 80 lines | {} |\n\n\
         The median length is {median} lines, and the longest report has {longest}.\n\n\
         | bug | line that holds | line that wants | advice | lines |\n|---|---|---|---|---|\n{}\n",
        judged.len(),
        known.len(),
        count(&|one| one.holds && one.wants),
        count(&|one| one.holds && one.wants && one.is_certain),
        count(&|one| one.holds),
        count(&|one| one.wants),
        count(&|one| one.advice == Some(1)),
        count(&|one| one.advice.is_some()),
        count(&|one| one.n_lines > 80),
        rows.join("\n"),
    )
}

fn page(rows: &str, worth: &str) -> String {
    format!(
        "# Known bugs, found again\n\n\
         The trackers of published crates document these deadlocks.\n\
         A program drives each of them through the crate's public interface.\n\
         No program can hang by a race, because one thread is enough to show a lock order.\n\
         Where the program would wait for itself, the report comes before the wait and ends the program.\n\
         The version with the fix is silent.\n\n\
         `cargo run -p lockdep-tests --bin known_bugs` writes this page.\n\
         The programs are in `tests/field/known-bugs`.\n\n\
         | crate | locks | bug | with the bug | with the fix | source |\n|---|---|---|---|---|---|\n{rows}\n{worth}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_again_by_the_bug_that_it_is_about() {
        let row =
            "| tokio | std Mutex | a waker | 1.0: error LD0001 | 1.1: silent | [#1](https://example.org/1) |";
        assert_eq!(key(row).as_deref(), Some("| tokio | std Mutex | a waker | 1.0: "));
        assert_eq!(key("|---|---|---|---|---|---|"), None);
    }
}
