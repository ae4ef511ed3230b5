//! Calls of what a variable or a field holds: the source does not name the function that runs.

use lockdep_report::advice::{Advice, Role};
use lockdep_report::model::Report;
use lockdep_report::place::{Frame, Place};

use super::call::{bare, begins_function};
use crate::columns::index_of_call;
use crate::source::Sources;

/// How far above a call its function begins at most.
const MAX_LINES: usize = 200;

/// Names the function that such a call under a guard runs.
pub(super) fn name(report: &mut Report, sources: &Sources) {
    let Some(wanted) = &report.subject else { return };
    for advice in &mut report.help {
        let Advice::UnderCall { class, call, destructor: None } = advice else { continue };
        let is_there =
            |frame: &Frame| (&frame.file, frame.line, frame.column) == (&call.file, call.line, call.column);
        let Some(inside) = wanted.frames.iter().position(is_there).and_then(|index| index.checked_sub(1))
        else {
            continue;
        };
        let Frame { function, file, line, column } = wanted.frames[inside].clone();
        if !is_of_variable(call, &function, sources) {
            continue;
        }
        *advice = Advice::ForeignCall {
            class: class.clone(),
            call: None,
            out: bare(call),
            callee: function,
            back: Place { file, line, column, ..Place::default() },
            inside: None,
            destructor: None,
            role: Some(Role::Callback),
        };
    }
}

/// Whether the call at the place calls a variable or a field, and not what it says.
fn is_of_variable(call: &Place, function: &str, sources: &Sources) -> bool {
    let Some(lines) = sources.lines(&call.file) else { return false };
    let Some(index) = (call.line as usize).checked_sub(1) else { return false };
    let Some(line) = lines.get(index) else { return false };
    let split = index_of_call(line, call.column);
    let (before, after): (String, String) =
        (line.chars().take(split).collect(), line.chars().skip(split).collect());
    // `(self.hook)(event)`: no function is called so.
    if let Some((field, _)) = after.strip_prefix('(').and_then(|rest| rest.split_once(")(")) {
        return field.chars().all(|c| is_of_word(c) || "&*.".contains(c));
    }
    let name = &after[..after.find(|c| !is_of_word(c)).unwrap_or(after.len())];
    let is_path = before.ends_with(['.', ':']) || !after[name.len()..].starts_with('(');
    let own = function.split('<').next().unwrap_or_default().rsplit("::").next();
    if is_path || name.is_empty() || own == Some(name) {
        return false;
    }
    let above = lines[index.saturating_sub(MAX_LINES)..index].iter();
    let mut of_function: Vec<&str> = Vec::new();
    for line in std::iter::once(&before).chain(above.rev()) {
        of_function.push(line);
        if begins_function(line) {
            return of_function.iter().any(|line| binds(line, name));
        }
    }
    false
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a line may give the name to a variable: `name: T`, `let name`, `Some(name)`, `for name`.
fn binds(line: &str, name: &str) -> bool {
    let line = line.split("//").next().unwrap_or_default();
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], line[at + name.len()..].trim_start());
        let is_whole = !before.ends_with(is_of_word) && !line[at + name.len()..].starts_with(is_of_word);
        let is_typed = after.starts_with(':') && !after.starts_with("::");
        let word = before.trim_end().rsplit(|c: char| !is_of_word(c)).next().unwrap_or_default();
        let is_let = ["let", "mut", "for", "ref"].contains(&word) && !before.ends_with(is_of_word);
        let is_pattern = before.ends_with('(') && after.starts_with(')') && line.contains("Some(");
        is_whole && (is_typed || is_let || is_pattern)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the call that `^` stands in front of, in which `function` runs, is of a variable.
    fn is_found(marked: &str, function: &str) -> bool {
        let (before, after) = marked.split_once('^').expect("a mark");
        let thread = std::thread::current();
        let folder =
            std::env::temp_dir().join(format!("lockdep-called-{}-{:?}", std::process::id(), thread.id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        std::fs::write(folder.join("a.rs"), format!("{before}{after}")).expect("written");
        let number = |n: usize| u32::try_from(n).expect("short");
        let line = number(before.matches('\n').count() + 1);
        let column = number(before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        let place = Place { file: "a.rs".into(), line, column, ..Place::default() };
        let found = is_of_variable(&place, function, &Sources::only(vec![folder.clone()]));
        std::fs::remove_dir_all(folder).expect("ours");
        found
    }

    #[test]
    fn a_call_of_a_variable_or_a_field_does_not_say_what_runs() {
        for source in [
            "fn hold(callback: impl FnOnce() -> u32) {\n    let mut table = T.lock();\n    *table += ^callback();\n}",
            "fn hold(&self) {\n    for hook in &self.hooks {\n        ^hook(3);\n    }\n}",
            "fn hold(&self) {\n    if let Some(hook) = &self.hook {\n        ^hook(3);\n    }\n}",
            "fn hold(&self) {\n    let mut hook = self.take();\n    ^hook(3);\n}",
            "fn hold(&self) { ^(self.hook)(3); }",
        ] {
            assert!(is_found(source, "app::look"), "{source}");
        }
        for (source, function) in [
            ("fn hold() {\n    ^look();\n}", "app::look"),
            ("fn hold() {\n    ^look::<u8>();\n}", "app::look"),
            // Perhaps it was inlined.
            ("fn hold() {\n    ^refresh();\n}", "app::look"),
            ("fn hold() {\n    self.^refresh();\n}", "app::look"),
            ("fn hold(look: &str) {\n    ^look();\n}", "app::look"),
            ("fn other(call: F) {}\nfn hold() {\n    ^call();\n}", "app::look"),
            ("fn hold(call: F) {\n    ^call!();\n}", "app::look"),
        ] {
            assert!(!is_found(source, function), "{source}");
        }
    }
}
