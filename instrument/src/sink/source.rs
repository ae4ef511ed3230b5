//! Source lines for text reports, read from the files that the compiler saw, if they are there.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lockdep_validator::report::render::SourceText;
use rustc_hash::FxHashMap;

/// Files larger than this are not read: no person wrote them.
const MAX_BYTES: u64 = 4 << 20;

/// Source files, each read at most once. A leaf lock.
#[derive(Debug)]
pub(crate) struct SourceFiles {
    root: Option<PathBuf>,
    files: Mutex<FxHashMap<String, Option<Vec<String>>>>,
}

impl SourceFiles {
    pub(crate) fn new(root: Option<&str>) -> Self {
        Self { root: root.map(PathBuf::from), files: Mutex::default() }
    }

    fn read(&self, file: &str) -> Option<Vec<String>> {
        let path = Path::new(file);
        // A relative path starts at the workspace; `join` leaves an absolute one alone.
        let candidates = [self.root.as_ref().map(|root| root.join(path)), Some(path.to_path_buf())];
        let path = candidates.into_iter().flatten().find(|path| path.is_file())?;
        if std::fs::metadata(&path).ok()?.len() > MAX_BYTES {
            return None;
        }
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.lines().map(str::to_owned).collect())
    }
}

impl SourceText for SourceFiles {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = files.entry(file.to_owned()).or_insert_with(|| self.read(file));
        lines.as_ref()?.get(index).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_below_the_root_and_counted_from_one() {
        let source = SourceFiles::new(Some(env!("CARGO_MANIFEST_DIR")));
        assert!(source.line("src/sink/source.rs", 1).expect("this file").starts_with("//! Source lines"));
        assert_eq!(source.line("src/sink/source.rs", 0), None);
        assert_eq!(source.line("src/sink/source.rs", 100_000), None);
        assert_eq!(source.line("src/nonexistent.rs", 1), None);
    }
}
