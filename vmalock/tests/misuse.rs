//! Everything that a caller can do wrong, each in a child of its own, with the validator off and
//! on: it ends, nothing crashes, and what the specification gives as an error is one; all else is a
//! warning with the line that did it, and a report with that line.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, see Cargo.toml")]

use std::process::{Command, ExitCode};
use std::time::Duration;

#[path = "support/child.rs"]
#[expect(dead_code, reason = "shared with the other programs")]
mod child;
#[path = "support/misuses.rs"]
mod misuses;
#[path = "support/misuses_of_spaces.rs"]
mod misuses_of_spaces;
#[path = "support/reports.rs"]
mod reports;

use misuses::Misuse;

/// Nothing here waits for anything but a lock that its holder releases.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [option, name] = args.as_slice()
        && option == "--case"
    {
        run_case(name);
        return ExitCode::SUCCESS;
    }
    if !child::is_wanted("misuse", &args) {
        return ExitCode::SUCCESS;
    }
    let n_wrong = all().filter(|misuse| !is_right(misuse)).count();
    println!("misuse: {} ways, {n_wrong} wrong", all().count());
    if n_wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All ways.
fn all() -> impl Iterator<Item = &'static Misuse> {
    misuses::MISUSES.iter().chain(misuses_of_spaces::MISUSES)
}

/// In the child: the last word says that it came to its end.
fn run_case(name: &str) {
    let misuse = all().find(|misuse| misuse.name == name).expect("the parent took the name from the list");
    (misuse.run)();
    eprintln!("{END}");
}

const END: &str = "came to its end";

fn is_right(misuse: &Misuse) -> bool {
    let unwatched = run(misuse, false);
    let watched = run(misuse, true);
    let kinds = warnings(&unwatched);
    // A validator that stops a deadlock ends the program there.
    let has_ended = unwatched.contains(END) && (watched.contains(END) || misuse.reports.contains(&"LD0001"));
    let missing: Vec<&str> =
        if misuse.warnings.is_empty() { Vec::new() } else { not_named(&unwatched, misuse) };
    let unreported: Vec<&str> = not_named(&of_reports(&watched), misuse);
    let is_right = has_ended
        && kinds == misuse.warnings
        && codes(&watched) == misuse.reports
        && missing.is_empty()
        && unreported.is_empty()
        && told_twice(&watched).is_empty();
    println!(
        "misuse {:<34} warns {kinds:?}, reported {:?}: {}",
        misuse.name,
        codes(&watched),
        if is_right { "ok" } else { "WRONG" }
    );
    if !is_right {
        println!(
            "wanted {:?} and {:?}; not in the warning: {missing:?}; not in the report: {unreported:?}\n--- off\n{unwatched}--- on\n{watched}",
            misuse.warnings, misuse.reports
        );
    }
    is_right
}

fn run(misuse: &Misuse, is_validated: bool) -> String {
    let program = std::env::current_exe().expect("a running program has a path");
    let mut command = Command::new(program);
    command
        .args(["--case", misuse.name])
        .env("LOCKDEP", if is_validated { "1" } else { "0" })
        // The lines must be right without a stack to take them from.
        .env("LOCKDEP_BACKTRACE", "0")
        .env("LOCKDEP_ON_VIOLATION", "report")
        .env("RUST_BACKTRACE", "0")
        .env_remove("LOCKDEP_ON_DEADLOCK")
        .env_remove("LOCKDEP_EXITCODE")
        .env_remove("LOCKDEP_OUTPUT")
        .env_remove("LOCKDEP_FORMAT");
    reports::stderr_of(&mut command, LIMIT)
}

/// The warnings among what was said that are about a place which a report is about as well.
fn told_twice(said: &str) -> Vec<&str> {
    let place = |line: &'_ str| {
        line.rfind(", at ").map(|at| line[at + ", at ".len()..].trim_end_matches(')').to_owned())
    };
    let is_reported =
        |place: &str| said.lines().any(|line| line.trim_start().strip_prefix("--> ") == Some(place));
    said.lines()
        .filter(|line| line.starts_with("vmalock: ") && place(line).is_some_and(|place| is_reported(&place)))
        .collect()
}

/// The lines of the misuse that `said` does not name.
fn not_named(said: &str, misuse: &Misuse) -> Vec<&'static str> {
    let mut named = reports::named_lines(said, "misuses.rs", include_str!("support/misuses.rs"));
    let of_spaces = include_str!("support/misuses_of_spaces.rs");
    named.extend(reports::named_lines(said, "misuses_of_spaces.rs", of_spaces));
    misuse.lines.iter().copied().filter(|line| !named.iter().any(|named| named.contains(line))).collect()
}

/// What was said, without the warnings.
fn of_reports(said: &str) -> String {
    said.lines().filter(|line| !line.starts_with("vmalock: ")).collect::<Vec<_>>().join("\n")
}

/// The kinds of the warnings in `said`, in order.
fn warnings(said: &str) -> Vec<&str> {
    let kind = |line: &'_ str| {
        line.strip_prefix("vmalock: ").map(|rest| rest.split(':').next().unwrap_or(rest).len())
    };
    said.lines().filter_map(|line| kind(line).map(|length| &line["vmalock: ".len()..][..length])).collect()
}

/// The codes of the reports in `said`, in order.
fn codes(said: &str) -> Vec<&str> {
    let code = |line| -> Option<&str> { str::split(str::strip_prefix(line, "error[")?, ']').next() };
    said.lines().filter_map(code).collect()
}
