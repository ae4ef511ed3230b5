//! `order`: Writes or checks the lock-order file.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};

/// The arguments of `order`.
#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// Directories or files of run records.
    #[arg(value_name = "DIR")]
    pub(crate) records: Vec<PathBuf>,
}

/// Writes or checks the lock-order file.
///
/// # Errors
///
/// If the input cannot be read.
pub(crate) fn run(args: &OrderArgs) -> Result<u8> {
    Err(Error::new(format_args!("{args:?}: not yet in this build")))
}
