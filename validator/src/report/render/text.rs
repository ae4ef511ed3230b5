//! The text report, in the shape of a compiler error.
//!
//! Title, both sides with their source, the whole cycle, the interleaving that hangs, how sure it is, what to do, stacks,
//! counters, how to silence it: always in this order, each part only if there is something to say.

use crate::report::model::{Frame, Report, ReportDependency};

use super::SourceText;
use super::interleave::{Interleaving, interleaving};
use super::snippet::{self, push, snippets, who};
use super::style::Styles;

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
    let styles = &options.styles;
    let mut out = String::new();
    let head = format!("{}[{}]", report.level, report.code);
    let title = styles.paint(styles.strong, &format!(": {}", report.title));
    push(&mut out, format_args!("{}{title}", styles.paint(styles.level(&report.level), &head)));
    let snippets = snippets(report);
    let gutter = snippet::gutter_width(&snippets);
    for one in &snippets {
        if !one.heading.is_empty() {
            let note = styles.paint(styles.note, "note");
            push(&mut out, format_args!("{note}: {}", one.heading));
        }
        snippet::write(&mut out, one, gutter, styles, source);
    }
    let mut parts = Parts { out, margin: " ".repeat(gutter), options };
    parts.thread(report);
    parts.cycle(report);
    if let Some(interleaving) = interleaving(report) {
        parts.interleaving(&interleaving);
    }
    parts.held(report);
    for note in &report.notes {
        parts.line("note", note);
    }
    for help in &report.help {
        parts.line("help", help);
    }
    parts.stacks(report);
    parts.footer(report);
    parts.out.push('\n');
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
        let closing = report.cycle.iter().rfind(|step| step.closing).or(report.cycle.last());
        let process = closing.map_or("", |step| step.process.as_str());
        self.line("seen", &who(&report.thread, process));
    }

    /// One line a dependency.
    fn cycle(&mut self, report: &Report) {
        if report.cycle.is_empty() {
            return;
        }
        self.line("cycle", "each lock was acquired while the one before it was held");
        let names: Vec<String> =
            report.cycle.iter().map(|step| format!("`{}` -> `{}`", step.from, step.to)).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, step) in names.iter().zip(&report.cycle) {
            let line = format!(
                "{name:width$}  {}  {}{}",
                step.kind,
                places(step),
                if step.closing { "  closes it" } else { "" }
            );
            self.indented(&line);
        }
    }

    fn interleaving(&mut self, interleaving: &Interleaving) {
        self.line("how it hangs", "time runs downwards");
        let cells: Vec<String> = interleaving.steps.iter().map(|step| cell(interleaving, step)).collect();
        let mut widths: Vec<usize> = interleaving.columns.iter().map(|head| head.chars().count()).collect();
        for (step, cell) in interleaving.steps.iter().zip(&cells) {
            widths[step.column] = widths[step.column].max(cell.chars().count());
        }
        let total = widths.iter().sum::<usize>() + 3 * widths.len();
        if total + self.margin.len() + 5 > self.options.width.max(60) {
            for (step, cell) in interleaving.steps.iter().zip(&cells) {
                self.indented(&format!("{}: {cell}", interleaving.columns[step.column]));
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

    /// Everything that was held, where the excerpts do not show it already.
    fn held(&mut self, report: &Report) {
        let shown = |site: &crate::report::model::Place| {
            report.cycle.iter().any(|step| step.held_site == *site || step.acquire_site == *site)
                || report.conflict.as_ref().is_some_and(|lock| lock.site == *site)
        };
        let others: Vec<String> = report
            .held
            .iter()
            .filter(|lock| !shown(&lock.site))
            .map(|lock| format!("`{}` {} since {}", lock.class, lock.mode, lock.site))
            .collect();
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
        for step in &report.cycle {
            let (held, acquire) = (&step.frames_held, &step.frames_acquire);
            let what = format!("`{}` acquired, then held{}", step.from, doubt(held.exact));
            self.stack(&what, &held.frames);
            let what =
                format!("`{}` acquired while `{}` was held{}", step.to, step.from, doubt(acquire.exact));
            self.stack(&what, &acquire.frames);
        }
        if report.cycle.is_empty() {
            for (lock, what) in [(&report.conflict, "acquired, then held"), (&report.subject, "here")] {
                if let Some(lock) = lock {
                    self.stack(&format!("`{}` {what}{}", lock.class, doubt(lock.exact)), &lock.frames);
                }
            }
        }
    }

    fn stack(&mut self, what: &str, frames: &[Frame]) {
        if frames.is_empty() {
            return;
        }
        self.line("stack", what);
        for (index, frame) in frames.iter().take(self.options.n_frames).enumerate() {
            self.indented(&format!("{index}: {}{}", frame.function, frame_place(frame)));
        }
        if frames.len() > self.options.n_frames {
            self.indented(&format!("… and {} more", frames.len() - self.options.n_frames));
        }
    }

    fn footer(&mut self, report: &Report) {
        let counters = &report.counters;
        let sentence = format!(
            "{} classes, {} dependencies, {} chains looked at; {} dropped, {} unseen",
            counters.classes, counters.dependencies, counters.chains, counters.dropped, counters.unseen
        );
        self.line("counters", &sentence);
        let silence = format!(
            "explain with `cargo lockdep explain {}`, silence with `LOCKDEP_ALLOW={}`",
            report.code, report.fingerprint
        );
        self.line("more", &silence);
    }
}

/// What is said of a stack that may be another path to the same place.
const fn doubt(exact: bool) -> &'static str {
    if exact { "" } else { " (perhaps on another path)" }
}

/// How many other held locks are listed.
const MAX_HELD: usize = 16;

fn places(step: &ReportDependency) -> String {
    let process = if step.process.is_empty() { String::new() } else { format!(" of `{}`", step.process) };
    format!("{} then {}  thread `{}`{process}", step.held_site, step.acquire_site, step.thread)
}

fn cell(interleaving: &Interleaving, step: &super::Step) -> String {
    let place = if step.place.is_known() { format!("  {}", short(&step.place)) } else { String::new() };
    let waits = match step.waits_for {
        None => String::new(),
        Some(column) if column == step.column => "  waits for itself".to_owned(),
        Some(_) if interleaving.columns.len() == 2 => "  waits".to_owned(),
        Some(column) => format!("  waits for {}", interleaving.columns[column]),
    };
    format!("{}{place}{waits}", step.action)
}

/// File name and line: the whole path stands in the excerpts.
fn short(place: &crate::report::model::Place) -> String {
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
