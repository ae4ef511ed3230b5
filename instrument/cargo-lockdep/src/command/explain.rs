//! `explain`: what a code means, with an example that triggers it. The text is that of the book.

use std::path::PathBuf;

use clap::Args;
use lockdep_report::render::{TextOptions, text};
use lockdep_validator::Code;

use crate::codes::{page, summary};
use crate::error::{Error, Result};
use crate::findings::policy::{self, CommandPolicy};
use crate::findings::{self, Findings};
use crate::output::print;
use crate::source::Places;
use crate::{exit, input, printable, records};

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as LD0003.
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// Tell one report of the run records as a story: the report, then what its code means.
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "code")]
    pub(crate) report: Option<String>,
    /// Directories or files of run records, for `--report`; the default is that of `report`.
    #[arg(value_name = "DIR", requires = "report", last = true)]
    pub(crate) records: Vec<PathBuf>,
}

/// Explains a code on stdout; without one, lists them all.
///
/// # Errors
///
/// If there is no such code.
pub(crate) fn run(args: &ExplainArgs) -> Result<u8> {
    match (&args.report, &args.code) {
        (Some(fingerprint), _) => print(&story(fingerprint, &args.records)?)?,
        (None, Some(code)) => print(page(code)?)?,
        (None, None) => print(&list())?,
    }
    Ok(exit::CLEAN)
}

/// A report in full, how to find it again and to silence it, and the page of its code.
fn story(fingerprint: &str, records: &[PathBuf]) -> Result<String> {
    let directory = input::current_directory()?;
    let (union, sources) = findings::read(&records::paths(records)?, Places::around(&directory, &[]))?;
    let mut policy = CommandPolicy::default();
    let found = Findings::gather(&union, &sources, &mut policy, policy::today(), true);
    let mut told =
        found.reports.iter().filter(|one| one.report.fingerprint.eq_ignore_ascii_case(fingerprint));
    let Some(first) = told.next() else {
        let known: Vec<&str> = found.reports.iter().map(|one| one.report.fingerprint.as_str()).collect();
        let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
        return Err(Error::new(format_args!(
            "no report of these records has the fingerprint {fingerprint}: {known}"
        )));
    };
    let mut story = String::from("# What was seen\n\n```text\n");
    for one in [first].into_iter().chain(told) {
        story.push_str(text(&one.report, &TextOptions::default().whole(), &sources).trim_end());
        story.push_str("\n\n");
        for run in &one.runs {
            story.push_str(&format!("seen by {run}\n"));
        }
    }
    story.push_str("```\n\n# What the code means\n\n");
    let code = first.report.code.to_string();
    story.push_str(page(&code)?.trim_start_matches("# "));
    story.push_str(&format!(
        "\n# If the report is wrong, or known\n\nA line in `lockdep.allow` keeps it from failing a run:\n\n\
         ```text\n{}  reason: …\n```\n",
        first.report.fingerprint
    ));
    Ok(printable::lines(&story))
}

/// One line for each code.
fn list() -> String {
    let line = |code: Code| format!("{}  {}\n", code.as_str(), summary(code));
    Code::ALL.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_a_line_with_a_title_for_each_code() {
        let list = list();
        assert_eq!(list.lines().count(), Code::ALL.len());
        assert!(list.lines().all(|line| line.starts_with("LD0") && line.len() > 20), "{list}");
    }
}
