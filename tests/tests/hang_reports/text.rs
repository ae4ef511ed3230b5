//! The first line of each report as people read it.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::corpus;
use super::running::{LIMIT, clear, has_record};

#[test]
fn every_report_begins_with_the_thread_that_the_others_wait_for() {
    let all = corpus::stuck().map(|stuck| (stuck.name, stuck.says));
    let all: Vec<(&str, &str)> = all.filter(|(_, says)| !says.is_empty()).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // ORDERING: Relaxed: a counter that hands out indices.
                while let Some((name, says)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    compare(name, says);
                }
            });
        }
    });
}

#[test]
fn every_program_is_in_the_table_of_the_page() {
    let page = include_str!("../../../docs/src/how-we-know.md");
    for stuck in corpus::stuck() {
        let row = format!("| `{}` | {} |", stuck.name, stuck.why);
        assert!(page.contains(&row), "docs/src/how-we-know.md lacks the row {row}");
    }
}

/// Asks the program until it says what it has to: it may have come less far when it is asked.
fn compare(name: &str, says: &str) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let output = dir.path().join("output");
    let records = dir.path().join("records");
    let mut command = Command::new(env!("CARGO_BIN_EXE_corpus"));
    clear(&mut command);
    command.arg(name).env("LOCKDEP", "1").env("LOCKDEP_HANG_SIGNAL", "USR1");
    command.env("LOCKDEP_DIR", &records).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(File::create(&output).expect("a new file"));
    let mut child = command.spawn().expect("the corpus starts");
    let pid = libc::pid_t::try_from(child.id()).expect("small");
    let start = Instant::now();
    let mut asked = None::<Instant>;
    loop {
        let text = std::fs::read_to_string(&output).unwrap_or_default();
        let last = text.lines().rev().find_map(|line| line.strip_prefix("hang: ")).map(without_times);
        if last.as_deref() == Some(says) {
            break;
        }
        let late = start.elapsed() > LIMIT;
        assert!(!late, "{}: wants {:?}, got {last:?}\n{text}", name, says);
        // A process has its handlers when it has a record.
        let is_ready = has_record(&records);
        if is_ready && asked.is_none_or(|asked| asked.elapsed() > Duration::from_secs(1)) {
            // SAFETY: the child has not been waited for.
            assert_eq!(unsafe { libc::kill(pid, libc::SIGUSR1) }, 0);
            asked = Some(Instant::now());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it hangs");
    child.wait().expect("a child");
}

/// The line with `#` for each number before the unit `s`.
fn without_times(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for index in 1..words.len() {
        if words[index] == "s" && words[index - 1].starts_with(|first: char| first.is_ascii_digit()) {
            words[index - 1] = "#";
        }
    }
    words.join(" ")
}
