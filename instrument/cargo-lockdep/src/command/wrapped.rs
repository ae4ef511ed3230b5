//! `test`, `run`, `bench`, `build`, `nextest`: a cargo command with every lock of its graph watched.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cargo::session::{self, Session};
use crate::error::Result;

/// The cargo command that is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CargoCommand {
    /// `cargo test`
    Test,
    /// `cargo run`
    Run,
    /// `cargo bench`
    Bench,
    /// `cargo build`
    Build,
    /// `cargo nextest`
    Nextest,
}

impl CargoCommand {
    /// The word behind `cargo`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Run => "run",
            Self::Bench => "bench",
            Self::Build => "build",
            Self::Nextest => "nextest",
        }
    }
}

/// How reports are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The options that steer a watched run.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct WatchArgs {
    /// End the run after this many seconds, and report what was found until then.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// Run a second time with the suspects known from the start, which settles the level of each report.
    #[arg(long)]
    pub(crate) settle: bool,
    /// The format of the reports.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Write reports to this file instead of stderr.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

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
    let directory = session::current_directory()?;
    Session::open(&directory, &args.cargo_args)?.run(command, &args.cargo_args, &args.watch)
}
