//! The steps of the GitHub action, run here as a runner runs them, with a stand-in for the command
//! line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use lockdep_tests::command_line::{binary, root, target_directory};

/// A program that notes how it was called, and ends with the code in the file `code`.
const STAND_IN: &str = "#!/usr/bin/env bash
printf '%s|%s\\n' \"${LOCKDEP_DIR:-}\" \"$*\" >>\"$(dirname \"$0\")/calls\"
[ \"${1:-}\" = --version ] && echo 'cargo-lockdep 0.1.0'
exit \"$(cat \"$(dirname \"$0\")/code\")\"
";

fn programs(code: u8) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for name in ["cargo-lockdep", "cargo"] {
        let path = folder.path().join(name);
        fs::write(&path, STAND_IN).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    }
    fs::write(folder.path().join("code"), code.to_string()).expect("written");
    folder
}

fn step(programs: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("bash")
        .arg(root().join(".github/actions/lockdep").join(script))
        .current_dir(programs)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("RUNNER_TEMP", programs)
        .env("GITHUB_OUTPUT", programs.join("output"))
        .envs(variables.iter().copied())
        .output()
        .expect("bash starts")
}

fn read(programs: &Path, name: &str) -> String {
    fs::read_to_string(programs.join(name)).unwrap_or_default()
}

#[test]
fn the_run_hands_over_command_records_and_exit_code() {
    let folder = programs(3);
    let at = folder.path();
    let ended = step(at, "run.sh", &[("INPUT_COMMAND", "nextest run --workspace")]);
    assert_eq!(ended.status.code(), Some(3), "a denied report fails the step");
    let output = read(at, "output");
    let records = output.trim().strip_prefix("records=").expect("the output of the step");
    assert!(Path::new(records).is_dir(), "{records}");
    assert_eq!(read(at, "calls"), format!("{records}|lockdep nextest run --workspace\n"));
}

#[test]
fn the_report_is_written_after_a_denied_run_and_left_out_without_records() {
    for (code, expected) in [(0, 0), (3, 0), (2, 2)] {
        let folder = programs(code);
        let at = folder.path();
        let variables = [("RECORDS", at.to_str().expect("UTF-8")), ("INPUT_SARIF", "a.sarif")];
        assert_eq!(step(at, "report.sh", &variables).status.code(), Some(0));
        assert_eq!(read(at, "calls"), "", "there is no record");
        fs::write(at.join("1-0.jsonl"), "").expect("written");
        assert_eq!(step(at, "report.sh", &variables).status.code(), Some(expected));
        assert!(read(at, "calls").ends_with("--format sarif --output a.sarif\n"), "{}", read(at, "calls"));
        assert_eq!(read(at, "output") == "sarif=a.sarif\n", expected == 0);
    }
}

#[test]
fn the_wanted_version_is_installed_and_one_that_is_there_is_kept() {
    let folder = programs(0);
    let at = folder.path();
    assert!(step(at, "install.sh", &[("INPUT_VERSION", "0.1.0")]).status.success());
    assert!(step(at, "install.sh", &[]).status.success());
    assert!(!read(at, "calls").contains("install"), "{}", read(at, "calls"));
    assert!(step(at, "install.sh", &[("INPUT_VERSION", "0.2.0")]).status.success());
    assert!(read(at, "calls").contains("cargo-lockdep@0.2.0"), "{}", read(at, "calls"));
}

/// The action names its scripts, and what a user writes reaches them as variables alone.
#[test]
fn no_input_is_pasted_into_a_script() {
    for file in [".github/actions/lockdep/action.yml", ".github/workflows/release.yml"] {
        let text = fs::read_to_string(root().join(file)).expect("readable");
        let pasted: Vec<&str> = text
            .lines()
            .filter(|line| line.trim_start().starts_with("run:") && line.contains("${{"))
            .collect();
        assert!(pasted.is_empty() && text.contains("run: "), "{file}: {pasted:?}");
    }
}

/// From `init` to the page in a browser, as `tests/field/packed/run.sh` does it with the packed
/// files; here with the command line of this checkout.
#[test]
fn a_new_project_goes_through_the_steps_of_the_action_to_its_page() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut script = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["LOCKDEP", "CARGO_LOCKDEP", "GITHUB_"].iter().any(|ours| text.starts_with(ours)) {
            script.env_remove(&name);
        }
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = binary().parent().expect("in a folder");
    let ended = script
        .arg(root().join("tests/field/packed/project.sh"))
        .arg(folder.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("CARGO_TARGET_DIR", target_directory())
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .expect("bash starts");
    let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(ended.status.success() && said.contains("the project is done"), "{said}");
}
