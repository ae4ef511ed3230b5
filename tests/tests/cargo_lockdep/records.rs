//! `cargo lockdep report` on records as a CI job leaves them: many processes, some killed, some of
//! another version, from another machine. What is wrong is said in words, and everything else is
//! reported all the same.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lockdep_report::place::{Frames, Place};
use lockdep_report::record::{
    ClassRecord, DependencyRecord, EndRecord, Record, RecordedLock, RunRecord, SCHEMA,
};
use lockdep_tests::child::{self, Ended};
use lockdep_validator::{LockClassKey, Mode, Wait};

use crate::harness::{assert_ended, command, finish};

/// The program, which writes into `records`.
pub(crate) fn recorded(mode: &str, records: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_recorded"));
    program.arg(mode).env("LOCKDEP", "1").env("LOCKDEP_DIR", records).env("LOCKDEP_OUTPUT", "/dev/null");
    program
}

pub(crate) fn record(mode: &str, records: &Path) {
    let ended = child::run(&mut recorded(mode, records), Duration::from_secs(60)).expect("started");
    assert_ended(&ended, "exit 0");
}

fn report(directory: &Path, args: &[&OsStr]) -> Ended {
    // The sources of the program that made the records.
    let source = [OsStr::new("--source"), lockdep_tests::command_line::root().as_os_str()];
    // What no single process saw is a warning.
    let mut command = command(directory, &["report"]);
    finish(command.args(args).args(source).env("LOCKDEP_DENY", "warnings"))
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The records of a directory, without the ledger beside them.
fn files(directory: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect()
}

/// A class of a record that no program wrote.
pub(crate) fn class(file: &str, line: u32) -> ClassRecord {
    let key = LockClassKey {
        kind: "Mutex".into(),
        type_name: "u8".into(),
        file: file.into(),
        line,
        column: 5,
        ..LockClassKey::default()
    };
    ClassRecord {
        hash: key.hash(),
        name: None,
        kind: key.kind.clone(),
        type_name: key.type_name,
        file: file.into(),
        site: Place { file: file.into(), line, column: 5, ..Place::default() },
        subclass: 0,
        declared: false,
        single_instance: true,
        wait_outer: String::new(),
        wait_inner: String::new(),
        ordered: true,
    }
}

fn run_line(pid: u32) -> String {
    let run = RunRecord { schema: SCHEMA, pid, program: "/t/written".into(), ..RunRecord::default() };
    Record::Run(run).to_line()
}

/// The record of a process that took `to` while it held `from`.
pub(crate) fn one_order(pid: u32, from: &ClassRecord, to: &ClassRecord) -> String {
    let lock = |class: &ClassRecord, line| RecordedLock {
        class: class.hash,
        mode: Mode::Exclusive,
        wait: Wait::Blocking,
        instance: 1,
        address: 0,
        site: Place { file: class.site.file.clone(), line, column: 9, ..Place::default() },
    };
    let dependency = DependencyRecord {
        from: lock(from, 70),
        to: lock(to, 71),
        thread: format!("worker {pid}"),
        task: 1,
        segment: 0,
        direct: true,
        unpublished: false,
        gates: Vec::new(),
        guards: Vec::new(),
        frames_held: Frames::default(),
        frames_acquire: Frames::default(),
    };
    let lines = [
        Record::Class(from.clone()),
        Record::Class(to.clone()),
        Record::Dependency(dependency),
        Record::End(EndRecord::default()),
    ];
    lines.iter().fold(run_line(pid), |text, line| text + &line.to_line())
}

#[test]
fn processes_share_a_directory_and_one_that_was_killed_counts() {
    let folder = folder();
    let records = folder.path().join("records");
    // Several at once, and one that is killed in the middle.
    let mut running: Vec<_> =
        (0..4).map(|_| recorded("forwards", &records).spawn().expect("started")).collect();
    let mut killed = recorded("until-killed", &records).stdout(Stdio::piped()).spawn().expect("started");
    let mut line = String::new();
    BufReader::new(killed.stdout.take().expect("piped")).read_line(&mut line).expect("it speaks");
    assert_eq!(line, "ready\n");
    killed.kill().expect("it can be killed");
    killed.wait().expect("it has ended");
    assert!(running.iter_mut().all(|child| child.wait().expect("it ends").success()));
    assert_eq!(files(&records).len(), 5, "a record for each process");

    let ended = report(folder.path(), &[records.as_os_str()]);
    assert_ended(&ended, "exit 3");
    assert!(
        ended.stderr.contains("did not end normally (killed, or still running); what it wrote counts"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("5 processes, 3 classes, 3 dependencies: 1 error"), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("error[LD0003]") && ended.stdout.contains("no single process saw this"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains(&format!("recorded (pid {})", killed.id())), "{}", ended.stdout);

    // Its last line as it would be if the kill had come in the middle of the write.
    let is_its = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{}-", killed.id())))
    };
    let path = files(&records).into_iter().find(is_its).expect("its record");
    let bytes = fs::read(&path).expect("readable");
    fs::write(&path, &bytes[..bytes.len() - 40]).expect("writable");
    let ended = report(folder.path(), &[records.as_os_str()]);
    assert_ended(&ended, "exit 3");
    assert!(
        ended.stderr.contains("the last line is incomplete, as after a kill; the lines before it count"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("5 processes, 3 classes, 2 dependencies: 1 error"),
        "only the cut line is lost: {}",
        ended.stderr
    );
    assert!(ended.stdout.contains("error[LD0003]"), "{}", ended.stdout);
}

#[test]
fn the_child_of_a_fork_writes_a_record_of_its_own_and_is_joined() {
    let folder = folder();
    record("fork", folder.path());
    assert_eq!(files(folder.path()).len(), 2);
    let ended = report(folder.path(), &[OsStr::new(".")]);
    assert_ended(&ended, "exit 3");
    // The child began with what its parent knew, so it saw the cycle itself.
    assert!(
        ended.stdout.contains("error[LD0003]") && ended.stdout.contains("seen by: recorded (pid "),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stderr.contains("2 processes, 2 classes, 2 dependencies: 1 error")
            && !ended.stderr.contains("warning:"),
        "{}",
        ended.stderr
    );
}

#[test]
fn ten_thousand_records_are_one_graph() {
    let folder = folder();
    let [first, second] = [class("src/a.rs", 3), class("src/b.rs", 4)];
    for pid in 1..10_000 {
        fs::write(folder.path().join(format!("{pid}-0.jsonl")), one_order(pid, &first, &second))
            .expect("written");
    }
    fs::write(folder.path().join("10000-0.jsonl"), one_order(10_000, &second, &first)).expect("written");
    let ended = report(folder.path(), &[OsStr::new(".")]);
    assert_ended(&ended, "exit 3");
    assert!(
        ended.stderr.contains("10000 processes, 2 classes, 2 dependencies: 0 errors, 1 warning"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stdout.contains("thread `worker 10000` of process `written (pid 10000)`"),
        "{}",
        ended.stdout
    );
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_reported() {
    let folder = folder();
    let [first, second] = [class("src/a.rs", 3), class("src/b.rs", 4)];
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    write("1-0.jsonl", &one_order(1, &first, &second));
    write("2-0.jsonl", &one_order(2, &second, &first));
    let newer = format!("{}\n", r#"{"record":"run","schema":99,"pid":3,"program":"newer"}"#);
    write("3-0.jsonl", &(newer + &one_order(3, &class("src/newer.rs", 1), &first)));
    let with_garbage = one_order(4, &first, &second).replacen(
        '\n',
        "\n{\"record\":\"class\",\"hash\":7}\nno line at all\n",
        1,
    );
    write(
        "4-0.jsonl",
        &with_garbage
            .replace("{\"record\":\"end\"", "{\"record\":\"from the future\",\"x\":1}\n{\"record\":\"end\""),
    );
    write("5-0.jsonl", "");
    write(
        "6-0.jsonl",
        &one_order(6, &first, &second).lines().skip(2).fold(String::new(), |text, line| text + line + "\n"),
    );
    write("notes.txt", "no record");
    let ended = report(folder.path(), &[OsStr::new(".")]);
    assert_ended(&ended, "exit 3");
    for words in [
        "3-0.jsonl: has schema 99, this cargo-lockdep reads up to 1; left out (update with `cargo install cargo-lockdep`)",
        "4-0.jsonl: 2 lines left out, the first is line 2: ",
        "5-0.jsonl: does not start with a `run` line, so its process has no name",
        "6-0.jsonl: does not start with a `run` line, so its process has no name",
        "6-0.jsonl: 1 of its classes are not described",
        "2 classes, 2 dependencies: 0 errors, 1 warning",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert!(
        !ended.stderr.contains("notes.txt") && !ended.stdout.contains("newer"),
        "{}{}",
        ended.stderr,
        ended.stdout
    );
    assert!(ended.stdout.contains("warning[LD0003]"), "{}", ended.stdout);
}

#[test]
fn two_versions_of_one_crate_are_two_classes_and_that_is_reported() {
    let folder = folder();
    let classes =
        ["pool-1.2.0/src/lib.rs", "pool-1.3.0/src/lib.rs", "src/main.rs"].map(|file| class(file, 9));
    // Taken for one class, these would be a cycle.
    fs::write(folder.path().join("1-0.jsonl"), one_order(1, &classes[0], &classes[2])).expect("written");
    fs::write(folder.path().join("2-0.jsonl"), one_order(2, &classes[2], &classes[1])).expect("written");
    let ended = report(folder.path(), &[OsStr::new(".")]);
    assert_ended(&ended, "exit 0");
    assert!(
        ended
            .stderr
            .contains("note: pool took part in versions 1.2.0 and 1.3.0; their locks are different classes"),
        "{}",
        ended.stderr
    );
    fs::write(folder.path().join("3-0.jsonl"), one_order(3, &classes[2], &classes[0])).expect("written");
    let ended = report(folder.path(), &[OsStr::new(".")]);
    assert_ended(&ended, "exit 3");
    assert!(ended.stdout.contains("pool-1.2.0/src/lib.rs:7"), "the report says which: {}", ended.stdout);
    assert!(!ended.stdout.contains("pool-1.3.0/src/lib.rs:7"), "{}", ended.stdout);
}

#[test]
fn paths_that_are_not_utf8_are_read_and_written() {
    let folder = folder();
    let odd = folder.path().join(OsString::from_vec(b"caf\xe9 records".to_vec()));
    record("forwards", &odd);
    let mut backwards = recorded("backwards", &odd);
    fs::create_dir_all(&odd).expect("created");
    let ended = child::run(backwards.current_dir(&odd), Duration::from_secs(60)).expect("started");
    assert_ended(&ended, "exit 0");
    fs::write(odd.join("7-0.jsonl"), "nothing of ours\n").expect("written");
    let page = folder.path().join(OsStr::from_bytes(b"p\xe4ge.html"));
    let args = [
        odd.as_os_str(),
        OsStr::new("--format"),
        OsStr::new("html"),
        OsStr::new("--output"),
        page.as_os_str(),
    ];
    let ended = report(folder.path(), &args);
    assert_ended(&ended, "exit 3");
    assert!(ended.stderr.contains("caf\u{fffd} records/7-0.jsonl: line 1 left out"), "{}", ended.stderr);
    assert!(ended.stderr.contains("3 processes, 2 classes, 2 dependencies: 1 error"), "{}", ended.stderr);
    assert!(fs::read_to_string(page).expect("written").contains("LD0003"));
}

#[test]
fn without_its_sources_a_report_has_places_and_says_how_to_name_them() {
    let folder = folder();
    let [first, second] = [class("gone/src/a.rs", 3), class("gone/src/b.rs", 4)];
    fs::write(folder.path().join("1-0.jsonl"), one_order(1, &first, &second)).expect("written");
    fs::write(folder.path().join("2-0.jsonl"), one_order(2, &second, &first)).expect("written");
    let ended = report(folder.path(), &[OsStr::new(".")]);
    assert_ended(&ended, "exit 3");
    assert!(
        ended.stderr.contains(
            "warning: 2 source file(s) not found, gone/src/a.rs first; `--source DIR` names their directory"
        ),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stdout.contains("gone/src/b.rs:71:9: `Mutex<u8> at b.rs:4` is wanted exclusively here"),
        "{}",
        ended.stdout
    );
    let tree = folder.path().join("elsewhere/gone/src");
    fs::create_dir_all(&tree).expect("created");
    for file in ["a.rs", "b.rs"] {
        fs::write(tree.join(file), "// a line of its own\n".repeat(80)).expect("written");
    }
    let ended = report(folder.path(), &[OsStr::new("."), OsStr::new("--source"), OsStr::new("elsewhere")]);
    assert_ended(&ended, "exit 3");
    assert!(!ended.stderr.contains("not found"), "{}", ended.stderr);
    assert!(ended.stdout.contains("71 | // a line of its own"), "{}", ended.stdout);
}

#[test]
fn no_record_is_an_error_that_names_the_remedy() {
    let folder = folder();
    let ended = report(folder.path(), &[OsStr::new(".")]);
    assert_ended(&ended, "exit 2");
    assert!(
        ended
            .stderr
            .contains("no run record (*.jsonl) in .: run the program with LOCKDEP=1 and LOCKDEP_DIR set"),
        "{}",
        ended.stderr
    );
    let ended = report(folder.path(), &[OsStr::new("nowhere")]);
    assert_ended(&ended, "exit 2");
    assert!(ended.stderr.contains("records in nowhere: "), "{}", ended.stderr);
}

/// The line of the program that has this mark.
fn marked(mark: &str) -> u32 {
    let source =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin/recorded.rs")).expect("its source");
    let line = source.lines().position(|line| line.ends_with(&format!("// here: {mark}")));
    u32::try_from(line.unwrap_or_else(|| panic!("no {mark}")) + 1).expect("short")
}

#[test]
fn a_lock_that_the_library_makes_is_known_by_who_had_it_made() {
    let folder = folder();
    record("by-the-library", folder.path());
    let [file] = &files(folder.path())[..] else { panic!("one record expected") };
    let classes: Vec<ClassRecord> = fs::read(file)
        .expect("readable")
        .split_inclusive(|byte| *byte == b'\n')
        .filter_map(|line| match Record::parse_line(line).expect("our own line") {
            Record::Class(class) => Some(class),
            _ => None,
        })
        .collect();
    for (type_name, mark) in [
        ("u8", "Arc::default"),
        ("u16", "unwrap_or_default"),
        ("u32", "or_default"),
        ("u64", "derived"),
        ("i8", "function"),
        ("i16", "from"),
        ("i32", "array"),
    ] {
        let class = classes
            .iter()
            .find(|class| class.type_name == type_name)
            .unwrap_or_else(|| panic!("{mark}: {classes:?}"));
        assert!(class.file.ends_with("tests/src/bin/recorded.rs"), "{mark}: {class:?}");
        assert_eq!(class.site.line, marked(mark), "{mark}: {class:?}");
    }
    // Two callers of one line of the library are two classes; two locks of one caller are one.
    assert_eq!(classes.iter().filter(|class| class.type_name == "char").count(), 2, "{classes:?}");
    let ended = child::run(
        recorded("by-the-library", folder.path()).env("LOCKDEP_BACKTRACE", "0"),
        Duration::from_secs(60),
    );
    assert_ended(&ended.expect("started"), "exit 0");
}
