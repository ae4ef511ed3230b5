//! `stat`: Shows contention.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};

/// The arguments of `stat`.
#[derive(Debug, Args)]
pub(crate) struct StatArgs {
    /// Directories or files of run records.
    #[arg(value_name = "DIR")]
    pub(crate) records: Vec<PathBuf>,
}

/// Shows contention.
///
/// # Errors
///
/// If the input cannot be read.
pub(crate) fn run(args: &StatArgs) -> Result<u8> {
    Err(Error::new(format_args!("{args:?}: not yet in this build")))
}
