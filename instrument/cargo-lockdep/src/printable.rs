//! Foreign text made printable: names, paths and values of others must not steer a terminal or a CI
//! server.
//!
//! What a character may do is known in one place, [`lockdep_report::printable`]. Here are
//! the forms that the command needs of it.

use std::borrow::Cow;

use lockdep_report::printable::is_printable;
pub(crate) use lockdep_report::printable::printable as line;

/// Returns a text of several lines that none of its parts can steer. Line breaks and tabs stay.
pub(crate) fn lines(text: &str) -> String {
    let of_line = |text: &str| text.split('\t').map(line).collect::<Vec<_>>().join("\t");
    // An excerpt of a second file begins so, as in the compiler's text. It is no command.
    let of_excerpt = |text: &str| match text.trim_start_matches(' ').strip_prefix("::: ") {
        Some(rest) => format!("{}{}", &text[..text.len() - rest.len()], of_line(rest)),
        None => of_line(text),
    };
    text.split('\n').map(of_excerpt).collect::<Vec<_>>().join("\n")
}

/// Returns JSON with the same meaning in which everything that cannot be printed is an escape of
/// JSON's own.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    // The control characters of ASCII can only be the white space between values.
    let is_bad = |c: char| !is_printable(c) && !matches!(c, '\0'..' ');
    let text = replaced(text, is_bad, |c| {
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    });
    // `##[` and `##word[` are commands of build services; marks stand in strings only.
    if text.contains("##") { text.replace("##", "#\\u0023").into() } else { text }
}

/// Returns a line of source text of the same length in characters, so that columns stay true. Tabs
/// stay.
pub(crate) fn source(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| !is_printable(c) && c != '\t';
    replaced(text, is_bad, |c| match u32::from(c) {
        // The pictures that Unicode has for the control characters of ASCII.
        code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER).into(),
        _ => char::REPLACEMENT_CHARACTER.into(),
    })
}

fn replaced(text: &str, is_bad: impl Fn(char) -> bool, with: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) {
            out.push_str(&with(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_becomes_an_escape() {
        assert_eq!(line("a\x1b[31mb\nc\u{202e}d\u{9b}e"), "a\\u{1b}[31mb\\nc\\u{202e}d\\u{9b}e");
        assert_eq!(lines("a\n\tb\r\x07"), "a\n\tb\\r\\u{7}");
    }

    #[test]
    fn no_line_is_a_command_of_a_workflow() {
        assert_eq!(lines("x\n  ::error::y\na::b"), "x\n  \\u{3a}:error::y\na::b");
        assert_eq!(lines("  ::: src/a.rs:1:2\n::: b\r"), "  ::: src/a.rs:1:2\n::: b\\r");
        assert_eq!(lines(":::error::y"), "\\u{3a}::error::y");
        assert_eq!(lines("see ##[add-path]z"), "see #\\u{23}[add-path]z");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let hostile = "a\x1b\u{9b}\u{202e}\u{e0041}\u{7f}###[x]";
        let text = serde_json::to_string(hostile).expect("a string is JSON");
        let clean = json(&text);
        assert!(clean.is_ascii() && clean.contains("\\u009b") && clean.contains("\\udb40\\udc41"), "{clean}");
        assert!(!clean.contains("##"), "{clean}");
        assert_eq!(serde_json::from_str::<String>(&clean).expect("JSON still"), hostile);
    }

    #[test]
    fn source_lines_keep_their_columns() {
        let text = "a\t\x1b\u{202e}b";
        assert_eq!(source(text), "a\t\u{241b}\u{fffd}b");
        assert_eq!(source(text).chars().count(), text.chars().count());
    }
}
