//! `test`, `run`, `bench`, `build`, `nextest`: a cargo command with every lock of its graph
//! watched.

use std::ffi::OsString;

use clap::Args;

use crate::cargo::command::CargoCommand;
use crate::cargo::session::Session;
use crate::error::Result;
use crate::input;
use crate::watch::args::WatchArgs;

/// The arguments of a wrapping subcommand.
#[derive(Debug, Args)]
pub(crate) struct WrappedArgs {
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    /// Any arguments of the cargo command; a `--` separates those of the program as usual.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "CARGO ARGUMENTS")]
    pub(crate) cargo_args: Vec<OsString>,
}

/// Runs the cargo command.
///
/// # Errors
///
/// If there is no cargo project, the toolchain is too old, or the runtime cannot be built.
pub(crate) fn run(command: CargoCommand, args: &WrappedArgs) -> Result<u8> {
    let directory = input::current_directory()?;
    Session::open(&directory, &args.cargo_args)?.run(command, &args.cargo_args, &args.watch)
}
