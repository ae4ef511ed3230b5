//! The text report, in the shape of a compiler error.
//!
//! Title, both sides with their source, the whole cycle, the interleaving that hangs, how sure it
//! is, what to do, stacks, counters, how to silence it: always in this order, each part only if
//! there is something to say.

use std::collections::BTreeSet;

use crate::advice::Advice;
use crate::history::{Earlier, Relation};
use crate::model::{Report, ReportDependency, ReportLock};
use crate::place::Place;
use crate::sentences;

use super::SourceText;
use super::detail::{Detail, cut};
use super::fold::{Part, crates};
use super::head::advice_of_head;
use super::interleave::{Interleaving, Step, how_it_hangs, interleaving};
use super::number::numbered;
use super::shorten::shortened;
use super::snippet::{self, push, snippets, who};
use super::stacks::{Stack, frame_place, n_left_out, stacks};
use super::style::Styles;
use super::threads::{ring_lines, unasked_holds};

/// Choices of a text report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextOptions {
    /// Colours, or [`Styles::PLAIN`].
    pub styles: Styles,
    /// How many frames of each stack to print; zero leaves stacks out.
    pub n_frames: usize,
    /// How many lines a report has at most, by folding its stacks and lists; zero for any number.
    pub max_lines: usize,
    /// How to see what is left out for that.
    pub in_full: &'static str,
    /// How many columns the reader's screen has.
    pub width: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            styles: Styles::PLAIN,
            n_frames: 12,
            // A command adds up to four.
            max_lines: 76,
            in_full: "`LOCKDEP_FORMAT=json`",
            width: 110,
        }
    }
}

impl TextOptions {
    /// Returns the same, with every frame and every line of each list.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { n_frames: usize::MAX, max_lines: 0, ..self }
    }
}

/// Renders one report, with an empty line after it.
pub fn text(report: &Report, options: &TextOptions, source: &dyn SourceText) -> String {
    let printable = numbered(&report.printable());
    let advised: Vec<&Place> = printable.help.iter().flat_map(Advice::places).collect();
    let (report, names) = &shortened(&printable);
    let shown = Shown { report, names, advised, options, source };
    let fits = |text: &String| options.max_lines == 0 || text.lines().count() <= options.max_lines;
    let steps = Detail::steps(options.n_frames);
    let mut texts = steps.iter().map(|detail| shown.text(*detail));
    let mut text = texts.next().unwrap_or_default();
    while !fits(&text) {
        match texts.next() {
            Some(shorter) => text = shorter,
            None => break,
        }
    }
    text
}

/// What a report's text is made of.
struct Shown<'a> {
    report: &'a Report,
    /// The short and the full name of a class.
    names: &'a [(String, String)],
    /// The places that the advice names.
    advised: Vec<&'a Place>,
    options: &'a TextOptions,
    source: &'a dyn SourceText,
}

impl Shown<'_> {
    fn text(&self, detail: Detail) -> String {
        let Self { report, options, source, .. } = *self;
        let styles = &options.styles;
        let mut out = String::new();
        let head = format!("{}[{}]", report.level.as_str(), report.code);
        let title = styles.paint(styles.strong, &format!(": {}", report.title));
        push(&mut out, format_args!("{}{title}", styles.paint(styles.level(report.level), &head)));
        let mut snippets = snippets(report);
        let n_sides = report.cycle.len().max(report.threads.len());
        if n_sides > detail.n_excerpts {
            // The list of the cycle has the other places.
            snippets.truncate(detail.n_excerpts);
        }
        let gutter = snippet::gutter_width(&snippets);
        for one in &snippets {
            if !one.heading.is_empty() {
                let note = styles.paint(styles.note, "note");
                push(&mut out, format_args!("{note}: {}", one.heading));
            }
            snippet::write(&mut out, one, gutter, styles, source);
        }
        let mut parts = Parts { out, margin: " ".repeat(gutter), options, detail };
        parts.names(self.names);
        parts.thread(report);
        parts.cycle(report);
        parts.ring(report);
        // Of one thread the excerpt says the same.
        if let Some(interleaving) = interleaving(report).filter(|told| told.columns.len() > 1) {
            parts.interleaving(&interleaving, how_it_hangs(report));
        }
        parts.held(report);
        for note in &report.notes {
            parts.line("note", &note.to_string());
        }
        for help in &report.help {
            parts.line("help", &help.to_string());
        }
        if let Some(help) = advice_of_head(report, source) {
            parts.line("help", &help.to_string());
        }
        if detail.n_frames > 0 {
            parts.stacks(report, &self.advised);
        }
        parts.footer(report);
        parts.out.push('\n');
        parts.out
    }
}

/// Renders the title of a report and the place that it is about, as two indented lines without an
/// end.
pub fn headline(report: &Report) -> String {
    let report = &numbered(&report.printable());
    let labels = snippets(report).into_iter().next().map(|first| first.labels).unwrap_or_default();
    let place = labels.iter().find(|label| label.primary && label.place.is_known());
    let place = place.map_or_else(String::new, |label| format!("\n  --> {}", label.place));
    format!("  {}{place}", report.title)
}

/// How many orders of a report whose level rose are listed.
const MAX_BRIEF: usize = 4;

/// Renders a report in two lines: what it is, and from which one before it follows. `in_full` says
/// how to see the rest. A report that rose for other locks has their places besides.
pub fn brief(report: &Report, earlier: &Earlier, in_full: &str, options: &TextOptions) -> String {
    let report = &report.printable();
    let styles = &options.styles;
    let mut out = String::new();
    let head = format!("{}[{}]", report.level.as_str(), report.code);
    let title = styles.paint(styles.strong, &format!(": {}", report.title));
    push(&mut out, format_args!("{}{title}", styles.paint(styles.level(report.level), &head)));
    let detail = Detail { n_listed: MAX_BRIEF, ..Detail::steps(0)[0] };
    let mut parts = Parts { out, margin: "  ".to_owned(), options, detail };
    let (first, this) = (&earlier.fingerprint, &report.fingerprint);
    // Classes that differ only in their line share one.
    let same = if first == this { ", with the same fingerprint" } else { "" };
    let above = format!("report {first} above{same}");
    let words =
        |step: &ReportDependency| format!("`{}` -> `{}` (at {})", step.from, step.to, step.acquire_site);
    let related = || {
        let closing =
            report.closing().map_or_else(String::new, |step| format!("; closed by {}", words(step)));
        ("related", format!("{above} is about the same classes{closing}"))
    };
    let (word, sentence) = match earlier.relation {
        Relation::Dependency(index) => report.cycle.get(index).map_or_else(related, |shared| {
            ("follows", format!("from {above}: without {} this cycle is gone as well", words(shared)))
        }),
        Relation::Classes => related(),
        Relation::Guard => {
            let held = report.conflict.as_ref().map_or_else(Place::default, |held| held.site.clone());
            ("follows", format!("from {above}: the guard made at {held} is alive here as well"))
        }
        Relation::Raised | Relation::RaisedElsewhere => {
            let level = report.level.as_str();
            let reason = report.notes.first().map(sentences::reason);
            let because = reason.map_or_else(String::new, |reason| format!(" because {reason}"));
            ("raised", format!("the level of report {first} above is `{level}` now{because}"))
        }
    };
    parts.line(word, &format!("{sentence}; {this} in full: {in_full}"));
    if earlier.relation == Relation::RaisedElsewhere {
        parts.line("now", "the level rose for these acquisitions");
        let line = |step: &ReportDependency| {
            let who = who(&step.thread, &step.process);
            format!(
                "`{}` at {}, then `{}` at {}, {who}",
                step.from, step.held_site, step.to, step.acquire_site
            )
        };
        parts.listed(report.cycle.iter().map(line).collect());
    }
    parts.out
}

/// The text so far, and how to go on.
struct Parts<'a> {
    out: String,
    margin: String,
    options: &'a TextOptions,
    detail: Detail,
}

impl Parts<'_> {
    fn line(&mut self, word: &str, sentence: &str) {
        let styles = &self.options.styles;
        let mark = styles.paint(styles.frame, "=");
        let style = if word == "help" { styles.help } else { styles.strong };
        push(&mut self.out, format_args!("{} {mark} {}: {sentence}", self.margin, styles.paint(style, word)));
    }

    fn indented(&mut self, text: &str) {
        push(&mut self.out, format_args!("{}     {text}", self.margin));
    }

    fn listed(&mut self, lines: Vec<String>) {
        cut(lines, self.detail.n_listed).iter().for_each(|line| self.indented(line));
    }

    fn names(&mut self, names: &[(String, String)]) {
        for (short, full) in names.iter().take(self.detail.n_listed) {
            self.line("name", &format!("`{short}` is `{full}`"));
        }
    }

    fn thread(&mut self, report: &Report) {
        let process = report.closing().map_or("", |step| step.process.as_str());
        self.line("seen", &who(&report.thread, process));
    }

    /// The whole cycle in one line if it fits, because the excerpts have shown its places; else one
    /// line a dependency, with its places where no excerpt has them.
    fn cycle(&mut self, report: &Report) {
        let Some(first) = report.cycle.first() else { return };
        let arrows: String =
            report.cycle.iter().map(|step| format!(" -{}-> `{}`", step.kind.as_str(), step.to)).collect();
        let line = format!("`{}`{arrows}", first.from);
        let is_shown = report.cycle.len() <= self.detail.n_excerpts;
        if is_shown && line.chars().count() + self.margin.len() + 10 <= self.options.width {
            return self.line("cycle", &line);
        }
        self.line("cycle", "each lock was acquired while the one before it was held");
        let names: Vec<String> = report
            .cycle
            .iter()
            .map(|step| format!("`{}` -{}-> `{}`", step.from, step.kind.as_str(), step.to))
            .collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let line = |(name, step): (&String, &ReportDependency)| {
            let places = if is_shown { String::new() } else { places(step) };
            let closing = if step.closing { "  closes it" } else { "" };
            format!("{name:width$}{places}{closing}").trim_end().to_owned()
        };
        self.listed(names.iter().zip(&report.cycle).map(line).collect());
    }

    /// The ring of threads that wait, one line each.
    fn ring(&mut self, report: &Report) {
        if !report.threads.is_empty() {
            self.line("ring", "each thread waits for the one below, the last for the first");
            self.listed(ring_lines(report));
        }
    }

    fn interleaving(&mut self, interleaving: &Interleaving, heading: &str) {
        self.line(heading, "time runs downwards");
        let heads: Vec<String> = interleaving.columns.iter().map(ToString::to_string).collect();
        let cells: Vec<String> = interleaving.steps.iter().map(|step| cell(interleaving, step)).collect();
        let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
        for (step, cell) in interleaving.steps.iter().zip(&cells) {
            widths[step.column] = widths[step.column].max(cell.chars().count());
        }
        let total = widths.iter().sum::<usize>() + 3 * widths.len();
        if total + self.margin.len() + 5 > self.options.width.max(60) {
            let mut seen = BTreeSet::new();
            let line = |(step, cell): (&Step, &String)| {
                let name = if seen.insert(step.column) {
                    &heads[step.column]
                } else {
                    &interleaving.columns[step.column].name
                };
                format!("{name}: {cell}")
            };
            return self.listed(interleaving.steps.iter().zip(&cells).map(line).collect());
        }
        let row = |fill: &dyn Fn(usize) -> String| {
            let row: Vec<String> =
                (0..widths.len()).map(|column| format!("{:w$}", fill(column), w = widths[column])).collect();
            row.join(" | ")
        };
        self.indented(&row(&|column| heads[column].clone()));
        self.indented(&row(&|column| "-".repeat(widths[column])).replace(" | ", "-+-"));
        let line = |(step, cell): (&Step, &String)| {
            row(&|column| if column == step.column { cell.clone() } else { String::new() })
        };
        self.listed(interleaving.steps.iter().zip(&cells).map(line).collect());
    }

    /// Everything that was held besides the locks that the excerpts are about.
    fn held(&mut self, report: &Report) {
        let shown = |lock: &ReportLock| {
            let is_it = |hash: &str, instance| (hash, instance) == (&lock.hash, lock.instance);
            report.cycle.iter().any(|step| {
                is_it(&step.from_hash, step.instances.0) || is_it(&step.to_hash, step.instances.1)
            }) || [&report.conflict, &report.subject]
                .into_iter()
                .flatten()
                .any(|other| is_it(&other.hash, other.instance))
        };
        let words =
            |lock: &ReportLock| format!("`{}` {} since {}", lock.class, lock.mode.as_str(), lock.site);
        let of_ring = unasked_holds(report);
        let others: Vec<String> = match of_ring.as_slice() {
            [] => report.held.iter().filter(|lock| !shown(lock)).map(words).collect(),
            _ => of_ring.iter().map(|(who, lock)| format!("{} by {who}", words(lock))).collect(),
        };
        if others.is_empty() {
            return;
        }
        self.line("held then", "besides the locks above");
        let n_listed = MAX_HELD.min(self.detail.n_listed);
        for other in others.iter().take(n_listed) {
            self.indented(other);
        }
        if others.len() > n_listed {
            self.indented(&format!("… and {} more", others.len() - n_listed));
        }
    }

    /// The stacks; what one has in common with the one above it is not printed again.
    fn stacks(&mut self, report: &Report, advised: &[&Place]) {
        let Detail { n_frames, n_stacked, .. } = self.detail;
        for Stack { what, frames, n_own, parts } in stacks(report, n_stacked, advised, n_frames) {
            self.line("stack", &what);
            for part in parts {
                match part {
                    Part::Frame(index) => {
                        let frame = &frames[index];
                        self.indented(&format!("{index}: {}{}", frame.function, frame_place(frame)));
                    }
                    Part::Folded(range) => {
                        let n = range.len();
                        let crates = crates(&frames[range]);
                        self.indented(&format!("… {n} frames of {crates}"));
                    }
                }
            }
            if n_own < frames.len() {
                self.indented(&format!("{n_own}: … as above, from `{}` on", frames[n_own].function));
            }
        }
        let in_full = self.options.in_full;
        match n_left_out(report, n_stacked) {
            0 => {}
            1 => self.line("left out", &format!("the stacks of one more step; in full: {in_full}")),
            n => self.line("left out", &format!("the stacks of {n} more steps; in full: {in_full}")),
        }
    }

    fn footer(&mut self, report: &Report) {
        let counters = &report.counters;
        let lost = match (counters.dropped, counters.unseen) {
            (0, 0) => String::new(),
            (dropped, unseen) => format!("; {dropped} dropped, {unseen} unseen"),
        };
        let counted = |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let sentence = format!(
            "{}, {}, {} looked at{lost}",
            counted(counters.classes, "class", "classes"),
            counted(counters.dependencies, "dependency", "dependencies"),
            counted(counters.chains, "chain", "chains")
        );
        self.line("counters", &sentence);
        let silence = format!(
            "`cargo lockdep explain {}`; to silence it: `LOCKDEP_ALLOW={}`",
            report.code, report.fingerprint
        );
        self.line("more", &silence);
    }
}

/// How many other held locks are listed.
const MAX_HELD: usize = 16;

fn places(step: &ReportDependency) -> String {
    format!("  {} then {}, {}", step.held_site, step.acquire_site, who(&step.thread, &step.process))
}

fn cell(interleaving: &Interleaving, step: &Step) -> String {
    let place = if step.place.is_known() { format!("  {}", short(&step.place)) } else { String::new() };
    let waits = match step.waits_for {
        None => String::new(),
        Some(column) if column == step.column => "  waits for itself".to_owned(),
        Some(_) if interleaving.columns.len() == 2 => "  waits".to_owned(),
        Some(column) => format!("  waits for {}", interleaving.columns[column].name),
    };
    format!("{}{place}{waits}", step.action)
}

/// File name and line: the whole path stands in the excerpts.
fn short(place: &Place) -> String {
    let file = place.file.rsplit(['/', '\\']).next().unwrap_or(&place.file);
    format!("{file}:{}", place.line)
}
