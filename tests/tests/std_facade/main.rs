//! The façade crate `std`, as rustc sees it: whole programs compiled with and without it must print
//! the same.
//!
//! `cargo lockdep` injects it with more care than is taken here; this is about what the crate
//! itself lets through: preludes and macros of every edition, paths that name std's modules,
//! traits, type inference.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use lockdep_tests::child;

mod surface;

const EDITIONS: &[&str] = &["2015", "2018", "2021", "2024"];

/// Where the façade's rlib and everything it needs lie.
struct Facade {
    std: PathBuf,
    dependencies: PathBuf,
}

/// Builds the façade as cargo does, once for all tests.
fn facade() -> &'static Facade {
    static FACADE: OnceLock<Facade> = OnceLock::new();
    FACADE.get_or_init(|| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../instrument/std/Cargo.toml");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("std-facade");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--config", "profile.dev.debug=false", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(&target)
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Facade { std: target.join("debug/libstd.rlib"), dependencies: target.join("debug/deps") }
    })
}

/// Compiles `program` in `edition` and runs it; gives what it printed.
fn output_of(program: &str, edition: &str, through: Option<&Facade>) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/std_facade/programs").join(program);
    let directory = tempfile::tempdir().expect("a place for the program");
    let binary = directory.path().join("program");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", edition, "--cap-lints", "allow", "-o"]).arg(&binary).arg(source);
    if let Some(facade) = through {
        rustc.arg("--extern").arg(format!("std={}", facade.std.display()));
        rustc.arg("-L").arg(format!("dependency={}", facade.dependencies.display()));
    }
    let compiled = rustc.output().expect("rustc runs");
    let which = if through.is_some() { "through the façade" } else { "plainly" };
    assert!(
        compiled.status.success(),
        "{program} does not compile {which} in edition {edition}:\n{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let mut run = Command::new(binary);
    run.env("LOCKDEP", "1");
    let ended = child::run(&mut run, Duration::from_secs(60)).expect("the program starts");
    assert_eq!(ended.describe(), "exit 0", "{program} {which}:\n{}{}", ended.stdout, ended.stderr);
    assert!(!ended.stderr.contains("error[LD"), "{program} {which}:\n{}", ended.stderr);
    ended.stdout
}

fn compare(program: &str, editions: &[&str]) {
    for edition in editions {
        let plain = output_of(program, edition, None);
        assert!(plain.lines().count() > 1, "{program} has to print what it found");
        assert_eq!(output_of(program, edition, Some(facade())), plain, "{program}, edition {edition}");
    }
}

#[test]
fn preludes_macros_and_paths_are_std_s_in_every_edition() {
    compare("everyday.rs", EDITIONS);
}

#[test]
fn types_are_inferred_as_without_it() {
    compare("inference.rs", &["2021"]);
}

#[test]
fn a_no_std_crate_that_asks_for_std_gets_it() {
    compare("no_std.rs", EDITIONS);
}

#[test]
fn locks_and_threads_are_replaced_and_nothing_else() {
    let lines = output_of("names.rs", "2021", Some(facade()));
    let replaced: Vec<&str> = lines.lines().filter(|line| line.contains("lockdep::")).collect();
    let expected = [
        "Mutex",
        "MutexGuard",
        "RwLock",
        "RwLockReadGuard",
        "RwLockWriteGuard",
        "Condvar",
        "Once",
        "OnceLock",
        "LazyLock",
        "Builder",
        "JoinHandle",
        "Scope",
        "ScopedJoinHandle",
        "Barrier",
        "Sender",
        "SyncSender",
        "Receiver",
        "Iter",
        "TryIter",
        "IntoIter",
        "Thread",
    ];
    assert_eq!(replaced.len(), expected.len(), "{replaced:#?}");
    for (line, name) in replaced.iter().zip(expected) {
        assert!(line.starts_with(&format!("{name} ")), "{line} is not {name}");
    }
}
