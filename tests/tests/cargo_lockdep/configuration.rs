//! `.config/lockdep.toml`: the settings of a project, and what overrides them.

use std::fs;
use std::path::Path;

use lockdep_tests::child::Ended;

use crate::harness::{assert_ended, command, finish, run};
use crate::records::{class, folder, one_order};

/// A project with this file, and records of a cycle that is a warning.
fn project(at: &Path, file: &str) {
    write(
        at,
        "Cargo.toml",
        "[package]\nname = \"p\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
    );
    write(at, "src/lib.rs", "");
    write(at, ".config/lockdep.toml", file);
    let (first, second) = (class("src/a.rs", 3), class("src/b.rs", 4));
    write(at, "records/1-0.jsonl", &one_order(1, &first, &second));
    write(at, "records/2-0.jsonl", &one_order(2, &second, &first));
}

fn write(at: &Path, name: &str, text: &str) {
    let path = at.join(name);
    fs::create_dir_all(path.parent().expect("below the project")).expect("created");
    fs::write(path, text).expect("written");
}

fn run_with(at: &Path, args: &[&str], name: &str, value: &str) -> Ended {
    finish(command(at, args).env(name, value))
}

#[test]
fn the_profile_decides_and_a_variable_stands_above_it() {
    let folder = folder();
    let at = folder.path();
    project(at, "[profile.default]\ndeny = 'errors'\n[profile.ci]\ndeny = 'warnings'\n");
    assert_ended(&run(at, &["report", "records"]), "exit 0");
    assert_ended(&run(at, &["report", "records", "--lockdep-profile", "ci"]), "exit 3");
    assert_ended(&run_with(at, &["report", "records"], "CARGO_LOCKDEP_PROFILE", "ci"), "exit 3");
    let ended = run_with(at, &["report", "records", "--lockdep-profile", "ci"], "LOCKDEP_DENY", "errors");
    assert_ended(&ended, "exit 0");
    let ended = run(at, &["report", "records", "--lockdep-profile", "nightly"]);
    assert_ended(&ended, "exit 2");
    assert!(
        ended.stderr.contains("no profile `nightly`: .config/lockdep.toml has ci, default"),
        "{}",
        ended.stderr
    );
    // From below the project, too, but not from a folder that is no project.
    assert_ended(&run(&at.join("src"), &["report", "../records", "--lockdep-profile", "ci"]), "exit 3");
    fs::remove_file(at.join("Cargo.toml")).expect("removed");
    assert_ended(&run(at, &["report", "records", "--lockdep-profile", "ci"]), "exit 0");
}

#[test]
fn exceptions_and_order_lie_where_the_file_says() {
    let folder = folder();
    let at = folder.path();
    project(at, "[profile.default]\ndeny = 'warnings'\nexceptions = 'x.allow'\norder = 'x.order'\n");
    assert_ended(&run(at, &["report", "records"]), "exit 3");
    write(at, "lockdep.allow", "LD0003  reason: not this file\n");
    assert_ended(&run(at, &["report", "records"]), "exit 3");
    write(at, "x.allow", "LD0003  reason: this file\n");
    assert_ended(&run(&at.join("src"), &["report", "../records"]), "exit 0");
    assert_ended(&run(&at.join("src"), &["order", "../records", "--bless"]), "exit 0");
    assert!(at.join("x.order").is_file());
    assert_ended(&run(at, &["order", "records", "--check"]), "exit 0");
}

#[test]
fn a_mistake_is_named_by_line_and_stops_the_run_before_anything_is_built() {
    let folder = folder();
    let at = folder.path();
    project(at, "[profile.ci]\ntime-out = 5\n");
    for args in [&["test"][..], &["report", "records"], &["show-config"], &["order", "records"]] {
        let ended = run(at, args);
        assert_ended(&ended, "exit 2");
        let expected = ".config/lockdep.toml:2: `time-out` is not a key of this file; the nearest known one is `timeout`";
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

/// Cargo warns of such a name and runs everything else, so a typo would go unseen.
#[test]
fn a_package_to_skip_that_is_not_there_stops_the_run_before_anything_is_built() {
    let folder = folder();
    let at = folder.path();
    write(at, "Cargo.toml", "[workspace]\nmembers = [\"kept\", \"benches\"]\nresolver = \"3\"\n");
    for name in ["kept", "benches"] {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
        write(at, &format!("{name}/Cargo.toml"), &manifest);
        write(at, &format!("{name}/src/lib.rs"), "");
    }
    write(at, ".config/lockdep.toml", "[profile.default]\nskip = ['bench*', 'bences']\n");
    let ended = run(at, &["test", "--offline"]);
    assert_ended(&ended, "exit 2");
    let expected = ".config/lockdep.toml:2: `skip` names `bences`, which is no package of the workspace; the nearest one is `benches`";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert!(!at.join("target").exists(), "nothing was built");
}

#[test]
fn init_writes_a_file_that_holds_and_show_config_says_from_where() {
    let folder = folder();
    let at = folder.path();
    project(at, "");
    let ended = run(at, &["init"]);
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("--force"), "{}", ended.stderr);
    assert_ended(&run(&at.join("src"), &["init", "--force"]), "exit 0");
    let ended = run_with(at, &["show-config", "--lockdep-profile", "ci"], "LOCKDEP_DENY", "LD0003,LD0001");
    assert_ended(&ended, "exit 0");
    for line in [
        "# .config/lockdep.toml, profile `ci`",
        "deny = [\"LD0003\", \"LD0001\"]  # LOCKDEP_DENY",
        "settle = false  # built in; `--settle` overrides it",
    ] {
        assert!(ended.stdout.lines().any(|one| one == line), "{line}\n{}", ended.stdout);
    }
    let timeout = ended.stdout.lines().find(|line| line.starts_with("timeout")).expect("a line");
    assert!(timeout.starts_with("timeout = 1800  # .config/lockdep.toml:"), "{timeout}");
    let parsed: toml::Table = ended.stdout.parse().expect("it is TOML");
    assert_eq!(parsed["timeout"].as_integer(), Some(1800));
}

/// The skipped package would fail, and the other one passes with the feature only.
#[test]
fn a_run_takes_features_and_packages_from_the_file() {
    let folder = folder();
    let at = folder.path();
    write(at, "Cargo.toml", "[workspace]\nmembers = [\"kept\", \"skipped\"]\nresolver = \"3\"\n");
    let test = "#[test]\nfn it_passes() {\n    let lock = std::sync::Mutex::new(cfg!(feature = \"extra\"));\n    assert!(*lock.lock().unwrap());\n}\n";
    for (name, features) in [("kept", "[features]\nextra = []\n"), ("skipped", "")] {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n{features}");
        write(at, &format!("{name}/Cargo.toml"), &manifest);
        write(at, &format!("{name}/src/lib.rs"), test);
    }
    write(
        at,
        ".config/lockdep.toml",
        "[profile.default]\nfeatures = ['extra']\nskip = ['skipped']\ntimeout = 600\n",
    );
    assert_ended(&run(at, &["test", "--lib", "--offline"]), "exit 0");
    assert_ended(&run(at, &["test", "--lib", "--offline", "-p", "skipped", "--all-features"]), "exit 101");
}

#[test]
fn the_programs_of_a_run_get_what_the_file_says_of_hangs() {
    let folder = folder();
    let at = folder.path();
    project(at, "[profile.ci]\nhang-after = 7\nhang-signal = 'USR2'\n");
    let test = "#[test]\nfn it_passes() {\n    let of = |name| std::env::var(name).unwrap();\n    \
        assert_eq!([of(\"LOCKDEP_HANG_AFTER\"), of(\"LOCKDEP_HANG_SIGNAL\")], [\"7\", \"USR2\"]);\n}\n";
    write(at, "src/lib.rs", test);
    assert_ended(&run(at, &["test", "--lib", "--offline", "--lockdep-profile", "ci"]), "exit 0");
    let shown = run_with(at, &["show-config"], "LOCKDEP_HANG_AFTER", "0.5");
    for line in ["hang-after = \"0.5\"  # LOCKDEP_HANG_AFTER", "# hang-signal is not set  # built in"] {
        assert!(shown.stdout.lines().any(|one| one == line), "{line}\n{}", shown.stdout);
    }
}
