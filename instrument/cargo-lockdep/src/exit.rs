//! The exit codes of `cargo lockdep`. Scripts depend on them: they never change.

use std::process::ExitStatus;

/// Nothing that is denied was reported, and the wrapped command succeeded.
pub(crate) const CLEAN: u8 = 0;
/// The command line or an input file is wrong; nothing was checked.
pub(crate) const USAGE: u8 = 2;
/// A report was made that `LOCKDEP_DENY` denies (or `order --check` found a difference).
pub(crate) const DENIED: u8 = 3;
/// A record of a watched process could not be opened or written in full, so that a report may be
/// missing.
pub(crate) const RECORD_LOST: u8 = 4;
/// Cargo failed, or a test did.
pub(crate) const CARGO_FAILED: u8 = 101;
/// `--timeout` ended the run, as `timeout(1)` says it, and nothing denied had been reported.
pub(crate) const TIMED_OUT: u8 = 124;

/// The code that a shell would show for a finished process.
pub(crate) fn of_status(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;

    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code & 0xff).expect("masked to a byte")
}
