//! What rows are made of, and how their programs are run.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use lockdep_tests::child::{self, Ended};

use super::{calls, cargo_rows, early, guards, many, output, rights, signals};

/// One attempt.
pub(crate) struct Row {
    /// The item of the list that it stands for: `A2`; `+` for a sibling that was found later.
    pub(crate) item: &'static str,
    pub(crate) name: &'static str,
    pub(crate) attempt: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) cost: Cost,
    /// Makes the attempt; the error says what was broken.
    pub(crate) check: fn() -> Kept,
}

/// When a row is run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Cost {
    /// In the gate.
    Quick,
    /// By hand.
    Slow,
    /// By hand, with a fixture that `cargo lockdep` builds.
    Cargo,
}

/// Whether a promise was kept.
pub(crate) type Kept = Result<(), String>;

/// The beginning of an error that says why a row could not be run here.
pub(crate) const NOT_RUN: &str = "not run: ";

/// A program of this binary.
pub(crate) type Program = (&'static str, fn());

/// How long a program may take before it counts as hung.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs the program of that name in this process.
pub(crate) fn run_program(name: &str) -> ExitCode {
    let rooms = [
        output::PROGRAMS,
        guards::PROGRAMS,
        signals::PROGRAMS,
        early::PROGRAMS,
        calls::PROGRAMS,
        rights::PROGRAMS,
        many::PROGRAMS,
        cargo_rows::PROGRAMS,
    ];
    match rooms.into_iter().flatten().find(|(known, _)| *known == name) {
        Some((_, run)) => {
            run();
            ExitCode::SUCCESS
        }
        None => ExitCode::from(2),
    }
}

/// This binary as the program `name`, validated, in a directory and with an environment of its own.
fn program(name: &str, directory: &Path, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("LOCKDEP") {
            command.env_remove(variable);
        }
    }
    command.args(["program", name]).current_dir(directory).env("TMPDIR", directory).env("LOCKDEP", "1");
    command.envs(env.iter().copied());
    command
}

/// Runs a program in a fresh directory.
pub(crate) fn run(name: &str, env: &[(&str, &str)]) -> Ended {
    let directory = tempfile::tempdir().expect("a directory for the program");
    run_in(directory.path(), name, env)
}

/// Runs a program in this directory.
pub(crate) fn run_in(directory: &Path, name: &str, env: &[(&str, &str)]) -> Ended {
    finish(&mut program(name, directory, env))
}

/// Runs a prepared command.
pub(crate) fn finish(command: &mut Command) -> Ended {
    child::run(command, LIMIT).expect("the program can be started")
}

/// `Ok` if the condition holds; otherwise what is wrong, with all that the program wrote.
pub(crate) fn ensure(condition: bool, what: &str, ended: &Ended) -> Kept {
    if condition {
        return Ok(());
    }
    let shown = |text: &str| text.chars().take(4000).collect::<String>();
    let (stdout, stderr) = (shown(&ended.stdout), shown(&ended.stderr));
    Err(format!("{what}; it ended with {}\n--- stdout\n{stdout}\n--- stderr\n{stderr}", ended.describe()))
}

/// The program ended as it would without us, and said what it says then.
pub(crate) fn ran(ended: &Ended, says: &str) -> Kept {
    ensure(ended.describe() == "exit 0", "the program did not end in order", ended)?;
    ensure(ended.stdout.contains(says), &format!("the program did not say `{says}`"), ended)
}

/// And nothing was reported as an error.
pub(crate) fn ran_without_error(ended: &Ended, says: &str) -> Kept {
    ran(ended, says)?;
    ensure(!ended.stderr.contains("error[LD"), "an error was reported", ended)
}
