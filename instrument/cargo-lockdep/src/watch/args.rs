//! The options that steer a watched run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::settings::Settings;

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
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) settle: Option<bool>,
    /// The format of the reports.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: WatchFormat,
    /// Write reports to this file instead of stderr.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

impl WatchArgs {
    /// The options, and below them what the project settled.
    pub(crate) fn above(&self, settings: &Settings) -> Self {
        Self {
            timeout: self.timeout.or(settings.timeout_s()),
            settle: self.settle.or(Some(settings.settles())),
            ..self.clone()
        }
    }

    /// Whether the run is followed by one that settles its levels.
    pub(crate) fn settles(&self) -> bool {
        self.settle.unwrap_or(false)
    }
}
