//! `report`: Merges run records and prints the reports.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};

/// The arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Directories or files of run records.
    #[arg(value_name = "DIR")]
    pub(crate) records: Vec<PathBuf>,
}

/// Merges run records and prints the reports.
///
/// # Errors
///
/// If the input cannot be read.
pub(crate) fn run(args: &ReportArgs) -> Result<u8> {
    Err(Error::new(format_args!("{args:?}: not yet in this build")))
}
