//! How many of the locks and waits that a project's own sources make are watched at all, as far as
//! text can tell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::code;
use crate::count::counted;
use crate::input;

/// A project of more files is not read at the end of each run.
const MAX_FILES: usize = 5_000;

/// What the sources of a project make.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Own {
    pub(crate) n_watched: usize,
    /// By kind, in words.
    pub(crate) unwatched: BTreeMap<&'static str, usize>,
}

impl Own {
    /// Reads the sources below these directories; `is_overlaid` says that the async locks of tokio
    /// are watched.
    pub(crate) fn read(directories: &[PathBuf], is_overlaid: bool) -> Self {
        let mut files = Vec::new();
        for directory in directories {
            own_files(directory, &mut files);
        }
        let mut own = Self::default();
        for text in files.iter().filter_map(|file| input::read_text(file).ok()) {
            own.add(&text, is_overlaid);
        }
        own
    }

    fn add(&mut self, text: &str, is_overlaid: bool) {
        let kinds = code::kinds(text, is_overlaid);
        self.n_watched += kinds.n_watched;
        for (kind, n) in kinds.unwatched {
            *self.unwatched.entry(kind).or_default() += n;
        }
    }

    /// How many of them are not watched, and what they are; nothing if all are.
    pub(crate) fn sentence(&self) -> Option<String> {
        let n_unwatched: usize = self.unwatched.values().sum();
        let n_all = n_unwatched + self.n_watched;
        if n_unwatched == 0 {
            return None;
        }
        let mut kinds: Vec<(&&str, &usize)> = self.unwatched.iter().collect();
        kinds.sort_by_key(|(kind, n)| (std::cmp::Reverse(**n), **kind));
        let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
        Some(format!(
            "not watched in your sources: {n_unwatched} of {} ({} %): {}",
            counted(n_all, "place that makes a lock or waits", "places that make a lock or wait"),
            n_unwatched * 100 / n_all,
            kinds.join(", ")
        ))
    }
}

/// The Rust files of a directory, without what cargo builds and what is hidden.
fn own_files(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let real = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
    for entry in real {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if found.len() >= MAX_FILES || name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            // A directory with this file is a cache.
            if !path.join("CACHEDIR.TAG").exists() {
                own_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_not_watched_is_said_by_kind() {
        let mut own = Own::default();
        own.add("use std::sync::{mpsc, Mutex};\nfn f() { let m = Mutex::new(1);\nlet (s, r) = mpsc::channel::<u8>();\nlet t = spawn(f);\nt.join().unwrap();\n}", false);
        own.add("// x.join()\nlet b = Barrier::new(2); let path = a.join(\"b\"); t.join();\nstatic C: RwLock<u8> = RwLock::new(1);", false);
        assert_eq!(
            own.sentence().as_deref(),
            Some("not watched in your sources: 1 of 6 places that make a lock or wait (16 %): barriers 1")
        );
        assert_eq!(Own::default().sentence(), None);
    }
}
