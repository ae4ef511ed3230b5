//! `try NAME[@VERSION]`: the tests of a published crate, with every lock watched.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;

use crate::cargo::command::CargoCommand;
use crate::cargo::metadata::{Graph, MetadataCall, Package};
use crate::cargo::package;
use crate::cargo::program;
use crate::cargo::session::Session;
use crate::cargo::toolchain::Toolchain;
use crate::command::room::{shown, size};
use crate::error::{Context as _, Error, Result};
use crate::input;
use crate::output::say;
use crate::watch::args::WatchArgs;

/// The arguments of `try`.
#[derive(Debug, Args)]
pub(crate) struct TryArgs {
    /// The crate, with a version unless it is the newest: `indicatif@0.18.6`.
    #[arg(value_name = "NAME[@VERSION]")]
    pub(crate) spec: String,
    /// Resolve its dependencies again instead of using the versions in its published lock file.
    #[arg(long)]
    pub(crate) update: bool,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    /// The arguments of `cargo test`; a second `--` separates those of the test binary.
    #[arg(last = true, value_name = "CARGO TEST ARGUMENTS")]
    pub(crate) cargo_args: Vec<OsString>,
}

/// What to take from the registry.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Spec {
    name: String,
    /// A version requirement as cargo writes it.
    requirement: String,
}

impl Spec {
    fn parse(text: &str) -> Result<Self> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_version = |c: char| c.is_ascii_alphanumeric() || ".+-".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Error::new(format_args!(
                "`{name}` is not the name of a crate: give NAME or NAME@VERSION, such as indicatif@0.18.6"
            )));
        }
        let requirement = match version {
            None => "*".to_owned(),
            Some(version)
                if version.starts_with(|c: char| c.is_ascii_digit()) && version.chars().all(is_version) =>
            {
                format!("={version}")
            }
            Some(version) => {
                return Err(Error::new(format_args!(
                    "`{version}` is not a version: give it like {name}@1.2.3, or leave it out for the newest"
                )));
            }
        };
        Ok(Self { name: name.to_owned(), requirement })
    }

    /// A lock file that names the version, if it is a whole one: cargo takes a version that was
    /// yanked from a lock file only, and an old version with a bug is likely to have been yanked.
    /// Cargo completes the file, and checks the version as any other.
    fn lock_file(&self) -> Option<String> {
        let version = self.requirement.strip_prefix('=')?;
        let numbers = version.split(['-', '+']).next()?;
        if numbers.split('.').filter(|number| number.parse::<u64>().is_ok()).count() != 3 {
            return None;
        }
        let name = &self.name;
        Some(format!(
            "version = 3\n\n[[package]]\nname = \"{SCRATCH}\"\nversion = \"0.0.0\"\ndependencies = [\"{name}\"]\n\n\
             [[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\
             source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
        ))
    }
}

/// The throw-away package that depends on the crate.
const SCRATCH: &str = "cargo-lockdep-try";

/// Fetches the crate and runs its tests.
///
/// # Errors
///
/// If the crate or version does not exist or cannot be fetched; cargo's message is on stderr then.
pub(crate) fn run(args: &TryArgs) -> Result<u8> {
    let spec = Spec::parse(&args.spec)?;
    let toolchain = Toolchain::in_directory(&input::current_directory()?)?;
    let base = base_directory()?;
    let published = fetch(&spec, &base, &toolchain, &args.cargo_args)?;
    let directory = base.join("try").join(format!("{}-{}", published.name, published.version));
    check_rust_version(&published, &toolchain)?;
    say(format_args!("trying {} {} in {}", published.name, published.version, directory.display()));
    for note in package::unpack(&published.source()?, &directory, args.update)? {
        say(note);
    }
    if let Some(note) = give_up_lost_versions(&directory, &toolchain, is_offline(&args.cargo_args)) {
        say(note);
    }
    if !directory.join("Cargo.lock").exists() {
        // What keeps cargo from it now, cargo says when it runs the tests.
        let _ = resolve(&directory, &toolchain, is_offline(&args.cargo_args), Stdio::null())?;
    }
    let session = Session::open_foreign(toolchain, &base, &directory, &args.cargo_args)?;
    let code = session.run(CargoCommand::Test, &args.cargo_args, &args.watch)?;
    let n_bytes = size(&base);
    if n_bytes > LARGE_CACHE_BYTES {
        say(format_args!(
            "{} of tried crates are in {}; `cargo lockdep clean --tried` removes them",
            shown(n_bytes),
            base.display()
        ));
    }
    Ok(code)
}

/// From this size on, a run says what the cache takes.
const LARGE_CACHE_BYTES: u64 = 4 << 30;

fn is_offline(cargo_args: &[OsString]) -> bool {
    cargo_args.iter().any(|arg| arg == "--offline" || arg == "--frozen")
}

/// Removes the lock file that the crate was published with if it names versions that cannot be had
/// any more; a sentence then.
fn give_up_lost_versions(directory: &Path, toolchain: &Toolchain, is_offline: bool) -> Option<String> {
    let lock = directory.join("Cargo.lock");
    if !lock.exists() {
        return None;
    }
    let call = MetadataCall { directory, manifest_path: None, graph: Some(Graph { is_offline }) };
    // A cargo that does not start is reported where its work is needed.
    let said = call.complaint(toolchain)?;
    let reason = said.lines().find(|line| line.contains("(locked to "))?;
    fs::remove_file(&lock).ok()?;
    let reason = reason.trim_start_matches("error: ");
    Some(format!(
        "a version in its published lock file is no longer available ({reason}), so its dependencies are resolved again"
    ))
}

/// Where tried crates, their runtime and their builds are: not in the user's project, which they
/// have nothing to do with, unless a target directory is given.
pub(super) fn base_directory() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = base_in(variable("CARGO_TARGET_DIR"), variable("XDG_CACHE_HOME"), variable("HOME"))
        .ok_or_else(|| Error::new("there is no home directory to work in: set CARGO_TARGET_DIR"))?;
    fs::create_dir_all(&base).context(|| base.display().to_string())?;
    base.canonicalize().context(|| base.display().to_string())
}

fn base_in(target: Option<PathBuf>, cache: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    if let Some(target) = target {
        return Some(target.join("lockdep"));
    }
    // The XDG specification: a relative path is invalid and is to be ignored. Our place must not
    // depend on where we are.
    let cache = cache.filter(|cache| cache.is_absolute());
    let home = home.filter(|home| home.is_absolute()).map(|home| home.join(".cache"));
    cache.or(home).map(|cache| cache.join("cargo-lockdep"))
}

/// A package that cargo has fetched.
#[derive(Debug)]
struct Published {
    name: String,
    version: String,
    manifest_path: PathBuf,
}

impl Published {
    fn source(&self) -> Result<PathBuf> {
        let folder = self.manifest_path.parent().map(Path::to_owned);
        folder.ok_or_else(|| Error::new(format_args!("{} is in no folder", self.manifest_path.display())))
    }
}

/// Lets cargo fetch the crate: a throw-away package depends on it, and cargo says where the sources
/// came to lie.
fn fetch(spec: &Spec, base: &Path, toolchain: &Toolchain, cargo_args: &[OsString]) -> Result<Published> {
    let scratch = base.join(format!("fetch-{}", std::process::id()));
    fs::create_dir_all(&scratch).context(|| scratch.display().to_string())?;
    let result = fetch_into(&scratch, spec, toolchain, cargo_args);
    let _ = fs::remove_dir_all(&scratch);
    result
}

fn fetch_into(
    scratch: &Path,
    spec: &Spec,
    toolchain: &Toolchain,
    cargo_args: &[OsString],
) -> Result<Published> {
    let Spec { name, requirement } = spec;
    // The resolver prefers versions that this compiler supports.
    let rust_version = toolchain.release.split('-').next().unwrap_or_default();
    let manifest = format!(
        "[package]\nname = \"{SCRATCH}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
         rust-version = \"{rust_version}\"\nresolver = \"3\"\n[lib]\npath = \"lib.rs\"\n\
         [workspace]\n[dependencies]\ntried = {{ package = \"{name}\", version = \"{requirement}\" }}\n"
    );
    let write = |file: &str, text: &str| {
        let path = scratch.join(file);
        fs::write(&path, text).context(|| path.display().to_string())
    };
    write("Cargo.toml", &manifest)?;
    write("lib.rs", "")?;
    if let Some(lock) = spec.lock_file() {
        write("Cargo.lock", &lock)?;
    }
    let is_offline = is_offline(cargo_args);
    // The index alone says which version it is.
    if !resolve(scratch, toolchain, is_offline, Stdio::inherit())? {
        return Err(Error::already_printed(crate::exit::USAGE));
    }
    let lock = || fs::read_to_string(scratch.join("Cargo.lock")).unwrap_or_default();
    let found = || {
        let (version, manifest_path) = program::find(&lock(), SCRATCH, name)?;
        Some(Published { name: name.clone(), version, manifest_path })
    };
    if let Some(published) = found() {
        return Ok(published);
    }
    if let Some(version) = program::locked_version(&lock(), SCRATCH, name) {
        // That downloads the one crate, and not what it depends on.
        let mut cargo = toolchain.cargo_command();
        cargo.args(["info", "--quiet", &format!("{name}@{version}")]).current_dir(scratch);
        if is_offline {
            cargo.arg("--offline");
        }
        let _ = cargo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if let Some(published) = found() {
            return Ok(published);
        }
    }
    // A cargo without `info`, or a yanked version.
    let graph = Some(Graph { is_offline });
    let metadata = MetadataCall { directory: scratch, manifest_path: None, graph }.read(toolchain)?;
    if let Some(library) = metadata.dependency_of_root(name) {
        let Package { name, version, manifest_path, .. } = library;
        return Ok(Published { name, version, manifest_path });
    }
    found().ok_or_else(|| Error::new(format_args!("cargo fetched {name} but does not say where to")))
}

/// Lets cargo write the lock file of a directory without a line for each package, and without a
/// download; whether it could.
fn resolve(directory: &Path, toolchain: &Toolchain, is_offline: bool, stderr: Stdio) -> Result<bool> {
    let mut cargo = toolchain.cargo_command();
    cargo
        .args(["update", "--workspace", "--quiet"])
        .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(stderr);
    if is_offline {
        cargo.arg("--offline");
    }
    Ok(cargo.status().context(|| toolchain.cargo.display().to_string())?.success())
}

/// Refuses a crate that this compiler is too old for: its build would fail after minutes.
fn check_rust_version(published: &Published, toolchain: &Toolchain) -> Result<()> {
    let text = input::read_text(&published.manifest_path).unwrap_or_default();
    let manifest: toml::Table = text.parse().unwrap_or_default();
    let wanted = manifest.get("package").and_then(|package| package.get("rust-version"));
    let Some(wanted) = wanted.and_then(toml::Value::as_str) else { return Ok(()) };
    if numbers(wanted) <= numbers(&toolchain.release) {
        return Ok(());
    }
    Err(Error::new(format_args!(
        "{} {} needs Rust {wanted}, and this is {}: update it (rustup update), or leave the version out for one that fits",
        published.name, published.version, toolchain.release
    )))
}

/// `1.88.0-nightly` as numbers.
fn numbers(version: &str) -> Vec<u64> {
    let release = version.split('-').next().unwrap_or_default();
    release.split('.').map(|number| number.parse().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_or_without_a_version() {
        let spec = |text| Spec::parse(text).map(|spec| (spec.name, spec.requirement)).expect("valid");
        assert_eq!(spec("indicatif@0.18.6"), ("indicatif".into(), "=0.18.6".into()));
        assert_eq!(spec("once_cell"), ("once_cell".into(), "*".into()));
    }

    #[test]
    fn a_whole_version_is_locked_so_that_a_yanked_one_is_fetched() {
        let lock = |text| Spec::parse(text).expect("valid").lock_file();
        let whole = lock("a@1.2.3-rc.1").expect("a lock file");
        let table: toml::Table = whole.parse().expect("valid TOML");
        let packages = table["package"].as_array().expect("packages");
        assert_eq!(packages[1]["version"].as_str(), Some("1.2.3-rc.1"));
        assert_eq!((lock("a@1.2"), lock("a")), (None, None));
    }

    #[test]
    fn a_lock_file_that_names_a_lost_version_is_given_up_and_no_other() {
        let folder = std::env::temp_dir().join(format!("lockdep-lost-{}", std::process::id()));
        fs::create_dir_all(folder.join("dep")).expect("a temporary folder");
        let write = |file: &str, text: &str| fs::write(folder.join(file), text).expect("written");
        let head = "edition = '2021'\n[lib]\npath = 'lib.rs'\n";
        write("lib.rs", "");
        write("dep/lib.rs", "");
        write("dep/Cargo.toml", &format!("[package]\nname = 'dep'\nversion = '1.0.1'\n{head}"));
        write(
            "Cargo.toml",
            &format!(
                "[package]\nname = 'a'\nversion = '0.0.0'\n{head}[workspace]\n[dependencies]\ndep = '1'\n[patch.crates-io]\ndep.path = 'dep'\n"
            ),
        );
        let toolchain = Toolchain::in_directory(&folder).expect("the one of this test");
        let give_up = || give_up_lost_versions(&folder, &toolchain, true);
        assert_eq!(give_up(), None, "there is none");
        let good =
            toolchain.cargo_command().args(["generate-lockfile", "--offline"]).current_dir(&folder).status();
        assert!(good.expect("cargo starts").success());
        assert_eq!(give_up(), None);
        assert!(folder.join("Cargo.lock").exists(), "it is available");
        let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        write(
            "Cargo.lock",
            &format!(
                "version = 3\n[[package]]\nname = \"a\"\nversion = \"0.0.0\"\ndependencies = [\"dep\"]\n[[package]]\nname = \"dep\"\nversion = \"1.0.0\"\n{source}\n"
            ),
        );
        let note = give_up().expect("1.0.0 is nowhere");
        assert!(
            note.contains("`dep = \"^1\"` (locked to 1.0.0)") && note.ends_with("resolved again"),
            "{note}"
        );
        assert!(!folder.join("Cargo.lock").exists());
        fs::remove_dir_all(folder).expect("ours");
    }

    #[test]
    fn the_working_directory_is_never_the_cache() {
        let of = |target: &str, cache: &str, home: &str| {
            let given = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
            base_in(given(target), given(cache), given(home)).map(|base| base.display().to_string())
        };
        assert_eq!(of("t", "/c", "/h").as_deref(), Some("t/lockdep"));
        assert_eq!(of("", "/c", "/h").as_deref(), Some("/c/cargo-lockdep"));
        for cache in ["", "c", "./c"] {
            assert_eq!(of("", cache, "/h").as_deref(), Some("/h/.cache/cargo-lockdep"), "{cache}");
            assert_eq!(of("", cache, "h"), None, "{cache}");
        }
    }

    #[test]
    fn releases_are_compared_by_number() {
        assert!(numbers("1.9") < numbers("1.88.0") && numbers("1.88") <= numbers("1.88.0-nightly"));
    }

    #[test]
    fn nonsense_is_named() {
        for (text, named) in
            [("", "``"), ("a b", "`a b`"), ("a@", "``"), ("a@latest", "`latest`"), ("a\"@1", "`a\"`")]
        {
            let error = Spec::parse(text).expect_err("it is nonsense").to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
