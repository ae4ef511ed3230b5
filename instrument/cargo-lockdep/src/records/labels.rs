//! What the lock-order file calls classes: stable across machines and line moves.

use std::collections::BTreeMap;

use lockdep_report::lock_order::label;
use lockdep_report::path::crate_version;
use lockdep_report::record::ClassRecord;
use lockdep_validator::{ClassHash, LockClassKey};
use rustc_hash::FxHashMap;

/// The labels of a set of classes, each its own.
#[derive(Debug, Default)]
pub(crate) struct Labels(FxHashMap<ClassHash, String>);

impl Labels {
    /// Classes whose labels are the same get `~2`, `~3` … in the order in which they stand in their
    /// file.
    pub(crate) fn new<'a>(classes: impl Iterator<Item = &'a ClassRecord>) -> Self {
        let mut groups: BTreeMap<String, Vec<&ClassRecord>> = BTreeMap::new();
        for class in classes {
            groups.entry(plain(class)).or_default().push(class);
        }
        let mut labels = FxHashMap::default();
        for (label, mut group) in groups {
            group.sort_by_key(|class| (&class.file, class.site.line, class.site.column, class.hash));
            for (index, class) in group.into_iter().enumerate() {
                let text = if index == 0 { label.clone() } else { format!("{label}~{}", index + 1) };
                labels.insert(class.hash, text);
            }
        }
        Self(labels)
    }

    /// The label of a class; of one that no record describes, its hash.
    pub(crate) fn label(&self, hash: ClassHash) -> String {
        self.0.get(&hash).cloned().unwrap_or_else(|| hash.to_string())
    }
}

fn plain(class: &ClassRecord) -> String {
    label(&key(class))
}

/// The key of a class, as the process that wrote the record had it.
pub(super) fn key(class: &ClassRecord) -> LockClassKey {
    LockClassKey {
        name: class.name.clone(),
        kind: class.kind.clone(),
        type_name: class.type_name.clone(),
        file: class.file.clone(),
        line: class.site.line,
        column: class.site.column,
        subclass: lockdep_validator::Subclass::new(class.subclass).unwrap_or_default(),
    }
}

/// The crate that a normalised path belongs to, and its version if it came from a registry.
pub(crate) fn crate_of(file: &str) -> (&str, Option<&str>) {
    if let Some((name, version)) = crate_version(file) {
        return (name, Some(version));
    }
    let package = ["src/", "tests/", "examples/", "benches/"]
        .into_iter()
        .filter_map(|folder| file.find(folder).filter(|at| *at == 0 || file[..*at].ends_with('/')))
        .min()
        .map(|at| file[..at].trim_end_matches('/'));
    match package {
        Some("") | None => ("workspace", None),
        Some(package) => (package, None),
    }
}

/// A path without the directories in front of its crate, for patterns of people.
pub(crate) fn file_label(file: &str) -> &str {
    file.rsplit_once("/registry/src/")
        .map_or(file, |(_, rest)| rest.split_once('/').map_or(rest, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::fixture::class;

    #[test]
    fn classes_of_one_label_are_numbered_by_line() {
        let classes = [class(1, "src/a.rs", 9), class(2, "src/a.rs", 3), class(3, "src/b.rs", 1)];
        let labels = Labels::new(classes.iter());
        assert_eq!(labels.label(ClassHash(2)), "src/a.rs:Mutex<u32>");
        assert_eq!(labels.label(ClassHash(1)), "src/a.rs:Mutex<u32>~2");
        assert_eq!(labels.label(ClassHash(3)), "src/b.rs:Mutex<u32>");
        assert_eq!(labels.label(ClassHash(4)), "0000000000000004");
    }

    #[test]
    fn crates_are_found_in_paths() {
        for (file, expected) in [
            ("src/a.rs", ("workspace", None)),
            ("crates/net/src/a.rs", ("crates/net", None)),
            ("tests/it.rs", ("workspace", None)),
            ("mysrc/lib.rs", ("workspace", None)),
            ("tokio-1.52.0/src/sync/x.rs", ("tokio", Some("1.52.0"))),
            ("", ("workspace", None)),
        ] {
            assert_eq!(crate_of(file), expected, "{file}");
        }
        assert_eq!(file_label("/c/registry/src/index-1/tokio-1.2.0/src/a.rs"), "tokio-1.2.0/src/a.rs");
    }
}
