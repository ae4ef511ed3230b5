//! Cargo's `compiler-message` lines: what an editor reads from its check command, so that it
//! underlines both lock sites.

use lockdep_report::place::Place;
use lockdep_report::render::{SourceText as _, TextOptions, index_of_column, text};
use serde_json::{Value, json};

use super::hang;
use super::places::places;
use crate::findings::Findings;
use crate::findings::policy::Judgement;
use crate::source::Sources;

/// One message a report, and the line that tells cargo's reader that the build is over.
pub(super) fn render(found: &Findings<'_>) -> String {
    let mut out = String::new();
    for one in found.reports.iter().filter(|one| !matches!(one.judgement, Judgement::Excepted(_))) {
        let report = &one.report;
        let (main, others) = places(report);
        let mut spans = vec![span(&main, true, &report.title, found.sources)];
        spans.extend(others.iter().map(|(place, label)| span(place, false, label, found.sources)));
        spans.retain(|span| !span.is_null());
        let child = |level: &str, sentence: &str| json!({ "message": sentence, "code": null, "level": level, "spans": [], "children": [], "rendered": null });
        // The other places are spans; as children too, an editor would show each twice.
        let notes = report.notes.iter().map(|note| child("note", &note.to_string()));
        let children: Vec<Value> =
            notes.chain(report.help.iter().map(|help| child("help", &help.to_string()))).collect();
        let rendered =
            text(report, &TextOptions { n_frames: 0, max_lines: 0, ..TextOptions::default() }, found.sources);
        let message = json!({
            "reason": "compiler-message",
            "package_id": "lockdep",
            "manifest_path": "Cargo.toml",
            "target": {
                "kind": ["lib"], "crate_types": ["lib"], "name": "lockdep", "src_path": main.file,
                "edition": "2024", "doc": false, "doctest": false, "test": false,
            },
            "message": {
                "$message_type": "diagnostic",
                "message": report.title,
                "code": { "code": report.code.as_str(), "explanation": null },
                "level": report.level.as_str(),
                "spans": spans,
                "children": children,
                "rendered": rendered,
            },
        });
        out.push_str(&message.to_string());
        out.push('\n');
    }
    for hang in hang::all(found, &TextOptions { n_frames: 0, ..TextOptions::default() }) {
        let spans: Vec<Value> = vec![span(&hang.place, true, &hang.title, found.sources)];
        let spans: Vec<Value> = spans.into_iter().filter(|span| !span.is_null()).collect();
        let message = json!({
            "reason": "compiler-message",
            "package_id": "lockdep",
            "manifest_path": "Cargo.toml",
            "target": {
                "kind": ["lib"], "crate_types": ["lib"], "name": "lockdep", "src_path": hang.place.file,
                "edition": "2024", "doc": false, "doctest": false, "test": false,
            },
            "message": {
                "$message_type": "diagnostic",
                "message": format!("hang: {}", hang.title),
                "code": null,
                "level": "note",
                "spans": spans,
                "children": [],
                "rendered": hang.text,
            },
        });
        out.push_str(&message.to_string());
        out.push('\n');
    }
    out.push_str(&json!({ "reason": "build-finished", "success": true }).to_string());
    out.push('\n');
    out
}

/// A span of the identifier at `place`; null if the place is not known.
fn span(place: &Place, is_primary: bool, label: &str, sources: &Sources) -> Value {
    if !place.is_known() {
        return Value::Null;
    }
    let lines = sources.lines(&place.file);
    let line = sources.line(&place.file, place.line).unwrap_or_default();
    let index = index_of_column(&line, place.column);
    let column = index + 1;
    let before: usize = line.chars().take(index).map(char::len_utf8).sum();
    let word = line.chars().skip(index).take_while(|&c| c.is_alphanumeric() || c == '_').count().max(1);
    // Byte offsets are from the start of the file; editors place the mark by line and column.
    let start: usize = lines.as_ref().map_or(0, |lines| {
        lines.iter().take(place.line as usize - 1).map(|line| line.len() + 1).sum::<usize>()
    }) + before;
    json!({
        "file_name": place.file,
        "byte_start": start,
        "byte_end": start + word,
        "line_start": place.line,
        "line_end": place.line,
        "column_start": column,
        "column_end": column + word,
        "is_primary": is_primary,
        "text": [{ "text": line, "highlight_start": column, "highlight_end": column + word }],
        "label": label,
        "suggested_replacement": null,
        "suggestion_applicability": null,
        "expansion": null,
    })
}
