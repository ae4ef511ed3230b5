//! Running the command line on a fixture.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lockdep_tests::child::{self, Ended};
use lockdep_tests::command_line;

pub(crate) use lockdep_tests::command_line::{command, target_directory};

/// Covers a first build of the runtime on a slow machine.
const LIMIT: Duration = Duration::from_secs(900);

/// A project of `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    command_line::root().join("tests/fixtures").join(name)
}

/// Runs `cargo lockdep` on a fixture to its end.
pub(crate) fn run(directory: &Path, args: &[&str]) -> Ended {
    finish(&mut command(directory, args))
}

/// The same where warnings are denied too.
pub(crate) fn run_strictly(directory: &Path, args: &[&str]) -> Ended {
    finish(command(directory, args).env("LOCKDEP_DENY", "warnings"))
}

/// Runs a prepared command to its end.
pub(crate) fn finish(command: &mut Command) -> Ended {
    child::run(command, LIMIT).expect("the command line can be started")
}

/// Asserts how it ended, and shows what it printed if it did not.
pub(crate) fn assert_ended(ended: &Ended, how: &str) {
    assert_eq!(ended.describe(), how, "stdout:\n{}\nstderr:\n{}", ended.stdout, ended.stderr);
}
