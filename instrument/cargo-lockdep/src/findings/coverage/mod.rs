//! What was *not* looked at: locks that no run came by, classes that were never held around
//! another, losses.

mod code;
mod own;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lockdep_validator::ClassHash;
use rustc_hash::FxHashSet;
use serde::Serialize;

use crate::input;
use crate::printable;
use crate::records::Union;
use crate::records::labels::crate_of;
use crate::source::Sources;

pub(crate) use own::Own;

/// How many source files are searched for locks; more is said, not hidden.
const MAX_FILES: usize = 20_000;

/// How much of a program its runs have shown.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Coverage {
    /// Classes that were acquired.
    pub(crate) n_classes: usize,
    /// Classes that were never held while another was acquired.
    pub(crate) leaves: Vec<String>,
    /// Classes that took no part in any dependency.
    pub(crate) n_alone: usize,
    /// Lines of the workspace that make a lock which no run acquired.
    pub(crate) never_ran: Vec<String>,
    /// Source files looked at for that; zero if there was no source.
    pub(crate) n_files: usize,
    /// What was dropped or not seen, by reason.
    pub(crate) unseen: Vec<(String, u64)>,
    /// Kinds of locks in the crate graphs that no façade reaches.
    pub(crate) not_seen: Vec<String>,
    /// Dropped for want of room.
    pub(crate) n_dropped: u64,
    /// Events that could not be looked at.
    pub(crate) n_unseen: u64,
}

/// Compares what the runs saw with what the sources have.
pub(crate) fn measure(union: &Union, sources: &Sources) -> Coverage {
    let outer: FxHashSet<ClassHash> = union.dependencies.keys().map(|key| key.from).collect();
    let inner: FxHashSet<ClassHash> = union.dependencies.keys().map(|key| key.to).collect();
    let names = crate::records::labels::Labels::new(union.classes.values());
    let mut leaves: Vec<String> = union
        .classes
        .values()
        .filter(|class| !outer.contains(&class.hash) && inner.contains(&class.hash))
        .map(|class| names.label(class.hash))
        .collect();
    leaves.sort();
    let n_alone = union.classes.keys().filter(|hash| !outer.contains(hash) && !inner.contains(hash)).count();
    let mut coverage = Coverage {
        n_classes: union.classes.len(),
        leaves,
        n_alone,
        not_seen: union.not_seen.clone(),
        unseen: union.end.unseen.clone(),
        n_dropped: union.end.counters.dropped,
        n_unseen: union.end.counters.unseen,
        ..Coverage::default()
    };
    never_ran(union, sources, &mut coverage);
    coverage
}

/// Crates of which two versions took part: their locks are distinguished, which a reader should
/// know.
pub(crate) fn two_versions(union: &Union) -> Vec<String> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for class in union.classes.values() {
        let (name, Some(version)) = crate_of(&class.file) else { continue };
        let known = versions.entry(name.to_owned()).or_default();
        if !known.iter().any(|known| known == version) {
            known.push(version.to_owned());
        }
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    several
        .map(|(name, mut versions)| {
            versions.sort();
            format!(
                "note: {name} took part in versions {}; their locks are different classes",
                versions.join(" and ")
            )
        })
        .collect()
}

/// Looks for lines that make a lock, in the workspace's own sources.
fn never_ran(union: &Union, sources: &Sources, coverage: &mut Coverage) {
    let seen: FxHashSet<(&str, u32)> =
        union.classes.values().map(|class| (class.site.file.as_str(), class.site.line)).collect();
    // Roots without a class of their own were only working directories.
    let own: FxHashSet<String> = union
        .classes
        .values()
        .filter(|class| crate_of(&class.file).1.is_none() && !class.site.file.starts_with('/'))
        .filter_map(|class| class.site.file.split_once("src/").map(|(package, _)| package.to_owned()))
        .collect();
    let mut packages: Vec<String> = own.into_iter().collect();
    packages.sort();
    for package in packages {
        let Some(directory) = sources.locate_directory(&format!("{package}src")) else { continue };
        let mut files = Vec::new();
        rust_files(&directory, &mut files, 0);
        for file in files {
            if coverage.n_files >= MAX_FILES {
                return;
            }
            let Ok(below) = file.strip_prefix(&directory) else { continue };
            let name = printable::line(&format!("{package}src/{}", below.display())).into_owned();
            coverage.n_files += 1;
            let Ok(text) = input::read_text(&file) else { continue };
            let unseen = code::lines_with_locks(&text, false).into_iter();
            let unseen = unseen.filter(|&number| !seen.contains(&(name.as_str(), number)));
            coverage.never_ran.extend(unseen.map(|number| format!("{name}:{number}")));
        }
    }
}

fn rust_files(directory: &Path, found: &mut Vec<std::path::PathBuf>, depth: usize) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    // A link may lead anywhere, and back.
    let real = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
    let mut paths: Vec<_> = real.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if found.len() >= MAX_FILES {
            return;
        }
        if path.is_dir() && depth < 32 {
            rust_files(&path, found, depth + 1);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_and_losses_are_counted() {
        let union = crate::records::fixture::union();
        let coverage = measure(&union, &Sources::default());
        assert_eq!(coverage.n_classes, 3);
        assert_eq!(coverage.leaves, ["gate"]);
        assert_eq!((coverage.n_unseen, coverage.n_files), (4, 0));
    }

    #[test]
    fn two_versions_of_a_crate_are_reported() {
        let mut union = crate::records::fixture::union();
        for (hash, file) in [(71, "tokio-1.2.0/src/a.rs"), (72, "tokio-1.3.0/src/a.rs")] {
            let class = crate::records::fixture::class(hash, file, 3);
            union.classes.insert(class.hash, class);
        }
        let remarks = two_versions(&union);
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].contains("tokio took part in versions 1.2.0 and 1.3.0"), "{remarks:?}");
    }
}
