//! `replay`: Runs scenarios through the engine.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};

/// The arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The scenario file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Runs scenarios through the engine.
///
/// # Errors
///
/// If the input cannot be read.
pub(crate) fn run(args: &ReplayArgs) -> Result<u8> {
    Err(Error::new(format_args!("{args:?}: not yet in this build")))
}
