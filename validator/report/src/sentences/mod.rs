//! The words of a report: every sentence about a rule, its level and its repair is made here, when
//! it is printed.
//!
//! Nothing else compares or cuts these sentences; what a report says is decided by its data.

mod advice;
mod notes;
mod titles;
mod waits;

use super::note::Note;

pub(super) use titles::title;

/// The sentences of a list.
pub(super) fn of<T: std::fmt::Display>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

/// The first sentence of a note, to stand behind "because".
pub(super) fn reason(note: &Note) -> String {
    let text = note.to_string();
    let end = text.find(". ").unwrap_or(text.len());
    text[..end].trim_end_matches('.').to_owned()
}
