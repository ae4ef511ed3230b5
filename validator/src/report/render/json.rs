//! One JSON object a line.

use crate::report::model::Report;

/// The report as one line of JSON, newline included. The schema is that of the model.
pub fn json_line(report: &Report) -> String {
    let mut line = serde_json::to_string(report).expect("a report holds only strings, numbers and lists");
    line.push('\n');
    line
}
