//! `explain`: Explains a code.

use clap::Args;

use crate::error::{Error, Result};

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as LD0003.
    #[arg(value_name = "CODE")]
    pub(crate) code: String,
}

/// Explains a code.
///
/// # Errors
///
/// If the input cannot be read.
pub(crate) fn run(args: &ExplainArgs) -> Result<u8> {
    Err(Error::new(format_args!("{args:?}: not yet in this build")))
}
