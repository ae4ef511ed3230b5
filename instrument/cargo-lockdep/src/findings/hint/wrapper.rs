//! Who holds the guard that a wrapper gave away.
//!
//! Where `fn lock(&self) -> Guard` is called twice, both acquisitions are in one line of the
//! wrapper, and the stack that is known of the first may be that of another path. The function that
//! holds the guard is active, and its source shows an earlier call.

use lockdep_report::advice::Advice;
use lockdep_report::model::Report;
use lockdep_report::place::{Frame, Place};

use super::call::{Call, begins_function};
use crate::source::Sources;

/// How far above the second call the first is looked for.
const MAX_LINES: usize = 400;

/// Advice about the earlier call of the wrapper in the function that calls it again, if the guard
/// has a name there.
pub(super) fn earlier_call(report: &Report, sources: &Sources) -> Option<Advice> {
    let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref())?;
    let (first, second) = (&held.site, &wanted.site);
    let is_one_place = (&first.file, first.line, first.column) == (&second.file, second.line, second.column);
    let is_known = held.exact && !held.frames.is_empty();
    if !report.is_recursion() || !is_one_place || is_known {
        return None;
    }
    let mut frames = wanted.frames.iter();
    let wrapper = frames.find(|frame| (&frame.file, frame.line) == (&second.file, second.line))?;
    let caller = frames.next()?;
    let name = wrapper.function.rsplit("::").next().filter(|name| !name.contains(['{', '<', '>']))?;
    let (variable, given) = kept_before(name, caller, sources)?;
    let again = Place { file: caller.file.clone(), line: caller.line, ..Place::default() };
    Some(Advice::KeptGuard { variable, wrapper: name.to_owned(), given, again })
}

/// The variable that keeps what an earlier call of `name` in the same function gave, and the place
/// of that call.
fn kept_before(name: &str, caller: &Frame, sources: &Sources) -> Option<(String, Place)> {
    let lines = sources.lines(&caller.file)?;
    let again = (caller.line as usize).checked_sub(1).filter(|again| *again < lines.len())?;
    // Blocks that end between the two calls: what they kept is gone.
    let mut n_closed = 0_usize;
    for index in (again.saturating_sub(MAX_LINES)..again).rev() {
        let line = lines[index].split("//").next().unwrap_or_default();
        if n_closed == 0
            && let Some(at) = called_in(line, name)
        {
            let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
            let column = number(line[..at].chars().count());
            let place = Place { file: caller.file.clone(), line: number(index), column, ..Place::default() };
            let call = Call::read(&place, sources)?;
            let variable = call.is_bound().then(|| variable(&call.head)).flatten();
            let is_let_go = |variable: &str| {
                let gone = format!("drop({variable})");
                lines[index..again].iter().any(|line| line.contains(&gone))
            };
            // What comes before this call is not looked at: it gave the lock already, so it did not
            // hang here.
            return variable.filter(|variable| !is_let_go(variable)).map(|variable| (variable, place));
        }
        if begins_function(line) {
            return None;
        }
        for character in line.chars().rev() {
            match character {
                '}' => n_closed += 1,
                '{' => n_closed = n_closed.saturating_sub(1),
                _ => {}
            }
        }
    }
    None
}

/// Where in the line a function or method of that name is called.
fn called_in(line: &str, name: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name)
        .map(|(at, _)| at)
        .find(|at| line[at + name.len()..].starts_with('(') && !line[..*at].ends_with(is_word))
}

/// The variable of a `let` statement's head, if it keeps what it is given.
fn variable(head: &str) -> Option<String> {
    let rest = head.strip_prefix("let ")?.trim_start();
    let rest = rest.strip_prefix("mut ").unwrap_or(rest).trim_start();
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    let (name, after) = rest.split_at(end);
    let is_plain = after.trim_start().starts_with(['=', ':']) && !name.is_empty() && name != "_";
    is_plain.then(|| name.to_owned())
}
