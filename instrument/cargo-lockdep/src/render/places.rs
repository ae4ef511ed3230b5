//! One place and one message for each report, for formats that have no room for more.

use lockdep_report::model::Report;
use lockdep_report::place::Place;

/// The place that a tool should point at, and the others with what happens there.
pub(super) fn places(report: &Report) -> (Place, Vec<(Place, String)>) {
    let snippets = lockdep_report::render::snippets(report);
    let labels: Vec<_> = snippets.into_iter().flat_map(|snippet| snippet.labels).collect();
    let primary = labels.iter().position(|label| label.primary && label.place.is_known()).unwrap_or(0);
    let main = labels.get(primary).map_or_else(Place::default, |label| label.place.clone());
    let others = labels
        .into_iter()
        .enumerate()
        .filter(|(index, label)| *index != primary && label.place.is_known())
        .map(|(_, label)| (label.place, label.text))
        .collect();
    (main, others)
}

/// What is said at the place of [`places`], title first, then notes and advice.
pub(super) fn message(report: &Report) -> String {
    let mut out = report.title.clone();
    let notes = report.notes.iter().map(|note| ("note", note.to_string()));
    for (word, sentence) in notes.chain(report.help.iter().map(|help| ("help", help.to_string()))) {
        out.push_str(&format!("\n{word}: {sentence}"));
    }
    out
}
