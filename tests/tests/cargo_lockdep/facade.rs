//! Which crates see our locks, and under which settings of the user they still do.

use std::path::Path;

use lockdep_tests::child::Ended;

use crate::harness::{assert_ended, command, finish, fixture, run};

/// Each line `place: type` that the fixture printed.
fn mutex_of(ended: &Ended, place: &str) -> String {
    let prefix = format!("{place}: ");
    let line = ended.stdout.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {place} in\n{}\n{}", ended.stdout, ended.stderr)).to_owned()
}

fn assert_watched(ended: &Ended) {
    for place in ["app", "dep", "bare"] {
        let mutex = mutex_of(ended, place);
        assert!(mutex.starts_with("lockdep::sync::"), "{place} sees {mutex}");
    }
    for place in ["build script", "proc macro"] {
        let mutex = mutex_of(ended, place);
        assert!(mutex.starts_with("std::sync::"), "{place} sees {mutex}");
    }
}

#[test]
fn target_code_sees_our_locks_and_host_code_does_not() {
    let ended = run(&fixture("cargo_graph"), &["run", "-p", "app", "--", "--", "x"]);
    assert_ended(&ended, "exit 0");
    assert_watched(&ended);
    assert!(ended.stdout.contains("argument x"), "arguments reach the program: {}", ended.stdout);
}

#[test]
fn unwinding_or_not_and_with_link_time_optimisation() {
    for settings in [
        &["--config", "profile.dev.panic='abort'"][..],
        &["--config", "profile.dev.lto='thin'"][..],
        &["--config", "profile.dev.lto='fat'", "--config", "profile.dev.panic='abort'"][..],
    ] {
        let mut args = vec!["run", "-p", "app"];
        args.extend(settings);
        let ended = run(&fixture("cargo_graph"), &args);
        assert_ended(&ended, "exit 0");
        assert_watched(&ended);
    }
}

#[test]
fn linking_std_dynamically_works() {
    let mut command = command(&fixture("cargo_graph"), &["run", "-p", "app"]);
    let ended = finish(command.env("RUSTFLAGS", "-C prefer-dynamic"));
    assert_ended(&ended, "exit 0");
    assert_watched(&ended);
}

#[test]
fn flags_of_the_user_reach_the_compiler() {
    let mut command = command(&fixture("cargo_graph"), &["run", "-p", "app"]);
    let ended = finish(command.env("RUSTFLAGS", "--cfg users_own -D warnings"));
    assert_ended(&ended, "exit 0");
    assert_watched(&ended);
}

#[test]
fn a_wrapper_that_the_user_has_is_called_with_the_compiler() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, wrapper) = (folder.path().join("log"), folder.path().join("wrapper.sh"));
    write_wrapper(&wrapper, &log);
    // A package of its own, new in every run: what is compiled already calls no wrapper.
    let package = folder.path().join("wrapped");
    std::fs::create_dir_all(package.join("src")).expect("created");
    let write = |path: &str, text: &str| std::fs::write(package.join(path), text).expect("written");
    write("Cargo.toml", "[package]\nname = 'wrapped'\nedition = '2024'\n[workspace]\n");
    write("src/main.rs", "fn main() { println!(\"{}\", std::any::type_name::<std::sync::Mutex<()>>()) }");
    let mut command = command(&package, &["run", "-q"]);
    let ended = finish(command.env("RUSTC_WRAPPER", &wrapper));
    assert_ended(&ended, "exit 0");
    assert!(ended.stdout.starts_with("lockdep::sync::"), "{}", ended.stdout);
    let log = std::fs::read_to_string(&log).expect("the wrapper was called");
    assert!(log.lines().all(|line| line.ends_with("rustc")), "{log}");
}

/// A shell script that cargo can call as a wrapper: it notes the compiler it was given.
fn write_wrapper(wrapper: &Path, log: &Path) {
    std::fs::write(wrapper, format!("#!/bin/sh\necho \"$1\" >> {}\nexec \"$@\"\n", log.display()))
        .expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(wrapper, mode).expect("permitted");
}

#[test]
fn configuration_files_of_the_user_are_followed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (root, log) = (folder.path(), folder.path().join("log"));
    // Cargo finds the program from the folder around `.cargo`, wherever the compiler is started.
    let package = root.join("inner place");
    std::fs::create_dir_all(root.join(".cargo")).expect("created");
    std::fs::create_dir_all(package.join("src")).expect("created");
    write_wrapper(&root.join("wrapper.sh"), &log);
    let write = |path: &str, text: &str| std::fs::write(root.join(path), text).expect("written");
    write(
        ".cargo/config.toml",
        "[build]\nrustc-wrapper = './wrapper.sh'\nrustflags = ['--cfg', 'users_own']\ntarget = ['host-tuple']\n",
    );
    write("inner place/Cargo.toml", "[package]\nname = 'configured'\nedition = '2024'\n");
    write(
        "inner place/src/main.rs",
        "fn main() { println!(\"{} {}\", cfg!(users_own), std::any::type_name::<std::sync::Mutex<()>>()) }",
    );
    let ended = run(&package, &["run", "-q"]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stdout.starts_with("true lockdep::sync::"), "{}", ended.stdout);
    let log = std::fs::read_to_string(&log).expect("the wrapper was called");
    assert!(log.lines().all(|line| line.ends_with("rustc")), "{log}");
}

#[test]
fn doctests_and_tests_run_with_our_locks() {
    let ended =
        run(&fixture("cargo_graph"), &["test", "-p", "app", "--doc", "--", "--nocapture", "--show-output"]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stdout.contains("1 passed"), "{}", ended.stdout);
    // The explicit type in the doctest compiles only if it and the crate agree about what a mutex
    // is.
}

#[test]
fn crates_of_any_edition_and_name_see_our_locks() {
    let project = fixture("namesakes");
    let ended = run(&project, &["test", "-p", "old"]);
    assert_ended(&ended, "exit 0");
    let seen: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with("sees ")).collect();
    assert_eq!(seen.len(), 4, "{}", ended.stdout);
    assert!(seen.iter().all(|line| line.starts_with("sees lockdep::sync::")), "{seen:?}");
    assert!(ended.stdout.contains("1 passed"), "the doctest: {}", ended.stdout);
    let ended = run(&project, &["run", "-q", "-p", "std"]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stdout.starts_with("sees lockdep::sync::"), "{}", ended.stdout);
}

#[test]
fn two_dynamic_libraries_in_a_program_are_refused_with_the_reason() {
    let ended = run(&fixture("namesakes"), &["run", "-q", "-p", "two"]);
    assert_ended(&ended, "exit 101");
    let said = "lockdep: this crate is linked dynamically (it is or uses a crate of type dylib";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}
