//! Source lines for text reports, read from the files that the compiler saw, if they are there.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lockdep_report::path;
use lockdep_report::render::SourceText;
use rustc_hash::FxHashMap;

/// Files larger than this are not read: no person wrote them.
const MAX_BYTES: u64 = 4 << 20;

/// Source files, each read at most once. Two leaf locks, never held together.
#[derive(Debug)]
pub(crate) struct SourceFiles {
    root: Option<String>,
    /// What the compiler called the files that reports show under another path.
    originals: Mutex<FxHashMap<String, String>>,
    files: Mutex<FxHashMap<String, Option<Vec<String>>>>,
}

impl SourceFiles {
    pub(crate) fn new(root: Option<&str>) -> Self {
        Self { root: root.map(str::to_owned), originals: Mutex::default(), files: Mutex::default() }
    }

    /// The path that reports show for a file; remembers where the file really is.
    pub(crate) fn shown(&self, file: &str) -> String {
        let shown = path::shown(file, self.root.as_deref());
        if shown != file {
            let mut originals = self.originals.lock().unwrap_or_else(PoisonError::into_inner);
            // Debug information has the whole path where the compiler's is relative.
            if Path::new(file).is_absolute() || !originals.contains_key(&shown) {
                originals.insert(shown.clone(), file.to_owned());
            }
        }
        shown
    }

    fn original(&self, shown: &str) -> Option<PathBuf> {
        self.originals.lock().unwrap_or_else(PoisonError::into_inner).get(shown).map(PathBuf::from)
    }

    fn read(&self, file: &str) -> Option<Vec<String>> {
        let path = Path::new(file);
        // A relative path starts at the workspace; `join` leaves an absolute one alone.
        let below_root = self.root.as_ref().map(|root| Path::new(root).join(path));
        let candidates = [self.original(file), below_root, Some(path.to_path_buf())];
        let path = candidates.into_iter().flatten().find(|path| path.is_file())?;
        let text = crate::runtime::system::input::read(&path, MAX_BYTES).ok()?;
        Some(text.lines().map(str::to_owned).collect())
    }
}

impl SourceText for SourceFiles {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let line_of =
            |lines: &Option<Vec<String>>| lines.as_ref().and_then(|lines| lines.get(index).cloned());
        if let Some(known) = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(file) {
            return line_of(known);
        }
        let lines = self.read(file);
        let line = line_of(&lines);
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(file.to_owned(), lines);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_below_the_root_and_counted_from_one() {
        let source = SourceFiles::new(Some(env!("CARGO_MANIFEST_DIR")));
        assert!(
            source
                .line("src/runtime/output/sink/source_files.rs", 1)
                .expect("this file")
                .starts_with("//! Source lines")
        );
        assert_eq!(source.line("src/runtime/output/sink/source_files.rs", 0), None);
        assert_eq!(source.line("src/runtime/output/sink/source_files.rs", 100_000), None);
        assert_eq!(source.line("src/nonexistent.rs", 1), None);
    }

    #[test]
    fn a_file_is_found_again_under_the_path_that_reports_show() {
        let source = SourceFiles::new(Some("/r/elsewhere"));
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/runtime/output/sink/../sink/source_files.rs");
        let shown = source.shown(here);
        assert_eq!(shown, concat!(env!("CARGO_MANIFEST_DIR"), "/src/runtime/output/sink/source_files.rs"));
        assert!(source.line(&shown, 1).expect("this file").starts_with("//! Source lines"));
    }
}
