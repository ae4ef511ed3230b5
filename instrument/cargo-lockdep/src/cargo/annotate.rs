//! What a run says to GitHub Actions by itself: annotations on the lines of a pull request, and a
//! summary of the step.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::error::Result;
use crate::findings::policy::{self, CommandPolicy};
use crate::findings::{self, Findings};
use crate::input;
use crate::output::{print, say};
use crate::render::{self, format::ReportFormat};
use crate::settings::Settings;
use crate::source::Places;

/// Whether this is a step of a workflow, and `CARGO_LOCKDEP_ANNOTATIONS=0` does not forbid to speak
/// to it.
pub(super) fn is_wanted() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|given| given == value);
    is("GITHUB_ACTIONS", "true") && !is("CARGO_LOCKDEP_ANNOTATIONS", "0")
}

/// Prints annotations for what the records of this run hold, and adds to the summary of the step.
///
/// # Errors
///
/// If a policy is malformed, or stdout cannot be written.
pub(super) fn annotate(records: &Path, places: Places, settings: &Settings) -> Result<()> {
    let mut policy = CommandPolicy::of(settings, &input::current_directory()?)?;
    let (union, sources) = findings::read(&[records.to_owned()], places)?;
    let found = Findings::gather(&union, &sources, &mut policy, policy::today(), false);
    print(&render::render(ReportFormat::Github, &found))?;
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(summary(&found).as_bytes())) {
        say(format_args!("warning: {}: {error}", Path::new(&path).display()));
    }
    Ok(())
}

/// A table with a row for each report.
fn summary(found: &Findings<'_>) -> String {
    let mut text = format!("### lockdep\n\n{}\n", found.summary());
    if !found.reports.is_empty() {
        text.push_str("\n| level | code | report | fingerprint |\n|---|---|---|---|\n");
    }
    for one in &found.reports {
        let report = &one.report;
        let title = report.title.replace('|', "\\|").replace(['\n', '\r'], " ");
        let _ = writeln!(
            text,
            "| {} | {} | {title} | `{}` |",
            report.level.as_str(),
            report.code,
            report.fingerprint
        );
    }
    text.push('\n');
    text
}
