//! The one place that makes foreign text printable.
//!
//! Names of threads and types, paths, values of variables and what a record says are not ours.
//! Printed as they are, they can steer a terminal (escape sequences), forge a line (line breaks),
//! show something else than they hold (marks that change the direction of writing) or give a
//! command to a build service that reads its own log (`::error::`, `##[error]`). The runtime, the
//! command and every renderer of text pass such text through [`printable`], and lines of source
//! through [`printable_source`].

use std::borrow::Cow;

/// Returns whether a character shows itself and nothing else.
///
/// ```
/// use lockdep_report::printable::is_printable;
/// assert!(is_printable('é') && is_printable(' '));
/// assert!(!is_printable('\u{1b}') && !is_printable('\n') && !is_printable('\u{202e}'));
/// ```
pub const fn is_printable(character: char) -> bool {
    !matches!(
        character,
        // C0, DEL and C1.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Marks of direction, of no width, and breaks of lines and paragraphs.
        | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Returns a name, a path, a value or a message as it can be printed within one line: what is not
/// printable, and what a build service would take for a command, is written as an escape of Rust
/// (`\u{1b}`, `\n`).
///
/// Text that is printable comes back as it is, and so does text that was passed through before.
///
/// ```
/// use lockdep_report::printable::printable;
/// assert_eq!(printable("worker 7"), "worker 7");
/// assert_eq!(printable("a\n\u{1b}[2Jb"), r"a\n\u{1b}[2Jb");
/// assert_eq!(printable("::add-mask::x"), r"\u{3a}:add-mask::x");
/// assert_eq!(printable("std::sync::Mutex"), "std::sync::Mutex");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, text.trim_start().starts_with("::"), is_printable)
}

/// Returns a line of source as it can be printed behind a margin: tabs stay, and so does a leading
/// `::`, which begins a path in Rust.
///
/// ```
/// use lockdep_report::printable::printable_source;
/// assert_eq!(printable_source("\t::std::mem::drop(a);"), "\t::std::mem::drop(a);");
/// assert_eq!(printable_source("// \u{202e}"), r"// \u{202e}");
/// ```
pub fn printable_source(line: &str) -> Cow<'_, str> {
    escaped(line, false, |character| character == '\t' || is_printable(character))
}

fn escaped(text: &str, is_command: bool, keeps: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !is_command && !text.contains("##") && text.chars().all(&keeps) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut colon = is_command;
    for (index, character) in text.char_indices() {
        if (colon && character == ':') || (character == '#' && is_command_mark(text, index)) {
            colon = false;
            out.extend(character.escape_unicode());
        } else if keeps(character) {
            out.push(character);
        } else {
            out.extend(character.escape_default());
        }
    }
    Cow::Owned(out)
}

/// Returns whether the `#` at `index` is the second one of `##[` or of `##word[`, wherever in the
/// line that stands.
fn is_command_mark(text: &str, index: usize) -> bool {
    text[..index].ends_with('#')
        && text[index + 1..].trim_start_matches(|c: char| c.is_ascii_alphabetic()).starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_build_services_are_broken_up() {
        assert_eq!(printable("x ##[error]y"), r"x #\u{23}[error]y");
        assert_eq!(printable("##vso[task.x]"), r"#\u{23}vso[task.x]");
        assert_eq!(printable("## Heading"), "## Heading");
        assert_eq!(printable("  ::error ::x"), r"  \u{3a}:error ::x");
        assert_eq!(printable("\n::error ::x"), r"\n\u{3a}:error ::x");
    }

    #[test]
    fn nothing_is_escaped_twice_and_nothing_unprintable_is_left() {
        for text in
            ["a\tb\r\n", "::x", "##[x]", "\u{9b}31m", "\u{2066}a\u{2069}", "\u{feff}", "é ∀ 日本 🦀", ""]
        {
            let once = printable(text).into_owned();
            assert_eq!(printable(&once), once, "{text:?}");
            assert!(once.chars().all(is_printable), "{once:?}");
        }
    }
}
