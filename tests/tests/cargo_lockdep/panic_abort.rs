//! Programs that hang and cannot unwind: `panic = "abort"`.

use std::fs;
use std::path::Path;

use lockdep_tests::child::Ended;

use crate::harness::{assert_ended, command, finish};
use crate::records::folder;

/// Two threads that take two locks in opposite orders, and one that takes a lock again.
const PROGRAM: &str = r#"
use std::sync::{Barrier, Mutex};
use std::thread::Builder;

static LEFT: Mutex<u8> = Mutex::new(0);
static RIGHT: Mutex<u16> = Mutex::new(0);
static BOTH: Barrier = Barrier::new(2);

fn main() {
    if std::env::args().nth(1).as_deref() == Some("again") {
        let _held = LEFT.lock().unwrap();
        let _again = LEFT.lock().unwrap();
        return;
    }
    let one = Builder::new().name("one".to_owned()).spawn(|| {
        let _left = LEFT.lock().unwrap();
        BOTH.wait();
        let _right = RIGHT.lock().unwrap();
    });
    let two = Builder::new().name("two".to_owned()).spawn(|| {
        let _right = RIGHT.lock().unwrap();
        BOTH.wait();
        let _left = LEFT.lock().unwrap();
    });
    one.unwrap().join().unwrap();
    two.unwrap().join().unwrap();
}
"#;

fn project(directory: &Path) {
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).expect("written");
    write(
        "Cargo.toml",
        "[package]\nname = \"aborts\"\nedition = \"2021\"\n[[bin]]\nname = \"aborts\"\npath = \"main.rs\"\n\
         [profile.dev]\npanic = \"abort\"\n[workspace]\n",
    );
    write("main.rs", PROGRAM);
}

/// Runs the program with `LOCKDEP_ON_DEADLOCK=on_deadlock`, or without it if that is empty.
fn hung(directory: &Path, on_deadlock: &str, args: &[&str]) -> Ended {
    let args = [&["run", "-q", "--timeout", "4", "--"][..], args].concat();
    let mut command = command(directory, &args);
    if !on_deadlock.is_empty() {
        command.env("LOCKDEP_ON_DEADLOCK", on_deadlock);
    }
    finish(&mut command)
}

#[test]
fn a_deadlock_is_reported_and_explained_in_a_program_that_aborts_on_panic() {
    let folder = folder();
    project(folder.path());
    // Nothing can unwind a wait in a lock of the standard library, so the threads wait on.
    for on_deadlock in ["", "panic", "hang"] {
        let ended = hung(folder.path(), on_deadlock, &[]);
        assert_ended(&ended, "exit 3");
        let said = &ended.stderr;
        assert_eq!(said.matches("error[LD0100]").count(), 1, "{on_deadlock}: {said}");
        let reported = said.find("error[LD0100]");
        let asked = said.find("hang: 2 threads wait for each other, and 1 more thread waits for them");
        assert!(asked.is_some() && reported < asked, "{on_deadlock}: {said}");
        for (thread, line) in [("one", 18), ("two", 23)] {
            let entry = said.split(&format!("\nthread `{thread}` (")).nth(1).expect("an entry of the thread");
            let entry = entry.split("\n\n").next().expect("the text before the next entry");
            assert!(entry.contains(&format!("= waits at: main.rs:{line}:")), "{on_deadlock}: {said}");
            let mut frames = entry.lines().filter(|line| line.contains("aborts::main::{{closure}} at "));
            let end = format!("main.rs:{line}");
            assert!(frames.any(|frame| frame.ends_with(&end)), "{on_deadlock}: {said}");
        }
    }
    let aborted = hung(folder.path(), "abort", &[]);
    assert_ended(&aborted, "exit 3");
    let (report, end) = (aborted.stderr.find("error[LD0100]"), aborted.stderr.find("lockdep: aborting"));
    assert!(report.is_some() && report < end, "{}", aborted.stderr);
    assert!(!aborted.stderr.contains("hang: "), "it has ended before it was asked: {}", aborted.stderr);
}

#[test]
fn a_thread_that_would_wait_for_itself_is_reported_before_the_panic_aborts() {
    let folder = folder();
    project(folder.path());
    for (on_deadlock, end) in [("panic", "panicked at"), ("abort", "lockdep: aborting")] {
        let ended = hung(folder.path(), on_deadlock, &["again"]);
        assert_ended(&ended, "exit 3");
        let (report, end) = (ended.stderr.find("error[LD0001]"), ended.stderr.find(end));
        assert!(report.is_some() && report < end, "{on_deadlock}: {}", ended.stderr);
        assert!(!ended.stderr.contains("--timeout"), "{on_deadlock}: {}", ended.stderr);
    }
    let hung = hung(folder.path(), "hang", &["again"]);
    assert_ended(&hung, "exit 3");
    assert!(hung.stderr.contains("error[LD0001]") && hung.stderr.contains("\nhang: "), "{}", hung.stderr);
}
