//! Which stacks a report prints, what each is, and which of its frames stay when it is folded.

use crate::model::Report;
use crate::names::thread_words;
use crate::place::{Frame, Place};
use crate::places::{is_at, same_file};
use lockdep_validator::Code;

use super::fold::{Part, folded};
use super::threads::given;

/// One stack of a report.
pub(super) struct Stack<'a> {
    /// What happened there.
    pub(super) what: String,
    pub(super) frames: &'a [Frame],
    /// How many of the innermost frames are its own; it has the others in common with the stack
    /// above it.
    pub(super) n_own: usize,
    /// The lines of these.
    pub(super) parts: Vec<Part>,
}

/// The stacks of the last `n_stacked` dependencies or the first threads, with about `n_frames`
/// frames each. `advised` are the places that the advice names.
pub(super) fn stacks<'a>(
    report: &'a Report,
    n_stacked: usize,
    advised: &[&Place],
    n_frames: usize,
) -> Vec<Stack<'a>> {
    let mut above: &[Frame] = &[];
    let mut shown = Vec::new();
    for (what, site, frames) in all(report, n_stacked) {
        if says_nothing(frames, site) {
            continue;
        }
        let n_common = frames.iter().rev().zip(above.iter().rev()).take_while(|(a, b)| a == b).count();
        // A single frame is as short as the words that would stand for it.
        let n_own = if n_common > 1 { frames.len() - n_common } else { frames.len() };
        let named = advised.iter().copied().chain(site.caller.as_deref());
        let mut keys: Vec<usize> =
            named.filter_map(|place| frames.iter().position(|frame| is_at(frame, place))).collect();
        // The function that holds what the stack above shows.
        let holder = above.first().map(|holder| holder.function.as_str());
        keys.extend(frames.iter().position(|frame| Some(frame.function.as_str()) == holder));
        let parts = folded(&frames[..n_own], &keys, n_frames);
        shown.push(Stack { what, frames, n_own, parts });
        above = frames;
    }
    shown
}

/// How many dependencies or threads have stacks that are not among those of `n_stacked` of them.
pub(super) fn n_left_out(report: &Report, n_stacked: usize) -> usize {
    let has_any = |frames: &[Frame]| !frames.is_empty();
    let of_cycle = report
        .cycle
        .iter()
        .rev()
        .skip(n_stacked)
        .filter(|step| has_any(&step.frames_held.frames) || has_any(&step.frames_acquire.frames));
    let is_shown = |lock: &crate::model::ReportLock| has_any(&lock.frames);
    let of_threads = report
        .threads
        .iter()
        .skip(n_stacked)
        .filter(|thread| thread.wait.lock.as_ref().is_some_and(is_shown));
    of_cycle.count() + of_threads.count()
}

type Named<'a> = (String, &'a Place, &'a [Frame]);

fn all(report: &Report, n_stacked: usize) -> Vec<Named<'_>> {
    let mut stacks: Vec<Named<'_>> = Vec::new();
    for step in report.cycle.iter().rev().take(n_stacked).rev() {
        let (doubt_held, doubt_acquire) = (doubt(step.frames_held.exact), doubt(step.frames_acquire.exact));
        let held = format!("`{}` acquired, then held{doubt_held}", step.from);
        let acquired = match report.code.known() {
            Some(Code::WaitHoldingLock) if step.closing => "the wait".to_owned(),
            Some(Code::WaitHoldingLock) => format!("`{}` acquired by the awaited thread", step.to),
            _ => format!("`{}` acquired while `{}` was held{doubt_acquire}", step.to, step.from),
        };
        stacks.push((held, &step.held_site, &step.frames_held.frames));
        stacks.push((acquired, &step.acquire_site, &step.frames_acquire.frames));
    }
    for (index, thread) in report.threads.iter().enumerate().take(n_stacked) {
        let who = thread_words(&thread.thread);
        let before = &report.threads[(index + report.threads.len() - 1) % report.threads.len()];
        for (lock, what) in
            [(given(before, thread), "acquired, then held"), (thread.wait.lock.as_ref(), "wanted")]
        {
            stacks.extend(lock.iter().map(|lock| {
                let what = format!("`{}` {what} by {who}{}", lock.class, doubt(lock.exact));
                (what, &lock.site, &lock.frames[..])
            }));
        }
    }
    if report.cycle.is_empty() && report.threads.is_empty() {
        for (lock, what) in [(&report.conflict, "acquired, then held"), (&report.subject, "here")] {
            stacks.extend(lock.iter().map(|lock| {
                (format!("`{}` {what}{}", lock.class, doubt(lock.exact)), &lock.site, &lock.frames[..])
            }));
        }
    }
    stacks
}

/// What is said of a stack that may be another path to the same place.
const fn doubt(exact: bool) -> &'static str {
    if exact { "" } else { " (perhaps on another path)" }
}

/// Whether a stack adds nothing to the excerpt of `site`: it holds the place itself, and perhaps
/// the caller named there.
fn says_nothing(frames: &[Frame], site: &Place) -> bool {
    match frames {
        [] => true,
        [only] => only.line == site.line && same_file(&only.file, &site.file),
        _ => false,
    }
}

/// The place of a frame, in words behind its function.
pub(super) fn frame_place(frame: &Frame) -> String {
    match (frame.file.is_empty(), frame.line) {
        (true, _) => String::new(),
        (false, 0) => format!(" at {}", frame.file),
        (false, line) => format!(" at {}:{line}", frame.file),
    }
}
