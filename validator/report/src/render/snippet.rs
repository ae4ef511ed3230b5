//! Excerpts of source with labelled places, in the shape that Rust's compiler gives them.

use std::fmt::Write as _;

use crate::model::{Report, ReportDependency, ReportLock, WaitingThread};
use crate::modes::{mode_word, mode_words};
use crate::names::thread_words;
use crate::place::Place;
use crate::printable::is_printable;
use lockdep_validator::{Code, Level, Wait};

use super::SourceText;
use super::labels::{Label, Snippet};
use super::style::Styles;
use super::threads::{given, sentence};
use super::wait;

/// How many dependencies of a cycle are shown with their source.
pub(super) const MAX_EXCERPTS: usize = 4;

/// Returns the excerpts of a report: what just happened first, then the other side or sides.
pub fn snippets(report: &Report) -> Vec<Snippet> {
    if !report.threads.is_empty() {
        return thread_snippets(report);
    }
    let mut all = Vec::new();
    if report.cycle.is_empty() || report.code == Code::ContextInversion {
        all.extend(rule_snippet(report));
    }
    let closing = report.cycle.iter().rposition(|step| step.closing);
    let closing = closing.unwrap_or(report.cycle.len().saturating_sub(1));
    // From the closing dependency on round the cycle, so that each excerpt ends with what the next
    // one holds.
    let n_dependencies = report.cycle.len();
    for offset in 0..n_dependencies {
        let step = &report.cycle[(closing + offset) % n_dependencies];
        if report.code == Code::WaitHoldingLock {
            all.push(wait::snippet(report, step));
            continue;
        }
        let heading = if all.is_empty() { String::new() } else { dependency_heading(step, n_dependencies) };
        all.push(Snippet { heading, labels: dependency_labels(step) });
    }
    all
}

/// One excerpt for each thread of the ring: what the thread before it waits for, and its own wait.
fn thread_snippets(report: &Report) -> Vec<Snippet> {
    let n_threads = report.threads.len();
    let before = |index: usize| &report.threads[(index + n_threads - 1) % n_threads];
    let snippet = |(index, thread): (usize, &WaitingThread)| Snippet {
        heading: if index == 0 { String::new() } else { sentence(thread) },
        labels: given(before(index), thread)
            .map(held_label)
            .into_iter()
            .chain([wait_label(thread)])
            .collect(),
    };
    report.threads.iter().enumerate().map(snippet).collect()
}

fn wait_label(thread: &WaitingThread) -> Label {
    let wait = if thread.wait.timed { ", with a timeout" } else { "" };
    let lock = thread.wait.lock.as_ref();
    Label {
        place: thread.wait.site.clone(),
        text: format!("{} waits here for {}{wait}", thread_words(&thread.thread), thread.wait.words()),
        primary: true,
        class: lock.map(|lock| lock.class.clone()).unwrap_or_default(),
        exact: lock.is_none_or(|lock| lock.exact),
    }
}

fn dependency_heading(step: &ReportDependency, n_dependencies: usize) -> String {
    let opposite = if n_dependencies == 2 { "the opposite order: " } else { "" };
    format!(
        "{opposite}`{}` is acquired while `{}` is held, {}",
        step.to,
        step.from,
        who(&step.thread, &step.process)
    )
}

/// Thread and process in words.
pub(super) fn who(thread: &str, process: &str) -> String {
    let thread = thread_words(thread);
    match (thread.is_empty(), process.is_empty()) {
        (true, true) => "in an unnamed thread".to_owned(),
        (true, false) => format!("in process `{process}`"),
        (false, true) => format!("in {thread}"),
        (false, false) => format!("in {thread} of process `{process}`"),
    }
}

fn dependency_labels(step: &ReportDependency) -> Vec<Label> {
    let wait = if step.acquire_wait == Wait::Timed { ", with a timeout" } else { "" };
    let is_one_call = same_spot(step.held_site.outside_wrapper(), step.acquire_site.outside_wrapper());
    if is_one_call && same_spot(&step.held_site, &step.acquire_site) {
        // One call takes both, further down.
        let text = format!(
            "takes `{}` {} here, and then wants `{}` {}{wait}",
            step.from,
            mode_word(step.held_mode),
            step.to,
            mode_word(step.acquire_mode)
        );
        return vec![Label {
            place: step.acquire_site.clone(),
            text,
            primary: true,
            class: step.to.clone(),
            exact: step.frames_held.exact && step.frames_acquire.exact,
        }];
    }
    vec![
        Label {
            place: step.held_site.clone(),
            text: format!("`{}` is held {} since here", step.from, mode_word(step.held_mode)),
            primary: false,
            class: step.from.clone(),
            exact: step.frames_held.exact,
        },
        Label {
            place: step.acquire_site.clone(),
            text: format!("`{}` is wanted {} here{wait}", step.to, mode_word(step.acquire_mode)),
            primary: true,
            class: step.to.clone(),
            exact: step.frames_acquire.exact,
        },
    ]
}

/// The excerpt of a rule that is about one acquisition or release and what was held then.
fn rule_snippet(report: &Report) -> Option<Snippet> {
    // The rule's own words for a place say more than what was held or wanted there.
    let told = |site: &Place| report.places.iter().any(|place| same_spot(&place.place, site));
    let label_fn = if report.code == Code::Futurelock { ahead_label } else { held_label };
    let held = report.conflict.iter().filter(|held| !told(&held.site)).map(label_fn);
    // Where a guard ended is not known without stacks; then the other places say what there is to
    // say.
    let is_shown = |subject: &&ReportLock| {
        !told(&subject.site) && (subject.site.is_known() || report.conflict.is_none())
    };
    let subject = report.subject.iter().filter(is_shown).map(|subject| Label {
        place: subject.site.clone(),
        text: subject_text(report, subject),
        primary: true,
        class: subject.class.clone(),
        exact: subject.exact,
    });
    let places = report.places.iter().map(|place| Label {
        place: place.place.clone(),
        text: place.label.clone(),
        primary: false,
        class: String::new(),
        exact: true,
    });
    let mut labels: Vec<Label> = held.chain(subject).chain(places).collect();
    if !labels.iter().any(|label| label.primary) {
        labels.last_mut()?.primary = true;
    }
    Some(Snippet { heading: String::new(), labels })
}

fn same_spot(a: &Place, b: &Place) -> bool {
    (&a.file, a.line, a.column) == (&b.file, b.line, b.column)
}

/// A future that queues for the lock that is awaited.
fn ahead_label(ahead: &ReportLock) -> Label {
    let text = format!("a future queues for `{}` here, and is not polled now", ahead.class);
    Label { text, ..held_label(ahead) }
}

fn held_label(held: &ReportLock) -> Label {
    let text = format!("`{}` is held {} since here", held.class, mode_words(held));
    Label { place: held.site.clone(), text, primary: false, class: held.class.clone(), exact: held.exact }
}

fn subject_text(report: &Report, subject: &ReportLock) -> String {
    let class = &subject.class;
    let Some(code) = report.code.known() else { return format!("`{class}` is here") };
    match code {
        Code::BadRelease => format!("`{class}` is released here"),
        Code::HeldLockFreed if report.level == Level::Warning => format!("`{class}` is dropped here"),
        Code::HeldLockFreed => format!("`{class}` is freed or initialised again here"),
        Code::HeldAcrossAwait if report.level != Level::Error => {
            format!("`{class}` is acquired here, and still held when the task is suspended")
        }
        Code::HeldAtExit => format!("`{class}` was acquired here and never released"),
        Code::Assertion => format!("the assertion about `{class}` is here"),
        // A pin that is wrong by itself has no other place.
        Code::PinnedLockReleased if report.places.is_empty() => {
            format!("`{class}` is pinned or unpinned here")
        }
        Code::PinnedLockReleased => format!("`{class}` is released here while pinned"),
        Code::WoundWait => "here".to_owned(),
        _ => format!("`{class}` is wanted {} here", mode_words(subject)),
    }
}

/// Writes one excerpt: an address and, where the source can be read, its lines.
pub(super) fn write(
    out: &mut String,
    snippet: &Snippet,
    gutter: usize,
    styles: &Styles,
    source: &dyn SourceText,
) {
    let mut rest: Vec<&Label> = snippet.labels.iter().collect();
    let primary = rest.iter().position(|label| label.primary).unwrap_or(0);
    let mut arrow = "-->";
    let mut file = rest.get(primary).map(|label| label.place.file.clone());
    let mut address = rest.get(primary).map(|label| label.place.to_string());
    while let (Some(here), Some(at)) = (file, address) {
        let (mut block, other): (Vec<&Label>, Vec<&Label>) =
            rest.into_iter().partition(|label| label.place.file == here);
        block.sort_by_key(|label| (label.place.line, label.place.column));
        write_file(out, arrow, &at, &block, gutter, styles, source);
        rest = other;
        arrow = ":::";
        file = rest.first().map(|label| label.place.file.clone());
        address = rest.first().map(|label| label.place.to_string());
    }
}

fn write_file(
    out: &mut String,
    arrow: &str,
    address: &str,
    labels: &[&Label],
    gutter: usize,
    styles: &Styles,
    source: &dyn SourceText,
) {
    let bar = styles.paint(styles.frame, "|");
    let margin = " ".repeat(gutter);
    push(out, format_args!("{margin}{} {address}", styles.paint(styles.frame, arrow)));
    push(out, format_args!("{margin} {bar}"));
    let mut previous: Option<u32> = None;
    for label in labels {
        let line = label.place.line;
        let text = if line == 0 { None } else { source.line(&label.place.file, line) };
        let Some(text) = text else {
            let mark = styles.paint(mark_style(styles, label), if label.primary { "^" } else { "-" });
            push(out, format_args!("{margin} {bar} {mark} {}: {}", label.place, label.text));
            continue;
        };
        let (text, index, column) = printable(&text, label.place.column);
        if previous.is_some_and(|previous| line > previous + 1) {
            push(out, format_args!("{}", styles.paint(styles.frame, "...")));
        }
        if previous != Some(line) {
            let number = styles.paint(styles.frame, &format!("{line:<gutter$} |"));
            push(out, format_args!("{number} {text}"));
        }
        let length = identifier_length(&text, index);
        let marks = if label.primary { "^" } else { "-" }.repeat(length);
        let marked = styles.paint(mark_style(styles, label), &format!("{marks} {}", label.text));
        push(out, format_args!("{margin} {bar} {}{marked}", " ".repeat(column)));
        previous = Some(line);
    }
    for caller in callers(labels) {
        push(out, format_args!("{margin} {bar} {caller}"));
    }
    push(out, format_args!("{margin} {bar}"));
}

/// Who called each place, if the place is in a file of its own, such as a wrapper's.
fn callers(labels: &[&Label]) -> Vec<String> {
    let mut known: Vec<(&Place, &Label)> = Vec::new();
    for label in labels {
        let Some(caller) = label.place.caller.as_deref() else { continue };
        match known.iter_mut().find(|(place, _)| *place == caller) {
            // One of them is sure of it.
            Some((_, first)) if label.exact => *first = label,
            Some(_) => {}
            None => known.push((caller, label)),
        }
    }
    // One line for all labels needs no name; else it says whose caller it is.
    let is_one = known.len() == 1
        && labels
            .iter()
            .all(|label| label.class.is_empty() || label.place.caller.as_deref() == Some(known[0].0));
    let is_one_class = known.windows(2).all(|pair| pair[0].1.class == pair[1].1.class);
    let line = |(caller, label): (&Place, &Label)| {
        let class = &label.class;
        let whose = match label.primary {
            _ if is_one || class.is_empty() => String::new(),
            false if is_one_class => "held: ".to_owned(),
            true if is_one_class => "wanted: ".to_owned(),
            _ => format!("`{class}`: "),
        };
        let sure = if label.exact { "called from" } else { "called, on one path, from" };
        let through = caller
            .through
            .as_deref()
            .map_or_else(String::new, |direct| format!(", through {direct}{}", function_words(direct)));
        format!("{whose}{sure} {caller}{}{through}", function_words(caller))
    };
    known.into_iter().map(line).collect()
}

fn function_words(place: &Place) -> String {
    place.function.as_ref().map_or_else(String::new, |function| format!(" in `{function}`"))
}

fn mark_style<'a>(styles: &'a Styles, label: &Label) -> &'a str {
    if label.primary { styles.error } else { styles.frame }
}

/// Returns the index, among the characters of `line`, of the one that stands in `column`.
///
/// The compiler counts the columns that a reader sees: a tab is four wide, a wide character two.
/// Behind the end of the line every column has an index of its own.
#[must_use]
pub fn index_of_column(line: &str, column: u32) -> usize {
    let wanted = (column as usize).saturating_sub(1);
    let mut passed = 0;
    for (index, character) in line.chars().enumerate() {
        if passed >= wanted {
            return index;
        }
        passed += width(character);
    }
    line.chars().count() + wanted.saturating_sub(passed)
}

/// How many columns a character takes.
fn width(character: char) -> usize {
    match character {
        '\t' => 4,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The line as it can be printed; the index in it of the character in `column`; and how far that is
/// from the left.
///
/// Tabs become four spaces; what is not printable, and could steer the terminal, becomes a
/// replacement mark.
fn printable(line: &str, column: u32) -> (String, usize, usize) {
    let wanted = index_of_column(line, column);
    let mut text = String::with_capacity(line.len());
    let (mut n_characters, mut n_columns) = (0, 0);
    let mut at = None;
    for (index, character) in line.chars().enumerate() {
        if index == wanted {
            at = Some((n_characters, n_columns));
        }
        let shown = match character {
            '\t' => "    ".to_owned(),
            hidden if !is_printable(hidden) => '\u{fffd}'.to_string(),
            other => other.to_string(),
        };
        n_characters += shown.chars().count();
        n_columns += width(character);
        text.push_str(&shown);
    }
    let (index, columns) = at.unwrap_or((n_characters, n_columns));
    (text, index, columns)
}

/// How many characters of the name at `index` to mark: a method, the path of a function, a macro
/// with its `!`; at least one.
fn identifier_length(line: &str, index: usize) -> usize {
    let is_letter = |c: &char| c.is_alphanumeric() || *c == '_';
    let text: Vec<char> = line.chars().skip(index).collect();
    let mut length = text.iter().take_while(|c| is_letter(c)).count();
    while text.get(length..).is_some_and(|rest| rest.starts_with(&[':', ':'])) {
        let part = text[length + 2..].iter().take_while(|c| is_letter(c)).count();
        if part == 0 {
            break;
        }
        length += 2 + part;
    }
    let is_macro = length > 0 && text.get(length) == Some(&'!') && text.get(length + 1) != Some(&'=');
    (length + usize::from(is_macro)).max(1)
}

/// How wide the column of line numbers is.
pub(super) fn gutter_width(snippets: &[Snippet]) -> usize {
    let last = snippets.iter().flat_map(|snippet| &snippet.labels).map(|label| label.place.line).max();
    last.unwrap_or(0).to_string().len().max(2)
}

/// Appends a line, without the blanks that an empty cell leaves at its end.
pub(super) fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    let start = out.len();
    write!(out, "{line}").expect("writing to a string cannot fail");
    let kept = out[start..].trim_end().len();
    out.truncate(start + kept);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_move_the_column_and_escapes_cannot_reach_the_terminal() {
        // What `Location::column` says of `lock` in these lines.
        assert_eq!(printable("\ta.lock()", 7), ("    a.lock()".to_owned(), 6, 6));
        assert_eq!(printable("\u{65e5}.lock()", 4), ("\u{65e5}.lock()".to_owned(), 2, 3));
        assert_eq!(index_of_column("\t\tlet a = b.lock();", 19), 12);
        assert_eq!((index_of_column("", 7), index_of_column("ab", 7)), (6, 6));
        assert_eq!(printable("x\x1b[2J", 9).0, "x\u{fffd}[2J");
        assert_eq!(printable("ab", 40).1, 2, "a column past the end stays on the line");
        assert_eq!(identifier_length("    a.lock()", 6), 4);
        assert_eq!(identifier_length("x", 7), 1);
    }

    #[test]
    fn paths_and_macros_are_marked_whole() {
        for (code, length) in [
            ("raw::unlock(mm)", 11),
            ("assert_held!(a)", 12),
            ("lock()", 4),
            ("x != y", 1),
            ("Vec::<u8>::new()", 3),
            ("é_1.lock()", 3),
        ] {
            assert_eq!(identifier_length(code, 0), length, "{code}");
        }
    }
}
