//! Records, files and arguments that were made to do harm: nothing is shown that is none of a
//! reader's business, nothing waits forever, nothing steers a terminal or a CI server, and no
//! program is run for looking at records.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lockdep_report::printable::is_printable;
use lockdep_tests::child::{self, Ended};

use crate::harness::{assert_ended, command};
use crate::records::{class, folder, one_order};

/// A pure report of small records takes less than a second.
const LIMIT: Duration = Duration::from_secs(60);

/// Escape sequences, a forged line, commands to workflow runners, and a mark that reverses the
/// text.
const HOSTILE: &str = "\u{1b}[2Jx\n::error ::y\n##[error]\u{202e}\u{9b}31m";

fn lockdep(directory: &Path, args: &[&str]) -> Command {
    command(directory, args)
}

fn ended(command: &mut Command) -> Ended {
    child::run(command, LIMIT).expect("the command line can be started")
}

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(directory.join(name), text).expect("written");
}

/// Two processes with opposite orders of two locks that are made and taken in `file`.
fn write_inversion(directory: &Path, file: &str, change: impl Fn(String) -> String) {
    let [first, second] = [class(file, 1), class(file, 2)];
    for (pid, from, to) in [(1, &first, &second), (2, &second, &first)] {
        // Line 1 is there in each file.
        let text = one_order(pid, from, to)
            .replace("\"line\":70", "\"line\":1")
            .replace("\"line\":71", "\"line\":1");
        write(directory, &format!("{pid}-0.jsonl"), change(text));
    }
}

fn assert_printable(what: &str, text: &str) {
    let bad = text.chars().find(|&c| !is_printable(c) && c != '\n' && c != '\t');
    assert_eq!(bad, None, "{what}: {text:?}");
    assert!(!text.contains("##["), "{what}: {text}");
}

/// No line of it is a command that GitHub's runner obeys.
fn assert_obeyed_nowhere(what: &str, text: &str) {
    assert_printable(what, text);
    let obeyed = text.lines().find(|line| line.trim_start().starts_with("::"));
    assert_eq!(obeyed, None, "{what}: {text}");
}

#[test]
fn no_file_is_shown_but_sources() {
    let folder = folder();
    let [workspace, records] = ["workspace", "workspace/records"].map(|name| folder.path().join(name));
    fs::create_dir_all(&records).expect("created");
    write(&workspace, "Cargo.toml", "[package]\nname = \"w\"\n");
    write(&workspace, "ours.rs", "our own line\n");
    write(folder.path(), "secret", "s3cr3t-on-line-1\n");
    symlink(folder.path().join("secret"), workspace.join("link.rs")).expect("a link");
    let absolute = folder.path().join("secret").display().to_string();
    let parent = folder.path().display().to_string();
    let show = |file: &str, root: &str, format: &str, source: Option<&Path>| {
        write_inversion(&records, file, |text| {
            text.replacen("\"source_root\":\"\"", &format!("\"source_root\":\"{root}\""), 1)
        });
        let mut report = lockdep(&workspace, &["report", "records", "--format", format]);
        report.args(source.iter().flat_map(|source| [OsStr::new("--source"), source.as_os_str()]));
        ended(report.env("MARKER", "s3cr3t-of-the-environment"))
    };
    for format in ["text", "html", "rustc", "sarif", "junit", "github", "json"] {
        for (file, root) in [
            (absolute.as_str(), ""),
            ("../secret", workspace.to_str().expect("UTF-8")),
            ("link.rs", workspace.to_str().expect("UTF-8")),
            ("secret", parent.as_str()),
            ("/proc/self/environ", ""),
            ("proc/self/environ", "/"),
        ] {
            let shown = show(file, root, format, None);
            assert_ended(&shown, "exit 0");
            assert!(!shown.stdout.contains("s3cr3t"), "{format} {file}: {}", shown.stdout);
            assert!(
                shown.stderr.contains(&format!("1 source file(s) not shown, {file} first")),
                "{}",
                shown.stderr
            );
        }
    }
    let shown = show("ours.rs", "/gone", "text", None);
    assert!(shown.stdout.contains("our own line") && !shown.stderr.contains("not shown"), "{}", shown.stdout);
    let shown = show(&absolute, "", "text", Some(folder.path()));
    assert!(shown.stdout.contains("s3cr3t-on-line-1"), "the user named the directory: {}", shown.stdout);
}

fn fifo(directory: &Path, name: &str) {
    let made = Command::new("mkfifo").arg(directory.join(name)).status();
    assert!(made.expect("mkfifo is there").success());
}

#[test]
fn nothing_that_never_ends_is_waited_for() {
    let folder = folder();
    let at = folder.path();
    write_inversion(at, "/proc/kmsg", |text| text);
    fifo(at, "3-0.jsonl");
    fifo(at, "not-seen.txt");
    symlink("/dev/zero", at.join("4-0.jsonl")).expect("a link");
    symlink("/proc/kmsg", at.join("5-0.jsonl")).expect("a link");
    let long = fs::File::create(at.join("6-0.jsonl")).expect("created");
    long.set_len(1 << 40).expect("a sparse file");
    let report = ended(&mut lockdep(at, &["report", "."]));
    assert_ended(&report, "exit 0");
    for words in [
        "3-0.jsonl: cannot be read (not a regular file)",
        "4-0.jsonl: cannot be read (not a regular file)",
        // The kernel's log is read as far as it goes: nothing, or lines that are no records.
        "5-0.jsonl: ",
        "6-0.jsonl: cannot be read (a line is longer than 16 MiB)",
    ] {
        assert!(report.stderr.contains(words), "{words}: {}", report.stderr);
    }
    fifo(at, "fifo");
    let [one, many] = [&["--check", "--file", "fifo"][..], &["--file", "/dev/zero"]];
    for args in [
        &["report", "fifo"][..],
        &["report", "1-0.jsonl", "--allow", "fifo"],
        &["report", "1-0.jsonl", "--baseline", "fifo", "--reason", "x"],
        &[&["order", "1-0.jsonl"], one].concat(),
        &[&["order", "1-0.jsonl"], many].concat(),
        &["replay", "/dev/zero"],
        &["replay", "--format", "std", "/dev/zero"],
    ] {
        let mut limited = lockdep(at, args);
        let told = ended(&mut limited);
        assert_ended(&told, "exit 2");
        assert!(
            ["not a regular file", "longer than"].iter().any(|words| told.stderr.contains(words)),
            "{args:?}: {}",
            told.stderr
        );
    }
    let told = ended(lockdep(at, &["report", "1-0.jsonl"]).env("LOCKDEP_ALLOW", "@fifo"));
    assert_ended(&told, "exit 2");
    assert!(told.stderr.contains("fifo: not a regular file"), "{}", told.stderr);
}

#[test]
fn no_format_gives_a_terminal_or_a_runner_an_order() {
    let folder = folder();
    let at = folder.path();
    write(at, "Cargo.toml", "[package]\nname = \"w\"\n");
    // A source line that steers, in a file whose name does, and the file of a record whose name
    // does.
    write(at, "a.rs", "fn f() {} // \u{1b}[2J \u{202e} ##[error]\n".repeat(80));
    let quoted = serde_json::to_string(HOSTILE).expect("a string is JSON");
    let quoted = &quoted[1..quoted.len() - 1];
    fs::create_dir(at.join("records")).expect("created");
    write_inversion(&at.join("records"), "a.rs", |text| {
        text.replace("\"u8\"", &format!("\"{quoted}\""))
            .replace("worker", quoted)
            .replace("/t/written", quoted)
            .replace("\"test\":\"\"", &format!("\"test\":\"{quoted}\""))
    });
    write(&at.join("records"), &format!("{}.jsonl", HOSTILE.replace('/', "")), "no record\n");
    write(&at.join("records"), "not-seen.txt", format!("{HOSTILE}\n"));
    write(at, "lockdep.allow", format!("LD0001  reason: {}\n", HOSTILE.replace('\n', " ")));
    for format in ["text", "html", "rustc", "sarif", "junit", "json", "dot", "svg", "github"] {
        let report = ended(&mut lockdep(at, &["report", "records", "--format", format]));
        assert_ended(&report, "exit 3");
        assert!(!report.stdout.is_empty());
        assert_obeyed_nowhere(&format!("{format}, stderr"), &report.stderr);
        if format == "github" {
            assert_printable(format, &report.stdout);
            let ours = ["::error file=", "::warning file=", "::notice file="];
            let is_ours = |line: &str| ours.iter().any(|start| line.starts_with(start));
            assert!(report.stdout.lines().all(is_ours), "{}", report.stdout);
        } else if format == "html" {
            // The script of the page and its excerpts are no log.
            let bad = report.stdout.chars().find(|&c| !is_printable(c) && c != '\n' && c != '\t');
            assert_eq!(bad, None);
        } else {
            assert_obeyed_nowhere(format, &report.stdout);
        }
    }
    for args in [&["stat", "records"][..], &["order", "records"], &["order", "records", "--bless"]] {
        let told = ended(&mut lockdep(at, args));
        assert_obeyed_nowhere(&format!("{args:?}"), &(told.stdout + &told.stderr));
    }
    assert_obeyed_nowhere("the order file", &fs::read_to_string(at.join("lockdep.order")).expect("written"));
}

#[test]
fn no_message_of_any_verb_gives_an_order() {
    let folder = folder();
    let at = folder.path();
    write_inversion(at, "a.rs", |text| text);
    let quoted = serde_json::to_string(HOSTILE).expect("a string is JSON");
    write(at, "op.json", format!("{{\"cases\": [{{\"id\": {quoted}, \"ops\": [{{\"op\": {quoted}}}]}}]}}"));
    let line = HOSTILE.replace('\n', " ");
    write(at, "trace", format!("{line}|{line}|{line}\n{HOSTILE}\n"));
    write(at, "bad.allow", format!("{line} reason: x\n"));
    write(at, "bad.order", format!("{line} => {line}\n"));
    let mut n_asked = 0;
    let mut ask = |args: &[&str], variables: &[(&str, &str)]| {
        let told = ended(lockdep(at, args).envs(variables.iter().copied()));
        assert_ended(&told, "exit 2");
        let what = format!("{args:?} {variables:?}");
        assert_obeyed_nowhere(&what, &told.stderr);
        assert_obeyed_nowhere(&what, &told.stdout);
        assert!(told.stderr.contains("\\u{1b}[2J"), "{what}: it is named: {}", told.stderr);
        n_asked += 1;
    };
    let option = format!("--format={HOSTILE}");
    let version = format!("a@1{HOSTILE}");
    for args in [
        &[HOSTILE][..],
        &["report", HOSTILE],
        &["report", &option],
        &["report", ".", "--format", HOSTILE],
        &["report", "1-0.jsonl", "--allow", HOSTILE],
        &["report", "1-0.jsonl", "--allow", "bad.allow"],
        &["order", "1-0.jsonl", "--check", "--file", HOSTILE],
        &["order", "1-0.jsonl", "--file", "bad.order"],
        &["stat", HOSTILE],
        &["replay", HOSTILE],
        &["replay", "op.json"],
        &["replay", "--format", "std", "trace"],
        &["explain", HOSTILE],
        &["try", HOSTILE],
        &["try", &version],
        &["test", "--timeout", HOSTILE],
    ] {
        ask(args, &[]);
    }
    for variable in ["LOCKDEP_DENY", "LOCKDEP_ALLOW"] {
        ask(&["report", "1-0.jsonl"], &[(variable, HOSTILE)]);
    }
    assert_eq!(n_asked, 18);
}

#[test]
fn a_report_runs_no_program_of_the_directory() {
    let folder = folder();
    let at = folder.path();
    let bin = at.join("toolchain/bin");
    fs::create_dir_all(&bin).expect("created");
    write(&bin, "rustc", "#!/bin/sh\ntouch \"$PLANTED\"\n");
    fs::set_permissions(bin.join("rustc"), fs::Permissions::from_mode(0o755)).expect("permitted");
    write(at, "rust-toolchain.toml", "[toolchain]\npath = \"toolchain\"\n");
    // A file that is not there is looked for in the library.
    write_inversion(at, "std/src/gone.rs", |text| text);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&path)));
    for format in ["text", "html"] {
        let mut report = lockdep(at, &["report", ".", "--format", format]);
        report.env("PLANTED", at.join("planted")).env("PATH", path.as_ref().expect("a list"));
        assert_ended(&ended(&mut report), "exit 0");
        assert!(!at.join("planted").exists(), "it was run");
    }
}

#[test]
fn a_planted_link_is_not_written_through() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "Cargo.toml",
        "[package]\nname = \"w\"\nedition = \"2021\"\n[[bin]]\nname = \"w\"\npath = \"main.rs\"\n",
    );
    write(at, "main.rs", "fn main() {}\n");
    write(at, "mine", "what I wrote");
    fs::create_dir_all(at.join("target/lockdep")).expect("created");
    symlink(at.join("mine"), at.join("target/lockdep/.runtime-lock")).expect("a link");
    let mut build = lockdep(at, &["build"]);
    build.env("CARGO_TARGET_DIR", at.join("target"));
    let told = ended(&mut build);
    assert_ended(&told, "exit 2");
    assert!(told.stderr.contains(".runtime-lock: it is a symbolic link; remove it"), "{}", told.stderr);
    assert_eq!(fs::read_to_string(at.join("mine")).expect("there"), "what I wrote");
}
