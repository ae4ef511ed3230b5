//! A guard that a wrapper has returned, found in the source of the active functions.
//!
//! The place of such an acquisition is the wrapper's line, which says nothing about the holder.
//! The runtime has the stack of the first acquisition through that line only. The source shows
//! which of the active functions called the wrapper before, and still has what it returned. Where
//! it shows several, nothing is said.

use lockdep_report::advice::{Advice, Spot, Way};
use lockdep_report::model::{Frame, Place, Report};
use lockdep_report::note::Note;
use lockdep_report::render::index_of_column;

use super::call::{Call, bare, begins_function, in_head};
use crate::source::Sources;

/// How far above a call its function begins at most.
const MAX_LINES: usize = 200;

/// Completes the stacks of held locks that end at a wrapper.
///
/// Returns advice about the call under the guard of a recursion.
pub(super) fn complete(report: &mut Report, sources: &Sources) -> Option<Advice> {
    complete_cycle(report, sources);
    if !report.is_recursion() {
        return None;
    }
    let (held, wanted) = report.conflict.as_mut().zip(report.subject.as_mut())?;
    if held.exact {
        return None;
    }
    let Some(holder) = holder(&held.site, &held.frames, &wanted.frames, sources) else {
        if n_on_one_way(&held.frames, &wanted.frames) > 1 {
            // No active function has a guard of these wrappers: another one gave it away.
            held.frames.truncate(1);
            report.notes.push(Note::PathNotRecorded { class: held.class.clone() });
        }
        return None;
    };
    holder.name_callers(&mut held.site, &mut wanted.site, &held.frames, &wanted.frames);
    let made = Spot { at: bare(held.site.outside_wrapper()), way: Way::Through(bare(&held.site)) };
    held.frames = holder.stack(&held.frames, &wanted.frames);
    for advice in &mut report.help {
        if let Advice::DropGuard { made: known } = advice {
            *known = made.clone();
        }
    }
    report.notes.retain(|note| !matches!(note, Note::PathNotRecorded { .. }));
    (holder.index > 0)
        .then(|| lockdep_report::under_guard::of_call(&held.class, &wanted.frames, holder.index))
}

/// Completes those of the dependencies of a cycle, and the advice about them.
fn complete_cycle(report: &mut Report, sources: &Sources) {
    let mut wrappers: Vec<String> = Vec::new();
    for step in &mut report.cycle {
        let (held, wanted) = (&mut step.frames_held, &step.frames_acquire.frames);
        if held.exact {
            continue;
        }
        let Some(holder) = holder(&step.held_site, &held.frames, wanted, sources) else { continue };
        wrappers.extend(held.frames[..holder.n_wrappers].iter().map(|wrapper| wrapper.function.clone()));
        holder.name_callers(&mut step.held_site, &mut step.acquire_site, &held.frames, wanted);
        held.frames = holder.stack(&held.frames, wanted);
        let goes_on = &wanted[holder.index];
        let at = Place {
            file: goes_on.file.clone(),
            line: goes_on.line,
            column: goes_on.column,
            ..Place::default()
        };
        let way = if holder.index == 0 { Way::Itself } else { Way::Through(bare(&step.acquire_site)) };
        for advice in &mut report.help {
            let spot = match advice {
                Advice::TakeBefore { first, second, at } if *first == step.to && *second == step.from => at,
                Advice::ChangeOther { release, at } if *release == step.from => at,
                Advice::TryLock { class, release, at: Some(at) }
                    if *class == step.to && *release == step.from =>
                {
                    at
                }
                _ => continue,
            };
            *spot = Spot { at: at.clone(), way: way.clone() };
        }
    }
    // What gives one guard away gives the other as well.
    let is_wrapper = |frame: &Frame| wrappers.contains(&frame.function);
    let sites = report.cycle.iter_mut().map(|step| (&mut step.acquire_site, &step.frames_acquire));
    for (site, stack) in sites.filter(|(_, stack)| stack.exact) {
        let outside = stack.frames.iter().find(|frame| !is_wrapper(frame));
        if let (Some(first), Some(outside)) = (stack.frames.first(), outside)
            && is_wrapper(first)
        {
            name_caller(site, outside);
        }
    }
}

/// The active function that has the guard of a wrapper.
struct Holder {
    /// Its index in the stack of the lock that is wanted.
    index: usize,
    /// Its call of the wrapper.
    call: Frame,
    /// How many wrappers gave the guard on to each other.
    n_wrappers: usize,
}

impl Holder {
    /// Says who called the wrappers, for the guard and, if it is called again, for the lock that is
    /// wanted.
    fn name_callers(&self, held: &mut Place, acquire: &mut Place, held_frames: &[Frame], wanted: &[Frame]) {
        let is_wrapper = |frame: &Frame| {
            held_frames[..self.n_wrappers].iter().any(|wrapper| wrapper.function == frame.function)
        };
        name_caller(held, &self.call);
        let again = wanted.iter().find(|frame| !is_wrapper(frame));
        if wanted.first().is_some_and(is_wrapper)
            && let Some(again) = again
        {
            name_caller(acquire, again);
        }
    }

    /// The stack of the guard.
    fn stack(&self, held: &[Frame], wanted: &[Frame]) -> Vec<Frame> {
        let outside = wanted[self.index + 1..].iter().cloned();
        held[..self.n_wrappers]
            .iter()
            .cloned()
            .chain(std::iter::once(self.call.clone()))
            .chain(outside)
            .collect()
    }
}

fn name_caller(site: &mut Place, call: &Frame) {
    let Frame { function, file, line, column } = call.clone();
    let caller = Place { file, line, column, function: Some(function), ..Place::default() };
    site.caller = Some(Box::new(caller));
    site.in_wrapper = true;
}

/// How many of the innermost frames both acquisitions have: they went the same way through
/// wrappers.
fn n_on_one_way(held: &[Frame], wanted: &[Frame]) -> usize {
    let n_same = held.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    if n_same == wanted.len() { 0 } else { n_same }
}

/// The only active function that has a guard of the wrapper, or else of the wrappers around it.
fn holder(site: &Place, held: &[Frame], wanted: &[Frame], sources: &Sources) -> Option<Holder> {
    let maker = held.first().filter(|maker| maker.line == site.line && maker.file == site.file)?;
    let way = n_on_one_way(held, wanted);
    for (n_inner, wrapper) in held.iter().enumerate() {
        // Further out begins what called all of them, on the path that is known.
        if n_inner > 0 && wanted[way..].iter().any(|frame| frame.function == wrapper.function) {
            break;
        }
        let name = wrapper.function.rsplit("::").next().filter(|name| !name.starts_with('{'))?;
        let others = wanted.iter().enumerate().filter(|(_, frame)| frame.function != maker.function);
        let mut calls = others.flat_map(|(index, frame)| {
            living_calls(frame, name, sources).into_iter().map(move |call| (index, call))
        });
        if let Some((index, call)) = calls.next() {
            let is_only = calls.next().is_none();
            return is_only.then_some(Holder { index, call, n_wrappers: n_inner + 1 });
        }
    }
    None
}

/// The calls of `name` above the place of a frame, in its function, whose guard is alive there.
fn living_calls(frame: &Frame, name: &str, sources: &Sources) -> Vec<Frame> {
    let Some(lines) = sources.lines(&frame.file) else { return Vec::new() };
    let Some(last) = (frame.line as usize).checked_sub(1).filter(|last| *last < lines.len()) else {
        return Vec::new();
    };
    let end = (last, index_of_column(&lines[last], frame.column));
    let above = (last.saturating_sub(MAX_LINES)..=last).rev();
    let Some(start) = above.into_iter().find(|&index| begins_function(&lines[index])) else {
        return Vec::new();
    };
    let at = |index: usize| {
        let code = lines[index].split("//").next().unwrap_or_default();
        let is_name = move |&(at, _): &(usize, &str)| {
            let is_boundary = code[..at].ends_with(['.', ':', ' ', '(', '*', '&', '!']);
            is_boundary && code[at + name.len()..].starts_with('(') && !code[..at].trim_end().ends_with("fn")
        };
        let column = move |(at, _): (usize, &str)| (index, code[..at].chars().count());
        code.match_indices(name).filter(is_name).map(column).collect::<Vec<_>>()
    };
    (start..=last)
        .flat_map(at)
        .filter(|&place| place < end && is_alive(frame, &lines, place, end, sources))
        .map(|(index, column)| {
            let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
            Frame { line: number(index), column: number(column), ..frame.clone() }
        })
        .collect()
}

/// Whether the guard returned at `place` is alive at `end`, as far as blocks and statements tell.
fn is_alive(
    frame: &Frame,
    lines: &[String],
    place: (usize, usize),
    end: (usize, usize),
    sources: &Sources,
) -> bool {
    let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
    let site = Place {
        file: frame.file.clone(),
        line: number(place.0),
        column: number(place.1),
        ..Place::default()
    };
    let Some(call) = Call::read(&site, sources) else { return false };
    let mut depth = 0_i32;
    let mut has_statement_ended = false;
    let mut between = String::new();
    for (index, line) in lines.iter().enumerate().take(end.0 + 1).skip(place.0) {
        let until = if index == end.0 { end.1 } else { usize::MAX };
        let from = if index == place.0 { place.1 } else { 0 };
        let code: String = line.chars().take(until).skip(from).collect();
        let code = code.split("//").next().unwrap_or_default();
        for character in code.chars() {
            depth += i32::from(character == '{') - i32::from(character == '}');
            has_statement_ended |= character == ';';
            if depth < 0 {
                return false;
            }
        }
        between.push_str(code);
        between.push('\n');
    }
    if call.is_bound() {
        let variable = call.head.trim_start_matches("let ").trim_start_matches("mut ");
        let variable =
            variable.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        return variable != "_" && !between.contains(&format!("drop({variable})"));
    }
    !has_statement_ended || depth > 0 && in_head(&call, sources.edition(&frame.file)).is_some()
}
