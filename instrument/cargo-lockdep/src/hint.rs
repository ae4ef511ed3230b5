//! Advice that needs the source.
//!
//! Two thirds of the repairs of double locks in Rust shorten the life of a guard (Qin et al., PLDI 2020), and the longest
//! lives are those of temporaries. A gate lock is never advised: it is the repair that makes new deadlocks.
//!
//! This reads lines, not syntax trees, so it says nothing where it is not sure: about a guard that a pattern binds, a call
//! inside a closure, or a place whose source cannot be read.

use lockdep_validator::report::model::{Frame, Place, Report};
use lockdep_validator::report::render::index_of_column;

use call::{Call, text_between, without_label};

use crate::source::Sources;

mod call;
#[cfg(test)]
mod tests;
mod wrapper;

/// How the advice begins that the report gives where nobody looked at the source.
const GENERAL: &str = "a guard in the head of a `match`";

/// Puts what the source shows in front of the report's own advice.
pub(crate) fn add(report: &mut Report, sources: &Sources) {
    let mut advice: Vec<String> = Vec::new();
    let mut was_read = false;
    for sighting in sightings(report) {
        let Some(call) = Call::read(sighting.held, sources) else { continue };
        // A guard that is neither kept here nor gone with its statement may be handed to the caller, who is not looked at.
        was_read |= call.is_temporary() || call.is_bound() || sighting.held.caller.is_none();
        if let Some(sentence) = long_life(&sighting, &call, sources)
            && !advice.contains(&sentence)
        {
            advice.push(sentence);
        }
    }
    if let Some(site) = macro_of_both(report, sources) {
        was_read = true;
        advice.push(format!(
            "both acquisitions are in what the macro at {site} writes (`cargo expand` shows it): the macro's crate has to end \
             the first guard, so look for a newer version of it"
        ));
    }
    advice.extend(under_guard(report, sources));
    if let Some(sentence) = wrapper::earlier_call(report, sources) {
        was_read = true;
        report.help.retain(|general| !general.starts_with(wrapper::GENERAL));
        advice.push(sentence);
    }
    // The source decides whether that is it.
    report.help.retain(|sentence| {
        let is_answered = was_read && sentence.starts_with(GENERAL);
        !is_answered && !advice.contains(sentence)
    });
    advice.append(&mut report.help);
    report.help = advice;
}

/// A lock that was held where another was taken.
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
        held: &step.held_site,
        wanted_class: &step.to,
        wanted: &step.acquire_site,
        frames_held: &step.frames_held.frames,
        frames_wanted: &step.frames_acquire.frames,
    });
    let alone = report.conflict.iter().zip(&report.subject).map(|(held, wanted)| Sighting {
        class: &held.class,
        held: &held.site,
        wanted_class: &wanted.class,
        wanted: &wanted.site,
        frames_held: &held.frames,
        frames_wanted: &wanted.frames,
    });
    of_cycle.chain(alone).collect()
}

/// The macro that wrote both acquisitions of a recursion: its place stands for everything that it writes.
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
    let text: String = line.chars().skip(index_of_column(line, held.site.column)).collect();
    let after_name = text.trim_start_matches(|c: char| c.is_alphanumeric() || "_:".contains(c));
    let is_call =
        after_name.len() < text.len() && after_name.starts_with('!') && !after_name.starts_with("!=");
    (text.starts_with("#[") || is_call).then_some(&held.site)
}

/// The call that is made under a guard and comes back to its lock, where no stack of the first acquisition tells it: the next
/// line below the acquisition, in the same function, that is on the stack of the second.
fn under_guard(report: &Report, sources: &Sources) -> Option<String> {
    let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref())?;
    if !["LD0001", "LD0014"].contains(&report.code.as_str()) || !held.frames.is_empty() {
        return None;
    }
    let is_below = |frame: &Frame| frame.file == held.site.file && frame.line >= held.site.line;
    let below = wanted.frames.iter().enumerate().skip(1).filter(|(_, frame)| is_below(frame));
    let (index, frame) = below.min_by_key(|(_, frame)| frame.line)?;
    let lines = sources.lines(&held.site.file)?;
    let between = lines.get(held.site.line as usize..frame.line as usize)?;
    (!between.iter().any(|line| begins_function(line)))
        .then(|| lockdep_validator::report::under_guard::sentence(&held.class, &wanted.frames, index))
}

/// Whether a function may begin in a line.
fn begins_function(line: &str) -> bool {
    let head = line.split("//").next().unwrap_or_default().split('(').next().unwrap_or_default();
    head.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "fn")
}

/// Says so if the guard lives longer than the place where it is made suggests.
fn long_life(sighting: &Sighting<'_>, call: &Call, sources: &Sources) -> Option<String> {
    if !call.is_temporary() {
        return None;
    }
    let edition = sources.edition(&sighting.held.file);
    one_statement(sighting, call)
        .or_else(|| in_head(sighting, call, edition))
        .or_else(|| in_tail(sighting, call, edition))
}

/// A temporary in the head of a `match` or its like lives as long as the whole.
fn in_head(sighting: &Sighting<'_>, call: &Call, edition: Option<u16>) -> Option<String> {
    let head = without_label(&call.head);
    let keyword = ["if let", "while let", "match", "for"]
        .into_iter()
        .find(|keyword| head.strip_prefix(keyword).is_some_and(|rest| rest.starts_with([' ', '(', '&'])))?;
    // Behind the pattern stands the expression; a bar in it may begin a closure, whose body is no part of the head.
    let expression = match keyword {
        "match" => head,
        "for" => head.split_once(" in ")?.1,
        _ => head.split_once('=')?.1,
    };
    if expression.contains('|') {
        return None;
    }
    let until = match (keyword, edition) {
        ("if let", Some(2024..)) => "to the end of its block (not of its `else`)".to_owned(),
        ("if let", Some(_)) => {
            "to the end of the whole `if let`, its `else` included, before edition 2024".to_owned()
        }
        ("if let", None) => {
            "to the end of the whole `if let` (before edition 2024 of its `else` too)".to_owned()
        }
        ("for", _) => "through the whole loop".to_owned(),
        (other, _) => format!("to the end of the whole `{other}`"),
    };
    let article = if keyword == "if let" { "an" } else { "a" };
    Some(format!(
        "the guard of `{}` made at {} is a temporary in the head of {article} `{keyword}` (line {}) and lives {until}: \
         put what you need of it into a `let` before it",
        sighting.class,
        sighting.held,
        call.start + 1
    ))
}

/// Two temporaries of one statement live to its end, both of them.
fn one_statement(sighting: &Sighting<'_>, call: &Call) -> Option<String> {
    let wanted = sighting.wanted;
    if wanted.file != sighting.held.file {
        return None;
    }
    let line = (wanted.line as usize).checked_sub(1)?;
    let column = index_of_column(call.lines.get(line)?, wanted.column);
    let held = (call.index, index_of_column(&call.lines[call.index], sighting.held.column));
    let (first, second) = if held < (line, column) { (held, (line, column)) } else { ((line, column), held) };
    let between = text_between(&call.lines, first, second)?;
    // A guard that a closure makes ends with the closure; one that is there before outlives it.
    let is_in_closure = call.head.contains('|') || first != held && between.contains('|');
    if between.contains([';', '{', '}']) || between.contains("=>") || is_in_closure {
        return None;
    }
    Some(format!(
        "the guard of `{}` made at {} is a temporary and lives to the end of its statement, in which `{}` is wanted too: \
         put what you need of it into a `let` of its own, before",
        sighting.class, sighting.held, sighting.wanted_class
    ))
}

/// Before edition 2024 a temporary in the last expression of a block outlives the block's own variables, so that their
/// destructors run under it.
fn in_tail(sighting: &Sighting<'_>, call: &Call, edition: Option<u16>) -> Option<String> {
    if edition.is_none_or(|edition| edition >= 2024) || !call.rest.ends_with('}') {
        return None;
    }
    let is_let = call.head.starts_with("let ") || call.head.starts_with("return");
    let holder = sighting.frames_held.first()?;
    // The other lock is taken by a destructor, which runs where the block of the same function ends.
    let at = sighting.frames_wanted.iter().position(|frame| frame.function == holder.function)?;
    let by_drop = sighting.frames_wanted[..at].iter().any(|frame| frame.function.contains("Drop>::drop"));
    let is_after = sighting.frames_wanted[at].line >= sighting.held.line;
    if is_let || !by_drop || !is_after {
        return None;
    }
    Some(format!(
        "the guard of `{}` made at {} is a temporary in the last expression of its block and, before edition 2024, outlives the \
         block's variables, whose destructor wants `{}`: put the value into a `let`, and the name of it last",
        sighting.class, sighting.held, sighting.wanted_class
    ))
}
