//! SARIF 2.1.0 (OASIS), for code scanning: the few objects of it that a report needs.

use lockdep_report::place::Place;
use lockdep_report::render::TextOptions;
use lockdep_validator::Code;
use serde_json::{Value, json};

use super::hang;
use super::places::{message, places};
use crate::codes;
use crate::findings::policy::Judgement;
use crate::findings::{Finding, Findings};

/// One run of the tool, a rule for each code, a result for each report.
pub(super) fn render(found: &Findings<'_>) -> String {
    let rules: Vec<Value> = Code::ALL
        .into_iter()
        .map(|code| {
            json!({
                "id": code.as_str(),
                "shortDescription": { "text": codes::summary(code) },
                "help": { "text": format!("`cargo lockdep explain {}` explains this rule.", code.as_str()) },
            })
        })
        .collect();
    let results: Vec<Value> = found.reports.iter().map(result).collect();
    let mut log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "lockdep",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let hangs = notifications(found);
    if !hangs.is_empty() {
        log["runs"][0]["invocations"] =
            json!([{ "executionSuccessful": true, "toolExecutionNotifications": hangs }]);
    }
    let mut text = serde_json::to_string_pretty(&log).expect("a value is JSON");
    text.push('\n');
    text
}

/// The hang reports: what SARIF has for what happened while a tool ran.
fn notifications(found: &Findings<'_>) -> Vec<Value> {
    let one = |hang: hang::ShownHang| {
        let text = format!("{}, in {}", hang.title, hang.run);
        let mut notification = json!({ "level": "note", "message": { "text": text } });
        if hang.place.is_known() {
            notification["locations"] = json!([{ "physicalLocation": physical(&hang.place) }]);
        }
        notification
    };
    hang::all(found, &TextOptions::default()).into_iter().map(one).collect()
}

fn result(one: &Finding) -> Value {
    let report = &one.report;
    let (main, others) = places(report);
    let index = report.code.known().and_then(|code| Code::ALL.into_iter().position(|known| known == code));
    let related: Vec<Value> = others
        .iter()
        .enumerate()
        .map(|(id, (place, text))| {
            json!({ "id": id + 1, "physicalLocation": physical(place), "message": { "text": text } })
        })
        .collect();
    let flows: Vec<Value> = if report.cycle.is_empty() { Vec::new() } else { vec![flow(report)] };
    let mut result = json!({
        "ruleId": report.code.as_str(),
        "level": report.level.as_str(),
        "message": { "text": message(report) },
        "locations": if main.is_known() { vec![json!({ "physicalLocation": physical(&main) })] } else { Vec::new() },
        "relatedLocations": related,
        "codeFlows": flows,
        "partialFingerprints": { "lockdep/v1": report.fingerprint },
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    if let Some(group) = &one.group {
        result["properties"] = json!({ "group": group.fingerprint });
    }
    if let Judgement::Excepted(reason) = &one.judgement {
        result["suppressions"] = json!([{ "kind": "external", "justification": reason }]);
    }
    result
}

/// One thread flow for each dependency of the cycle: what its thread takes, in order.
fn flow(report: &lockdep_report::model::Report) -> Value {
    let threads: Vec<Value> = report
        .cycle
        .iter()
        .map(|step| {
            let at = |place: &Place, text: String| {
                let mut location = json!({ "message": { "text": text } });
                if place.is_known() {
                    location["physicalLocation"] = physical(place);
                }
                json!({ "location": location })
            };
            json!({
                "id": format!("{} {}", step.process, step.thread).trim(),
                "locations": [
                    at(&step.held_site, format!("`{}` is held since here", step.from)),
                    at(&step.acquire_site, format!("`{}` is wanted here", step.to)),
                ],
            })
        })
        .collect();
    json!({ "threadFlows": threads })
}

fn physical(place: &Place) -> Value {
    json!({
        "artifactLocation": { "uri": uri(&place.file) },
        "region": { "startLine": place.line.max(1), "startColumn": place.column.max(1) },
    })
}

/// A path as a URI reference: absolute ones as `file:`, and every byte escaped that a URI may not
/// hold.
fn uri(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~/+@=,()!".contains(&byte);
        match byte {
            b'\\' => out.push('/'),
            _ if is_plain => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("src/a b.rs"), "src/a%20b.rs");
        assert_eq!(uri("/x/ä.rs"), "file:///x/%C3%A4.rs");
        assert_eq!(uri("src\\a.rs"), "src/a.rs");
    }
}
