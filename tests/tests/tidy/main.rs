//! What CONTRIBUTING says, checked: arrows down only, small rooms, reasons beside atomics and
//! unsafe, no private paths.

mod arrows;
mod links;
mod names;
mod prose;
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

fn refuse(what: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{what}:\n{}", offences.join("\n"));
}

/// The floors of the design: a package may depend on packages of a lower floor only.
const FLOORS: &[(&str, u8)] = &[
    ("lockdep-validator", 0),
    ("lockdep-report", 1),
    ("lockdep", 2),
    ("lockdep-std", 3),
    ("lock_api", 3),
    ("vmalock", 3),
    ("cargo-lockdep", 4),
    ("lockdep-tests", 5),
];

fn floor(package: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == package).map(|(_, floor)| *floor)
}

/// The names under `[dependencies]` and its kin; `[dev-dependencies]` too, since a test that
/// reaches up couples as well.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']').ends_with("dependencies");
        } else if inside && let Some((name, value)) = line.split_once('=') {
            let renamed = value.split("package = \"").nth(1).and_then(|rest| rest.split('"').next());
            let name = name.trim().trim_end_matches(".workspace").trim();
            names.push(renamed.unwrap_or(name).to_owned());
        }
    }
    names
}

#[test]
fn arrows_between_packages_point_down() {
    let mut offences = Vec::new();
    let mut seen = 0;
    for manifest in [
        "validator",
        "validator/report",
        "instrument",
        "instrument/std",
        "vmalock",
        "instrument/cargo-lockdep",
        "tests",
    ] {
        let path = root().join(manifest).join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name =
            text.lines().find_map(|line| line.strip_prefix("name = ")).unwrap_or_default().trim_matches('"');
        let Some(own) = floor(name) else { continue };
        seen += 1;
        for dependency in dependencies(&text) {
            if let Some(theirs) = floor(&dependency)
                && theirs >= own
            {
                offences.push(format!(
                    "{manifest}/Cargo.toml: {name} (floor {own}) uses {dependency} (floor {theirs})"
                ));
            }
        }
    }
    assert!(seen >= 5, "only {seen} manifests were recognised");
    refuse("arrows that do not point down", &offences);
}

/// The rooms of a package, lowest floor first. A room uses rooms of lower floors only.
const ROOMS: &[(&str, &[&[&str]])] = &[
    ("validator/src/", &[&["config", "mutant"], &["base"], &["state"], &["graph"], &["check"], &["engine"]]),
    (
        "validator/report/src/",
        &[
            &["code", "detail", "exceptions", "names", "path", "place", "printable", "replay", "wire"],
            &["await_path", "frames", "json", "lock_order", "note", "places", "policy", "wait_event"],
            &["advice"],
            &["model"],
            &["hang_report"],
            &["held_now", "history", "holder", "modes", "printable_report", "record", "under_guard"],
            &["help", "notes", "render", "sentences"],
            &["build", "stored"],
            &["hang"],
        ],
    ),
    (
        "instrument/cargo-lockdep/src/",
        &[
            &["count", "exit", "printable"],
            &["error"],
            &["codes", "input", "output"],
            &["excerpts", "settings", "sysroot"],
            &["records"],
            &["source"],
            &["findings"],
            &["render", "watch"],
            &["cargo"],
            &["command"],
        ],
    ),
    ("vmalock/src/", &[&["probe"], &["base"], &["object"], &["lock"], &["guard"], &["space"]]),
];

#[test]
fn arrows_between_rooms_point_down() {
    let mut offences = Vec::new();
    for (package, floors) in ROOMS {
        let floor = |room: &str| floors.iter().position(|rooms| rooms.contains(&room));
        let graph = arrows::Crate::read(&files_of(package));
        for (room, targets) in graph.room_arrows() {
            // The root re-exports; its own items are for all.
            if room == "lib" || room == "main" {
                continue;
            }
            let Some(own) = floor(room) else {
                offences.push(format!("{package}{room}: on no floor (add it to ROOMS)"));
                continue;
            };
            for (other, from, to) in targets {
                if floor(other).is_some_and(|theirs| theirs >= own) {
                    offences.push(format!("{package}{from} uses {to}: {room} reaches up into {other}"));
                }
            }
        }
    }
    refuse("arrows that do not point down", &offences);
}

/// The files of a package without its tests, each by its path below `package`.
fn files_of(package: &str) -> Vec<(String, String)> {
    let is_test =
        |name: &str| name.ends_with("tests.rs") || name.contains("tests/") || name.starts_with("bin/");
    let files: Vec<(String, String)> = sources(&["rs"])
        .into_iter()
        .filter_map(|(name, text)| Some((name.strip_prefix(package)?.to_owned(), text.to_owned())))
        .filter(|(name, _)| !is_test(name))
        .collect();
    assert!(!files.is_empty(), "{package} has no sources");
    files
}

/// A module with files of its own lies in `a/mod.rs`, not in `a.rs` beside the folder: everything
/// about it is in one place.
#[test]
fn a_folder_has_its_module_inside() {
    let names: Vec<&str> = sources(&["rs"]).into_iter().map(|(name, _)| name).collect();
    let has_folder = |name: &&&str| {
        let folder = format!("{}/", name.trim_end_matches(".rs"));
        name.contains("/src/") && names.iter().any(|other| other.starts_with(&folder))
    };
    let offences: Vec<String> = names.iter().filter(has_folder).map(|name| (*name).to_owned()).collect();
    refuse("files beside the folder of their module (move them to its mod.rs)", &offences);
}

/// The crates whose files may not use each other in a circle.
const CRATES: &[&str] = &[
    "validator/src/",
    "validator/report/src/",
    "instrument/src/",
    "instrument/cargo-lockdep/src/",
    "instrument/std/src/",
    "instrument/lock_api/v0_2/src/",
    "instrument/lock_api/v0_3/src/",
    "instrument/lock_api/v0_4/src/",
    "instrument/lock_api/v0_5/src/",
    "instrument/once_cell/src/",
    "vmalock/src/",
    "tests/src/",
];

/// Two files that are one concept: the arrow back from the first to the second, which makes no
/// circle, and why it is there.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        "vmalock/src/object/node_pool.rs",
        "vmalock/src/object/node.rs",
        "the pool is memory for nodes, and links them through a field of theirs",
    ),
    (
        "vmalock/src/object/vma.rs",
        "vmalock/src/object/mm.rs",
        "a VMA names its address space, whose tree holds VMAs: as `vm_mm` and `mm_mt` do in the kernel",
    ),
    (
        "instrument/src/lock_api/common/rwlock_guard.rs",
        "instrument/src/lock_api/common/rwlock.rs",
        "a lock makes its guards, and a guard leads to its lock: `RwLock` and its six guards",
    ),
];

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut offences = Vec::new();
    for package in CRATES {
        let graph = arrows::Crate::read(&files_of(package));
        let mut arrows = graph.arrows();
        for (from, to, why) in PAIRS {
            let Some((from, to)) = from.strip_prefix(package).zip(to.strip_prefix(package)) else { continue };
            if !arrows.get_mut(from).is_some_and(|targets| targets.remove(to)) {
                offences.push(format!("{package}{from} does not use {to}: no exception is needed ({why})"));
            }
        }
        for circle in arrows::circles(&arrows) {
            offences.push(format!("{package}: {} files: {}", circle.len(), circle.join(", ")));
            for from in &circle {
                let to: Vec<&str> = arrows[from.as_str()]
                    .iter()
                    .copied()
                    .filter(|to| circle.iter().any(|file| file == to))
                    .collect();
                offences.push(format!("    {from} -> {}", to.join(", ")));
            }
        }
    }
    refuse("files that use each other in a circle", &offences);
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

/// Whether one of the `n` lines up to and including `index` holds `mark`; the comment may stand
/// above a statement that spans lines.
fn near(lines: &[&str], index: usize, n: usize, mark: &str) -> bool {
    lines[index.saturating_sub(n)..=index].iter().any(|line| line.contains(mark))
}

/// The part of a file that is not its unit tests, which stand last.
fn without_tests(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let end =
        lines.iter().position(|line| line.trim_start().starts_with("#[cfg(test)]")).unwrap_or(lines.len());
    lines[..end].to_vec()
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

#[test]
fn every_atomic_has_its_ordering_argued() {
    const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
    let mut offences = Vec::new();
    for (name, text) in sources(&["rs"]).into_iter().filter(|(name, _)| is_product(name)) {
        let lines = without_tests(text);
        for (index, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let uses = ORDERINGS.iter().any(|ordering| line.contains(&format!("Ordering::{ordering}")));
            if uses
                && !code.starts_with("//")
                && !code.starts_with("use ")
                && !near(&lines, index, 12, "// ORDERING:")
            {
                offences.push(format!("{name}:{}: {}", index + 1, code));
            }
        }
    }
    refuse("atomics without an `// ORDERING:` line", &offences);
}

#[test]
fn every_unsafe_block_has_its_safety_argued() {
    let mut offences = Vec::new();
    for (name, text) in sources(&["rs"]).into_iter().filter(|(name, _)| is_product(name)) {
        let lines = without_tests(text);
        for (index, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let opens = code.contains("unsafe {") || code.starts_with("unsafe impl");
            if opens && !code.starts_with("//") && !near(&lines, index, 12, "SAFETY:") {
                offences.push(format!("{name}:{}: {}", index + 1, code));
            }
        }
    }
    refuse("unsafe without a `// SAFETY:` line", &offences);
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
    let offences: Vec<String> =
        sources(&["rs"]).iter().flat_map(|(name, text)| text::phrases(name, text)).collect();
    refuse("phrases with a better one", &offences);
}

#[test]
fn reports_make_short_statements() {
    let mut n_literals = 0;
    let mut offences = Vec::new();
    for (name, text) in sources(&["rs"]) {
        if name.starts_with("validator/report/src/sentences/") {
            n_literals += text::literals(text).len();
            offences.extend(text::long_statements(name, text));
        }
    }
    assert!(n_literals > 100, "only {n_literals} texts of reports were found");
    refuse("statements of reports that are too long", &offences);
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
