//! Printing reports where the user wants them.

use std::fs::File;
use std::io::{self, Write};

use super::tail::NewReport;
use crate::error::{Context as _, Result};
use crate::wrapped::{Format, WatchArgs};

/// Where reports go, and in which form.
pub(super) struct Printer {
    out: Box<dyn Write>,
    name: String,
    format: Format,
}

impl Printer {
    /// Opens the output.
    ///
    /// # Errors
    ///
    /// If the file cannot be created.
    pub(super) fn open(args: &WatchArgs) -> Result<Self> {
        let (out, name): (Box<dyn Write>, _) = match &args.output {
            Some(path) => {
                let name = path.display().to_string();
                (Box::new(File::create(path).context(|| name.clone())?), name)
            }
            None => (Box::new(io::stderr()), "stderr".to_owned()),
        };
        Ok(Self { out, name, format: args.format })
    }

    /// Prints one report.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(super) fn print(&mut self, new: &NewReport) -> Result<()> {
        let text = match self.format {
            Format::Json => format!("{}\n", serde_json::to_string(&new.report).expect("a report is JSON")),
            Format::Text => format!("{}: {} {}\n", new.report.level, new.report.code, new.report.title),
        };
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).context(|| self.name.clone())
    }
}
