//! Source lines that travel beside the records, so that a report shows them on a machine that does
//! not have the sources.
//!
//! They are the lines of reports and a few around each, as they were when the programs ran. A line
//! of them is preferred to that of a checkout: the checkout may have changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{input, printable};

/// The file: a JSON object a line.
pub(crate) const NAME: &str = "excerpts.txt";

/// How many bytes of lines are kept in all.
const MAX_BYTES: usize = 1 << 20;

/// A line above this is left out.
const MAX_LINE_BYTES: usize = 500;

/// How many lines before and after a place are kept, and shown by the page.
pub(crate) const N_AROUND: u32 = 2;

/// One line of a source file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Line {
    file: String,
    line: u32,
    text: String,
}

/// Lines of source files, by file and number.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Excerpts {
    files: BTreeMap<String, BTreeMap<u32, String>>,
    n_bytes: usize,
}

impl Excerpts {
    /// Reads what lies beside these records. What cannot be read is left out: it only makes reports
    /// easier to read.
    pub(crate) fn beside(records: &[PathBuf]) -> Self {
        let directories: BTreeSet<&Path> = records.iter().filter_map(|record| record.parent()).collect();
        let mut excerpts = Self::default();
        for directory in directories {
            let text = input::read_text(&directory.join(NAME)).unwrap_or_default();
            for line in text.lines() {
                if let Ok(Line { file, line, text }) = serde_json::from_str(line) {
                    excerpts.add(&printable::line(&file), line, &printable::source(&text));
                }
            }
        }
        excerpts
    }

    /// Adds a line, unless it is known or there is no room for it.
    pub(crate) fn add(&mut self, file: &str, line: u32, text: &str) {
        let n_bytes = file.len() + text.len();
        if text.len() > MAX_LINE_BYTES || self.n_bytes + n_bytes > MAX_BYTES {
            return;
        }
        let lines = self.files.entry(file.to_owned()).or_default();
        if let std::collections::btree_map::Entry::Vacant(free) = lines.entry(line) {
            free.insert(text.to_owned());
            self.n_bytes += n_bytes;
        }
    }

    /// The line, if it is one of these.
    pub(crate) fn line(&self, file: &str, line: u32) -> Option<&str> {
        self.files.get(file)?.get(&line).map(String::as_str)
    }

    /// Whether there is any line of this file.
    pub(crate) fn has(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    /// Adds these lines to the file in a directory of records.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn note(&self, directory: &Path) -> io::Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        let mut all = Self::beside(&[directory.join(NAME)]);
        let n_known = all.n_bytes;
        for (file, lines) in &self.files {
            for (line, text) in lines {
                all.add(file, *line, text);
            }
        }
        if all.n_bytes == n_known {
            return Ok(());
        }
        let mut out = Vec::new();
        for (file, lines) in all.files {
            for (line, text) in lines {
                serde_json::to_writer(&mut out, &Line { file: file.clone(), line, text })?;
                out.push(b'\n');
            }
        }
        input::write_own(&directory.join(NAME), &out)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_are_noted_beside_records_and_added_to() {
        let directory = std::env::temp_dir().join(format!("lockdep-excerpts-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a temporary directory");
        let records = [directory.join("1-0.jsonl"), directory.join("2-0.jsonl")];
        Excerpts::default().note(&directory).expect("nothing to write");
        assert!(!directory.join(NAME).exists());
        for (line, text) in [(3, "let a = 1;"), (4, "\tlet b = \"\u{1b}[2J\";"), (3, "a later one")] {
            let mut excerpts = Excerpts::default();
            excerpts.add("src/a.rs", line, text);
            excerpts.note(&directory).expect("written");
        }
        let read = Excerpts::beside(&records);
        assert_eq!(read.line("src/a.rs", 3), Some("let a = 1;"), "the first stands");
        assert!(!read.line("src/a.rs", 4).expect("there").contains('\u{1b}'), "it is printable");
        assert_eq!((read.line("src/a.rs", 5), read.line("src/b.rs", 3)), (None, None));
        fs::remove_dir_all(directory).expect("ours");
    }

    #[test]
    fn there_is_a_bound_on_a_line_and_on_all() {
        let mut excerpts = Excerpts::default();
        excerpts.add("src/a.rs", 1, &"x".repeat(MAX_LINE_BYTES + 1));
        assert_eq!(excerpts.line("src/a.rs", 1), None);
        for line in 0..10_000 {
            excerpts.add("src/a.rs", line, &"x".repeat(MAX_LINE_BYTES));
        }
        assert!(excerpts.line("src/a.rs", 2_000).is_some());
        assert!(excerpts.line("src/a.rs", 9_999).is_none() && excerpts.n_bytes <= MAX_BYTES);
    }
}
