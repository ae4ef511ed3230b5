//! The text report, in the shape of a compiler error.
//!
//! Title, both sides with their source, the whole cycle, the interleaving that hangs, how sure it
//! is, what to do, stacks, counters, how to silence it: always in this order, each part only if
//! there is something to say.

use std::collections::BTreeSet;

use crate::history::{Earlier, Relation};
use crate::model::{Report, ReportDependency, ReportLock};
use crate::names::thread_words;
use crate::place::{Frame, Place};
use crate::places::same_file;
use lockdep_validator::Code;

use super::SourceText;
use super::fold::{Part, crates, folded};
use super::head::advice_of_head;
use super::interleave::{Interleaving, how_it_hangs, interleaving};
use super::number::numbered;
use super::shorten::shortened;
use super::snippet::{self, MAX_EXCERPTS, push, snippets, who};
use super::style::Styles;
use super::threads::{given, ring_lines, unasked_holds};

/// Choices of a text report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextOptions {
    /// Colours, or [`Styles::PLAIN`].
    pub styles: Styles,
    /// How many frames of each stack to print; zero leaves stacks out.
    pub n_frames: usize,
    /// How many columns the reader's screen has.
    pub width: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { styles: Styles::PLAIN, n_frames: 12, width: 110 }
    }
}

/// Renders one report, with an empty line after it.
pub fn text(report: &Report, options: &TextOptions, source: &dyn SourceText) -> String {
    let (report, names) = &shortened(&numbered(&report.printable()));
    let styles = &options.styles;
    let mut out = String::new();
    let head = format!("{}[{}]", report.level.as_str(), report.code);
    let title = styles.paint(styles.strong, &format!(": {}", report.title));
    push(&mut out, format_args!("{}{title}", styles.paint(styles.level(report.level), &head)));
    let mut snippets = snippets(report);
    if report.cycle.len().max(report.threads.len()) > MAX_EXCERPTS {
        // The list of the cycle has the other places.
        snippets.truncate(MAX_EXCERPTS);
    }
    let gutter = snippet::gutter_width(&snippets);
    for one in &snippets {
        if !one.heading.is_empty() {
            let note = styles.paint(styles.note, "note");
            push(&mut out, format_args!("{note}: {}", one.heading));
        }
        snippet::write(&mut out, one, gutter, styles, source);
    }
    let mut parts = Parts { out, margin: " ".repeat(gutter), options };
    for (short, full) in names {
        parts.line("name", &format!("`{short}` is `{full}`"));
    }
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
    parts.stacks(report);
    parts.footer(report);
    parts.out.push('\n');
    parts.out
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

/// Renders a report in two lines: what it is, and from which one before it follows. `in_full` says
/// how to see the rest.
pub fn brief(report: &Report, earlier: &Earlier, in_full: &str, options: &TextOptions) -> String {
    let report = &report.printable();
    let styles = &options.styles;
    let mut out = String::new();
    let head = format!("{}[{}]", report.level.as_str(), report.code);
    let title = styles.paint(styles.strong, &format!(": {}", report.title));
    push(&mut out, format_args!("{}{title}", styles.paint(styles.level(report.level), &head)));
    let mut parts = Parts { out, margin: "  ".to_owned(), options };
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
        Relation::Raised => {
            let level = report.level.as_str();
            let because = report.notes.first().map_or_else(String::new, |note| {
                let note = note.to_string();
                let reason = note.split_once(". ").map_or(note.as_str(), |(first, _)| first);
                format!(" because {}", reason.trim_end_matches('.'))
            });
            ("raised", format!("the level of report {first} above is `{level}` now{because}"))
        }
    };
    parts.line(word, &format!("{sentence}; {this} in full: {in_full}"));
    parts.out
}

/// The text so far, and how to go on.
struct Parts<'a> {
    out: String,
    margin: String,
    options: &'a TextOptions,
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
        let is_shown = report.cycle.len() <= MAX_EXCERPTS;
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
        for (name, step) in names.iter().zip(&report.cycle) {
            let places = if is_shown { String::new() } else { places(step) };
            let closing = if step.closing { "  closes it" } else { "" };
            self.indented(format!("{name:width$}{places}{closing}").trim_end());
        }
    }

    /// The ring of threads that wait, one line each.
    fn ring(&mut self, report: &Report) {
        if !report.threads.is_empty() {
            self.line("ring", "each thread waits for the one below, the last for the first");
            ring_lines(report).iter().for_each(|line| self.indented(line));
        }
    }

    fn interleaving(&mut self, interleaving: &Interleaving, heading: &str) {
        self.line(heading, "time runs downwards");
        let cells: Vec<String> = interleaving.steps.iter().map(|step| cell(interleaving, step)).collect();
        let mut widths: Vec<usize> = interleaving.columns.iter().map(|head| head.chars().count()).collect();
        for (step, cell) in interleaving.steps.iter().zip(&cells) {
            widths[step.column] = widths[step.column].max(cell.chars().count());
        }
        let total = widths.iter().sum::<usize>() + 3 * widths.len();
        if total + self.margin.len() + 5 > self.options.width.max(60) {
            let mut seen = BTreeSet::new();
            for (step, cell) in interleaving.steps.iter().zip(&cells) {
                let name = if seen.insert(step.column) {
                    &interleaving.columns[step.column]
                } else {
                    interleaving.name(step.column)
                };
                self.indented(&format!("{name}: {cell}"));
            }
            return;
        }
        let row = |fill: &dyn Fn(usize) -> String| {
            let row: Vec<String> =
                (0..widths.len()).map(|column| format!("{:w$}", fill(column), w = widths[column])).collect();
            row.join(" | ")
        };
        self.indented(&row(&|column| interleaving.columns[column].clone()));
        self.indented(&row(&|column| "-".repeat(widths[column])).replace(" | ", "-+-"));
        for (step, cell) in interleaving.steps.iter().zip(&cells) {
            self.indented(&row(&|column| if column == step.column { cell.clone() } else { String::new() }));
        }
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
        for other in others.iter().take(MAX_HELD) {
            self.indented(other);
        }
        if others.len() > MAX_HELD {
            self.indented(&format!("… and {} more", others.len() - MAX_HELD));
        }
    }

    fn stacks(&mut self, report: &Report) {
        if self.options.n_frames == 0 {
            return;
        }
        let mut stacks: Vec<(String, &Place, &[Frame])> = Vec::new();
        for step in report.cycle.iter().rev().take(MAX_EXCERPTS).rev() {
            let (doubt_held, doubt_acquire) =
                (doubt(step.frames_held.exact), doubt(step.frames_acquire.exact));
            let held = format!("`{}` acquired, then held{doubt_held}", step.from);
            let acquired = match report.code.known() {
                Some(Code::WaitHoldingLock) if step.closing => "the wait".to_owned(),
                Some(Code::WaitHoldingLock) => format!("`{}` acquired by the awaited thread", step.to),
                _ => format!("`{}` acquired while `{}` was held{doubt_acquire}", step.to, step.from),
            };
            stacks.push((held, &step.held_site, &step.frames_held.frames));
            stacks.push((acquired, &step.acquire_site, &step.frames_acquire.frames));
        }
        for (index, thread) in report.threads.iter().enumerate().take(MAX_EXCERPTS) {
            let who = thread_words(&thread.thread);
            let before = &report.threads[(index + report.threads.len() - 1) % report.threads.len()];
            for (lock, what) in
                [(given(before, thread), "acquired, then held"), (thread.wait.lock.as_ref(), "wanted")]
            {
                stacks.extend(lock.iter().map(|lock| {
                    (
                        format!("`{}` {what} by {who}{}", lock.class, doubt(lock.exact)),
                        &lock.site,
                        &lock.frames[..],
                    )
                }));
            }
        }
        if report.cycle.is_empty() && report.threads.is_empty() {
            for (lock, what) in [(&report.conflict, "acquired, then held"), (&report.subject, "here")] {
                stacks.extend(lock.iter().map(|lock| {
                    (format!("`{}` {what}{}", lock.class, doubt(lock.exact)), &lock.site, &lock.frames[..])
                }));
            }
        }
        let mut above: &[Frame] = &[];
        for (what, site, frames) in stacks {
            if says_nothing(frames, site) {
                continue;
            }
            self.stack(&what, frames, above);
            above = frames;
        }
    }

    /// One stack; what it has in common with the one above it is not printed again.
    fn stack(&mut self, what: &str, frames: &[Frame], above: &[Frame]) {
        let n_common = frames.iter().rev().zip(above.iter().rev()).take_while(|(a, b)| a == b).count();
        // A single frame is as short as the words that would stand for it.
        let n_own = if n_common > 1 { frames.len() - n_common } else { frames.len() };
        self.line("stack", what);
        for part in folded(&frames[..n_own], above.first(), self.options.n_frames) {
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

/// What is said of a stack that may be another path to the same place.
const fn doubt(exact: bool) -> &'static str {
    if exact { "" } else { " (perhaps on another path)" }
}

/// Whether a stack adds nothing to the excerpt of `site`: it holds the place itself, and perhaps
/// the caller named there.
fn says_nothing(frames: &[Frame], site: &Place) -> bool {
    match frames {
        [] => true,
        [only] => only.line == site.line && same_file(&only.file, &site.file),
        _ => false,
    }
}

/// How many other held locks are listed.
const MAX_HELD: usize = 16;

fn places(step: &ReportDependency) -> String {
    format!("  {} then {}, {}", step.held_site, step.acquire_site, who(&step.thread, &step.process))
}

fn cell(interleaving: &Interleaving, step: &super::Step) -> String {
    let place = if step.place.is_known() { format!("  {}", short(&step.place)) } else { String::new() };
    let waits = match step.waits_for {
        None => String::new(),
        Some(column) if column == step.column => "  waits for itself".to_owned(),
        Some(_) if interleaving.columns.len() == 2 => "  waits".to_owned(),
        Some(column) => format!("  waits for {}", interleaving.name(column)),
    };
    format!("{}{place}{waits}", step.action)
}

/// File name and line: the whole path stands in the excerpts.
fn short(place: &Place) -> String {
    let file = place.file.rsplit(['/', '\\']).next().unwrap_or(&place.file);
    format!("{file}:{}", place.line)
}

fn frame_place(frame: &Frame) -> String {
    match (frame.file.is_empty(), frame.line) {
        (true, _) => String::new(),
        (false, 0) => format!(" at {}", frame.file),
        (false, line) => format!(" at {}:{line}", frame.file),
    }
}
