//! A guard that a wrapper has returned, found in the source of the active functions.
//!
//! The place of such an acquisition is the wrapper's line, which says nothing about the holder.
//! The runtime has the stack of the first acquisition through that line only. The source shows
//! which of the active functions called the wrapper before, and still has what it returned. Where
//! it shows several, nothing is said.

use lockdep_report::advice::{Advice, Spot, Way};
use lockdep_report::model::Report;
use lockdep_report::note::Note;
use lockdep_report::place::{Frame, Place};

use super::call::{Call, bare, begins_function, in_head};
use super::giving::{gives_on, returns_guard};
use crate::columns::index_of_call;
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
    let known = wrappers(&held.frames, &held.first_seen, sources);
    let Some(holder) = holder(&held.site, &known, &wanted.frames, sources) else {
        if n_on_one_way(&held.frames, &wanted.frames) > 1 {
            // No active function has a guard of these wrappers: another one gave it away.
            held.frames.truncate(1);
            let note = Note::PathNotRecorded { class: held.class.clone() };
            report.notes.retain(|known| *known != note);
            report.notes.push(note);
        }
        return None;
    };
    holder.name_callers(&mut held.site, &mut wanted.site, &wanted.frames);
    let made = Spot { at: bare(held.site.outside_wrapper()), way: Way::Through(bare(&held.site)) };
    held.frames = holder.stack(&wanted.frames);
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
        let known = self::wrappers(&held.frames, &held.first_seen, sources);
        let Some(holder) = holder(&step.held_site, &known, wanted, sources) else { continue };
        report.notes.retain(|note| !matches!(note, Note::PathNotRecorded { class } if *class == step.from));
        wrappers.extend(holder.wrappers.iter().map(|wrapper| wrapper.function.clone()));
        holder.name_callers(&mut step.held_site, &mut step.acquire_site, wanted);
        held.frames = holder.stack(wanted);
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
        let outside = stack.frames.iter().position(|frame| !is_wrapper(frame));
        let known = site.caller.as_deref().filter(|_| site.in_wrapper).and_then(|caller| {
            stack.frames.iter().position(|frame| (frame.line, &frame.file) == (caller.line, &caller.file))
        });
        if let (Some(first), Some(outside)) = (stack.frames.first(), outside)
            && is_wrapper(first)
            && known.is_none_or(|known| known < outside)
        {
            name_caller(site, &stack.frames[outside]);
        }
    }
}

/// The active function that has the guard of a wrapper.
struct Holder {
    /// Its index in the stack of the lock that is wanted.
    index: usize,
    /// Its call of the wrapper.
    call: Frame,
    /// The wrappers that gave the guard on to each other, the one that made it first.
    wrappers: Vec<Frame>,
}

impl Holder {
    /// Says who called the wrappers, for the guard and, if it is called again, for the lock that is
    /// wanted.
    fn name_callers(&self, held: &mut Place, acquire: &mut Place, wanted: &[Frame]) {
        let is_wrapper =
            |frame: &Frame| self.wrappers.iter().any(|wrapper| wrapper.function == frame.function);
        name_caller(held, &self.call);
        let again = wanted.iter().find(|frame| !is_wrapper(frame));
        if wanted.first().is_some_and(is_wrapper)
            && let Some(again) = again
        {
            name_caller(acquire, again);
        }
    }

    /// The stack of the guard.
    fn stack(&self, wanted: &[Frame]) -> Vec<Frame> {
        let wrappers = self.wrappers.iter().chain(std::iter::once(&self.call));
        wrappers.chain(&wanted[self.index + 1..]).cloned().collect()
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
    let longer = [&held[..1], outer_wrappers(held, wanted, sources)].concat();
    let held = if held.len() == 1 { &longer } else { held };
    let way = n_on_one_way(held, wanted);
    for (n_inner, wrapper) in held.iter().enumerate() {
        // Further out begins what called all of them, on the path that is known.
        if n_inner > 0 && wanted[way..].iter().any(|frame| frame.function == wrapper.function) {
            break;
        }
        let name = wrapper.function.rsplit("::").next().filter(|name| !name.starts_with('{'))?;
        let others = wanted.iter().enumerate().filter(|(_, frame)| frame.function != maker.function);
        let calls = others.flat_map(|(index, frame)| {
            living_calls(frame, name, sources).into_iter().map(move |call| (index, call))
        });
        let mut calls: Vec<(usize, Frame)> = calls.collect();
        // What a function keeps, its closures see as well.
        let found = calls.clone();
        let is_same = |a: &Frame, b: &Frame| (&a.file, a.line, a.column) == (&b.file, b.line, b.column);
        calls.retain(|(index, call)| {
            !found.iter().any(|(outer, other)| outer > index && is_same(call, other))
        });
        let Some(&(index, _)) = calls.first() else { continue };
        // Of several in one function, the one on the path that is known.
        let known = |call: &Frame| {
            calls.len() == 1
                || held
                    .get(n_inner + 1)
                    .is_some_and(|frame| frame.function == call.function && frame.line == call.line)
        };
        let is_one_function = calls.iter().all(|call| call.0 == index);
        let call = calls.iter().map(|(_, call)| call).find(|call| known(call));
        return call.filter(|_| is_one_function).map(|call| Holder {
            index,
            call: call.clone(),
            wrappers: held[..=n_inner].to_vec(),
        });
    }
    None
}

/// The functions that gave the guard on to each other, the one that made it first: those of the
/// stack that is known, or else those of the first acquisition there which the source shows to give
/// it on.
fn wrappers(held: &[Frame], first_seen: &[Frame], sources: &Sources) -> Vec<Frame> {
    let taken = held.first().and_then(|maker| first_seen.iter().position(|frame| frame == maker));
    let outside = taken.map_or(&[][..], |taken| &first_seen[taken + 1..]);
    // The caller of another path is asked only where the type of what it gets may hold a guard.
    let may_give = |frame: &&Frame| gives_on(frame, sources) || returns_guard(frame, sources);
    let given_on = outside.iter().take_while(|_| held.len() == 1).take_while(may_give);
    held.iter().chain(given_on).cloned().collect()
}

/// The functions around the one that made the guard which give it on, as the source shows: those on
/// the way of the lock that is wanted, if it goes through the same wrapper.
fn outer_wrappers<'a>(held: &[Frame], wanted: &'a [Frame], sources: &Sources) -> &'a [Frame] {
    if held.first() != wanted.first() {
        return &[];
    }
    let outside = &wanted[1..];
    let n_wrappers = outside.iter().take_while(|frame| gives_on(frame, sources)).count();
    &outside[..n_wrappers]
}

/// The calls of `name` above the place of a frame, in its function, whose guard is alive there.
fn living_calls(frame: &Frame, name: &str, sources: &Sources) -> Vec<Frame> {
    let Some(lines) = sources.lines(&frame.file) else { return Vec::new() };
    let Some(last) = (frame.line as usize).checked_sub(1).filter(|last| *last < lines.len()) else {
        return Vec::new();
    };
    let end = (last, index_of_call(&lines[last], frame.column));
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

/// The variable from outside of its block that is given the guard (`guard = Some(self.m.lock());`);
/// empty for that of the loop that the guard is the value of (`break self.m.lock();`).
fn kept_outside(call: &Call) -> Option<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (variable, value) = match call.head.strip_prefix("break ") {
        Some(value) => ("", value),
        None => call.head.split_once(" = ").filter(|(name, _)| name.chars().all(is_word))?,
    };
    let value = ["Some(", "Ok("].iter().find_map(|some| value.strip_prefix(some)).unwrap_or(value);
    let is_path = value.chars().all(|c| is_word(c) || ".:".contains(c));
    (is_path && !call.is_temporary()).then_some(variable)
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
    let (mut has_statement_ended, mut has_block_ended) = (false, false);
    let mut between = String::new();
    for (index, line) in lines.iter().enumerate().take(end.0 + 1).skip(place.0) {
        let until = if index == end.0 { end.1 } else { usize::MAX };
        let from = if index == place.0 { place.1 } else { 0 };
        let code: String = line.chars().take(until).skip(from).collect();
        let code = code.split("//").next().unwrap_or_default();
        for character in code.chars() {
            depth += i32::from(character == '{') - i32::from(character == '}');
            has_statement_ended |= character == ';';
            has_block_ended |= depth < 0;
        }
        between.push_str(code);
        between.push('\n');
    }
    if let Some(variable) = kept_outside(&call) {
        return variable.is_empty() || !between.contains(&format!("drop({variable})"));
    }
    if has_block_ended {
        return false;
    }
    if call.is_bound() {
        let variable = call.head.trim_start_matches("let ").trim_start_matches("mut ");
        let variable =
            variable.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        return variable != "_" && !between.contains(&format!("drop({variable})"));
    }
    !has_statement_ended || depth > 0 && in_head(&call, sources.edition(&frame.file)).is_some()
}
