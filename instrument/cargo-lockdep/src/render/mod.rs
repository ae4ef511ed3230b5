//! Everything that was found, in every format. Each is a pure function of [`Findings`] and the
//! source text.

mod dot;
pub(crate) mod format;
mod github;
mod graph;
mod hang;
mod html;
mod junit;
mod places;
mod rustc;
mod sarif;
mod svg;

#[cfg(test)]
mod browser;
#[cfg(test)]
mod case_tests;
#[cfg(test)]
mod hang_tests;
#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod tests;

use lockdep_report::render::{Styles, TextOptions, json_line, text};

use format::ReportFormat;

use crate::findings::coverage::Coverage;
use crate::findings::group::Group;
use crate::findings::policy::{Judgement, excepted_line};
use crate::findings::{Finding, Findings};
use crate::printable;

/// The whole, in one format.
pub(crate) fn render(format: ReportFormat, found: &Findings<'_>) -> String {
    let text = match format {
        ReportFormat::Text => plain(found, &styles()),
        ReportFormat::Json => {
            let hangs = found.union.hangs.iter().map(|(_, report)| report.json_line());
            found.reports.iter().map(json).chain(hangs).collect()
        }
        ReportFormat::Html => html::render(found),
        ReportFormat::Dot => dot::render(found),
        ReportFormat::Svg => svg::render(found),
        ReportFormat::Sarif => sarif::render(found),
        ReportFormat::Junit => junit::render(found),
        ReportFormat::Github => github::render(found),
        ReportFormat::Rustc => rustc::render(found),
    };
    match format {
        ReportFormat::Json | ReportFormat::Sarif | ReportFormat::Rustc => printable::json(&text).into_owned(),
        _ => text,
    }
}

fn styles() -> Styles {
    use std::io::IsTerminal as _;

    let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if is_wanted && std::io::stdout().is_terminal() { Styles::COLOUR } else { Styles::PLAIN }
}

fn plain(found: &Findings<'_>, styles: &Styles) -> String {
    let options = TextOptions { styles: *styles, in_full: "`--all`", ..TextOptions::default() };
    let options = if found.shows_all { options.whole() } else { options };
    let mut out = String::new();
    for hang in hang::all(found, &options) {
        out.push_str(&format!("{}\n   = seen by: {}\n\n", hang.text.trim_end(), hang.run));
    }
    for group in found.groups() {
        let one = group.head;
        if let (Judgement::Excepted(_), false) = (&one.judgement, found.shows_all) {
            // Someone has read them and given a reason: a line each is enough.
            for one in std::iter::once(one).chain(group.folded.iter().copied()) {
                if let Judgement::Excepted(reason) = &one.judgement {
                    out.push_str(&format!("{}\n\n", excepted_line(&one.report, reason)));
                }
            }
            continue;
        }
        let report = text(&one.report, &options, found.sources);
        out.push_str(report.trim_end());
        match one.runs.as_slice() {
            [] => out.push_str("\n   = joined: no single process saw this; their records together do"),
            runs => out.push_str(&format!("\n   = seen by: {}", shortened(runs))),
        }
        if let Judgement::Excepted(reason) = &one.judgement {
            out.push_str(&format!("\n   = excepted: {reason}"));
        }
        out.push_str(&folded_text(&group, styles));
        out.push_str("\n\n");
    }
    out.push_str(&repair_text(found));
    out.push_str(&coverage_text(&found.coverage));
    // With colours it goes to a terminal, which obeys no line.
    if *styles == Styles::PLAIN { printable::lines(&out) } else { out }
}

/// One report as a line of JSON; `group` is the fingerprint of the one that stands for its group.
fn json(one: &Finding) -> String {
    let line = json_line(&one.report);
    match (&one.group, line.strip_suffix("}\n")) {
        (Some(group), Some(open)) => format!("{open},\"group\":\"{}\"}}\n", group.fingerprint),
        _ => line,
    }
}

/// How many reports are listed under the one that stands for their group.
const MAX_LISTED: usize = 12;

/// The reports that are about the same classes, a line each.
fn folded_text(group: &Group<'_>, styles: &Styles) -> String {
    if group.folded.is_empty() {
        return String::new();
    }
    let mut out = format!("\n   = group: {} (`--all` shows each in full):", group.sentence());
    let lines = group.folded.iter().take(MAX_LISTED).map(|one| {
        let report = &one.report;
        let head = format!("{}[{}]", report.level.as_str(), report.code);
        let colour = styles.level(report.level);
        let reset = if colour.is_empty() { "" } else { styles.reset };
        let names: Vec<String> = report.cycle.iter().map(|step| format!("`{}`", step.from)).collect();
        let place =
            report.closing().map_or_else(String::new, |step| format!(", closed at {}", step.acquire_site));
        format!("\n       {colour}{head}{reset} {}: {}{place}", report.fingerprint, names.join(" -> "))
    });
    out.extend(lines);
    if group.folded.len() > MAX_LISTED {
        out.push_str(&format!("\n       … and {} more", group.folded.len() - MAX_LISTED));
    }
    out
}

/// The first few of a list, and how many more there are.
fn shortened(list: &[String]) -> String {
    const MAX_SHOWN: usize = 5;
    let shown = list.iter().take(MAX_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if list.len() > MAX_SHOWN { format!("{shown} and {} more", list.len() - MAX_SHOWN) } else { shown }
}

fn repair_text(found: &Findings<'_>) -> String {
    let mut out = String::new();
    if found.repair.changes.len() > 1
        || found.reports.iter().filter(|one| !one.report.cycle.is_empty()).count() > 1
    {
        out.push_str(if found.repair.is_smallest {
            "help: the smallest change after which no reported cycle is left:\n"
        } else {
            "help: after these changes no reported cycle is left; there may be fewer that do as well:\n"
        });
        for change in &found.repair.changes {
            out.push_str(&format!(
                "  take `{}` before `{}` at {}, or release `{}` (held since {}) first\n",
                change.to, change.from, change.acquire_site, change.from, change.held_site
            ));
        }
        out.push('\n');
    }
    out
}

fn coverage_text(coverage: &Coverage) -> String {
    const MAX_SHOWN: usize = 20;
    let mut out = String::new();
    let mut list = |head: String, lines: &[String]| {
        if lines.is_empty() {
            return;
        }
        out.push_str(&head);
        out.push('\n');
        for line in lines.iter().take(MAX_SHOWN) {
            out.push_str(&format!("  {line}\n"));
        }
        if lines.len() > MAX_SHOWN {
            out.push_str(&format!("  … and {} more\n", lines.len() - MAX_SHOWN));
        }
    };
    let n_files = coverage.n_files;
    list(
        format!("coverage: locks made here were acquired in no run ({n_files} source files looked at):"),
        &coverage.never_ran,
    );
    list("coverage: these were never held while another lock was taken:".to_owned(), &coverage.leaves);
    let unseen: Vec<String> =
        coverage.unseen.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    list("coverage: not looked at:".to_owned(), &unseen);
    list("coverage: the crate graph has locks that are not seen:".to_owned(), &coverage.not_seen);
    if coverage.n_alone > 0 {
        let n = coverage.n_alone;
        let (classes, were) = if n == 1 { ("class", "was") } else { ("classes", "were") };
        out.push_str(&format!("coverage: {n} more {classes} {were} only taken alone: nothing was held, nothing was taken under them\n"));
    }
    out
}
