//! The excerpts of a wait with a lock held: where the thread waits, and where the awaited one wants
//! the lock.

use crate::model::{Awaited, Report, ReportDependency};
use crate::modes::mode_word;
use crate::names::thread_words;
use lockdep_validator::Wait;

use super::labels::{Label, Snippet};

/// The excerpt of one dependency: the wait, or what the awaited thread does.
pub(super) fn snippet(report: &Report, step: &ReportDependency) -> Snippet {
    let kind = report.awaited_kind();
    let other = report.cycle.first().map_or("", |provision| provision.thread.as_str());
    let thread = match thread_words(other) {
        words if words.is_empty() => "an unnamed thread".to_owned(),
        words => words,
    };
    let held = |text: String, primary| Label {
        place: step.held_site.clone(),
        text,
        primary,
        class: step.from.clone(),
        exact: step.frames_held.exact,
    };
    let wanted = |text: String| Label {
        place: step.acquire_site.clone(),
        text,
        primary: true,
        class: step.to.clone(),
        exact: step.frames_acquire.exact,
    };
    if step.closing {
        let mode = mode_word(step.held_mode);
        let awaited = match kind {
            Some(Awaited::Scope) => "the threads of this scope to end".to_owned(),
            Some(Awaited::Message) => format!("a message of {thread}"),
            Some(Awaited::Room) => format!("{thread} to make room in the channel"),
            Some(Awaited::Thread) | None => format!("{thread} to end"),
        };
        let labels = vec![
            held(format!("`{}` is held {mode} since here", step.from), false),
            wanted(format!("this thread waits for {awaited}")),
        ];
        return Snippet { heading: String::new(), labels };
    }
    let timeout = if step.acquire_wait == Wait::Timed { ", with a timeout" } else { "" };
    let started = match kind {
        Some(Awaited::Message) => format!("{thread} sends the message here"),
        Some(Awaited::Room) => format!("{thread} takes a message here, which makes room"),
        _ => format!("{thread} is started here"),
    };
    let mut labels = vec![
        held(started, false),
        wanted(format!("`{}` is wanted {} here{timeout}", step.to, mode_word(step.acquire_mode))),
    ];
    labels.retain(|label| label.primary || label.place.is_known());
    Snippet { heading: format!("`{}` is acquired by the awaited thread, {thread}", step.to), labels }
}
