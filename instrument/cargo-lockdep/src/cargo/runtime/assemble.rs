//! Building the runtime: with the user's own toolchain, under flags of its own, and all or nothing.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::packed;
use super::parts::{MANIFEST, Runtime};
use crate::cargo::config::cargo_home;
use crate::cargo::toolchain::Toolchain;
use crate::error::{Context as _, Error, Result};
use crate::input;
use crate::output::say;

/// How often a long build says that it is alive.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Builds the runtime beside `folder` and moves it there as the last step. So an interrupted build
/// leaves nothing that the next run could mistake for a runtime.
///
/// # Errors
///
/// If a file cannot be written or a crate of the runtime does not compile.
pub(super) fn assemble(folder: &Path, toolchain: &Toolchain, target: &str, offline: bool) -> Result<()> {
    let base = folder.parent().expect("it was joined to a base");
    fs::create_dir_all(base).map_err(|error| {
        Error::new(format_args!(
            "{}: {error}; choose a writable directory with --target-dir or CARGO_TARGET_DIR",
            base.display()
        ))
    })?;
    // One build at a time; a process that waited finds it done. The kernel drops the lock of a
    // killed process.
    let lock_path = base.join(".runtime-lock");
    let lock = input::create_own(&lock_path).context(|| lock_path.display().to_string())?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .context(|| lock_path.display().to_string())?;
    if Runtime::is_whole(folder) {
        return Ok(());
    }
    // We have the lock: whatever lies here is from a build that was interrupted.
    let temporary = folder.with_extension("building");
    remove(&temporary)?;
    remove(folder)?;
    let result = build(&temporary, folder, toolchain, target, offline);
    if result.is_ok() {
        // Crates that were compiled with an earlier build of this runtime do not fit this one, and
        // cargo does not know.
        if let Some(name) = folder.file_name().and_then(|name| name.to_str()) {
            let crates = name.replacen("runtime-", "crates-", 1);
            remove(&folder.with_file_name(format!("{crates}-plain")))?;
            remove(&folder.with_file_name(crates))?;
        }
        fs::rename(&temporary, folder).context(|| folder.display().to_string())?;
    } else {
        remove(&temporary)?;
    }
    result
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::new(format_args!("{}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}

/// Builds in `temporary`, for a runtime that will live in `folder`.
fn build(temporary: &Path, folder: &Path, toolchain: &Toolchain, target: &str, offline: bool) -> Result<()> {
    if folder.to_str().is_none() {
        return Err(Error::new(format_args!(
            "{}: cargo and rustc need a path that is UTF-8; choose another with --target-dir or CARGO_TARGET_DIR",
            folder.display()
        )));
    }
    let began = Instant::now();
    say(format_args!("building the runtime with rustc {} for {target} (once)", toolchain.release));
    // Cargo's own folder stays: it is safe to interrupt, and after an update only our few crates
    // are compiled again.
    let workshop = folder.with_file_name("runtime-build");
    let sources = workshop.join("sources");
    remove(&sources)?;
    packed::unpack(&sources)?;
    let mut child = cargo(&sources, &workshop.join("target"), toolchain, target, offline)
        .spawn()
        .context(|| toolchain.cargo.display().to_string())?;
    let artifacts = watch(&mut child, toolchain, target)?;

    packed::unpack(&temporary.join("sources"))?;
    copy_libraries(&artifacts, &temporary.join("lib"))?;
    let place = |name: &str| -> Result<PathBuf> {
        let artifact = artifacts.iter().find(|artifact| artifact.target.name == name);
        let file =
            artifact.and_then(|artifact| artifact.libraries().next()).and_then(|file| file.file_name());
        let file =
            file.ok_or_else(|| Error::new(format_args!("the build of the runtime produced no {name}")))?;
        Ok(Path::new("lib").join(file))
    };
    let runtime = Runtime {
        facade: place("std")?,
        lockdep: place("lockdep")?,
        report: place("lockdep_report")?,
        validator: place("lockdep_validator")?,
        search_paths: vec!["lib".into()],
        sources: "sources".into(),
    };
    let manifest = temporary.join(MANIFEST);
    let text = serde_json::to_string_pretty(&runtime).context(|| manifest.display().to_string())?;
    fs::write(&manifest, text).context(|| manifest.display().to_string())?;
    say(format_args!("runtime ready after {:.0} s", began.elapsed().as_secs_f64()));
    Ok(())
}

/// The cargo call that builds the runtime.
fn cargo(sources: &Path, build_folder: &Path, toolchain: &Toolchain, target: &str, offline: bool) -> Command {
    // `metadata` keeps our crates apart from those of the same name in the user's graph,
    // `embed-bitcode` serves users who build with LTO; no user can act on a warning inside the
    // runtime.
    let flags = [
        "-Cembed-bitcode=yes",
        "-Cmetadata=lockdep_runtime",
        "--cfg=lockdep_runtime",
        "-Awarnings",
        // Absolute, like the library's own `/rustc/…`: a backtrace would show a relative one as if
        // it were the user's.
        &format!("--remap-path-prefix={}=/lockdep", sources.display()),
    ]
    .join("\x1f");
    let mut cargo = toolchain.cargo_command();
    // What steers the user's build must not steer this one.
    for (name, _) in std::env::vars_os() {
        let steers = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_BUILD_")
                || name.starts_with("CARGO_PROFILE_")
                || name.starts_with("CARGO_TARGET_")
                || name.starts_with("CARGO_UNSTABLE_")
                || name.starts_with("RUSTC")
                || name.starts_with("RUSTDOC")
                || name == "RUSTFLAGS"
                || name == "CARGO_ENCODED_RUSTDOCFLAGS"
        });
        if steers {
            cargo.env_remove(name);
        }
    }
    // Cargo reads configuration from the working directory upwards: only that of the user's home is
    // wanted.
    if let Some(home) = cargo_home() {
        cargo.current_dir(home);
    }
    cargo
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TERM_COLOR", "never")
        .args(["build", "--release", "--lib", "--message-format=json-render-diagnostics"])
        .args(["--config", "profile.release.opt-level=3", "--config", "profile.release.panic='unwind'"])
        // Not the validator by name: that would turn its default features on, and what is linked
        // into a program takes part in its type inference.
        .args(["--package", "lockdep", "--package", "lockdep-std"])
        .arg("--manifest-path")
        .arg(sources.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(build_folder)
        .args(["--target", target])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if offline {
        cargo.arg("--offline");
    }
    cargo
}

/// One line of cargo's JSON; only what is needed of it.
#[derive(Debug, Deserialize)]
struct Artifact {
    target: ArtifactTarget,
    filenames: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct ArtifactTarget {
    name: String,
}

impl Artifact {
    /// What rustc may have to read: crates for the target, and the macros among their dependencies.
    fn libraries(&self) -> impl Iterator<Item = &PathBuf> {
        self.filenames.iter().filter(|file| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            extension.is_some_and(|extension| matches!(extension, "rlib" | "so" | "dylib" | "dll"))
        })
    }
}

/// Waits for the build, says now and then how far it is, and lists what was built.
fn watch(child: &mut Child, toolchain: &Toolchain, target: &str) -> Result<Vec<Artifact>> {
    let mut stderr = child.stderr.take().expect("it is piped");
    let printed = thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let mut artifacts = Vec::new();
    let mut spoke = Instant::now();
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(|line| line.ok())
    {
        if let Ok(artifact) = serde_json::from_str::<Artifact>(&line) {
            if spoke.elapsed() > PROGRESS_INTERVAL {
                say(format_args!("… {} crates, now {}", artifacts.len(), artifact.target.name));
                spoke = Instant::now();
            }
            artifacts.push(artifact);
        }
    }
    let status = child.wait().context(|| toolchain.cargo.display().to_string())?;
    let printed = printed.join().unwrap_or_default();
    if status.success() {
        return Ok(artifacts);
    }
    let remedy = remedy(&printed, target).map(|remedy| format!("\n{remedy}")).unwrap_or_default();
    Err(Error::with_output("the runtime cannot be built:", &format!("{}{remedy}", printed.trim_end())))
}

/// What to do about a build that failed with these words.
fn remedy(printed: &str, target: &str) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|word| printed.contains(word));
    if says(&["can't find crate for `core`", "can't find crate for `std`"]) {
        Some(format!("the standard library for {target} is missing: rustup target add {target}"))
    } else if says(&["No space left on device"]) {
        Some("the disk is full: free some space and run again (no partial build is left behind)".to_owned())
    } else if says(&["--offline", "download", "resolve host"]) {
        Some("its dependencies are not on this machine yet: run once with a network connection".to_owned())
    } else {
        None
    }
}

/// Copies the compiled crates to where rustc will look for them.
fn copy_libraries(artifacts: &[Artifact], to: &Path) -> Result<()> {
    fs::create_dir_all(to).context(|| to.display().to_string())?;
    for file in artifacts.iter().flat_map(Artifact::libraries) {
        if let Some(name) = file.file_name() {
            fs::copy(file, to.join(name)).context(|| file.display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_about_a_failure_is_said() {
        let of = |printed| remedy(printed, "riscv").unwrap_or_default();
        assert!(of("error[E0463]: can't find crate for `core`").contains("rustup target add riscv"));
        assert!(of("Could not resolve hostname; download of config.json failed").contains("network"));
        assert!(of("write: No space left on device (os error 28)").contains("disk is full"));
        assert_eq!(remedy("error[E0308]: mismatched types", "riscv"), None);
    }
}
