//! The options that steer a watched run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How reports are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum WatchFormat {
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
    /// Run a second time with the suspects known from the start, which settles the level of each
    /// report.
    #[arg(long)]
    pub(crate) settle: bool,
    /// The format of the reports.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: WatchFormat,
    /// Write reports to this file instead of stderr.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
