//! Links and paths in the documentation: each names a file, and a heading, that exists.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// The relative links of one Markdown file that lead nowhere, a line each. `read` reads a file by
/// its path from the root.
pub(crate) fn broken(name: &str, text: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut offences = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) =
            target.split_once('#').map_or((target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
        let file = if path.is_empty() { name.to_owned() } else { resolve(name, path) };
        match (read(&file), anchor) {
            (None, _) => {
                offences.push(format!("{name}:{line}: `{target}` leads to {file}, which does not exist"))
            }
            (Some(text), Some(anchor)) if file.ends_with(".md") && !headings(&text).contains(anchor) => {
                offences.push(format!("{name}:{line}: `{target}`: {file} has no heading `{anchor}`"));
            }
            _ => {}
        }
    }
    offences
}

/// The targets of the links outside of code, each with its line.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose_lines(text) {
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            let end = after.find([')', ' ']).unwrap_or(after.len());
            // `](` inside a code span is code.
            if before.matches('`').count() % 2 == 0 {
                found.push((number, after[..end].to_owned()));
            }
            rest = &after[end..];
        }
    }
    found
}

/// Paths in backticks that do not exist, a line each. A path begins with an entry of the root; a
/// file without a folder is refused, because a reader cannot find it.
pub(crate) fn missing_paths(name: &str, text: &str, root: &Path) -> Vec<String> {
    let mut offences = Vec::new();
    for (number, line) in prose_lines(text) {
        for span in line.split('`').skip(1).step_by(2) {
            let is_path = !span.is_empty() && span.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c));
            let first = span.split('/').next().unwrap_or_default();
            // A folder and a file with an ending are meant to be here, however they are spelled.
            let is_file =
                span.ends_with('/') || span.rsplit('/').next().is_some_and(|name| name.contains('.'));
            let is_ours = span.contains('/') && (root.join(first).exists() || is_file);
            if is_path && is_ours && !root.join(span).exists() {
                offences.push(format!("{name}:{number}: `{span}` does not exist"));
            }
            if is_path && span.ends_with(".rs") && !span.contains('/') {
                offences
                    .push(format!("{name}:{number}: `{span}` has no folder: give the path from the root"));
            }
        }
    }
    offences
}

/// The lines of a Markdown file that are not code, with their numbers.
fn prose_lines(text: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code && !line.starts_with("    ") {
            found.push((index + 1, line));
        }
    }
    found
}

/// The anchors that mdBook gives the headings of a page.
fn headings(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose_lines(text) {
        if let Some(title) = line.strip_prefix('#') {
            let title = title.trim_start_matches('#').trim();
            let anchor: String = title
                .to_lowercase()
                .chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                    _ => None,
                })
                .collect();
            // A second heading of the same words gets a number.
            let mut numbered = anchor.clone();
            let mut n = 0;
            while !found.insert(numbered) {
                n += 1;
                numbered = format!("{anchor}-{n}");
            }
        }
    }
    found
}

/// `target` as seen from the folder of `name`, both from the root.
fn resolve(name: &str, target: &str) -> String {
    let mut path = PathBuf::from(name);
    path.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    path.to_string_lossy().into_owned()
}

#[test]
fn links_that_lead_nowhere_are_noticed() {
    let read = |path: &str| match path {
        "docs/a.md" => Some("# Title\n## What it is: `x`\n## What it is: `x`\n".to_owned()),
        "b.rs" => Some(String::new()),
        _ => None,
    };
    let n_broken = |text: &str| broken("docs/a.md", text, &read).len();
    assert_eq!(
        n_broken("[x](a.md#what-it-is-x) [y](#title) [z](../b.rs) [u](https://a.b/c) [2](#what-it-is-x-1)"),
        0
    );
    assert_eq!(n_broken("[x](c.md)"), 1, "no file");
    assert_eq!(n_broken("[x](a.md#titles)"), 1, "no heading");
    assert_eq!(n_broken("[x](#title) and [y](../c.rs)"), 1, "the second link of a line");
    assert_eq!(n_broken("`a[0](c.md)`\n```\n[x](c.md)\n```"), 0, "code");
}

#[test]
fn paths_that_do_not_exist_are_noticed() {
    let root = crate::root();
    let n_missing = |text: &str| missing_paths("a.md", text, &root).len();
    assert_eq!(n_missing("`tests/tests/tidy/main.rs`, `docs/src/`, `base/id`, `a/b c`, `Cargo.toml`"), 0);
    assert_eq!(n_missing("`tests/tests/tidy.rs`"), 1, "no file");
    assert_eq!(n_missing("`test/tidy/main.rs`, `test/`"), 2, "no such first folder");
    assert_eq!(n_missing("see `main.rs`"), 1, "no folder");
}

/// The rows of CONTRIBUTING's table of beginnings, whose columns are what is added, the folder, the
/// file to begin in, and the rest.
pub(crate) fn beginnings(contributing: &str) -> Vec<[&str; 4]> {
    let section = contributing.split("\n## ").find(|section| section.starts_with("Where to start\n"));
    let rows = section.unwrap_or_default().lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        <[&str; 4]>::try_from(cells).ok()
    })
    .collect()
}

/// The code spans of a text, each with what stands between it and the one before.
pub(crate) fn spans(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut parts = text.split('`');
    std::iter::from_fn(move || parts.next().zip(parts.next()))
}

/// The items that a text places in a file, as `Name` in `a/file.rs` or `a/file.rs` (`Name`).
pub(crate) fn items(text: &str) -> Vec<(&str, &str)> {
    let spans: Vec<(&str, &str)> = spans(text).collect();
    let mut found = Vec::new();
    for pair in spans.windows(2) {
        match (pair[0].1, pair[1]) {
            (name, (" in ", file)) => found.push((name, file)),
            (file, (" (", name)) => found.push((name, file)),
            _ => {}
        }
    }
    found
}

#[test]
fn items_are_read_with_their_file() {
    assert_eq!(items("`A` in `a/b.rs` and `c.rs` (`B`), `d`"), [("A", "a/b.rs"), ("B", "c.rs")]);
    let table = "# T\n\n## Where to start\n\n| I | f | b | t |\n|---|---|---|---|\n| a code | `f/` | `f/a.rs` | x |\n\n## More\n";
    assert_eq!(beginnings(table), [["a code", "`f/`", "`f/a.rs`", "x"]]);
}
