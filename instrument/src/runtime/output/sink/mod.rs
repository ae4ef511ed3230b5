//! Where reports go: the standard error stream or a file, as text or JSON lines, and a callback of
//! the program.

#[cfg_attr(not(unix), path = "own_file_std.rs")]
mod own_file;
mod source_files;
mod target;

use std::sync::{Arc, Mutex, PoisonError};

#[cfg(hang_report)]
use lockdep_report::hang::text::text as hang_text;
#[cfg(hang_report)]
use lockdep_report::hang_report::HangReport;
use lockdep_report::history::ReportHistory;
use lockdep_report::model::Report;
use lockdep_report::render::{Styles, TextOptions, brief, json_line, text};

use crate::runtime::process::ledger::{self, Counter};
use crate::runtime::settings::config::{Config, Output, OutputFormat};
use source_files::SourceFiles;
use target::Target;

pub(crate) use crate::runtime::process::stderr::notice;
#[cfg(hang_report)]
pub(crate) use crate::runtime::process::stderr::write_stderr;
pub(crate) use own_file::{Creation, OwnFile};

/// A function of the program that gets every report.
pub(crate) type Callback = Arc<dyn Fn(&Report) + Send + Sync>;

/// Where a report that follows from an earlier one is printed in full.
const IN_FULL: &str = "`LOCKDEP_FORMAT=json`, or records in `LOCKDEP_DIR`";

static CALLBACK: Mutex<Option<Callback>> = Mutex::new(None);

/// Calls `callback` with every report from now on; replaces an earlier one.
pub(crate) fn set_callback(callback: Callback) {
    *CALLBACK.lock().unwrap_or_else(PoisonError::into_inner) = Some(callback);
}

/// All sinks.
#[derive(Debug)]
pub(crate) struct Sinks {
    format: OutputFormat,
    target: Target,
    options: TextOptions,
    source: SourceFiles,
    warnings: Vec<String>,
    /// What was reported so far. A leaf lock.
    history: Mutex<ReportHistory>,
}

impl Sinks {
    /// Sinks that have not been opened. `warnings` are what the environment had to say.
    pub(crate) fn new(config: &Config, source_root: Option<&str>, warnings: Vec<String>) -> Self {
        let styles = if wants_colour(&config.output) { Styles::COLOUR } else { Styles::PLAIN };
        Self {
            format: config.format,
            target: Target::new(&config.output),
            options: TextOptions { styles, in_full: IN_FULL, ..TextOptions::default() },
            source: SourceFiles::new(source_root),
            warnings,
            history: Mutex::default(),
        }
    }

    /// Says the warnings, and opens the output so that one that cannot be written is known at once.
    pub(crate) fn open(&self) {
        self.warnings.iter().for_each(|warning| notice(warning));
        self.target.open();
    }

    /// The path that reports show for a source file.
    pub(crate) fn shown(&self, file: &str) -> String {
        self.source.shown(file)
    }

    /// Delivers one report. Call it with no lock held.
    pub(crate) fn submit(&self, report: &Report, is_denied: bool) {
        let text = match self.format {
            OutputFormat::Text => {
                let earlier =
                    self.history.lock().unwrap_or_else(PoisonError::into_inner).note(report, is_denied);
                earlier.map_or_else(
                    || text(report, &self.options, &self.source),
                    |earlier| brief(report, &earlier, IN_FULL, &self.options) + "\n",
                )
            }
            OutputFormat::Json => json_line(report),
        };
        if !self.target.write(text.as_bytes()) {
            ledger::count(Counter::LostReport);
        }
        let callback = CALLBACK.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(callback) = callback
            && std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| callback(report))).is_err()
        {
            notice("the report callback panicked; the report itself was written");
        }
    }
}

#[cfg(hang_report)]
impl Sinks {
    /// Delivers a hang report.
    pub(crate) fn submit_hang(&self, report: &HangReport) {
        let text = match self.format {
            OutputFormat::Text => format!("\n{}", hang_text(report, &self.options)),
            OutputFormat::Json => report.json_line(),
        };
        if !self.target.write(text.as_bytes()) {
            ledger::count(Counter::LostReport);
        }
    }
}

/// Colour is for a terminal whose owner did not decline it (<https://no-color.org>).
fn wants_colour(output: &Output) -> bool {
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    *output == Output::Stderr
        && is_terminal
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
