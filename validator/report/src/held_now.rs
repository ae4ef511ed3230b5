//! The stack of a held lock, where the one that was recorded may be that of another path.
//!
//! A stack is captured where a chain is first seen. Later acquisitions at the same place may have
//! come another way. What is certain is the stack of the acquisition that is wanted now: if the
//! function that acquired the held lock is active on it, that frame and everything outside it are
//! the holder's stack.

use super::model::Report;
use super::place::{Frame, Place};
use super::places::{is_at, same_file};

/// Replaces each doubtful stack of a held lock by what the stack of the wanted one shows.
pub(super) fn complete(report: &mut Report) {
    for step in &mut report.cycle {
        if !step.frames_held.exact && step.frames_acquire.exact {
            let (frames, exact) =
                completed(&step.held_site, &step.frames_held.frames, &step.frames_acquire.frames);
            let first_seen = std::mem::replace(&mut step.frames_held.frames, frames);
            step.frames_held.exact = exact;
            step.frames_held.first_seen = if exact { Vec::new() } else { first_seen };
        }
    }
    let Some(wanted) = report.subject.as_ref().filter(|wanted| wanted.exact) else { return };
    // Of several locks that one place acquired, the function that is active may hold any.
    let sites: Vec<Place> = report.held.iter().map(|held| held.site.clone()).collect();
    for held in report.conflict.iter_mut().chain(&mut report.held).filter(|held| !held.exact) {
        let n_at_place = sites.iter().filter(|site| **site == held.site).count();
        let (frames, exact) = completed(&held.site, &held.frames, &wanted.frames);
        held.exact = exact && n_at_place <= 1;
        let first_seen = std::mem::replace(&mut held.frames, frames);
        held.first_seen = if held.exact { Vec::new() } else { first_seen };
    }
}

/// The stack of the held lock, and whether it is certain. Frames that rest on a guess are left out.
fn completed(site: &Place, held: &[Frame], wanted: &[Frame]) -> (Vec<Frame>, bool) {
    // No stack may be known of this place, where another one was first with the chain. If the lock
    // is wanted there as well, its function is known.
    let at_place = if held.is_empty() { function_at(site, wanted) } else { None };
    let held = at_place.as_ref().map_or(held, std::slice::from_ref);
    let Some(taken) = held.iter().position(|frame| is_at(frame, site)) else { return (Vec::new(), false) };
    let maker = &held[taken];
    let way = n_on_one_way(&held[taken..], wanted);
    // The innermost frame at the place itself is the acquisition that is wanted, not one that
    // holds.
    let holds = |(index, frame): &(usize, &Frame)| {
        // On one line the call further left comes first.
        let is_wanted = *index < way || *index == 0 && is_at(frame, site) && frame.column <= site.column;
        frame.line >= site.line && !is_wanted && is_same(frame, maker)
    };
    let with = |own: &[Frame], at: usize| own.iter().chain(&wanted[at + 1..]).cloned().collect();
    let mut active = wanted.iter().enumerate().filter(holds).map(|(index, _)| index);
    if let Some(at) = active.next() {
        return (with(&held[..=taken], at), active.next().is_none());
    }
    // A wrapper that has returned: its caller is a fact only where it is active as well, and it may
    // still be another call.
    let caller = held.get(taken + 1).and_then(|caller| {
        let is_after = |frame: &Frame| frame.line >= caller.line && is_same(frame, caller);
        wanted[way..].iter().position(is_after).map(|at| way + at)
    });
    match caller {
        Some(at) => (with(&held[..=taken + 1], at), false),
        // What is outside of the wrapper may be another caller than the one that holds.
        None => (vec![maker.clone()], false),
    }
}

/// The frame of the function that acquired at a place, as it was then, by the stack of the lock
/// that is wanted.
fn function_at(site: &Place, wanted: &[Frame]) -> Option<Frame> {
    let at = wanted.iter().position(|frame| is_at(frame, site))?;
    // A closure on the line of its function runs in a call behind the acquisition.
    let is_before = |frame: &&Frame| {
        is_at(frame, site)
            && site.column < frame.column
            && wanted[at].function.strip_prefix(frame.function.as_str()).is_some_and(is_closure_in)
    };
    let frame = wanted[at + 1..].iter().find(is_before).unwrap_or(&wanted[at]);
    Some(Frame { column: site.column, ..frame.clone() })
}

fn is_closure_in(rest: &str) -> bool {
    rest.starts_with("::{{closure}}")
}

/// How many of the innermost frames both acquisitions have: they went the same way through
/// wrappers, and the frames of the one that is wanted hold nothing. If the whole way is the same,
/// it may be a loop that holds what it took in the round before.
fn n_on_one_way(held: &[Frame], wanted: &[Frame]) -> usize {
    let n_same = held.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    if n_same == wanted.len() { 0 } else { n_same }
}

/// Whether two frames are of one function. Where it was inlined its name may have no path.
fn is_same(a: &Frame, b: &Frame) -> bool {
    let (long, short) = if a.function.len() >= b.function.len() { (a, b) } else { (b, a) };
    let is_named_so = long
        .function
        .strip_suffix(short.function.as_str())
        .is_some_and(|path| path.is_empty() || (path.ends_with("::") && !short.function.contains("::")));
    !short.function.is_empty() && is_named_so && same_file(&a.file, &b.file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(list: &[(&str, u32)]) -> Vec<Frame> {
        let frame = |&(function, line): &(&str, u32)| Frame {
            function: function.into(),
            file: "src/a.rs".into(),
            line,
            column: 5,
        };
        list.iter().map(frame).collect()
    }

    /// What is known of the stack of the lock that is held since the first line of `held`.
    fn known(held: &[(&str, u32)], wanted: &[(&str, u32)]) -> (Vec<(String, u32)>, bool) {
        let site = Place { file: "src/a.rs".into(), line: held[0].1, column: 20, ..Place::default() };
        let (frames, exact) = completed(&site, &frames(held), &frames(wanted));
        (frames.into_iter().map(|frame| (frame.function, frame.line)).collect(), exact)
    }

    fn list(list: &[(&str, u32)]) -> Vec<(String, u32)> {
        list.iter().map(|&(function, line)| (function.to_owned(), line)).collect()
    }

    #[test]
    fn the_function_that_holds_is_on_the_stack_and_so_is_its_caller() {
        let first = [("each", 10), ("startup", 90), ("main", 99)];
        let now = [("look", 40), ("callback", 30), ("each", 12), ("dump", 70), ("main", 98)];
        assert_eq!(known(&first, &now), (list(&[("each", 10), ("dump", 70), ("main", 98)]), true));
        // One function that locks twice.
        assert_eq!(known(&first, &[("each", 14), ("dump", 70)]), (list(&[("each", 10), ("dump", 70)]), true));
    }

    #[test]
    fn the_function_of_the_place_is_known_if_the_lock_is_wanted_there_as_well() {
        let site = Place { file: "src/a.rs".into(), line: 10, column: 20, ..Place::default() };
        let now = frames(&[("each", 10), ("callback", 30), ("each", 12), ("main", 98)]);
        let (held, exact) = completed(&site, &[], &now);
        let mut expected = frames(&[("each", 10), ("main", 98)]);
        expected[0].column = 20;
        assert_eq!((held, exact), (expected, true), "where it acquired, not where it is now");
        let elsewhere = frames(&[("look", 40), ("callback", 30), ("each", 12), ("main", 98)]);
        assert_eq!(completed(&site, &[], &elsewhere), (Vec::new(), false));
        // `each` has a closure on the line of the acquisition, which the call behind it runs.
        let mut now = frames(&[("look", 40), ("each::{{closure}}", 10), ("each", 10), ("main", 98)]);
        (now[1].column, now[2].column) = (40, 30);
        let (held, exact) = completed(&site, &[], &now);
        let held: Vec<_> = held.iter().map(|frame| (frame.function.as_str(), frame.column)).collect();
        assert_eq!((held, exact), (vec![("each", 20), ("main", 5)], true));
        // The closure acquired it, for a call of its own further right.
        now[2].column = 8;
        assert_eq!(completed(&site, &[], &now).0[0].function, "each::{{closure}}");
    }

    #[test]
    fn a_call_before_the_acquisition_and_the_acquisition_itself_hold_nothing() {
        let first = [("each", 10), ("startup", 90), ("main", 99)];
        let only = (list(&[("each", 10)]), false);
        assert_eq!(known(&first, &[("look", 40), ("each", 8), ("dump", 70)]), only);
        assert!(!known(&first, &[("each", 10), ("dump", 70), ("main", 99)]).1);
        assert_eq!(known(&first, &[("look", 40), ("dump", 70)]), only, "the path was not recorded");
    }

    #[test]
    fn a_caller_that_has_returned_is_another_one_perhaps() {
        let first = [("lock", 10), ("read", 30), ("get", 50), ("one", 80), ("main", 99)];
        let maker = (list(&first[..1]), false);
        assert_eq!(known(&first, &[("write", 40), ("one", 81), ("main", 98)]), maker, "`read` and `get`");
        let now = [("keep", 82), ("app::one", 38), ("main", 99)];
        for closure in ["app::one::{{closure}}", "{closure#1}"] {
            let first = [("lock", 76), (closure, 28), ("early", 51), ("app::one", 28), ("main", 99)];
            assert_eq!(known(&first, &now), (list(&first[..1]), false), "`early` is another path");
        }
    }

    #[test]
    fn the_recorded_stack_is_kept_beside_what_is_certain() {
        let mut found = crate::tests::report(&crate::tests::inversion());
        let step = &mut found.cycle[0];
        let first = frames(&[("lock", 10), ("start", 30), ("main", 99)]);
        step.frames_held.frames.clone_from(&first);
        step.frames_held.exact = false;
        step.frames_acquire.frames = frames(&[("look", 40), ("hold", 43), ("main", 98)]);
        step.held_site = Place { file: "src/a.rs".into(), line: 10, column: 20, ..Place::default() };
        complete(&mut found);
        let held = &found.cycle[0].frames_held;
        assert_eq!((held.frames.as_slice(), held.first_seen.as_slice()), (&first[..1], &first[..]));
        assert!(found.cycle[1].frames_held.first_seen.is_empty(), "it is exact");
    }

    #[test]
    fn a_function_that_takes_both_on_one_line_holds_the_first() {
        let first = frames(&[("eq", 10), ("one", 19), ("main", 99)]);
        let mut now = frames(&[("eq", 10), ("two", 20), ("main", 99)]);
        let site = Place { file: "src/a.rs".into(), line: 10, column: 5, ..Place::default() };
        assert!(!completed(&site, &first, &now).1, "the same call");
        now[0].column = 48;
        let (frames, exact) = completed(&site, &first, &now);
        assert_eq!(
            (frames.iter().map(|frame| frame.line).collect::<Vec<_>>(), exact),
            (vec![10, 20, 99], true)
        );
    }

    #[test]
    fn the_wrappers_on_the_way_of_the_wanted_lock_hold_nothing() {
        let first = [("raw", 8), ("lock", 11), ("len", 23), ("warm", 32), ("main", 99)];
        let now = [("raw", 8), ("lock", 11), ("len", 23), ("look", 48), ("hold", 43), ("main", 98)];
        assert_eq!(known(&first, &now), (list(&first[..1]), false), "neither `look` nor `hold`");
        let first = [("lock", 32), ("wait", 222), ("main", 99)];
        let again = [("lock", 32), ("wait", 222), ("wake", 15), ("wait", 231), ("main", 99)];
        assert_eq!(known(&first, &again), (list(&first), false), "the outer run of `wait` holds it");
        assert_eq!(known(&first, &first), (list(&first), false), "a loop");
    }

    #[test]
    fn a_returned_wrapper_is_held_by_its_caller_perhaps() {
        let first = [("lock", 10), ("with", 50), ("main", 99)];
        let now = [("lock", 10), ("drop", 60), ("with", 52), ("run", 80)];
        assert_eq!(known(&first, &now), (list(&[("lock", 10), ("with", 50), ("run", 80)]), false));
        let recursive = [("f", 20), ("f", 12), ("f", 12), ("main", 99)];
        assert!(!known(&[("f", 10), ("main", 99)], &recursive).1, "one of several");
    }
}
