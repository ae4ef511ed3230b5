//! What CONTRIBUTING says, checked: arrows down only, small rooms, reasons beside atomics and
//! unsafe, no private paths.

mod arrows;
mod compared;
mod links;
mod names;
mod prose;
mod reasons;
mod rooms;
mod surface;
mod systems;
mod text;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file above this is more than one concept.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// Every file below `dir` that git would track. A link is left out: what it leads to lies elsewhere
/// in the tree, and is found there.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).expect("the source tree is readable");
    for entry in entries {
        let entry = entry.expect("the source tree is readable");
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if matches!(name.as_str(), "target" | ".git" | "node_modules") {
            continue;
        }
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The text files with these extensions, by their path from the root; all of them without any.
fn sources(extensions: &[&str]) -> Vec<(&'static str, &'static str)> {
    static ALL: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let root = root();
        let mut found = Vec::new();
        files(&root, &mut found);
        found.sort();
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).ok()?;
            let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
            Some((name, text))
        };
        found.into_iter().filter_map(read).collect()
    });
    let is_wanted = |name: &str| {
        let extension = Path::new(name).extension().unwrap_or_default().to_string_lossy();
        extensions.is_empty() || extensions.contains(&extension.as_ref())
    };
    all.iter().filter(|(name, _)| is_wanted(name)).map(|(name, text)| (&**name, &**text)).collect()
}

/// The lines of a file, those of its unit tests and of other items for tests empty.
fn without_tests(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut inside = None;
    for line in &mut lines {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if inside.is_none()
            && code.starts_with("#[cfg(")
            && code.contains("test)")
            && !code.contains("not(test")
        {
            inside = Some(indent);
        }
        let Some(begun) = inside else { continue };
        // As rustfmt lays it out, an item ends on a line that is indented as it began.
        let ends = code.starts_with('}') || code.ends_with([';', '}', ',']);
        if indent == begun && ends && !code.starts_with(['#', '/']) {
            inside = None;
        }
        *line = "";
    }
    lines
}

fn is_product(name: &str) -> bool {
    [
        "validator/src/",
        "validator/report/src/",
        "instrument/src/",
        "instrument/std/",
        "instrument/lock_api/",
        "instrument/once_cell/",
        "vmalock/src/",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
        && !name.contains("/tests/")
        && !name.ends_with("/tests.rs")
}

fn refuse(what: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{what}:\n{}", offences.join("\n"));
}

#[test]
fn rooms_are_small() {
    let offences: Vec<String> = sources(&["rs"])
        .into_iter()
        .filter(|(_, text)| text.lines().count() > MAX_LINES)
        .map(|(name, text)| {
            format!("{name}: {} lines; more than {MAX_LINES} is two concepts", text.lines().count())
        })
        .collect();
    refuse("files that are too long", &offences);
}

#[test]
fn pages_are_plain_english() {
    let mut offences = Vec::new();
    for (name, text) in sources(&["md"]) {
        offences.extend(prose::markdown(name, text));
    }
    refuse("prose against the rules of CONTRIBUTING", &offences);
}

/// A source that two packages share through a link is read, counted and reported once.
#[test]
fn no_source_is_read_twice() {
    let mut found = Vec::new();
    files(&root(), &mut found);
    let places: BTreeSet<PathBuf> =
        found.iter().map(|path| path.canonicalize().expect("the file exists")).collect();
    assert_eq!(places.len(), found.len(), "a file is found by two paths");
}

#[test]
fn comments_fit_the_columns() {
    let mut n_files = 0;
    let mut offences = Vec::new();
    for (name, text) in sources(&["rs"]) {
        n_files += 1;
        offences.extend(prose::wide_comments(name, text));
    }
    assert!(n_files > 400, "only {n_files} sources were found");
    refuse("comments that are too wide", &offences);
}

/// Whether a source begins by saying what lives in it; a script line or attributes may come first.
fn has_module_doc(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("#!"));
    lines.next().is_some_and(|line| line.starts_with("//! ") || line.starts_with("/*!"))
}

#[test]
fn every_file_says_what_lives_in_it() {
    assert!(has_module_doc("//! Locks.\n\nuse a;") && has_module_doc("#![no_std]\n\n//! Locks.\n"));
    assert!(!has_module_doc("use a;\n\n//! Locks.") && !has_module_doc("// Locks.") && !has_module_doc(""));
    let offences: Vec<String> = sources(&["rs"])
        .into_iter()
        .filter(|(_, text)| !has_module_doc(text))
        .map(|(name, _)| format!("{name}: begin with a `//!` line"))
        .collect();
    refuse("files that do not say what lives in them", &offences);
}

#[test]
fn comments_and_messages_are_plain_english() {
    let mut offences: Vec<String> =
        sources(&["rs"]).iter().flat_map(|(name, text)| text::phrases(name, text)).collect();
    for (name, text) in sources(&["css", "html", "js", "sh", "toml", "yml"]) {
        let lines = text.lines().enumerate();
        offences
            .extend(lines.flat_map(|(index, line)| prose::replaced(&format!("{name}:{}", index + 1), line)));
    }
    refuse("phrases with a better one", &offences);
}

#[test]
fn messages_make_short_statements() {
    let mut n_literals = 0;
    let mut offences = Vec::new();
    for (name, text) in sources(&["rs"]) {
        if name.contains("/src/") && (is_product(name) || name.starts_with("instrument/cargo-lockdep/src/")) {
            n_literals += text::literals(text).len();
            offences.extend(text::long_statements(name, text));
            offences.extend(text::long_documentation(name, text));
        }
    }
    assert!(n_literals > 100, "only {n_literals} texts were found");
    refuse("statements of reports and messages that are too long", &offences);
}

#[test]
fn links_in_the_documentation_lead_somewhere() {
    let read = |path: &str| {
        fs::read_to_string(root().join(path)).ok().or_else(|| root().join(path).exists().then(String::new))
    };
    let mut offences = Vec::new();
    let mut n_links = 0;
    for (name, text) in sources(&["md"]) {
        if name.starts_with("docs/") || !name.contains('/') {
            n_links += links::links(text).len();
            offences.extend(links::broken(name, text, &read));
        }
    }
    assert!(n_links > 100, "only {n_links} links were found");
    refuse("links that lead nowhere", &offences);
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).expect("the book has a summary");
    let linked: BTreeSet<String> = links::links(&summary).into_iter().map(|(_, target)| target).collect();
    let offences: Vec<String> = sources(&["md"])
        .into_iter()
        .filter_map(|(name, _)| name.strip_prefix("docs/src/").map(str::to_owned))
        .filter(|page| page != "SUMMARY.md" && !linked.contains(page))
        .collect();
    assert!(linked.len() > 30, "only {} pages are linked", linked.len());
    refuse("pages that docs/src/SUMMARY.md does not link", &offences);
}

/// Pages that lead a reader to files.
const MAPS: &[&str] = &["CONTRIBUTING.md", "docs/src/architecture.md", "docs/src/how-it-works.md"];

#[test]
fn files_that_the_maps_name_exist() {
    let mut offences = Vec::new();
    for name in MAPS {
        let text = fs::read_to_string(root().join(name)).expect("the page exists");
        offences.extend(links::missing_paths(name, &text, &root()));
    }
    refuse("paths that do not exist", &offences);
}

#[test]
fn a_newcomer_finds_where_to_start() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("the page exists");
    let rows = links::beginnings(&text);
    let mut offences = Vec::new();
    for wanted in ["a code", "a lock type", "a report format", "a subcommand", "an advice"] {
        let Some([_, folder, begin, _]) = rows.iter().find(|row| row[0] == wanted) else {
            offences.push(format!("no row says where {wanted} is added"));
            continue;
        };
        let folder = folder.trim_matches('`');
        if !folder.ends_with('/') || !root().join(folder).is_dir() {
            offences.push(format!("{wanted}: `{folder}` is not a folder"));
        }
        if !links::spans(begin).any(|(_, span)| root().join(span).is_file()) {
            offences.push(format!("{wanted}: `{begin}` names no file to begin in"));
        }
    }
    for (name, file) in rows.iter().flat_map(|row| row.iter().flat_map(|cell| links::items(cell))) {
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        if !["enum", "struct", "fn"].iter().any(|what| text.contains(&format!("{what} {name} "))) {
            offences.push(format!("`{file}` has no `{name}`"));
        }
    }
    assert!(rows.iter().flat_map(|row| row.iter().flat_map(|cell| links::items(cell))).count() > 3, "names");
    refuse("the table in CONTRIBUTING of where to start", &offences);
}

#[test]
fn nothing_is_left_unfinished() {
    // Spelled in parts, so that this file does not offend against itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore"),
    ];
    let mut offences = Vec::new();
    for (name, text) in sources(&["rs", "toml", "md", "sh"]) {
        for (index, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                offences.push(format!("{name}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    refuse("unfinished or switched off", &offences);
}

#[test]
fn no_private_path_stands_in_the_project() {
    let marks = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    let mut offences = Vec::new();
    for (name, text) in sources(&[]) {
        if name == "Cargo.lock" || name.ends_with("/Cargo.lock") {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                let shown: String = line.trim().chars().take(120).collect();
                offences.push(format!("{name}:{}: {shown}", index + 1));
            }
        }
    }
    refuse("paths of a private machine", &offences);
}

#[test]
fn the_top_level_is_as_decided() {
    const ALLOWED: &[&str] = &[
        "Cargo.toml",
        "Cargo.lock",
        "validator",
        "vmalock",
        "instrument",
        "tests",
        "docs",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "rust-toolchain.toml",
        ".github",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "clippy.toml",
        "rustfmt.toml",
        ".cargo",
        ".ci",
        ".config",
        ".git",
        ".gitignore",
        "lockdep.order",
        "target",
    ];
    let offences: Vec<String> = fs::read_dir(root())
        .expect("the root is readable")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !ALLOWED.contains(&name.as_str()))
        .collect();
    refuse("files that belong inside one of the six folders", &offences);
}

#[test]
fn items_for_tests_are_left_out() {
    let text = "a;\n#[cfg(test)]\nfn b() {\n    b;\n}\nc;\n    #[cfg(test)]\n    d: D,\n    e: E,\n#[cfg(test)]\nmod f;\ng;";
    let left: Vec<&str> = without_tests(text).into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(left, ["a;", "c;", "    e: E,", "g;"]);
}
