//! How long a report is: never longer than a person reads.

use super::*;
use crate::model::ReportDependency;

/// With what a command adds to it.
const MAX_LINES: usize = 80;

fn frame(function: &str, file: &str, line: u32) -> Frame {
    Frame { function: function.into(), file: file.into(), line, column: 5 }
}

/// A stack of sixty frames of an executor, with two frames of the program in it: the one that locks
/// at `line`, and one far out.
fn deep(function: &str, line: u32) -> Vec<Frame> {
    let mut frames: Vec<Frame> =
        (0..60).map(|at| frame(&format!("hyper::f{at}"), "hyper-1.6.0/src/a.rs", at)).collect();
    frames[20..50].iter_mut().for_each(|frame| frame.file = "tokio-1.47.0/src/b.rs".into());
    frames[0] = frame("wrap::Shared<T>::lock", "wrap-0.3.0/src/lib.rs", 9);
    frames[3] = frame(function, "/r/bank/src/bank.rs", line);
    frames[40] = frame("bank::serve", "/r/bank/src/serve.rs", line + 100);
    frames[59] = frame("bank::main", "/r/bank/src/main.rs", line + 200);
    frames
}

fn with_deep_stacks(step: &mut ReportDependency) {
    step.frames_held.frames = deep("bank::transfer", step.held_site.line);
    step.frames_acquire.frames = deep("bank::transfer", step.acquire_site.line);
    // Both acquisitions of a dependency have the outermost frames in common only if they are equal.
    step.frames_held.frames[59].line += 1;
}

fn n_lines(report: &Report) -> (usize, String) {
    let text = text(report, &TextOptions::default(), &Fixture);
    (text.trim_end().lines().count(), text)
}

#[test]
fn four_deep_stacks_share_the_lines_and_keep_the_frames_that_matter() {
    let mut found = report(&inversion());
    found.cycle.iter_mut().for_each(with_deep_stacks);
    // The advice names a frame in the middle.
    let advised = found.cycle[0].frames_acquire.frames[30].clone();
    let call = Place { file: advised.file, line: advised.line, column: 5, ..Place::default() };
    found.help.push(Advice::UnderCall { class: "journal".into(), call, destructor: None });
    let (n_lines, text) = n_lines(&found);
    assert!(n_lines <= MAX_LINES - 4, "{n_lines} lines:\n{text}");
    let stacks = text.split_once("= stack: ").expect("stacks").1;
    assert_eq!(stacks.matches("wrap::Shared<T>::lock").count(), 4, "each head: {text}");
    assert_eq!(stacks.matches(": bank::main at").count(), 4, "each tail: {text}");
    assert_eq!(stacks.matches(": bank::transfer at").count(), 4, "the program, nearest to the lock: {text}");
    assert!(stacks.contains("30: hyper::f30 at"), "{text}");
    assert!(stacks.contains("frames of `hyper`, `tokio`"), "{text}");
    let whole = super::text(&found, &TextOptions::default().whole(), &Fixture);
    assert!(whole.lines().count() > 4 * 58, "{whole}");
}

#[test]
fn a_ring_of_eight_locks_with_everything_else_is_short_as_well() {
    let mut found = report(&inversion());
    let two = found.cycle.clone();
    found.cycle = (0..8).map(|at| two[at % 2].clone()).collect();
    for (at, step) in found.cycle.iter_mut().enumerate() {
        (step.from, step.to) = (format!("lock {at}"), format!("lock {}", (at + 1) % 8));
        (step.from_hash, step.to_hash) = (step.from.clone(), step.to.clone());
        step.thread = format!("worker {at}");
        step.closing = at == 7;
        with_deep_stacks(step);
    }
    found.held = (0..20).map(|_| found.held[0].clone()).collect();
    found.held.iter_mut().enumerate().for_each(|(at, lock)| lock.hash = at.to_string());
    let more = [Note::Sibling, Note::ApartWhenSeen, Note::NeedsTimeout, Note::TwoFutures, Note::Beside];
    found.notes.extend(more);
    found.help.extend([General::SortByAddress, General::TryAndRestart, General::NameApart].map(Advice::from));
    let (n_lines, text) = n_lines(&found);
    assert!(n_lines <= MAX_LINES - 4, "{n_lines} lines:\n{text}");
    for note in &found.notes {
        assert!(text.contains(&note.to_string()), "{note}: {text}");
    }
    assert!(found.help.iter().all(|help| text.contains(&help.to_string())), "{text}");
    assert!(text.contains("`lock 7` -EN-> `lock 0`") && text.contains("closes it"), "{text}");
    assert!(text.contains("= stack: `lock 7` acquired, then held"), "{text}");
    assert!(text.contains("the stacks of 7 more steps; in full: "), "{text}");
    let whole = super::text(&found, &TextOptions::default().whole(), &Fixture);
    assert!(!whole.contains("left out"), "{whole}");
    assert_eq!(whole.matches("= stack: ").count(), 16);
}

#[test]
fn a_short_report_is_printed_whole() {
    let mut found = report(&inversion());
    for step in &mut found.cycle {
        step.frames_held.frames = deep("bank::transfer", step.held_site.line)[54..].to_vec();
    }
    let text = text(&found, &TextOptions::default(), &Fixture);
    assert!(!text.contains(" frames of ") && !text.contains("left out"), "{text}");
}

#[test]
fn a_ring_of_many_threads_is_short() {
    let rule = simple_rules().into_iter().find(|found| found.code == Code::Deadlock);
    let mut found = report(&rule.expect("one of them"));
    let two = found.threads.clone();
    found.threads = (0..12).map(|at| two[at % 2].clone()).collect();
    for thread in &mut found.threads {
        for lock in thread.wait.lock.iter_mut().chain(&mut thread.holds) {
            lock.frames = deep("bank::audit", lock.site.line);
        }
    }
    let (n_lines, text) = n_lines(&found);
    assert!(n_lines <= MAX_LINES - 4, "{n_lines} lines:\n{text}");
}
