//! Workflow commands of GitHub Actions: annotations on the lines of a pull request.

use lockdep_report::render::TextOptions;
use lockdep_validator::Level;

use super::hang;
use super::places::{message, places};
use crate::findings::Findings;
use crate::findings::policy::Judgement;

/// One annotation a place: the report at its main place, a notice at each other one.
pub(super) fn render(found: &Findings<'_>) -> String {
    let mut out = String::new();
    for hang in hang::all(found, &TextOptions { n_frames: 0, ..TextOptions::default() }) {
        annotate(&mut out, "notice", &hang.place, &format!("hang: {}", hang.title), &hang.text);
    }
    // There is room for few annotations: what is about the same classes is counted.
    for group in found.groups() {
        let one = group.head;
        let report = &one.report;
        // An annotation that fails nothing must not look as if it did.
        let command = match (&one.judgement, report.level) {
            (Judgement::Excepted(_), _) => "notice",
            (_, Level::Error) => "error",
            (_, Level::Warning) => "warning",
            _ => "notice",
        };
        let (main, others) = places(report);
        let title = format!("{} {}", report.code, report.title);
        let folded = match group.sentence() {
            none if none.is_empty() => none,
            sentence => format!("\nnote: {sentence}: `cargo lockdep report` has them"),
        };
        annotate(&mut out, command, &main, &title, &(message(report) + &folded));
        for (place, text) in others {
            annotate(&mut out, "notice", &place, &format!("{}: the other side", report.code), &text);
        }
    }
    out
}

fn annotate(
    out: &mut String,
    command: &str,
    place: &lockdep_report::place::Place,
    title: &str,
    message: &str,
) {
    let mut properties = Vec::new();
    if place.is_known() {
        properties.push(format!("file={}", property(&place.file)));
        properties.push(format!("line={}", place.line));
        properties.push(format!("col={}", place.column.max(1)));
    }
    properties.push(format!("title={}", property(title)));
    out.push_str(&format!("::{command} {}::{}\n", properties.join(","), data(message)));
}

/// Escapes what would end a message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes what would end a property as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
