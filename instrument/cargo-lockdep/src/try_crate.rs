//! `try NAME[@VERSION]`: the tests of a published crate, with every lock watched.

use std::ffi::OsString;

use clap::Args;

use crate::error::{Error, Result};
use crate::wrapped::WatchArgs;

/// The arguments of `try`.
#[derive(Debug, Args)]
pub(crate) struct TryArgs {
    /// The crate, with a version if not the newest: `indicatif@0.18.6`.
    #[arg(value_name = "NAME[@VERSION]")]
    pub(crate) spec: String,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    /// The arguments of `cargo test`; a second `--` separates those of the test binary.
    #[arg(last = true, value_name = "CARGO TEST ARGUMENTS")]
    pub(crate) cargo_args: Vec<OsString>,
}

/// Fetches the crate and runs its tests.
///
/// # Errors
///
/// If the crate or version does not exist or cannot be fetched.
pub(crate) fn run(args: &TryArgs) -> Result<u8> {
    Err(Error::new(format_args!("{args:?} cannot be tried yet by this build")))
}
