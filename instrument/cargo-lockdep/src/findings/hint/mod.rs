//! Advice that needs the source.
//!
//! Two thirds of the repairs of double locks in Rust shorten the life of a guard (Qin et al., PLDI
//! 2020), and the longest lives are those of temporaries. A gate lock is never advised: it is the
//! repair that makes new deadlocks.
//!
//! This reads lines, not syntax trees, so it says nothing where it is not sure: about a guard that
//! a pattern binds, a call inside a closure, or a place whose source cannot be read.

use lockdep_report::advice::{Advice, General, Scope};
use lockdep_report::model::Report;
use lockdep_report::note::Note;
use lockdep_report::place::{Frame, Place};

use call::{Call, bare, begins_function, in_head, text_between};

use crate::columns::index_of_call;
use crate::source::Sources;

mod call;
mod expanded;
mod giving;
mod indirect;
mod returned;
#[cfg(test)]
mod returned_tests;
#[cfg(test)]
mod tests;
mod wrapper;

/// Puts what the source shows in front of the report's own advice.
pub(crate) fn add(report: &mut Report, sources: &Sources) {
    let mut advice: Vec<Advice> = Vec::new();
    let mut was_read = false;
    let comes_back = returned::complete(report, sources);
    giving::leave(report, sources);
    expanded::leave(report, sources);
    for sighting in sightings(report) {
        let Some(call) = Call::read(sighting.held, sources) else { continue };
        // A guard that is neither kept here nor gone with its statement may be handed to the
        // caller, who is not looked at.
        was_read |= call.is_temporary() || call.is_bound() || sighting.held.caller.is_none();
        if let Some(found) = long_life(&sighting, &call, sources)
            && !advice.contains(&found)
        {
            advice.push(found);
        }
    }
    if let Some(site) = macro_of_both(report, sources) {
        was_read = true;
        advice.push(Advice::MacroOfBoth { site: bare(site) });
    }
    if let Some(call) = call_of_holder(report, sources) {
        advice.extend(under_guard(report, call));
    }
    if let Some(kept) = wrapper::earlier_call(report, sources) {
        was_read = true;
        // It names the line of the wrapper.
        report.help.retain(|known| !matches!(known, Advice::DropGuard { .. }));
        advice.push(kept);
    }
    // The variable that keeps the guard says more than the call made under it.
    advice.extend(comes_back);
    // The source decides whether that is it.
    report.help.retain(|known| {
        let is_answered = was_read && *known == Advice::from(General::HeadOfMatch);
        !is_answered && !advice.contains(known)
    });
    advice.append(&mut report.help);
    report.help = advice;
    indirect::name(report, sources);
    // Stacks and advice were completed meanwhile.
    expanded::leave(report, sources);
}

/// A lock that was held where another was taken, at the lines outside of wrappers.
struct Sighting<'a> {
    class: &'a str,
    held: &'a Place,
    wanted_class: &'a str,
    wanted: &'a Place,
    frames_held: &'a [Frame],
    frames_wanted: &'a [Frame],
}

fn sightings(report: &Report) -> Vec<Sighting<'_>> {
    let of_cycle = report.cycle.iter().map(|step| Sighting {
        class: &step.from,
        held: step.held_site.outside_wrapper(),
        wanted_class: &step.to,
        wanted: step.acquire_site.outside_wrapper(),
        frames_held: &step.frames_held.frames,
        frames_wanted: &step.frames_acquire.frames,
    });
    let alone = report.conflict.iter().zip(&report.subject).map(|(held, wanted)| Sighting {
        class: &held.class,
        held: held.site.outside_wrapper(),
        wanted_class: &wanted.class,
        wanted: wanted.site.outside_wrapper(),
        frames_held: &held.frames,
        frames_wanted: &wanted.frames,
    });
    of_cycle.chain(alone).collect()
}

/// The macro that wrote both acquisitions of a recursion: its place stands for everything that it
/// writes.
fn macro_of_both<'a>(report: &'a Report, sources: &Sources) -> Option<&'a Place> {
    let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref())?;
    let same = |one: &Place, other: &Place| {
        (&one.file, one.line, one.column) == (&other.file, other.line, other.column)
    };
    if !same(&held.site, &wanted.site) {
        return None;
    }
    let lines = sources.lines(&held.site.file)?;
    let line = lines.get((held.site.line as usize).checked_sub(1)?)?;
    let text: String = line.chars().skip(index_of_call(line, held.site.column)).collect();
    let after_name = text.trim_start_matches(|c: char| c.is_alphanumeric() || "_:".contains(c));
    let is_call =
        after_name.len() < text.len() && after_name.starts_with('!') && !after_name.starts_with("!=");
    (text.starts_with("#[") || is_call).then_some(&held.site)
}

/// The frame of the function that holds, by its index in the stack of the second acquisition. For
/// reports in which no stack of the first acquisition shows it: the next line below the
/// acquisition, in the same function.
fn call_of_holder(report: &Report, sources: &Sources) -> Option<usize> {
    let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref())?;
    if !report.is_recursion() || !held.frames.is_empty() {
        return None;
    }
    let is_below = |frame: &Frame| frame.file == held.site.file && frame.line >= held.site.line;
    // The innermost function is that of the second acquisition, which may be the first one again.
    let is_second = |index: usize, frame: &Frame| {
        index > 0 || (frame.line, frame.column) > (held.site.line, held.site.column)
    };
    let frames = wanted.frames.iter().enumerate();
    let below = frames.filter(|(index, frame)| is_below(frame) && is_second(*index, frame));
    let (index, frame) = below.min_by_key(|(_, frame)| frame.line)?;
    // A closure is a part of the function that it is written in, if that is active as well.
    let function = frame.function.split("::{{closure}}").next()?;
    let outside = wanted.frames.iter().enumerate().skip(index + 1);
    let (index, frame) = outside
        .filter(|(_, outer)| is_below(outer))
        .find(|(_, outer)| outer.function == function)
        .unwrap_or((index, frame));
    let lines = sources.lines(&held.site.file)?;
    let between = lines.get(held.site.line as usize..frame.line as usize)?;
    // A closure may run when the function that wrote it has returned.
    let begins = |line: &String| {
        begins_function(line) || index == 0 && frame.function.contains("{{closure}}") && begins_closure(line)
    };
    (!between.iter().any(begins)).then_some(index)
}

/// Whether a closure or a future may begin in a line.
fn begins_closure(line: &str) -> bool {
    line.contains('|') || line.contains("async")
}

/// Gives the report the stack of the holder. Unless the holder takes the lock again itself, adds
/// advice about the call that it makes under its guard.
fn under_guard(report: &mut Report, call: usize) -> Option<Advice> {
    let (held, wanted) = report.conflict.as_mut().zip(report.subject.as_ref())?;
    let holder = &wanted.frames[call];
    let Place { line, column, .. } = held.site;
    held.site.function = Some(holder.function.clone());
    held.frames = std::iter::once(Frame { line, column, ..holder.clone() })
        .chain(wanted.frames[call + 1..].iter().cloned())
        .collect();
    held.exact = wanted.exact;
    let elsewhere = held.frames.iter().find(|frame| !frame.file.is_empty() && frame.file != held.site.file);
    let caller = elsewhere.map(|frame| Place {
        file: frame.file.clone(),
        line: frame.line,
        column: frame.column,
        function: Some(frame.function.clone()),
        ..Place::default()
    });
    held.site.caller = held.site.caller.take().or(caller.map(Box::new));
    report.notes.retain(|note| !matches!(note, Note::PathNotRecorded { .. }));
    (call > 0).then(|| lockdep_report::under_guard::of_call(&held.class, &wanted.frames, call))
}

/// Says so if the guard lives longer than the place where it is made suggests.
fn long_life(sighting: &Sighting<'_>, call: &Call, sources: &Sources) -> Option<Advice> {
    if !call.is_temporary() {
        return None;
    }
    let edition = sources.edition(&sighting.held.file);
    let scope = one_statement(sighting, call)
        .or_else(|| in_head(call, edition))
        .or_else(|| in_tail(sighting, call, edition))?;
    Some(Advice::Temporary { class: sighting.class.to_owned(), made: bare(sighting.held), scope })
}

/// Two temporaries of one statement live to its end, both of them.
fn one_statement(sighting: &Sighting<'_>, call: &Call) -> Option<Scope> {
    let wanted = sighting.wanted;
    if wanted.file != sighting.held.file {
        return None;
    }
    let line = (wanted.line as usize).checked_sub(1)?;
    let column = index_of_call(call.lines.get(line)?, wanted.column);
    let held = (call.index, index_of_call(&call.lines[call.index], sighting.held.column));
    // One call that was reached twice makes one temporary each time.
    if held == (line, column) {
        return None;
    }
    let (first, second) = if held < (line, column) { (held, (line, column)) } else { ((line, column), held) };
    let between = text_between(&call.lines, first, second)?;
    // A guard that a closure makes ends with the closure; one that is there before outlives it.
    let is_in_closure = call.head.contains('|') || first != held && between.contains('|');
    if between.contains([';', '{', '}']) || between.contains("=>") || is_in_closure {
        return None;
    }
    Some(Scope::Statement { wanted: sighting.wanted_class.to_owned() })
}

/// Before edition 2024 a temporary in the last expression of a block outlives the block's own
/// variables, so that their destructors run under it.
fn in_tail(sighting: &Sighting<'_>, call: &Call, edition: Option<u16>) -> Option<Scope> {
    if edition.is_none_or(|edition| edition >= 2024) || !call.rest.ends_with('}') {
        return None;
    }
    let is_let = call.head.starts_with("let ") || call.head.starts_with("return");
    let is_there = |frame: &&Frame| (&frame.file, frame.line) == (&sighting.held.file, sighting.held.line);
    let holder = sighting.frames_held.iter().find(is_there).or(sighting.frames_held.first())?;
    // The other lock is taken by a destructor, which runs where the block of the same function
    // ends.
    let at = sighting.frames_wanted.iter().position(|frame| frame.function == holder.function)?;
    let by_drop = sighting.frames_wanted[..at].iter().any(|frame| frame.function.contains("Drop>::drop"));
    let is_after = sighting.frames_wanted[at].line >= sighting.held.line;
    if is_let || !by_drop || !is_after {
        return None;
    }
    Some(Scope::Tail { wanted: sighting.wanted_class.to_owned() })
}
