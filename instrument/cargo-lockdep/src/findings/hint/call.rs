//! A lock call and the statement around it, read from the lines of its file.

use lockdep_report::advice::Scope;
use lockdep_report::place::Place;

use crate::columns::index_of_call;
use crate::source::Sources;

/// How far above a lock call the head of its statement is looked for, and below it the rest of it.
const MAX_LINES: usize = 6;

/// A lock call in its source.
pub(super) struct Call {
    pub(super) lines: std::rc::Rc<Vec<String>>,
    /// The index of its line.
    pub(super) index: usize,
    /// The statement up to the call.
    pub(super) head: String,
    /// The index of the line on which the statement begins.
    pub(super) start: usize,
    /// The statement from the call on, up to a brace or semicolon, which is the last character if
    /// it was found.
    pub(super) rest: String,
}

impl Call {
    pub(super) fn read(place: &Place, sources: &Sources) -> Option<Self> {
        let lines = sources.lines(&place.file)?;
        let index = (place.line as usize).checked_sub(1)?;
        let line = lines.get(index)?;
        let split = index_of_call(line, place.column);
        let before: String = line.chars().take(split).collect();
        let after: String = line.chars().skip(split).collect();
        let (head, start) = statement_head(&lines, index, &before);
        let rest = statement_rest(&lines, index, &after);
        // A macro's place stands for everything that it writes.
        let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
        if !rest[name..].trim_start().starts_with('(') {
            return None;
        }
        Some(Self { lines, index, head, start, rest })
    }

    /// Whether the guard has a name in the function that makes it.
    pub(super) fn is_bound(&self) -> bool {
        self.head.starts_with("let ") && !self.is_temporary()
    }

    /// Whether the guard is not kept by itself: something is called on it, or what it guards is
    /// looked at, in passing.
    pub(super) fn is_temporary(&self) -> bool {
        let receiver = self.head.rfind(|c: char| !(c.is_alphanumeric() || "_.:()[]?".contains(c)));
        let in_front = receiver.and_then(|at| self.head[at..].chars().next());
        if matches!(in_front, Some('*' | '&')) {
            return true;
        }
        // The call itself, and what only takes the guard out of its result.
        let mut rest =
            after_arguments(self.rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
        loop {
            rest = rest.trim_start();
            let unwrapping = ["?", ".unwrap", ".expect", ".unwrap_or_else", ".await", ".map_err", ".ok"];
            let Some(taken) = unwrapping
                .iter()
                .filter_map(|word| rest.strip_prefix(word))
                .find(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            else {
                break;
            };
            rest = after_arguments(taken);
        }
        rest.starts_with('.') || rest.starts_with('[')
    }
}

/// What follows a list of arguments, if there is one.
fn after_arguments(text: &str) -> &str {
    if !text.starts_with('(') {
        return text;
    }
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => return &text[at + 1..],
            ')' => depth -= 1,
            _ => {}
        }
    }
    ""
}

pub(super) fn text_between(lines: &[String], from: (usize, usize), to: (usize, usize)) -> Option<String> {
    if to.0 - from.0 > MAX_LINES {
        return None;
    }
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate().take(to.0 + 1).skip(from.0) {
        let end = if index == to.0 { to.1 } else { line.chars().count() };
        let start = if index == from.0 { from.1 } else { 0 };
        text.extend(line.chars().take(end).skip(start));
        text.push('\n');
    }
    Some(text)
}

/// A labelled loop begins with its label.
fn without_label(head: &str) -> &str {
    match head.split_once(": ") {
        Some((label, rest)) if label.starts_with('\'') => rest,
        _ => head,
    }
}

/// The statement up to the call, and the line it begins on.
fn statement_head(lines: &[String], index: usize, before: &str) -> (String, usize) {
    let mut text = before.trim().to_owned();
    let mut at = index;
    for _ in 0..MAX_LINES {
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
    let text = text.strip_prefix("} else ").unwrap_or(&text).trim_start_matches("else ").to_owned();
    (text, at)
}

/// The statement from the call on, to the first brace or semicolon.
fn statement_rest(lines: &[String], index: usize, after: &str) -> String {
    let mut text = String::new();
    let below = lines.iter().skip(index + 1).take(MAX_LINES).map(String::as_str);
    for line in std::iter::once(after).chain(below) {
        let line = line.split("//").next().unwrap_or_default();
        if let Some(end) = line.find([';', '{', '}']) {
            text.push_str(&line[..=end]);
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Whether a function may begin in a line.
pub(super) fn begins_function(line: &str) -> bool {
    let head = line.split("//").next().unwrap_or_default().split('(').next().unwrap_or_default();
    head.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "fn")
}

/// The place alone: advice names no caller.
pub(super) fn bare(place: &Place) -> Place {
    Place { function: None, caller: None, in_wrapper: false, through: None, ..place.clone() }
}

/// A temporary in the head of a `match` or its like lives as long as the whole.
pub(super) fn in_head(call: &Call, edition: Option<u16>) -> Option<Scope> {
    let head = without_label(&call.head);
    let keyword = ["if let", "while let", "match", "for"]
        .into_iter()
        .find(|keyword| head.strip_prefix(keyword).is_some_and(|rest| rest.starts_with([' ', '(', '&'])))?;
    // Behind the pattern stands the expression; a bar in it may begin a closure, whose body is no
    // part of the head.
    let expression = match keyword {
        "match" => head,
        "for" => head.split_once(" in ")?.1,
        _ => head.split_once('=')?.1,
    };
    if expression.contains('|') {
        return None;
    }
    let line = u32::try_from(call.start + 1).unwrap_or(u32::MAX);
    Some(Scope::Head { keyword: keyword.to_owned(), line, edition })
}
