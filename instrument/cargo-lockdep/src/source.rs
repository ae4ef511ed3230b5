//! Reading source lines, wherever the checkout is now, and only where sources are.
//!
//! A record is foreign data: a path in it may name any file of this machine. What is shown lies
//! below the workspace, cargo's registry and checkouts, the toolchain's library, or what `--source`
//! names, after all links were followed.

use std::cell::{OnceCell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lockdep_report::model::Report;
use lockdep_report::render::{SourceText, snippets};
use rustc_hash::FxHashMap;

use crate::excerpts::{Excerpts, N_AROUND};
use crate::{input, printable, sysroot};

/// Files above this are not read: no source file is that long, and an excerpt is not worth it.
const MAX_BYTES: u64 = 16 << 20;

/// Folders of a crate that are not its library's.
const TARGETS: [&str; 5] = ["tests", "benches", "examples", "target", "fuzz"];
/// How many files of a crate are listed.
const MAX_CRATE_FILES: usize = 2_000;

type Lines = Rc<Vec<String>>;

/// The directories whose files may be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// What the user named with `--source`; relative paths start here first.
    given: Vec<PathBuf>,
    /// The workspace, and packages of it that lie elsewhere.
    workspace: Vec<PathBuf>,
    /// The toolchain, if it is known already.
    sysroot: Option<PathBuf>,
}

impl Places {
    /// The workspace around `directory`, without asking cargo, and what the user named.
    pub(crate) fn around(directory: &Path, given: &[PathBuf]) -> Self {
        let workspace = workspace_around(directory).into_iter().collect();
        Self { given: given.to_vec(), workspace, sysroot: None }
    }

    /// The directories of a workspace as cargo listed them, and the toolchain that builds it.
    pub(crate) fn of_workspace(directories: Vec<PathBuf>, sysroot: PathBuf) -> Self {
        Self { given: Vec::new(), workspace: directories, sysroot: Some(sysroot) }
    }
}

/// The directory of the workspace that cargo would find from here.
fn workspace_around(directory: &Path) -> Option<PathBuf> {
    let has = |folder: &&Path, file: &str| folder.join(file).is_file();
    let root = directory.ancestors().find(|folder| has(folder, "Cargo.lock") && has(folder, "Cargo.toml"));
    let root = root.or_else(|| directory.ancestors().find(|folder| has(folder, "Cargo.toml")));
    root.map(Path::to_owned)
}

/// What became of a file that was asked for.
#[derive(Clone, Debug)]
enum Text {
    Lines(Lines),
    /// It is not there, or cannot be read.
    Missing,
    /// It is there, where no source of this workspace is.
    Outside,
}

/// Where a path of a record leads.
enum Found {
    Here(PathBuf),
    Outside,
    Nowhere,
}

/// Source files, read once each.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    places: Places,
    /// Where the records say that relative paths start.
    roots: Vec<PathBuf>,
    /// [`Self::places`] with every link followed.
    permitted: OnceCell<Vec<PathBuf>>,
    /// Where cargo keeps the sources of other people's crates on this machine.
    trees: OnceCell<Trees>,
    files: RefCell<FxHashMap<String, Text>>,
    /// The files of each crate that was asked for, by its folder in reports.
    crates: RefCell<FxHashMap<String, Rc<Vec<String>>>>,
    /// Lines that came with the records.
    excerpts: Excerpts,
}

impl Sources {
    /// Relative paths are looked for below each root in turn; nothing else is shown, but what was
    /// published.
    #[cfg(test)]
    pub(crate) fn new(given: Vec<PathBuf>) -> Self {
        Self::of(Places { given, ..Places::default() }, Vec::new())
    }

    /// [`new`](Self::new) on a machine that has no published sources.
    #[cfg(test)]
    pub(crate) fn only(given: Vec<PathBuf>) -> Self {
        Self { trees: OnceCell::from(Trees::default()), ..Self::new(given) }
    }

    /// Relative paths are looked for below what the user named, below each root in turn, and then
    /// where we are.
    pub(crate) fn of(places: Places, roots: Vec<PathBuf>) -> Self {
        Self { places, roots, ..Self::default() }
    }

    /// The same, with lines that came with the records.
    pub(crate) fn with_excerpts(self, excerpts: Excerpts) -> Self {
        Self { excerpts, ..self }
    }

    /// Adds the lines that the report shows, and those around them, to `excerpts`.
    pub(crate) fn excerpt(&self, report: &Report, excerpts: &mut Excerpts) {
        for label in snippets(report).into_iter().flat_map(|snippet| snippet.labels) {
            let place = &label.place;
            let lines = place.line.saturating_sub(N_AROUND).max(1)..=place.line.saturating_add(N_AROUND);
            for line in lines.filter(|_| place.is_known()) {
                if let Some(text) = self.line(&place.file, line) {
                    excerpts.add(&place.file, line, &text);
                }
            }
        }
    }

    /// All lines of a file, or `None` if it cannot be read or may not be shown.
    pub(crate) fn lines(&self, file: &str) -> Option<Lines> {
        let known = self.files.borrow().get(file).cloned();
        let text = known.unwrap_or_else(|| {
            let text = self.read(file);
            self.files.borrow_mut().insert(file.to_owned(), text.clone());
            text
        });
        match text {
            Text::Lines(lines) => Some(lines),
            Text::Missing | Text::Outside => None,
        }
    }

    /// The files that were asked for, could not be read, and did not come with the records; sorted.
    pub(crate) fn missing(&self) -> Vec<String> {
        // No checkout has the files of the runtime.
        let mut missing = self.asked_for(|text| matches!(text, Text::Missing));
        missing.retain(|file| !lockdep_report::path::is_runtime(file));
        missing
    }

    /// The files that were asked for and are not shown because of where they lie, sorted.
    pub(crate) fn outside(&self) -> Vec<String> {
        self.asked_for(|text| matches!(text, Text::Outside))
    }

    fn asked_for(&self, is_wanted: impl Fn(&Text) -> bool) -> Vec<String> {
        let files = self.files.borrow();
        let mut wanted: Vec<String> =
            files.iter().filter(|(_, text)| is_wanted(text)).map(|(file, _)| file.clone()).collect();
        wanted.retain(|file| !self.excerpts.has(file));
        wanted.sort();
        wanted
    }

    fn locate(&self, file: &str) -> Found {
        if file.is_empty() {
            return Found::Nowhere;
        }
        let path = Path::new(file);
        let candidates = self.roots_in_turn().map(|root| root.join(path));
        for candidate in candidates.chain([path.to_owned()]) {
            if candidate.is_file() {
                // Another file of the same name is not the one that is meant.
                return self.permitted(&candidate).map_or(Found::Outside, Found::Here);
            }
        }
        match self.trees().locate(file) {
            Some(found) => self.permitted(&found).map_or(Found::Outside, Found::Here),
            None => Found::Nowhere,
        }
    }

    fn roots_in_turn(&self) -> impl Iterator<Item = &PathBuf> {
        self.places.given.iter().chain(&self.roots).chain(&self.places.workspace)
    }

    fn trees(&self) -> &Trees {
        self.trees.get_or_init(|| Trees::find(self.places.sysroot.clone()))
    }

    /// The path with every link followed, if it leads to where sources are.
    fn permitted(&self, path: &Path) -> Option<PathBuf> {
        let permitted = self.permitted.get_or_init(|| {
            let trees = self.trees();
            let all = self.places.given.iter().chain(&self.places.workspace).chain(trees.all());
            all.filter_map(|place| place.canonicalize().ok()).collect()
        });
        let real = path.canonicalize().ok()?;
        permitted.iter().any(|place| real.starts_with(place)).then_some(real)
    }

    /// The edition of the crate that the file belongs to; `None` if its manifest cannot be read or
    /// does not tell.
    pub(crate) fn edition(&self, file: &str) -> Option<u16> {
        let Found::Here(path) = self.locate(file) else { return None };
        let manifest =
            path.ancestors().skip(1).map(|folder| folder.join("Cargo.toml")).find(|file| file.is_file())?;
        let manifest: toml::Table = input::read_text(&self.permitted(&manifest)?).ok()?.parse().ok()?;
        match manifest.get("package")?.get("edition") {
            Some(toml::Value::String(edition)) => edition.parse().ok(),
            // A workspace's.
            Some(_) => None,
            None => Some(2015),
        }
    }

    /// The source files of the library that the file belongs to, called as reports call them; none
    /// if the file belongs to another target of its crate.
    pub(crate) fn files_of_crate(&self, file: &str) -> Rc<Vec<String>> {
        let known = |folder: &str| self.crates.borrow().get(folder).cloned();
        let Found::Here(path) = self.locate(file) else { return Rc::default() };
        let root = path.ancestors().skip(1).find(|folder| folder.join("Cargo.toml").is_file());
        let Some(root) = root else { return Rc::default() };
        // A library may have its files beside the manifest.
        let is_bare = root.join("lib.rs").is_file();
        let is_in_library = |within: &&Path| {
            within.starts_with("src") || is_bare && !TARGETS.iter().any(|folder| within.starts_with(folder))
        };
        let within = path.strip_prefix(root).ok().filter(is_in_library);
        let Some(folder) = within.and_then(|within| file.strip_suffix(within.to_str()?)) else {
            return Rc::default();
        };
        if let Some(files) = known(folder) {
            return files;
        }
        let mut files = Vec::new();
        if is_bare {
            list(root, folder, &mut files);
            files.retain(|file| !TARGETS.iter().any(|of| file[folder.len()..].starts_with(of)));
        } else {
            list(&root.join("src"), &format!("{folder}src/"), &mut files);
        }
        let files = Rc::new(files);
        self.crates.borrow_mut().insert(folder.to_owned(), Rc::clone(&files));
        files
    }

    /// Where the directory is on this machine.
    pub(crate) fn locate_directory(&self, directory: &str) -> Option<PathBuf> {
        let path = Path::new(directory);
        let found = self.roots_in_turn().map(|root| root.join(path)).find(|candidate| candidate.is_dir());
        self.permitted(&found?)
    }

    fn read(&self, file: &str) -> Text {
        let path = match self.locate(file) {
            Found::Here(path) => path,
            Found::Outside => return Text::Outside,
            Found::Nowhere => return Text::Missing,
        };
        match input::read(&path, MAX_BYTES) {
            // A file in another encoding still has lines and columns.
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let lines = text.lines().map(|line| printable::source(line).into_owned());
                Text::Lines(Rc::new(lines.collect()))
            }
            Err(_) => Text::Missing,
        }
    }
}

/// The sources of published crates and of the standard library, which reports call
/// `tokio-1.47.0/src/…` and `std/src/…` wherever they lie.
#[derive(Debug, Default)]
struct Trees {
    /// A directory for each registry, with a directory for each crate and version.
    registries: Vec<PathBuf>,
    /// A directory for each repository, with a directory for each revision.
    checkouts: Vec<PathBuf>,
    std_library: Option<PathBuf>,
}

impl Trees {
    fn find(sysroot: Option<PathBuf>) -> Self {
        let home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
        // Without a toolchain the library's own lines are not shown; nothing else depends on them.
        let sysroot = sysroot.or_else(sysroot::installed);
        Self {
            registries: directories(&home.join("registry/src")),
            checkouts: directories(&home.join("git/checkouts")),
            std_library: sysroot.map(|root| root.join("lib/rustlib/src/rust/library")),
        }
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.registries.iter().chain(&self.checkouts).chain(&self.std_library)
    }

    fn locate(&self, file: &str) -> Option<PathBuf> {
        let (package, rest) = file.split_once('/')?;
        let published = self.registries.iter().map(|registry| registry.join(file));
        let library = self.std_library.iter().map(|library| library.join(file));
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

/// Lists the Rust files below a folder, with a prefix to their names. Links are not followed.
fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Some(own) = entry.file_name().to_str().map(|own| format!("{prefix}{own}")) else { continue };
        match entry.file_type() {
            _ if files.len() >= MAX_CRATE_FILES => return,
            Ok(kind) if kind.is_dir() => list(&entry.path(), &format!("{own}/"), files),
            Ok(kind) if kind.is_file() && own.ends_with(".rs") => files.push(own),
            _ => {}
        }
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
        if let Some(text) = self.excerpts.line(file, line) {
            return Some(text.to_owned());
        }
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
            std_library: Some(base.join("lib")),
        };
        for (shown, file) in
            ["tokio-1.2.0/src/lib.rs", "my-crate-5f3a2b1/src/lib.rs", "std/src/lib.rs"].iter().zip(files)
        {
            assert_eq!(trees.locate(shown), Some(base.join(file)), "{shown}");
        }
        assert_eq!(trees.locate("tokio-1.3.0/src/lib.rs"), None);
        fs::remove_dir_all(base).expect("ours");
    }

    #[test]
    fn the_files_of_a_crate_are_those_of_its_library() {
        let base = std::env::temp_dir().join(format!("lockdep-crate-{}", std::process::id()));
        let files = ["a/Cargo.toml", "a/src/lib.rs", "a/src/deep/x.rs", "a/src/x.txt", "a/tests/t.rs"];
        let bare = ["b/Cargo.toml", "b/lib.rs", "b/io/x.rs", "b/tests/t.rs", "alone.rs"];
        for file in files.iter().chain(&bare) {
            fs::create_dir_all(base.join(file).parent().expect("a folder")).expect("a temporary directory");
            fs::write(base.join(file), "").expect("a temporary file");
        }
        let sources = Sources::only(vec![base.clone()]);
        let listed = |file: &str| sources.files_of_crate(file).to_vec();
        assert_eq!(listed("a/src/deep/x.rs"), ["a/src/deep/x.rs", "a/src/lib.rs"]);
        assert_eq!(listed("b/io/x.rs"), ["b/io/x.rs", "b/lib.rs"]);
        for other in ["a/tests/t.rs", "b/tests/t.rs", "alone.rs", "none.rs"] {
            assert!(listed(other).is_empty(), "{other}");
        }
        fs::remove_dir_all(base).expect("ours");
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        let base = std::env::temp_dir().join(format!("lockdep-outside-{}", std::process::id()));
        let workspace = base.join("workspace");
        fs::create_dir_all(workspace.join("src")).expect("a temporary directory");
        fs::write(base.join("secret"), "secret").expect("written");
        fs::write(workspace.join("src/a.rs"), "ours").expect("written");
        std::os::unix::fs::symlink(base.join("secret"), workspace.join("src/link.rs")).expect("a link");
        let places = Places { workspace: vec![workspace.clone()], ..Places::default() };
        let root = |root: &Path| Sources::of(places.clone(), vec![root.to_owned()]);
        let absolute = base.join("secret").display().to_string();
        for (sources, file) in [
            (root(&workspace), "../secret"),
            (root(&workspace), "src/link.rs"),
            (root(&workspace), absolute.as_str()),
            (root(&base), "secret"),
            (root(Path::new("/")), "proc/self/environ"),
            (root(Path::new("/")), "/proc/self/environ"),
        ] {
            assert_eq!(sources.lines(file), None, "{file}");
            assert_eq!(sources.outside(), [file]);
            assert!(sources.missing().is_empty());
            assert_eq!(sources.edition(file), None);
        }
        let moved = root(Path::new("/elsewhere"));
        assert_eq!(moved.lines("src/a.rs").map(|lines| lines.len()), Some(1), "the checkout may have moved");
        assert_eq!(moved.lines("src/b.rs"), None);
        assert_eq!(moved.lines("instrument/src/sync/once.rs"), None);
        assert_eq!(moved.missing(), ["src/b.rs"], "ours is none that the user has");
        assert_eq!(root(Path::new("/")).locate_directory("etc"), None);
        let given = Sources::new(vec![base.clone()]);
        assert_eq!(given.lines("secret").map(|lines| lines.len()), Some(1), "the user named it");
        fs::remove_dir_all(base).expect("ours");
    }
}
