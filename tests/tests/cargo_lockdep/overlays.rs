//! Crates that are compiled from a patched copy of their sources: tokio.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lockdep_tests::child::Ended;
use lockdep_tests::overlay_matrix::{self, Built, PROGRAMS, Ran};

use crate::harness::{assert_ended, command, finish, fixture, run};

#[test]
fn async_programs_are_watched_without_a_word_about_it() {
    let project = fixture("tokio_programs");
    // One with a report and one without, by the command line; the others by what it built.
    for name in ["in_turn_on_one_thread", "joins_futures"] {
        let ran = overlay_matrix::run(&project, name).expect("cargo can be run");
        assert_as_wanted(name, &ran);
        assert!(ran.said.contains("are watched\n"), "{name}: {}", ran.said);
    }
    let built = Built::of(&project).expect("it compiles");
    let next = AtomicUsize::new(0);
    let run_all = || {
        // ORDERING: Relaxed: each number is taken once, and nothing else is handed over.
        while let Some((name, _)) = PROGRAMS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let ran = built.run(name).expect("it can be run");
            assert_eq!(ran.ended, "exit 0", "{name}: {}", ran.said);
            assert_as_wanted(name, &ran);
        }
    };
    thread::scope(|scope| {
        scope.spawn(run_all);
        run_all();
    });
}

#[track_caller]
fn assert_as_wanted(name: &str, ran: &Ran) {
    let (_, wanted) = PROGRAMS.iter().find(|(program, _)| *program == name).expect("it is listed");
    assert!(ran.is(wanted), "{name}: {:?} in place of {wanted:?}\n{}", ran.reports, ran.said);
}

#[test]
fn a_program_that_links_the_locks_of_tasks_is_built() {
    let ended = run(&fixture("tokio_linked"), &["run", "-q"]);
    assert_ended(&ended, "exit 3");
    assert!(ended.stderr.contains("error[LD0003]"), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 error (1 denied)"), "{}", ended.stderr);
}

/// A program with a crate that is called tokio, and fits no overlay.
fn with_another_tokio(version: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest = |name: &str, version: &str, rest: &str| {
        format!(
            "[package]\nname = '{name}'\nversion = '{version}'\nedition = '2021'\nrepository = 'https://github.com/tokio-rs/tokio'\n{rest}"
        )
    };
    let all = [
        ("Cargo.toml", &*manifest("app", "0.1.0", "[dependencies]\ntokio.path = 'tokio'\n[workspace]\n")),
        ("src/main.rs", "fn main() { drop(std::sync::Mutex::new(tokio::one()).lock()); }"),
        ("tokio/Cargo.toml", &manifest("tokio", version, "")),
        // As in a package that cargo has unpacked.
        ("tokio/.cargo-ok", ""),
    ];
    for (file, text) in all.iter().chain(files) {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }
    finish(command(folder.path(), &["run", "-q"]).envs(variables.iter().copied()))
}

#[test]
fn a_tokio_without_the_anchors_is_compiled_as_it_is() {
    let files = [("tokio/src/lib.rs", "pub fn one() -> u8 { 1 }")];
    let ended = with_another_tokio("1.98.0", &files, &[]);
    assert_ended(&ended, "exit 0");
    let said = "tasks and async locks of tokio 1.98.0 are not watched: `pub fn spawn<` is not in task/spawn.rs as expected";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert!(ended.stderr.contains("not seen here: tokio::sync (async)"), "{}", ended.stderr);

    // The same where it is turned off: no copy is made.
    let ended = with_another_tokio("1.98.0", &files, &[("CARGO_LOCKDEP_OVERLAYS", "0")]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stderr.contains("not seen here: tokio::sync (async)"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("of tokio 1.98.0"), "{}", ended.stderr);
}

#[test]
fn a_tokio_whose_copy_does_not_compile_is_compiled_as_it_is() {
    let spawn = "pub fn spawn<F>(future: F) -> F {\n    future\n}\n";
    let local = "pub fn spawn_local<F>(future: F) {\n}\npub fn spawn_local<F>(&self, future: F) {\n}\n";
    let runtime =
        "pub fn spawn<F>(&self, future: F) {\n}\npub fn block_on<F: Future>(&self, future: F) {\n}\n";
    let semaphore = "pub(crate) struct Semaphore {\npermits: AtomicUsize::new(permits\npub(crate) fn new(permits: usize)\n\
                     pub(crate) const fn const_new(\npub(crate) fn release(&self, added: usize) {\n\
                     pub(crate) fn available_permits(&self)\n";
    let files = [
        (
            "tokio/src/lib.rs",
            "#[path = \"task/spawn.rs\"]\nmod spawn;\npub fn one() -> u8 { spawn::spawn(1) }",
        ),
        ("tokio/src/task/spawn.rs", spawn),
        ("tokio/src/task/local.rs", local),
        ("tokio/src/runtime/runtime.rs", runtime),
        ("tokio/src/runtime/handle.rs", runtime),
        ("tokio/src/sync/batch_semaphore.rs", semaphore),
    ];
    let ended = with_another_tokio("1.99.0", &files, &[]);
    assert_ended(&ended, "exit 0");
    let said = "tasks and async locks of tokio 1.99.0 are not watched: the patched copy does not compile";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}
