//! What goes wrong before anything can be judged: a sentence for the user, and exit code 2.

use std::fmt::{self, Display};

/// A failure that names its thing and, where there is one, its remedy.
#[derive(Debug)]
pub(crate) struct Error {
    message: String,
    /// What another program said about it, in lines of its own.
    output: String,
    exit_code: u8,
}

/// The result of everything that can fail for the user's reasons.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A usage or input error.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), output: String::new(), exit_code: crate::exit::USAGE }
    }

    /// A usage or input error, below which the words of another program stand.
    pub(crate) fn with_output(message: impl Display, output: &str) -> Self {
        Self { output: output.to_owned(), ..Self::new(message) }
    }

    /// The words of another program, if there are any.
    pub(crate) fn output(&self) -> &str {
        &self.output
    }

    /// A wrapped tool failed and has said why on stderr: only its exit code is passed on.
    pub(crate) fn already_printed(exit_code: u8) -> Self {
        Self { message: String::new(), output: String::new(), exit_code }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Whether there is nothing left to say.
    pub(crate) fn is_printed(&self) -> bool {
        self.message.is_empty()
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Says what was being done when something failed.
pub(crate) trait Context<T> {
    /// Turns the failure into `what: why`.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::new(format_args!("{}: {error}", what())))
    }
}
