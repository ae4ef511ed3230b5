//! One self-contained page: reports, their cycles and schedules, the lock-order graph, contention.
//! No network, no other file.

use lockdep_report::model::Report;
use lockdep_report::place::Frame;
use lockdep_report::render::SourceText as _;
use lockdep_report::render::{
    Interleaving, TextOptions, how_it_hangs, interleaving, numbered, shortened, snippets,
};
use lockdep_validator::Ordered;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, HtmlEscape, Value};
use serde::Serialize;

use super::graph::Drawn;
use super::hang::{self, ShownHang};
use super::svg;
use crate::excerpts::N_AROUND;
use crate::findings::contention::{duration, rows, sparkline};
use crate::findings::coverage::Coverage;
use crate::findings::group::Group;
use crate::findings::policy::Judgement;
use crate::findings::repair::Change;
use crate::findings::{Finding, Findings};
use crate::source::Sources;

const TEMPLATE: &str = include_str!("page/page.html");
pub(super) const STYLE: &str = include_str!("page/page.css");
/// One scope for all of it, so that nothing of ours meets a name of the browser's.
pub(super) const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("page/layout.js"),
    include_str!("page/explorer.js"),
    include_str!("page/tables.js"),
    "})();\n"
);

/// The page.
pub(super) fn render(found: &Findings<'_>) -> String {
    let mut environment = Environment::new();
    // Everything that is not ours is text: names of types and tests, paths, source lines.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("ticks", ticks);
    let reports: Vec<Shown> = found
        .groups()
        .iter()
        .enumerate()
        .map(|(index, group)| Shown::group(&format!("r{index}"), group, found.sources))
        .collect();
    let levels: Vec<Level<'_>> = ["error", "warning", "note"]
        .into_iter()
        .map(|name| Level { name, reports: reports.iter().filter(|shown| shown.level == name).collect() })
        .collect();
    let graph = Drawn::new(found);
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        summary: found.summary(),
        problems: found.union.problems.iter().map(ToString::to_string).collect(),
        n_reports: found.reports.len(),
        levels,
        hangs: hang::all(found, &TextOptions::default()),
        repair: &found.repair.changes,
        is_smallest: found.repair.is_smallest,
        coverage: &found.coverage,
        // `<` must not end the script element that the data stands in.
        graph: serde_json::to_string(&graph).unwrap_or_default().replace('<', "\\u003c"),
        n_nodes: graph.nodes.len(),
        n_edges: graph.edges.len(),
        n_implied: graph.n_implied,
        stats: stats(found),
    };
    let page = environment.render_str(TEMPLATE, Serde(&page));
    page.expect("the template and its values are ours; a test renders every branch")
}

/// A sentence in which names stand between backticks, as HTML.
pub(super) fn ticks(sentence: &str) -> Value {
    let parts: Vec<&str> = sentence.split('`').collect();
    let mut out = String::new();
    for (index, part) in parts.iter().enumerate() {
        let text = HtmlEscape(part).to_string();
        match index % 2 {
            // A backtick without its other half stays one.
            1 if index + 1 == parts.len() => out.push_str(&format!("`{text}")),
            1 => out.push_str(&format!("<code>{text}</code>")),
            _ => out.push_str(&text),
        }
    }
    Value::from_safe_string(out)
}

/// Everything the template names.
#[derive(Serialize)]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    summary: String,
    problems: Vec<String>,
    n_reports: usize,
    levels: Vec<Level<'a>>,
    hangs: Vec<ShownHang>,
    repair: &'a [Change],
    is_smallest: bool,
    coverage: &'a Coverage,
    graph: String,
    n_nodes: usize,
    n_edges: usize,
    n_implied: usize,
    stats: Vec<StatLine>,
}

#[derive(Serialize)]
struct Level<'a> {
    name: &'static str,
    reports: Vec<&'a Shown>,
}

/// A report as the page shows it.
#[derive(Serialize)]
struct Shown {
    id: String,
    code: String,
    level: &'static str,
    title: String,
    fingerprint: String,
    runs: Vec<String>,
    is_joined: bool,
    excepted: Option<String>,
    cycle: Option<String>,
    schedule: Option<Schedule>,
    excerpts: Vec<Excerpt>,
    stacks: Vec<Stack>,
    evidence: Vec<(&'static str, String)>,
    notes: Vec<String>,
    help: Vec<String>,
    /// Reports about the same classes.
    folded: Vec<Shown>,
    folded_words: String,
}

#[derive(Serialize)]
struct Schedule {
    heading: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Serialize, Default)]
struct Cell {
    text: String,
    place: String,
    waits: String,
}

#[derive(Serialize)]
struct Excerpt {
    heading: String,
    files: Vec<ExcerptFile>,
}

#[derive(Serialize)]
struct ExcerptFile {
    address: String,
    lines: Vec<ExcerptLine>,
    remarks: Vec<String>,
}

#[derive(Serialize)]
struct ExcerptLine {
    number: u32,
    text: String,
    label: String,
    is_primary: bool,
}

#[derive(Serialize)]
struct Stack {
    what: String,
    frames: Vec<Frame>,
}

impl Shown {
    fn group(id: &str, group: &Group<'_>, sources: &Sources) -> Self {
        let member = |(number, one): (usize, &&Finding)| Self::new(format!("{id}-{number}"), one, sources);
        let folded = group.folded.iter().enumerate().map(member).collect();
        Self { folded, folded_words: group.sentence(), ..Self::new(id.to_owned(), group.head, sources) }
    }

    fn new(id: String, one: &Finding, sources: &Sources) -> Self {
        let (report, names) = &shortened(&numbered(&one.report));
        let names = names.iter().map(|(short, full)| format!("`{short}` is `{full}`"));
        Self {
            cycle: (!report.cycle.is_empty()).then(|| svg::cycle(report, &id)),
            id,
            code: report.code.to_string(),
            level: report.level.as_str(),
            title: report.title.clone(),
            fingerprint: report.fingerprint.clone(),
            runs: one.runs.clone(),
            is_joined: one.runs.is_empty(),
            excepted: match &one.judgement {
                Judgement::Excepted(reason) => Some(reason.clone()),
                _ => None,
            },
            schedule: interleaving(report).map(|found| schedule(&found, how_it_hangs(report))),
            excerpts: excerpts(report, sources),
            stacks: stacks(report),
            evidence: evidence(report),
            notes: names.chain(report.notes.iter().map(ToString::to_string)).collect(),
            help: report.help.iter().map(ToString::to_string).collect(),
            folded: Vec::new(),
            folded_words: String::new(),
        }
    }
}

fn schedule(interleaving: &Interleaving, heading: &'static str) -> Schedule {
    let rows = interleaving.steps.iter().map(|step| {
        let mut row = vec![Cell::default(); interleaving.columns.len()];
        row[step.column] = Cell {
            text: step.action.clone(),
            place: if step.place.is_known() { step.place.to_string() } else { String::new() },
            waits: step.waits_for.map_or_else(String::new, |column| {
                if column == step.column {
                    "waits for itself".to_owned()
                } else {
                    format!("waits for {}", interleaving.columns[column])
                }
            }),
        };
        row
    });
    let columns = interleaving.columns.iter().map(ToString::to_string).collect();
    Schedule { heading, columns, rows: rows.collect() }
}

fn excerpts(report: &Report, sources: &Sources) -> Vec<Excerpt> {
    let excerpt = |snippet: lockdep_report::render::Snippet| {
        let mut files: Vec<ExcerptFile> = Vec::new();
        let mut labels = snippet.labels;
        labels.sort_by(|a, b| (&a.place.file, a.place.line).cmp(&(&b.place.file, b.place.line)));
        for label in labels {
            let place = &label.place;
            let same = files.iter().position(|file| file.address == place.file);
            let at = same.unwrap_or_else(|| {
                let address = place.file.clone();
                files.push(ExcerptFile { address, lines: Vec::new(), remarks: Vec::new() });
                files.len() - 1
            });
            let file = &mut files[at];
            if sources.line(&place.file, place.line).is_some() {
                add_lines(file, sources, &label);
            } else {
                file.remarks.push(format!("{place}: {}", label.text));
            }
        }
        Excerpt { heading: snippet.heading, files }
    };
    snippets(report).into_iter().map(excerpt).collect()
}

/// Adds the labelled line and those around it that are not there yet.
fn add_lines(file: &mut ExcerptFile, sources: &Sources, label: &lockdep_report::render::Label) {
    let line = label.place.line;
    for number in line.saturating_sub(N_AROUND).max(1)..=line.saturating_add(N_AROUND) {
        let Some(text) = sources.line(&label.place.file, number) else { continue };
        if let Some(known) = file.lines.iter_mut().find(|known| known.number == number) {
            if number == line {
                known.label = if known.label.is_empty() {
                    label.text.clone()
                } else {
                    format!("{}; {}", known.label, label.text)
                };
                known.is_primary |= label.primary;
            }
            continue;
        }
        let (text, is_primary) = (text, number == line && label.primary);
        let label = if number == line { label.text.clone() } else { String::new() };
        file.lines.push(ExcerptLine { number, text, label, is_primary });
    }
    file.lines.sort_by_key(|line| line.number);
}

fn stacks(report: &Report) -> Vec<Stack> {
    let of_cycle = report.cycle.iter().flat_map(|step| {
        [
            (format!("{} acquired, then held", step.from), &step.frames_held.frames),
            (format!("{} acquired while {} was held", step.to, step.from), &step.frames_acquire.frames),
        ]
    });
    let others =
        [(&report.conflict, "acquired, then held"), (&report.subject, "here")].into_iter().filter_map(
            |(lock, what)| lock.as_ref().map(|lock| (format!("{} {what}", lock.class), &lock.frames)),
        );
    of_cycle
        .chain(others)
        .filter(|(_, frames)| !frames.is_empty())
        .map(|(what, frames)| Stack { what, frames: frames.clone() })
        .collect()
}

fn evidence(report: &Report) -> Vec<(&'static str, String)> {
    let evidence = &report.evidence;
    let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
    vec![
        ("same lock objects", yes(evidence.same_instances)),
        ("interchangeable classes", yes(evidence.declared)),
        ("fields of one struct", yes(evidence.sibling)),
        ("gate", evidence.gate.clone().unwrap_or_else(|| "none".to_owned())),
        ("threads", evidence.threads.to_string()),
        ("ordered by", evidence.ordered.map_or("nothing", Ordered::as_str).to_owned()),
        ("writer seen", yes(evidence.writer_seen)),
        ("needs a timeout", yes(evidence.timed)),
        ("out of others' reach", yes(evidence.is_out_of_reach())),
    ]
}

/// A line of the contention table, as text and as numbers to sort by.
#[derive(Serialize)]
struct StatLine {
    name: String,
    n_acquisitions: u64,
    n_contentions: u64,
    wait_ns: u64,
    wait: String,
    max_ns: u64,
    max: String,
    hold_ns: u64,
    hold: String,
    histogram: String,
}

fn stats(found: &Findings<'_>) -> Vec<StatLine> {
    let line = |row: crate::findings::contention::Row| StatLine {
        n_acquisitions: row.n_acquisitions,
        n_contentions: row.n_contentions,
        wait_ns: row.wait.total_ns,
        wait: duration(row.wait.total_ns),
        max_ns: row.wait.max_ns,
        max: duration(row.wait.max_ns),
        hold_ns: row.hold.total_ns,
        hold: duration(row.hold.total_ns),
        histogram: sparkline(&row.wait.buckets),
        name: row.name,
    };
    rows(found.union, true).into_iter().map(line).collect()
}
