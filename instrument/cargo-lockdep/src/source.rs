//! Reading source lines, wherever the checkout is now.

use std::cell::{OnceCell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
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
    /// Where cargo keeps the sources of other people's crates on this machine.
    trees: OnceCell<Trees>,
    files: RefCell<FxHashMap<String, Option<Lines>>>,
}

impl Sources {
    /// Relative paths are looked for below each root in turn, then below the working directory.
    pub(crate) fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, trees: OnceCell::new(), files: RefCell::default() }
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
        let here = candidates.into_iter().find(|candidate| candidate.is_file());
        here.or_else(|| self.trees.get_or_init(Trees::find).locate(file))
    }

    /// The edition of the crate that the file belongs to; `None` if its manifest cannot be read or does not tell.
    pub(crate) fn edition(&self, file: &str) -> Option<u16> {
        let path = self.locate(file)?;
        let manifest =
            path.ancestors().skip(1).map(|folder| folder.join("Cargo.toml")).find(|file| file.is_file())?;
        let manifest: toml::Table = fs::read_to_string(manifest).ok()?.parse().ok()?;
        match manifest.get("package")?.get("edition") {
            Some(toml::Value::String(edition)) => edition.parse().ok(),
            // A workspace's.
            Some(_) => None,
            None => Some(2015),
        }
    }

    /// Where the directory is on this machine.
    pub(crate) fn locate_directory(&self, directory: &str) -> Option<PathBuf> {
        let path = Path::new(directory);
        self.roots.iter().map(|root| root.join(path)).find(|candidate| candidate.is_dir())
    }

    fn read(&self, file: &str) -> Option<String> {
        let path = self.locate(file)?;
        if fs::metadata(&path).ok()?.len() > MAX_BYTES {
            return None;
        }
        // A file in another encoding still has lines and columns.
        fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The sources of published crates and of the standard library, which reports call `tokio-1.47.0/src/…` and `std/src/…`
/// wherever they lie.
#[derive(Debug, Default)]
struct Trees {
    /// A directory for each registry, with a directory for each crate and version.
    registries: Vec<PathBuf>,
    /// A directory for each repository, with a directory for each revision.
    checkouts: Vec<PathBuf>,
    library: Option<PathBuf>,
}

impl Trees {
    fn find() -> Self {
        let home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
        // Without a compiler the library's own lines are not shown; nothing else depends on them.
        let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().ok();
        let sysroot = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Self {
            registries: directories(&home.join("registry/src")),
            checkouts: directories(&home.join("git/checkouts")),
            library: sysroot.map(|root| Path::new(&root).join("lib/rustlib/src/rust/library")),
        }
    }

    fn locate(&self, file: &str) -> Option<PathBuf> {
        let (package, rest) = file.split_once('/')?;
        let published = self.registries.iter().map(|registry| registry.join(file));
        let library = self.library.iter().map(|library| library.join(file));
        let (name, revision) = package.rsplit_once('-').unwrap_or((package, ""));
        let of_repository = |checkout: &&PathBuf| {
            let folder = checkout.file_name().unwrap_or_default().to_string_lossy();
            folder.rsplit_once('-').is_some_and(|(repository, _)| repository == name)
        };
        let cloned =
            self.checkouts.iter().filter(of_repository).map(|checkout| checkout.join(revision).join(rest));
        published.chain(library).chain(cloned).find(|candidate| candidate.is_file())
    }
}

fn directories(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

impl SourceText for Sources {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        let lines = self.lines(file)?;
        lines.get((line as usize).checked_sub(1)?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_cloned_and_library_sources_are_found_under_the_paths_of_reports() {
        let base = std::env::temp_dir().join(format!("lockdep-sources-{}", std::process::id()));
        let files =
            ["reg/a-1/tokio-1.2.0/src/lib.rs", "git/my-crate-0123/5f3a2b1/src/lib.rs", "lib/std/src/lib.rs"];
        for file in files {
            let path = base.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary directory");
            fs::write(path, "").expect("a temporary file");
        }
        let trees = Trees {
            registries: directories(&base.join("reg")),
            checkouts: directories(&base.join("git")),
            library: Some(base.join("lib")),
        };
        for (shown, file) in
            ["tokio-1.2.0/src/lib.rs", "my-crate-5f3a2b1/src/lib.rs", "std/src/lib.rs"].iter().zip(files)
        {
            assert_eq!(trees.locate(shown), Some(base.join(file)), "{shown}");
        }
        assert_eq!(trees.locate("tokio-1.3.0/src/lib.rs"), None);
        fs::remove_dir_all(base).expect("ours");
    }
}
