//! The lines of source text that reports quote.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use lockdep_validator::report::render::SourceText;
use rustc_hash::FxHashMap;

/// Reads source files as a report names them: absolute, or relative to where the compiler ran.
#[derive(Debug, Default)]
pub(crate) struct SourceFiles {
    roots: Vec<PathBuf>,
    lines: RefCell<FxHashMap<String, Option<Vec<String>>>>,
}

impl SourceFiles {
    /// Reads relative paths from the first of these folders that has the file.
    pub(crate) fn below(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        let roots = roots.into_iter().filter(|root| !root.as_os_str().is_empty()).collect();
        Self { roots, lines: RefCell::default() }
    }

    fn read(&self, file: &str) -> Option<Vec<String>> {
        let candidates = self.roots.iter().map(|root| root.join(file));
        let text =
            candidates.chain([Path::new(file).to_owned()]).find_map(|path| fs::read_to_string(path).ok())?;
        Some(text.lines().map(String::from).collect())
    }
}

impl SourceText for SourceFiles {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        let mut files = self.lines.borrow_mut();
        let lines = files.entry(file.to_owned()).or_insert_with(|| self.read(file)).as_ref()?;
        lines.get(usize::try_from(line).ok()?.checked_sub(1)?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one_and_missing_files_are_no_error() {
        let files = SourceFiles::below([PathBuf::from(env!("CARGO_MANIFEST_DIR"))]);
        let first = files.line("src/watch/source.rs", 1).expect("this file is here");
        assert!(first.starts_with("//! The lines of source text"));
        assert_eq!(files.line("src/watch/source.rs", 0), None);
        assert_eq!(files.line("no/such/file.rs", 1), None);
    }
}
