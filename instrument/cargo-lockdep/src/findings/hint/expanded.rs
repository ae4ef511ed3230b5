//! Places in what an attribute or a derive writes.
//!
//! The compiler gives all of it the place of the attribute, a line that says nothing about the
//! call. The first caller outside has a line that a person can change.

use lockdep_report::advice::Advice;
use lockdep_report::model::Report;
use lockdep_report::place::{Frame, Place};

use super::call::bare;
use crate::columns::index_of_call;
use crate::source::Sources;

/// Puts the first caller outside of what attributes write beside each place of an acquisition, and
/// in the advice.
pub(super) fn leave(report: &mut Report, sources: &Sources) {
    let of_cycle = report.cycle.iter_mut().flat_map(|step| {
        let held = (&mut step.held_site, &step.frames_held.frames, step.frames_held.exact);
        [held, (&mut step.acquire_site, &step.frames_acquire.frames, step.frames_acquire.exact)]
    });
    let locks = report.conflict.iter_mut().chain(&mut report.subject).chain(&mut report.held);
    let of_locks = locks.map(|lock| (&mut lock.site, &lock.frames, lock.exact));
    for (site, frames, is_exact) in of_cycle.chain(of_locks) {
        let is_in_site = is_attribute(site, sources);
        let written = if is_in_site { Some(&*site) } else { site.caller.as_deref() };
        let outside = written.and_then(|written| outside(written, frames, sources));
        if let Some(outside) = outside {
            site.in_wrapper |= is_in_site && is_exact;
            site.caller = Some(Box::new(outside));
        }
    }
    let Some(wanted) = &report.subject else { return };
    for advice in &mut report.help {
        if let Advice::ForeignCall { back: place, .. } | Advice::UnderCall { call: place, .. } = advice
            && let Some(outside) = outside(place, &wanted.frames, sources)
        {
            *place = bare(&outside);
        }
    }
}

/// The first place outside of the attribute at `written`, if one is there.
fn outside(written: &Place, frames: &[Frame], sources: &Sources) -> Option<Place> {
    if !is_attribute(written, sources) {
        return None;
    }
    let is_there = |frame: &&Frame| (&frame.file, frame.line) == (&written.file, written.line);
    let from = frames.iter().position(|frame| is_there(&frame))?;
    let place = |frame: &Frame| Place {
        file: frame.file.clone(),
        line: frame.line,
        column: frame.column,
        function: Some(frame.function.clone()),
        ..Place::default()
    };
    let mut callers = frames[from..].iter().filter(|frame| frame.line != 0).map(place);
    callers.find(|caller| !is_attribute(caller, sources))
}

/// Whether an attribute begins at the place.
fn is_attribute(place: &Place, sources: &Sources) -> bool {
    let text = || {
        let lines = sources.lines(&place.file)?;
        let line = lines.get((place.line as usize).checked_sub(1)?)?;
        let text: String = line.chars().skip(index_of_call(line, place.column)).collect();
        Some(text.starts_with("#[") || line.trim_start().starts_with("#[derive("))
    };
    place.is_known() && text().unwrap_or_default()
}
