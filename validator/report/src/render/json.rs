//! One JSON object a line.

use crate::json;
use crate::model::Report;

/// Returns the report as one line of JSON, newline included. The schema is that of the model.
pub fn json_line(report: &Report) -> String {
    let mut line = json::to_string(report);
    line.push('\n');
    line
}
