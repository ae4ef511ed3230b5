//! Reading source lines, wherever the checkout is now.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lockdep_validator::report::render::SourceText;
use rustc_hash::FxHashMap;

/// Files above this are not read: no source file is that long, and an excerpt is not worth it.
const MAX_BYTES: u64 = 16 << 20;

type Lines = Rc<Vec<String>>;

/// Source files, read once each.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    roots: Vec<PathBuf>,
    files: RefCell<FxHashMap<String, Option<Lines>>>,
}

impl Sources {
    /// Relative paths are looked for below each root in turn, then below the working directory.
    pub(crate) fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, files: RefCell::default() }
    }

    /// All lines of a file, or `None` if it cannot be read.
    pub(crate) fn lines(&self, file: &str) -> Option<Lines> {
        if let Some(known) = self.files.borrow().get(file) {
            return known.clone();
        }
        let lines = self.read(file).map(|text| Rc::new(text.lines().map(str::to_owned).collect()));
        self.files.borrow_mut().insert(file.to_owned(), lines.clone());
        lines
    }

    /// The files that were asked for and could not be read, sorted.
    pub(crate) fn missing(&self) -> Vec<String> {
        let files = self.files.borrow();
        let mut missing: Vec<String> =
            files.iter().filter(|(_, lines)| lines.is_none()).map(|(file, _)| file.clone()).collect();
        missing.sort();
        missing
    }

    /// Where the file is on this machine.
    pub(crate) fn locate(&self, file: &str) -> Option<PathBuf> {
        if file.is_empty() {
            return None;
        }
        let path = Path::new(file);
        let candidates = self.roots.iter().map(|root| root.join(path)).chain([path.to_owned()]);
        candidates.into_iter().find(|candidate| candidate.is_file())
    }

    /// Where the directory is on this machine.
    pub(crate) fn locate_directory(&self, directory: &str) -> Option<PathBuf> {
        let path = Path::new(directory);
        self.roots.iter().map(|root| root.join(path)).find(|candidate| candidate.is_dir())
    }

    fn read(&self, file: &str) -> Option<String> {
        let path = self.locate(file)?;
        if std::fs::metadata(&path).ok()?.len() > MAX_BYTES {
            return None;
        }
        // A file in another encoding still has lines and columns.
        std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl SourceText for Sources {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        let lines = self.lines(file)?;
        lines.get((line as usize).checked_sub(1)?).cloned()
    }
}
