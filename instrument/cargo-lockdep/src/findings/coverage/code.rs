//! Where source text makes a lock, as far as text can tell.

use std::collections::BTreeMap;

/// Paths whose locks no façade reaches, so that no run shows whether they were acquired. The first
/// is that of a crate with an overlay.
const NOT_SEEN: [&str; 6] =
    ["tokio::sync", "async_lock", "async_std::sync", "futures::lock", "futures_util::lock", "spin"];

/// The paths that are not seen where crates have their overlays, or have not.
fn not_seen(is_overlaid: bool) -> &'static [&'static str] {
    if is_overlaid { &NOT_SEEN[1..] } else { &NOT_SEEN }
}

/// The numbers, from 1, of the lines that make a `Mutex` or `RwLock` by the name of its
/// constructor.
pub(super) fn lines_with_locks(text: &str, is_overlaid: bool) -> Vec<u32> {
    let code = without_comments_and_strings(text);
    let not_seen = not_seen(is_overlaid);
    let is_foreign = |name: &str| code.split(';').any(|item| imports_unseen(item, name, not_seen));
    let foreign = [("Mutex", is_foreign("Mutex")), ("RwLock", is_foreign("RwLock"))];
    let makes =
        |line: &&str| foreign.iter().any(|&(name, is_foreign)| makes_lock(line, name, is_foreign, not_seen));
    let numbered = (1..).zip(code.lines()).filter(|(_, line)| makes(line));
    numbered.map(|(number, _)| number).collect()
}

/// What the text of one file makes and waits for.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    pub(super) n_watched: usize,
    pub(super) unwatched: BTreeMap<&'static str, usize>,
}

/// Waits that are not watched: how they look in code, and what they are called. A text with one of
/// the marks in front of the kind has it.
const WAITS: [(&[&str], &str); 3] = [
    (&["Barrier::new("], "barriers"),
    (&["Condvar::new(", "Condvar::default("], "condition variables (their mutexes are watched)"),
    (&["thread::park(", "thread::park_timeout("], "parked threads"),
];

/// How a channel is made.
const CHANNELS: [&str; 6] =
    ["mpsc::channel(", "mpsc::channel::<", "sync_channel(", "sync_channel::<", " channel(", " channel::<"];

/// Counts what the text makes and waits for.
pub(super) fn kinds(text: &str, is_overlaid: bool) -> Kinds {
    let code = without_comments_and_strings(text);
    let not_seen = not_seen(is_overlaid);
    // A join announces what it waits for, as a lock does.
    let n_watched = lines_with_locks(text, is_overlaid).len() + code.matches(".join()").count();
    let mut kinds = Kinds { n_watched, ..Kinds::default() };
    let mut add = |kind, n| {
        if n > 0 {
            *kinds.unwatched.entry(kind).or_default() += n;
        }
    };
    for (marks, kind) in WAITS {
        add(kind, marks.iter().map(|mark| code.matches(mark).count()).sum());
    }
    let n_channels = code.lines().filter(|line| CHANNELS.iter().any(|mark| line.contains(mark))).count();
    let is_std = code.split(';').any(|item| item.contains("std::") && item.contains("mpsc"));
    if !is_std && code.contains("channel") && code.contains("use ") {
        add("other channels", n_channels);
    }
    let is_async = |line: &&str| {
        let of =
            |name: &str| makes_lock(line, name, false, not_seen) != makes_lock(line, name, true, not_seen);
        not_seen.iter().any(|path| names_path(line, path)) && !line.contains("use ")
            || ["Mutex", "RwLock"]
                .iter()
                .any(|name| of(name) && code.split(';').any(|item| imports_unseen(item, name, not_seen)))
    };
    add("async and other locks", code.lines().filter(is_async).count());
    // A receive from a channel of std announces what it waits for, as a join does.
    kinds.n_watched += if is_std { n_channels } else { 0 };
    kinds
}

/// Whether a line names something of a module by its path. A word that contains the name of the
/// module, as `spinner` contains `spin`, does not.
fn names_path(line: &str, module: &str) -> bool {
    line.match_indices(module).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let is_whole = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        is_whole && line[at + module.len()..].starts_with("::")
    })
}

/// Whether a line calls a constructor of a type whose name ends with `name`; `is_foreign` says that
/// without a path it is none of those that are seen.
fn makes_lock(line: &str, name: &str, is_foreign: bool, not_seen: &[&str]) -> bool {
    line.match_indices(&format!("{name}::")).any(|(at, found)| {
        let path = line[..at].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        let path = &path[path.trim_end_matches(|c: char| c.is_alphanumeric() || "_:".contains(c)).len()..];
        let is_unseen = match path.strip_suffix("::") {
            Some(module) => not_seen.contains(&module.trim_start_matches("::")),
            None => is_foreign && line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric()),
        };
        let called = without_turbofish(&line[at + found.len()..]);
        !is_unseen && ["new(", "default(", "from("].iter().any(|constructor| called.starts_with(constructor))
    })
}

/// What follows the type arguments of `Mutex::<T>::new`.
fn without_turbofish(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('<') else { return text };
    let mut depth = 1_usize;
    for (at, character) in inner.char_indices() {
        match character {
            '<' => depth += 1,
            '>' if depth == 1 => return inner[at + 1..].trim_start_matches("::"),
            '>' => depth -= 1,
            _ => {}
        }
    }
    text
}

/// Whether an item is a `use` of this name from a crate whose locks are not seen.
fn imports_unseen(item: &str, name: &str, not_seen: &[&str]) -> bool {
    let item = item.rsplit('}').next().filter(|last| last.contains("use ")).unwrap_or(item);
    let Some((_, path)) = item.split_once("use ") else { return false };
    let is_from =
        not_seen.iter().any(|module| path.trim_start().trim_start_matches("::").starts_with(module));
    is_from && path.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
}

/// The text with spaces for what the compiler does not read as code; lines stay lines.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|c| if c == '\n' { c } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// The length of the comment, string or character that `text` begins with; zero for code. `before`
/// is what stands in front.
fn skipped(text: &str, before: Option<char>) -> usize {
    let is_in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return quoted(text, 1);
    }
    if text.starts_with('r') && !is_in_word {
        let n_marks = text[1..].chars().take_while(|&c| c == '#').count();
        if text[1 + n_marks..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(n_marks));
            let body = 2 + n_marks;
            return text[body..].find(&end).map_or(text.len(), |at| body + at + end.len());
        }
    }
    // A quote that opens a character or a string of one; a lifetime has no second one so near.
    match text.strip_prefix('\'').map(|rest| (rest, rest.chars().next())) {
        // What is escaped may be a quote itself.
        Some((rest, Some('\\'))) => rest.get(2..).and_then(|rest| rest.find('\'')).map_or(0, |at| at + 4),
        Some((rest, Some(c))) if rest[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
        _ => 0,
    }
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (step, change) = match () {
            () if rest.starts_with("/*") => (2, 1),
            () if rest.starts_with("*/") => (2, -1),
            () => (rest.chars().next().map_or(1, char::len_utf8), 0),
        };
        at += step;
        depth = depth.saturating_add_signed(change);
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// A string up to its closing quote; its text begins at `from`.
fn quoted(text: &str, from: usize) -> usize {
    let mut is_escaped = false;
    for (at, character) in text[from..].char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return from + at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_contains_a_module_names_nothing_of_it() {
        assert!(names_path("let lock = spin::Mutex::new(1);", "spin"));
        assert!(names_path("f(::tokio::sync::Notify::new())", "tokio::sync"));
        assert!(!names_path("let bar = ProgressBar::new_spinner();", "spin"));
        assert!(!names_path("my_spin::Mutex::new(1); spin(1)", "spin"));
        assert!(kinds("fn f() { spinner.tick(); spin_once(); }", false).unwatched.is_empty());
    }

    #[test]
    fn lines_that_make_locks_are_found_and_others_are_not() {
        for (line, makes) in [
            ("    a: Mutex::new(1), // why", true),
            ("static A: FairMutex<u8> = FairMutex::new(0);", true),
            ("let a = std::sync::RwLock::default();", true),
            ("Arc::new(Mutex::<Vec<(u8, u8)>>::new(Vec::new()))", true),
            ("let c = '\"'; let a = Mutex::new('\\'');", true),
            ("let c = ['\\'','\"']; let a = Mutex::new(1);", true),
            ("fn f<'a>(x: &'a str) { Mutex::from(x); }", true),
            ("// Mutex::new(1)", false),
            ("/* a /* b */ Mutex::new(1) */", false),
            ("let text = \"\\\"Mutex::new(1)\";", false),
            ("let text = r#\"\"Mutex::new(1)\"#;", false),
            ("a.lock()", false),
            ("let m: Mutex<u8>;", false),
            // Locks that no façade sees, acquired or not.
            ("let a = tokio::sync::Mutex::new(1);", false),
            ("let a = ::tokio::sync::RwLock::new(1);", false),
            ("use tokio::sync::{mpsc, Mutex}; static A: Mutex<u8> = Mutex::new(1);", false),
            ("use tokio::sync::Mutex; static A: RwLock<u8> = RwLock::new(1);", true),
            ("use tokio::sync::Mutex; static A: X = std::sync::Mutex::new(1);", true),
            ("use tokio::sync::mpsc; static A: Mutex<u8> = Mutex::new(1);", true),
        ] {
            assert_eq!(!lines_with_locks(line, false).is_empty(), makes, "{line}");
        }
        assert_eq!(lines_with_locks("/*\n\n*/\nlet t = \"\n\";\nMutex::new(1);\n", false), [6]);
        let text =
            "use tokio::sync::Mutex;\nstatic A: Mutex<u8> = Mutex::const_new(1);\nlet b = Mutex::new(1);";
        assert_eq!(lines_with_locks(text, true), [3]);
        assert!(kinds(text, true).unwatched.is_empty());
        assert_eq!(kinds(text, false).unwatched["async and other locks"], 1);
    }
}
