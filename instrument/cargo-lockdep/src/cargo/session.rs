//! A watched run of cargo: project, toolchain and runtime found, environment set, process
//! supervised.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cargo::annotate;
use crate::cargo::command::CargoCommand;
use crate::cargo::project::{CargoOptions, Project};
use crate::cargo::runtime::{self, Runtime};
use crate::cargo::toolchain::Toolchain;
use crate::cargo::wrapper;
use crate::cargo::wrapper::overlay::{self, Note};
use crate::count::counted;
use crate::error::{Context as _, Result};
use crate::findings::coverage::Own;
use crate::output::say;
use crate::settings::Settings;
use crate::source::Places;
use crate::watch::args::WatchArgs;
use crate::watch::{self, RunResult, Watch};
use crate::{exit, input, records};

/// How many runs keep their records whatever their age.
const N_KEPT_RUNS: usize = 8;
/// Records younger than this are kept as well: the run that writes them may still be going on.
const KEPT_AGE_MS: u128 = 24 * 60 * 60 * 1000;

/// What lies in a directory of records besides these.
const OUR_FILES: [&str; 5] = ["suspects", "not-seen.txt", "excerpts.txt", "ledger", "report.html"];

/// Everything that is needed to start a cargo command under validation.
#[derive(Debug)]
pub(crate) struct Session {
    toolchain: Toolchain,
    target: String,
    /// Where runtime, compiled crates and records are.
    base: PathBuf,
    runtime: Runtime,
    directory: PathBuf,
    /// Where the user is.
    given_from: PathBuf,
    workspace_root: PathBuf,
    /// The workspace, its packages, and what they depend on by path.
    directories: Vec<PathBuf>,
    /// What the user gave with `--manifest-path`.
    manifest_path: Option<PathBuf>,
    /// What cargo was told about colours, if anything.
    is_coloured: Option<bool>,
    /// Whether the code belongs to another project, so that its lints must not stop the build.
    foreign: bool,
    /// What the project settled.
    settings: Settings,
}

impl Session {
    /// A session for the project in `directory`.
    ///
    /// # Errors
    ///
    /// If there is no project, the toolchain is too old, or the runtime cannot be built.
    pub(crate) fn open(directory: &Path, cargo_args: &[OsString], settings: Settings) -> Result<Self> {
        let options = CargoOptions::parse(cargo_args)?;
        let toolchain = Toolchain::in_directory(directory)?;
        let project = Project::find(directory, &options, &toolchain)?;
        settings.check_skipped(&project.packages)?;
        Ok(Self { settings, ..Self::with(toolchain, project, directory, &options)? })
    }

    /// A session for a package of another project that was unpacked into `directory`; `base` is
    /// shared by all of them.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub(crate) fn open_foreign(
        toolchain: Toolchain,
        base: &Path,
        directory: &Path,
        cargo_args: &[OsString],
    ) -> Result<Self> {
        let options = CargoOptions::parse(cargo_args)?;
        let mut project = Project::find(directory, &options, &toolchain)?;
        project.base = base.to_owned();
        Ok(Self { foreign: true, ..Self::with(toolchain, project, directory, &options)? })
    }

    fn with(
        toolchain: Toolchain,
        project: Project,
        directory: &Path,
        options: &CargoOptions,
    ) -> Result<Self> {
        let Project { target, base, workspace_root, directories, packages: _ } = project;
        let runtime = runtime::ready(&base, &toolchain, &target, options.offline)?;
        let directory = directory.to_owned();
        let given_from = input::current_directory()?;
        let manifest_path = options.manifest_path.clone();
        let is_coloured = toolchain.config.is_coloured(options.color.as_deref());
        Ok(Self {
            toolchain,
            target,
            base,
            runtime,
            directory,
            given_from,
            manifest_path,
            is_coloured,
            workspace_root,
            directories,
            foreign: false,
            settings: Settings::default(),
        })
    }

    /// Runs the cargo command and judges what it did; the exit code of the whole.
    ///
    /// # Errors
    ///
    /// If cargo cannot be started or the records cannot be written.
    pub(crate) fn run(&self, command: CargoCommand, cargo_args: &[OsString], args: &WatchArgs) -> Result<u8> {
        let records = self.new_record_directory()?;
        if !is_quiet(cargo_args) && !self.crates_directory().exists() {
            say(format_args!(
                "the first run compiles every crate once more, with instrumented locks, into {}",
                self.crates_directory().display()
            ));
        }
        let programs = self.crates_directory().join(&self.target);
        let places = Places::of_workspace(self.directories.clone(), self.toolchain.sysroot.clone());
        let mut watch =
            Watch::open(&records, programs, places.clone(), args, &self.settings, self.is_coloured)?;
        let mut verdict = watch.run(self.cargo(command, cargo_args, &records), None)?;
        if args.settles() {
            self.settle(command, cargo_args, &mut watch, &mut verdict)?;
        }
        let (unseen, overlaid) =
            if verdict.has_watched() { self.unseen_locks() } else { (Vec::new(), Vec::new()) };
        if let Err(error) = records::note_not_seen(&records, &unseen) {
            say(format_args!(
                "warning: {}: {error}; reports of these records will not list the locks that were not seen",
                records.display()
            ));
        }
        let is_overlaid = overlaid.iter().any(Note::is_overlaid);
        let own =
            if verdict.has_watched() { Own::read(&self.directories, is_overlaid).sentence() } else { None };
        watch::summarise(&verdict, &records, runs_programs(command, cargo_args), &unseen, own.as_deref());
        for note in &overlaid {
            say(note.sentence());
        }
        if !args.settles() {
            watch::offer_to_settle(&verdict);
        }
        if verdict.has_watched() && annotate::is_wanted() {
            annotate::annotate(&records, places, &self.settings)?;
        }
        if runs_programs(command, cargo_args) {
            let order = self.order_file();
            watch::name_the_next_command(&verdict, &records, order.as_deref());
        }
        if !verdict.has_watched() && verdict.exit_code() == exit::CARGO_FAILED {
            say(format_args!(
                "no watched program took a lock; if the build failed, see whether it builds without lockdep: `{}` in {}",
                without_us(command, cargo_args),
                self.directory.display()
            ));
        }
        if command == CargoCommand::Build && verdict.exit_code() == exit::CLEAN && !is_quiet(cargo_args) {
            say(format_args!(
                "built below {}; the programs validate when they are started with LOCKDEP=1",
                self.crates_directory().join(&self.target).display()
            ));
        }
        Ok(verdict.exit_code())
    }

    /// Runs the same once more, with the suspects of the first run distinguished from the start.
    fn settle(
        &self,
        command: CargoCommand,
        cargo_args: &[OsString],
        watch: &mut Watch<'_>,
        verdict: &mut RunResult,
    ) -> Result<()> {
        let suspects: Vec<&str> = verdict.suspects().into_iter().collect();
        if suspects.is_empty() {
            say(
                "nothing to settle: no warning rests on lock classes alone, and each stack is that of the acquisition shown",
            );
            return Ok(());
        }
        say(format_args!(
            "settling: running again, with the locks of {} distinguished from the start and a stack of each acquisition",
            counted(suspects.len(), "class", "classes")
        ));
        let path = watch.records().join("suspects");
        let text = suspects.join("\n") + "\n";
        input::write_own(&path, text.as_bytes()).context(|| path.display().to_string())?;
        let mut cargo = self.cargo(command, cargo_args, watch.records());
        cargo.env("LOCKDEP_SUSPECTS", &path);
        let second = watch.run(cargo, Some(verdict))?;
        verdict.settle(second);
        Ok(())
    }

    /// The call of cargo, with the façade, the records and a target directory of its own.
    fn cargo(&self, command: CargoCommand, cargo_args: &[OsString], records: &Path) -> Command {
        let mut cargo = self.toolchain.cargo_command();
        cargo
            .current_dir(&self.directory)
            .args(command_line(command, cargo_args, &self.target))
            .env("CARGO_TARGET_DIR", self.crates_directory())
            .env("RUSTC_WRAPPER", std::env::current_exe().unwrap_or_else(|_| "cargo-lockdep".into()))
            .env(wrapper::RUNTIME_VARIABLE, Runtime::manifest(&self.base, &self.toolchain, &self.target))
            .env(overlay::FOLDER_VARIABLE, self.overlay_folder())
            .env("LOCKDEP_DIR", records)
            // The record carries every report to us, and we print it: a child's own stderr may be
            // compared by a test.
            .env("LOCKDEP_OUTPUT", "/dev/null")
            .env_remove("LOCKDEP_FORMAT");
        // Without validation the same binaries show what the façade alone costs.
        if std::env::var_os("LOCKDEP").is_none() {
            cargo.env("LOCKDEP", "1");
        }
        if std::env::var_os("LOCKDEP_SOURCE_ROOT").is_none() {
            cargo.env("LOCKDEP_SOURCE_ROOT", &self.workspace_root);
        }
        cargo.envs(self.settings.variables());
        // Cargo runs each program in the directory of its package: a path that the user gave starts
        // where the user is.
        for (name, value) in absolute_paths(std::env::vars_os(), &self.given_from) {
            cargo.env(name, value);
        }
        let inner = self.toolchain.config.rustc_wrapper(&self.directory);
        match inner.filter(|inner| !wrapper::is_ours(inner)) {
            Some(inner) => cargo.env(wrapper::INNER_VARIABLE, inner),
            // Started by a program that is watched itself: the wrapper below us is that run's, and
            // its own is handed on.
            None if std::env::var_os(wrapper::RUNTIME_VARIABLE).is_some() => &mut cargo,
            None => cargo.env_remove(wrapper::INNER_VARIABLE),
        };
        if self.foreign {
            cargo
                .env(wrapper::FOREIGN_VARIABLE, "1")
                .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
            // The build of a crate that is tried once stays in a cache. Reports need lines and the
            // paths of functions; `line-tables-only` leaves the path out where a lock was inlined.
            for (name, value) in [("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "limited")] {
                if std::env::var_os(name).is_none() {
                    cargo.env(name, value);
                }
            }
        }
        let mut rustdoc_flags = self.toolchain.config.rustdoc_flags(&self.target);
        rustdoc_flags.extend(self.runtime.facade_flags());
        cargo.env("CARGO_ENCODED_RUSTDOCFLAGS", rustdoc_flags.join("\x1f"));
        cargo
    }

    /// The target directory of cargo: of its own for each runtime, so that nothing is linked with
    /// another one.
    fn crates_directory(&self) -> PathBuf {
        // Cargo does not know that a crate compiled with an overlay is another one.
        let plain = if self.settings.overlays() { "" } else { "-plain" };
        self.base.join(format!("crates-{}{plain}", Runtime::key(&self.toolchain, &self.target)))
    }

    /// Where the patched copies of crates are; empty if none is to be made.
    fn overlay_folder(&self) -> PathBuf {
        if self.settings.overlays() { self.crates_directory().join("overlays") } else { PathBuf::new() }
    }

    /// The project's lock-order file: the one that it names, or the default if it is there.
    fn order_file(&self) -> Option<PathBuf> {
        let named = self.settings.order().map(Path::to_owned);
        let default = self.given_from.join("lockdep.order");
        named.or_else(|| default.is_file().then_some(default))
    }

    /// A new directory for the records of this run, inside `LOCKDEP_DIR` if that is set.
    fn new_record_directory(&self) -> Result<PathBuf> {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let name = format!("{now_ms}-{}", std::process::id());
        let (parent, is_ours) = match std::env::var_os("LOCKDEP_DIR").filter(|given| !given.is_empty()) {
            Some(given) => (self.given_from.join(given), false),
            None => (self.base.join("records"), true),
        };
        if is_ours {
            prune(&parent, now_ms);
        }
        // A user who names a directory wants the records in it, together with those of other runs.
        let records = if is_ours { parent.join(name) } else { parent };
        fs::create_dir_all(&records).context(|| records.display().to_string())?;
        records.canonicalize().context(|| records.display().to_string())
    }

    /// Kinds of locks that the crate graph contains and we do not see, in words, and the crates of
    /// it that have an overlay.
    fn unseen_locks(&self) -> (Vec<&'static str>, Vec<Note>) {
        let mut tree = self.toolchain.cargo_command();
        tree.args(["tree", "--workspace", "--edges", "normal,dev", "--prefix", "none", "--format", "{p}"]);
        tree.args(["--target", &self.target, "--offline", "--quiet"]).current_dir(&self.directory);
        if let Some(manifest) = &self.manifest_path {
            tree.arg("--manifest-path").arg(manifest);
        }
        let output = tree.output().map(|output| output.stdout).unwrap_or_default();
        let tree = String::from_utf8_lossy(&output);
        let is_there = |note: &Note| tree.contains(&format!("{} v{}", note.name, note.version));
        let mut notes = overlay::read_notes(&self.overlay_folder());
        notes.retain(is_there);
        (watch::unseen_locks(&tree, notes.iter().any(Note::is_overlaid)), notes)
    }
}

/// Removes the records of old runs. That is housekeeping: what cannot be removed stays, and what is
/// not ours is not touched.
fn prune(parent: &Path, now_ms: u128) {
    // A link may lead to directories that only look like ours.
    let is_ours = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let Ok(entries) = fs::read_dir(parent) else { return };
    if !is_ours(parent) {
        return;
    }
    let began_ms = |path: &Path| -> Option<u128> {
        let (began_ms, pid) = path.file_name()?.to_str()?.split_once('-')?;
        let _: u32 = pid.parse().ok()?;
        began_ms.parse().ok()
    };
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| is_ours(path));
    let mut runs: Vec<(u128, PathBuf)> = paths.filter_map(|path| Some((began_ms(&path)?, path))).collect();
    runs.sort();
    for (began_ms, old) in runs.iter().rev().skip(N_KEPT_RUNS - 1) {
        if now_ms.saturating_sub(*began_ms) > KEPT_AGE_MS {
            remove_records(old);
        }
    }
}

/// Removes a directory of records, if there is nothing else in it.
fn remove_records(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours = path.extension().is_some_and(|extension| extension == "jsonl")
            || OUR_FILES.iter().any(|name| path.file_name().is_some_and(|file| file == *name));
        if is_ours {
            let _ = fs::remove_file(path);
        }
    }
    // That fails if something is left.
    let _ = fs::remove_dir(directory);
}

/// The variables whose value is a path that starts where the user is, with the whole path.
fn absolute_paths(
    variables: impl Iterator<Item = (OsString, OsString)>,
    from: &Path,
) -> Vec<(OsString, OsString)> {
    let absolute = |(name, value): (OsString, OsString)| match name.to_str()? {
        _ if value.is_empty() => None,
        "LOCKDEP_ORDER" | "LOCKDEP_SUSPECTS" | "LOCKDEP_SOURCE_ROOT" => {
            let path = from.join(value);
            Some((name, path.into()))
        }
        "LOCKDEP_ALLOW" => {
            let list = value.to_str()?;
            let items = list.split(',').map(str::trim).map(|item| match item.strip_prefix('@') {
                Some(file) => format!("@{}", from.join(file).display()),
                None => item.to_owned(),
            });
            Some((name, items.collect::<Vec<_>>().join(",").into()))
        }
        _ => None,
    };
    variables.filter_map(absolute).collect()
}

/// The command that the user would type without us.
fn without_us(command: CargoCommand, cargo_args: &[OsString]) -> String {
    let words = cargo_args.iter().map(|word| word.to_string_lossy());
    [Cow::from("cargo"), command.name().into()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// Whether the command is one that runs programs, so that a run without a record is worth a word.
fn runs_programs(command: CargoCommand, cargo_args: &[OsString]) -> bool {
    let mut options = cargo_args.iter().take_while(|arg| *arg != "--");
    let builds_only = |arg: &OsString| arg == "--no-run" || arg == "--help";
    match command {
        CargoCommand::Build => false,
        // `nextest list`, `archive`, `show-config` run no test.
        CargoCommand::Nextest => {
            options.next().is_some_and(|word| word == "run" || word == "r") && !options.any(builds_only)
        }
        CargoCommand::Test | CargoCommand::Run | CargoCommand::Bench => !options.any(builds_only),
    }
}

/// Whether cargo was asked to say nothing but errors.
fn is_quiet(cargo_args: &[OsString]) -> bool {
    cargo_args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "-q" || arg == "--quiet")
}

/// Cargo's arguments with an explicit target, which distinguishes host code from target code, and
/// without a target directory, which is ours.
fn command_line(command: CargoCommand, cargo_args: &[OsString], target: &str) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec![command.name().into()];
    let dashes = cargo_args.iter().position(|arg| arg == "--").unwrap_or(cargo_args.len());
    let (options, rest) = cargo_args.split_at(dashes);
    let mut options = options.iter().peekable();
    // `nextest run`: options belong behind the second word.
    if command == CargoCommand::Nextest
        && let Some(word) = options.next_if(|word| !word.as_encoded_bytes().starts_with(b"-"))
    {
        line.push(word.clone());
    }
    line.extend(["--target".into(), target.into()]);
    while let Some(option) = options.next() {
        if option == OsStr::new("--target") || option == OsStr::new("--target-dir") {
            options.next();
        } else if !is_assigned(option, "--target=") && !is_assigned(option, "--target-dir=") {
            line.push(option.clone());
        }
    }
    line.extend(rest.iter().cloned());
    line
}

fn is_assigned(option: &OsStr, name: &str) -> bool {
    option.as_encoded_bytes().starts_with(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: CargoCommand, args: &str) -> String {
        let args: Vec<OsString> = args.split_whitespace().map(OsString::from).collect();
        command_line(command, &args, "x").join(" ".as_ref()).into_string().expect("made of text")
    }

    #[test]
    fn the_target_is_explicit_and_only_once() {
        assert_eq!(line(CargoCommand::Test, ""), "test --target x");
        assert_eq!(
            line(CargoCommand::Test, "--target y --lib -- --target z"),
            "test --target x --lib -- --target z"
        );
        assert_eq!(line(CargoCommand::Run, "--target-dir t --target=y -q"), "run --target x -q");
    }

    #[test]
    fn records_of_a_run_that_may_still_go_on_are_kept() {
        let parent = std::env::temp_dir().join(format!("lockdep-prune-{}", std::process::id()));
        let now_ms = 10 * KEPT_AGE_MS;
        for age in 0..20 {
            fs::create_dir_all(parent.join(format!("{:020}-1", now_ms - 1000 * age)))
                .expect("a temporary directory");
            fs::create_dir_all(parent.join(format!("{:020}-2", now_ms - 2 * KEPT_AGE_MS - age)))
                .expect("likewise");
        }
        prune(&parent, now_ms);
        assert_eq!(fs::read_dir(&parent).expect("it is there").count(), 20);
        // What only looks like a run is not ours to remove: a project of 1999, a link, files of
        // others.
        let [old, mine] = ["1999-projects", "00000000000000000001-7"].map(|name| parent.join(name));
        fs::create_dir_all(&old).expect("a temporary directory");
        fs::create_dir_all(&mine).expect("a temporary directory");
        fs::write(mine.join("thesis.txt"), "").expect("written");
        fs::write(mine.join("1-0.jsonl"), "").expect("written");
        let link = std::env::temp_dir().join(format!("lockdep-prune-link-{}", std::process::id()));
        std::os::unix::fs::symlink(&parent, &link).expect("a link");
        prune(&link, now_ms + 9 * KEPT_AGE_MS);
        assert_eq!(fs::read_dir(&parent).expect("it is there").count(), 22, "not through a link");
        prune(&parent, now_ms);
        assert!(old.is_dir() && mine.join("thesis.txt").is_file() && !mine.join("1-0.jsonl").exists());
        fs::remove_file(link).expect("ours");
        fs::remove_dir_all(parent).expect("ours");
    }

    #[test]
    fn paths_of_variables_start_where_the_user_is() {
        let given = [
            ("LOCKDEP_ORDER", "lockdep.order"),
            ("LOCKDEP_ALLOW", "LD0003, @a.allow,@/b.allow"),
            ("LOCKDEP_SUSPECTS", ""),
            ("LOCKDEP_DENY", "errors"),
        ];
        let found = absolute_paths(
            given.map(|(name, value)| (name.into(), value.into())).into_iter(),
            Path::new("/u"),
        );
        let expected =
            [("LOCKDEP_ORDER", "/u/lockdep.order"), ("LOCKDEP_ALLOW", "LD0003,@/u/a.allow,@/b.allow")];
        assert_eq!(found, expected.map(|(name, value)| (OsString::from(name), OsString::from(value))));
    }

    #[test]
    fn nextest_keeps_its_own_subcommand_first() {
        assert_eq!(line(CargoCommand::Nextest, "run -p a"), "nextest run --target x -p a");
    }
}
