//! Reading the reports a child wrote as JSON lines.

use std::path::Path;

use lockdep_report::model::Report;

/// The reports in `path`, one a line; a last line cut short by a crash is left out, a missing file
/// is no report.
pub fn read(path: &Path) -> Vec<Report> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// `error`, `warning`, `note` as a rank; higher is worse.
pub fn rank(report: &Report) -> u8 {
    report.rank() + 1
}
