//! What the command line says: messages on stderr, results on stdout.

use std::fmt::Display;

use crate::error::{Error, Result};
use crate::printable;

/// Prints one line on stderr, marked as ours. Whatever is in it, it is one line, and every
/// character can be printed.
pub(crate) fn say(message: impl Display) {
    show(&format!("lockdep: {}", printable::line(&message.to_string())));
}

/// Prints the words of another program on stderr, as they are but for what would steer the
/// terminal. A closed pipe or a full disk there loses words, and must not change the exit code.
pub(crate) fn show(text: &str) {
    use std::io::Write as _;

    if !text.is_empty() {
        let line = format!("{}\n", printable::lines(text));
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// Writes to stdout. A reader that has closed the pipe (`| head`) is not a failure.
///
/// # Errors
///
/// If stdout cannot be written for another reason.
pub(crate) fn print(text: &str) -> Result<()> {
    use std::io::Write as _;

    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(format_args!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}
