//! The guard that the head of a `match` or its like makes in passing: advice that one line of
//! source decides.

use lockdep_validator::Code;

use crate::advice::{Advice, General};
use crate::model::Report;
use crate::place::Place;

use super::SourceText;
use super::snippet::index_of_column;

/// Returns the advice about a guard that lives as long as a body. There is one if the source shows
/// such a guard and no other advice names its life.
pub(super) fn advice_of_head(report: &Report, source: &dyn SourceText) -> Option<Advice> {
    let held = report.conflict.as_ref().filter(|_| report.code == Code::Recursion)?;
    let is_shown_there = |help: &Advice| match help {
        Advice::Temporary { .. } => true,
        help => *help == General::HeadOfMatch.into(),
    };
    let is_shown = !report.help.iter().any(is_shown_there) && is_temporary_in_head(&held.site, source);
    is_shown.then(|| General::HeadOfMatch.into())
}

/// Whether a place is a call in the head of a `match` or its like, and something is called on its
/// guard there.
fn is_temporary_in_head(site: &Place, source: &dyn SourceText) -> bool {
    let Some(line) = source.line(&site.file, site.line) else { return false };
    let call = index_of_column(&line, site.column);
    let head: String = line.chars().take(call).collect();
    let head = head.trim_start().trim_start_matches("} else ");
    let is_head = ["match ", "if let ", "while let ", "for "].iter().any(|keyword| head.starts_with(keyword));
    // A bar may begin a closure, whose body is no part of the head.
    if !is_head || head.contains('|') {
        return false;
    }
    let rest: String = line.chars().skip(call).collect();
    let name = |c: char| c.is_alphanumeric() || c == '_';
    let Some(mut rest) = rest.trim_start_matches(name).strip_prefix("()") else { return false };
    for unwrapping in [".unwrap()", "?"] {
        rest = rest.strip_prefix(unwrapping).unwrap_or(rest);
    }
    rest.starts_with('.') || rest.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line(&'static str);

    impl SourceText for Line {
        fn line(&self, _file: &str, _line: u32) -> Option<String> {
            Some(self.0.to_owned())
        }
    }

    #[test]
    fn only_a_guard_that_the_line_shows_in_a_head_is_a_temporary_there() {
        for (line, is_one) in [
            ("    match self.map.lock().unwrap().get(&k) {", true),
            ("    } else if let Some(x) = self.map.lock().pop() {", true),
            ("    while let Some(x) = map.lock()?[0].next() {", true),
            ("    if let Ok(guard) = map.lock() {", false),
            ("    let guard = map.lock().unwrap();", false),
            ("    map.lock().unwrap().clear();", false),
            ("    for x in all.iter().map(|x| x.lock().unwrap().n) {", false),
        ] {
            let at = line.find("lock()").expect("a call");
            let column = u32::try_from(at + 1).expect("short");
            let site = Place { file: "a.rs".into(), line: 1, column, ..Place::default() };
            assert_eq!(is_temporary_in_head(&site, &Line(line)), is_one, "{line}");
        }
    }
}
