//! Bad input: one sentence that names the thing, exit code 2 or cargo's own, and nothing left that
//! spoils the next run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{assert_ended, command, finish, fixture, run};

#[test]
fn outside_a_project_cargo_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ended = run(folder.path(), &["test"]);
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("could not find `Cargo.toml`"), "{}", ended.stderr);
}

#[test]
fn a_version_or_name_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (spec, named) in [("in dicatif", "`in dicatif`"), ("indicatif@newest", "`newest`")] {
        let ended = run(folder.path(), &["try", spec]);
        assert_ended(&ended, "exit 2");
        assert!(ended.stderr.contains(named) && ended.stdout.is_empty(), "{}", ended.stderr);
    }
}

/// A closed pipe (`2>&1 | head`) or a full disk.
#[test]
fn stderr_that_takes_nothing_leaves_the_exit_code() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut report = command(folder.path(), &["report", "nope"]);
    let status = report.stderr(full).status().expect("the command line can be started");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn what_cannot_work_says_why() {
    let project = fixture("cargo_graph");
    for (args, named) in [
        (&["test", "-Z", "build-std"][..], "build-std"),
        (&["test", "--target", "my-board.json"][..], "my-board.json"),
        (&["build", "--target", "a", "--target", "b"][..], "2 targets"),
        (&["test", "--timeout", "soon"][..], "soon"),
        (&["tset"][..], "tset"),
    ] {
        let ended = run(&project, args);
        assert_ended(&ended, "exit 2");
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_target_without_std_names_the_remedy_and_leaves_nothing_half_built() {
    let ended = run(&fixture("cargo_graph"), &["build", "--target", "riscv64gc-unknown-linux-gnu"]);
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("rustup target add riscv64gc-unknown-linux-gnu"), "{}", ended.stderr);
    let base = crate::harness::target_directory().join("lockdep");
    let left = fs::read_dir(base).expect("it was created").flatten().map(|entry| entry.file_name());
    let half: Vec<_> = left.filter(|name| name.to_string_lossy().ends_with(".building")).collect();
    assert!(half.is_empty(), "{half:?}");
}

#[test]
fn an_old_toolchain_is_reported_before_anything_is_built() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rustc = folder.path().join("rustc");
    let version = "rustc 1.70.0\nhost: x86_64-unknown-linux-gnu\nrelease: 1.70.0\n";
    fs::write(&rustc, format!("#!/bin/sh\nprintf '{}'\n", version.replace('\n', "\\n"))).expect("written");
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).expect("permitted");
    let ended = finish(command(&fixture("cargo_graph"), &["build"]).env("RUSTC", &rustc));
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("rustc 1.70.0 is too old"), "{}", ended.stderr);
}

#[test]
fn a_compile_error_is_cargos_and_the_next_run_is_well() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |text: &str| fs::write(folder.path().join("main.rs"), text).expect("written");
    let manifest =
        "[package]\nname = \"broken\"\nedition = \"2024\"\n[[bin]]\nname = \"broken\"\npath = \"main.rs\"\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("written");
    write("fn main() { let x: u32 = \"\"; }");
    let ended = run(folder.path(), &["run"]);
    assert_ended(&ended, "exit 101");
    assert!(ended.stderr.contains("mismatched types"), "{}", ended.stderr);
    let hint = "see whether it builds without lockdep: `cargo run` in ";
    assert!(ended.stderr.contains(hint), "{}", ended.stderr);
    write("fn main() {}");
    assert_ended(&run(folder.path(), &["run"]), "exit 0");
}

#[test]
fn a_scenario_that_cannot_be_run_leaves_the_others_running() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let twice = r#"{"op": "acquire", "lock": "mutex.A", "mode": "exclusive", "colour": "red"}"#;
    let text = format!(
        r#"{{"cases": [{{"id": "first", "ops": [{twice}, {{"op": "frobnicate", "lock": "mutex.A"}}]}},
            {{"id": "second", "ops": [{twice}, {twice}]}}, {{"id": true, "ops": []}}, {{"id": "third", "ops": [{twice}]}}]}}"#
    );
    fs::write(folder.path().join("cases.json"), text).expect("written");
    let ended = run(folder.path(), &["replay", "cases.json"]);
    assert_ended(&ended, "exit 2");
    for named in ["cases.json", "case first, op 1", "frobnicate", "case #2"] {
        assert!(ended.stderr.contains(named), "{named}: {}", ended.stderr);
    }
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ended.stdout);
    assert!(lines[0].contains(r#""id":"second""#) && lines[0].contains(r#""first_op":1"#), "{}", lines[0]);
    assert!(
        lines[1].contains(r#""id":"third""#) && lines[1].contains(r#""verdict":"silent""#),
        "{}",
        lines[1]
    );
    fs::write(folder.path().join("no.json"), "{\"cases\": ").expect("written");
    let ended = run(folder.path(), &["replay", "no.json"]);
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("no.json") && ended.stdout.is_empty(), "{}", ended.stderr);
}
