//! The standard error stream, as long as it is one.
//!
//! Descriptor 2 belongs to the program. One that has closed it may have opened a file or a socket
//! of its own under that number, and our text would land in it. So it is written only if it is
//!
//! * the file that it was when the process started,
//! * the null device, or a terminal, that executed programs inherit,
//! * a regular file or a pipe, that executed programs inherit and that descriptor 1 is too: both
//!   were redirected.
//!
//! Anything else may be the program's. No copy of the first one is kept: a process at the other end
//! of a pipe may wait for the program to close it.

use std::io;

use lockdep_report::printable::printable;

/// Says one line to the person who runs the program, on the standard error stream. What the line
/// quotes is made printable.
pub(crate) fn notice(line: &str) {
    // Nothing is left to say it on if even this fails.
    let _ = write_stderr(format!("lockdep: {}\n", printable(line)).as_bytes());
}

/// Writes to the standard error stream without the lock of `std::io::stderr`: a thread that holds
/// that lock may be waiting for one that the reporting thread holds.
#[cfg(unix)]
pub(crate) fn write_stderr(bytes: &[u8]) -> io::Result<()> {
    crate::runtime::system::quiet_write::write_all(libc::STDERR_FILENO, bytes, is_stderr)
}

/// Writes to the standard error stream.
#[cfg(not(unix))]
pub(crate) fn write_stderr(bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut io::stderr(), bytes)
}

#[cfg(unix)]
fn is_stderr() -> bool {
    use crate::runtime::system::descriptor::{Kind, is_inherited, of};
    const STDOUT: libc::c_int = libc::STDOUT_FILENO;
    const STDERR: libc::c_int = libc::STDERR_FILENO;
    let Some((identity, kind)) = of(STDERR) else { return false };
    if super::start::stderr() == Some(identity) || kind == Kind::Null {
        return true;
    }
    let is_stdout_too = || of(STDOUT).is_some_and(|(stdout, _)| stdout == identity) && is_inherited(STDOUT);
    is_inherited(STDERR)
        && match kind {
            // SAFETY: asks about a descriptor.
            Kind::Character => unsafe { libc::isatty(STDERR) == 1 },
            Kind::Regular | Kind::Pipe => is_stdout_too(),
            Kind::Null | Kind::Directory | Kind::Block | Kind::Other => false,
        }
}
