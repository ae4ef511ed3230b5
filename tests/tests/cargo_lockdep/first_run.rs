//! What a person meets in the first minutes: the next command, the page, the room that is taken.

use std::fs;

use crate::harness::{assert_ended, command, finish, fixture, run, target_directory};
use crate::records::{class, folder, one_order};

#[test]
fn a_run_names_the_command_that_fits_its_outcome() {
    let red = run(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--", "again"]);
    let expected = "lockdep: next: `cargo lockdep explain LD0001` says what the code means; `cargo lockdep report --open ";
    assert!(red.stderr.contains(expected), "{}", red.stderr);
    assert!(red.stderr.lines().last().is_some_and(|line| line.contains("next: ")), "{}", red.stderr);
}

#[test]
fn the_page_lies_beside_the_records_and_is_handed_to_the_browser() {
    let folder = folder();
    let at = folder.path();
    let (first, second) = (class("src/a.rs", 3), class("src/b.rs", 4));
    let records = at.join("target/lockdep/records/1700000000000-1");
    fs::create_dir_all(&records).expect("created");
    fs::create_dir_all(at.join("target/lockdep/records/1600000000000-1")).expect("an older run");
    fs::write(records.join("1-0.jsonl"), one_order(1, &first, &second)).expect("written");
    let browser = at.join("browser");
    fs::write(&browser, "#!/bin/sh\necho \"$1\" > \"$0.seen\"\n").expect("written");
    let rights: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&browser, rights).expect("ours");
    // Without records on the command line, those of the newest run.
    let mut child = command(at, &["report", "--open"]);
    let ended = finish(child.env_remove("CARGO_TARGET_DIR").env("BROWSER", &browser));
    assert_ended(&ended, "exit 0");
    let page = records.join("report.html");
    assert!(fs::read_to_string(&page).is_ok_and(|page| page.contains("<html")), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("opened {}", page.display())), "{}", ended.stderr);
    let mut child = command(at, &["report", "--open"]);
    let ended = finish(child.env_remove("CARGO_TARGET_DIR").env("BROWSER", "/nowhere/browser"));
    assert!(ended.stderr.contains("no browser was found (BROWSER names one)"), "{}", ended.stderr);
}

#[test]
fn clean_shows_the_sizes_and_removes_only_what_is_ours() {
    let folder = folder();
    let at = folder.path();
    fs::create_dir_all(at.join("src")).expect("created");
    fs::write(at.join("src/lib.rs"), "").expect("written");
    let manifest = "[package]\nname = \"p\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(at.join("Cargo.toml"), manifest).expect("written");
    let base = at.join("target/lockdep");
    for name in ["crates-00", "records/1700000000000-1", "mine"] {
        fs::create_dir_all(base.join(name)).expect("created");
        fs::write(base.join(name).join("a"), [0; 3000]).expect("written");
    }
    let clean = |args: &[&str]| {
        let ended = finish(command(at, args).env_remove("CARGO_TARGET_DIR"));
        assert_ended(&ended, "exit 0");
        ended.stderr
    };
    let said = clean(&["clean", "--dry-run"]);
    assert!(said.contains("3 KiB") && said.contains("6 KiB would be removed"), "{said}");
    clean(&["clean", "--records"]);
    assert!(base.join("crates-00").exists() && !base.join("records").exists());
    clean(&["clean"]);
    assert!(base.join("mine/a").exists() && !base.join("crates-00").exists());
    assert!(target_directory() != base, "the tests' own runtime is elsewhere");
}

#[test]
fn completions_and_manual_pages_know_every_subcommand() {
    let folder = folder();
    let at = folder.path();
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(at, &["completions", shell]);
        assert_ended(&ended, "exit 0");
        assert!(ended.stdout.contains("show-config") && ended.stdout.contains("baseline"), "{shell}");
    }
    assert_ended(&run(at, &["man", "--output", "man"]), "exit 0");
    let pages: Vec<_> = fs::read_dir(at.join("man")).expect("written").flatten().collect();
    assert!(pages.len() > 10, "{pages:?}");
    let page = fs::read_to_string(at.join("man/cargo-lockdep.1")).expect("the main page");
    assert!(page.contains(".TH cargo"), "{page}");
}

/// Opposite orders in two processes, which is a warning; the fingerprint of the report.
fn recorded_inversion(at: &std::path::Path) -> String {
    let (first, second) = (class("src/a.rs", 3), class("src/b.rs", 4));
    let records = at.join("records");
    fs::create_dir_all(&records).expect("created");
    fs::write(records.join("1-0.jsonl"), one_order(1, &first, &second)).expect("written");
    fs::write(records.join("2-0.jsonl"), one_order(2, &second, &first)).expect("written");
    let ended = run(at, &["report", "records", "--format", "json"]);
    let report: serde_json::Value =
        serde_json::from_str(ended.stdout.lines().next().expect("a report")).expect("JSON");
    report["fingerprint"].as_str().expect("text").to_owned()
}

#[test]
fn one_report_is_told_with_the_page_of_its_code() {
    let folder = folder();
    let at = folder.path();
    let fingerprint = recorded_inversion(at);
    let ended = run(at, &["explain", "--report", &fingerprint, "--", "records"]);
    assert_ended(&ended, "exit 0");
    for part in
        ["# What was seen", "warning[LD0003]", "# What the code means", &format!("{fingerprint}  reason: ")]
    {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let ended = run(at, &["explain", "--report", "00000000000000aa", "--", "records"]);
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains(&fingerprint), "it names those that are there: {}", ended.stderr);
}

#[test]
fn a_run_in_a_workflow_annotates_and_sums_up_by_itself() {
    let folder = folder();
    let summary = folder.path().join("summary.md");
    let run = |wanted: &str| {
        let mut child = command(&fixture("cargo_graph"), &["run", "-q", "-p", "app", "--", "again"]);
        child.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
        finish(child.env("CARGO_LOCKDEP_ANNOTATIONS", wanted))
    };
    let ended = run("0");
    assert!(!ended.stdout.contains("::error ") && !summary.exists(), "{}", ended.stdout);
    let ended = run("");
    assert!(ended.stdout.contains("::error file="), "{}", ended.stdout);
    let table = fs::read_to_string(&summary).expect("written");
    assert!(table.starts_with("### lockdep") && table.contains("| error | LD0001 |"), "{table}");
}

#[test]
fn doctor_finds_what_it_planted_and_fails_where_nothing_is_validated() {
    let folder = folder();
    let at = folder.path();
    fs::create_dir_all(at.join("src")).expect("created");
    fs::write(at.join("src/lib.rs"), "pub fn f() { drop(std::sync::Barrier::new(1)) }\n").expect("written");
    let manifest = "[package]\nname = \"p\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(at.join("Cargo.toml"), manifest).expect("written");
    let ended = run(at, &["doctor", "--offline"]);
    assert_ended(&ended, "exit 0");
    assert!(ended.stderr.contains("healthy: ") && ended.stderr.contains("barriers 1"), "{}", ended.stderr);
    let ended = finish(command(at, &["doctor", "--offline"]).env("LOCKDEP", "0"));
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("the planted inversion was not found"), "{}", ended.stderr);
}
