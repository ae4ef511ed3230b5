//! What others can put into records, directories and names.
#![expect(unsafe_code, reason = "a fifo is the system's")]

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use lockdep_tests::child::{self, Ended};
use lockdep_tests::command_line;
use serde_json::Value;

use super::stage::{Cost, Kept, Row, ensure, run_in};

pub(crate) const ROWS: &[Row] = &[
    Row {
        item: "C18",
        name: "record-names-file",
        attempt: "a record names /etc/passwd, or a file by `..`, as a source",
        promise: "`report` shows no file from outside the project",
        cost: Cost::Quick,
        check: || {
            shows_nothing_of("/etc/passwd", "root:")?;
            shows_nothing_of("../../../../../../../../etc/passwd", "root:")?;
            shows_nothing_of("/proc/self/environ", "HOSTILE_SECRET")
        },
    },
    Row {
        item: "C19",
        name: "record-names-device",
        attempt: "a record names /proc/kmsg; a fifo and a device lie among the records",
        promise: "`report` ends",
        cost: Cost::Quick,
        check: report_ends,
    },
    Row {
        item: "C20",
        name: "escapes-in-names",
        attempt: "a thread's name holds escape sequences, newlines and `::error::`",
        promise: "what people read is printable, one line stays one line",
        cost: Cost::Quick,
        check: escapes_kept,
    },
    Row {
        item: "C20",
        name: "escapes-in-arguments",
        attempt: "an argument of a verb holds escape sequences",
        promise: "its error message is printable",
        cost: Cost::Quick,
        check: || {
            let directory = tempfile::tempdir().expect("a directory");
            for args in [["report", "\u{1b}]0;x\u{7}"], ["explain", "\u{1b}[31m"], ["replay", "a\u{1b}[2Jb"]]
            {
                let ended = command(directory.path(), &args);
                ensure(!has_escape(&ended), &format!("{args:?} comes back raw"), &ended)?;
            }
            Ok(())
        },
    },
    Row {
        item: "C21",
        name: "toolchain-file",
        attempt: "the current directory's toolchain file names a compiler",
        promise: "`report` runs none that a directory names",
        cost: Cost::Quick,
        check: toolchain_file_kept,
    },
    Row {
        item: "C21",
        name: "empty-cache-home",
        attempt: "`try` with an empty XDG_CACHE_HOME",
        promise: "nothing is put into the current directory",
        cost: Cost::Quick,
        check: || {
            let directory = tempfile::tempdir().expect("a directory");
            let mut command =
                command_line::command(directory.path(), &["try", "lockdep-hostile-no-such-crate@0.0.0"]);
            command.env("XDG_CACHE_HOME", "").env("CARGO_NET_OFFLINE", "true");
            let ended = child::run(&mut command, Duration::from_secs(120)).expect("it can be started");
            let is_empty = fs::read_dir(directory.path()).is_ok_and(|mut entries| entries.next().is_none());
            ensure(is_empty, "something was left in the current directory", &ended)
        },
    },
];

fn command(directory: &Path, args: &[&str]) -> Ended {
    let mut command = command_line::command(directory, args);
    command.env("HOSTILE_SECRET", "HOSTILE_SECRET");
    child::run(&mut command, Duration::from_secs(60)).expect("the command can be started")
}

fn has_escape(ended: &Ended) -> bool {
    [&ended.stdout, &ended.stderr].iter().any(|text| text.contains(['\u{1b}', '\u{7}', '\r']))
}

/// A record of an inversion, in `directory/records`.
fn record_in(directory: &Path) -> String {
    let ended = run_in(directory, "inversion", &[("LOCKDEP_DIR", "records")]);
    let entries = fs::read_dir(directory.join("records")).expect("a record was made");
    let is_record =
        |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
    let mut records = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_record);
    let record = records.next().expect("one process");
    assert_eq!(ended.describe(), "exit 0", "{}", ended.stderr);
    fs::read_to_string(record).expect("it can be read")
}

/// The record with another file as the source of everything.
fn with_source(record: &str, file: &str) -> String {
    fn change(value: &mut Value, file: &str) {
        match value {
            Value::Object(fields) => {
                if fields.contains_key("file") && fields.contains_key("line") {
                    fields.insert("line".to_owned(), 1.into());
                }
                fields.iter_mut().for_each(|(name, value)| match name.as_str() {
                    "file" => *value = file.into(),
                    "source_root" | "directory" => *value = "/".into(),
                    _ => change(value, file),
                });
            }
            Value::Array(values) => values.iter_mut().for_each(|value| change(value, file)),
            _ => {}
        }
    }
    let lines = record.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("a record is lines of JSON");
        change(&mut line, file);
        format!("{line}\n")
    });
    lines.collect()
}

fn shows_nothing_of(file: &str, secret: &str) -> Kept {
    let directory = tempfile::tempdir().expect("a directory");
    let record = with_source(&record_in(directory.path()), file);
    fs::create_dir(directory.path().join("given")).expect("a directory");
    fs::write(directory.path().join("given/1-0.jsonl"), record).expect("written");
    for format in ["text", "json", "html"] {
        let ended = command(directory.path(), &["report", "given", "--format", format]);
        let shown = ended.stdout.contains(secret) || ended.stderr.contains(secret);
        ensure(!shown, &format!("{file} is shown as {format}"), &ended)?;
        ensure(ended.status.is_some(), &format!("{file}, {format}"), &ended)?;
    }
    Ok(())
}

fn report_ends() -> Kept {
    let directory = tempfile::tempdir().expect("a directory");
    let record = with_source(&record_in(directory.path()), "/proc/kmsg");
    let given = directory.path().join("given");
    fs::create_dir(&given).expect("a directory");
    fs::write(given.join("1-0.jsonl"), record).expect("written");
    let fifo = CString::new(given.join("2-0.jsonl").as_os_str().as_bytes()).expect("no zero byte");
    // SAFETY: a valid path.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    std::os::unix::fs::symlink("/dev/zero", given.join("3-0.jsonl")).expect("a link");
    let ended = command(directory.path(), &["report", "given"]);
    ensure(ended.status.is_some(), "`report` hangs", &ended)
}

fn escapes_kept() -> Kept {
    let directory = tempfile::tempdir().expect("a directory");
    let ended = run_in(directory.path(), "escapes", &[("LOCKDEP_DIR", "records")]);
    let is_clean = |ended: &Ended| {
        let starts = |line: &str| line.trim_start().starts_with("::error");
        !has_escape(ended) && !ended.stdout.lines().chain(ended.stderr.lines()).any(starts)
    };
    ensure(ended.stderr.contains("[LD0003]"), "nothing was reported", &ended)?;
    ensure(is_clean(&ended), "the report of the process is not clean", &ended)?;
    let ended = command(directory.path(), &["report", "records"]);
    ensure(
        ended.stdout.contains("LD0003") || ended.stderr.contains("LD0003"),
        "nothing is reported",
        &ended,
    )?;
    ensure(is_clean(&ended), "`report` is not clean", &ended)
}

fn toolchain_file_kept() -> Kept {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    record_in(directory.path());
    let (bin, marker) = (directory.path().join("chain/bin"), directory.path().join("was-run"));
    fs::create_dir_all(&bin).expect("a directory");
    fs::write(bin.join("rustc"), format!("#!/bin/sh\ntouch '{}'\n", marker.display())).expect("written");
    fs::set_permissions(bin.join("rustc"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let file = format!("[toolchain]\npath = \"{}\"\n", directory.path().join("chain").display());
    fs::write(directory.path().join("rust-toolchain.toml"), file).expect("written");
    let mut command = command_line::command(directory.path(), &["report", "records"]);
    // The outer cargo's choice would hide the file's.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC");
    let ended = child::run(&mut command, Duration::from_secs(60)).expect("the command can be started");
    ensure(!marker.exists(), "the compiler of the directory was run", &ended)
}
