//! Functions that give their guard to their caller, as their source shows.

use lockdep_report::advice::{Advice, Spot, Way};
use lockdep_report::model::Report;
use lockdep_report::place::{Frame, Place};

use super::call::{Call, bare, begins_function};
use crate::source::Sources;

/// How far above a call its function begins at most.
const MAX_LINES: usize = 200;

/// Names the first caller that does not give the guard on for each place whose stack is known, and
/// puts it into the advice: what is further in is no line to change.
pub(super) fn leave(report: &mut Report, sources: &Sources) {
    let of_cycle = report.cycle.iter_mut().flat_map(|step| {
        let held = (&mut step.held_site, &step.frames_held);
        [held, (&mut step.acquire_site, &step.frames_acquire)]
            .map(|(site, stack)| (site, stack.frames.as_slice(), stack.exact))
    });
    let locks = report.conflict.iter_mut().chain(&mut report.subject);
    let of_locks = locks.map(|lock| (&mut lock.site, lock.frames.as_slice(), lock.exact));
    let mut left: Vec<(Place, Place)> = Vec::new();
    for (site, frames, _) in of_cycle.chain(of_locks).filter(|(_, _, is_exact)| *is_exact) {
        let Some(caller) = outside(site, frames, sources) else { continue };
        site.caller = Some(Box::new(caller.clone()));
        site.in_wrapper = true;
        left.push((bare(site), bare(&caller)));
    }
    for spot in report.help.iter_mut().filter_map(spot) {
        let Some((site, caller)) = left.iter().find(|(site, _)| *site == spot.at) else { continue };
        // A spot of the holder says more.
        if !matches!(spot.way, Way::Through(_)) {
            *spot = Spot { at: caller.clone(), way: Way::Through(site.clone()) };
        }
    }
}

fn spot(advice: &mut Advice) -> Option<&mut Spot> {
    match advice {
        Advice::TakeBefore { at, .. }
        | Advice::ChangeOther { at, .. }
        | Advice::TryLock { at: Some(at), .. }
        | Advice::DropGuard { made: at } => Some(at),
        _ => None,
    }
}

/// The first caller outside of the functions that give the guard on, if it is further out than the
/// one that is known.
fn outside(site: &Place, frames: &[Frame], sources: &Sources) -> Option<Place> {
    let is_there = |frame: &Frame, place: &Place| (&frame.file, frame.line) == (&place.file, place.line);
    let taken = frames.iter().position(|frame| is_there(frame, site))?;
    let n_wrappers = frames[taken..].iter().take_while(|frame| gives_on(frame, sources)).count();
    let caller = frames.get(taken + n_wrappers).filter(|_| n_wrappers > 0)?;
    let known = site.caller.as_deref().filter(|_| site.in_wrapper);
    let is_further = |known: &Place| frames[taken + n_wrappers..].iter().any(|frame| is_there(frame, known));
    if known.is_some_and(is_further) {
        return None;
    }
    let Frame { function, file, line, column } = caller.clone();
    Some(Place { file, line, column, function: Some(function), ..Place::default() })
}

/// Whether what the call at the place of a frame returns is what its function returns, or a part of
/// it.
pub(super) fn gives_on(frame: &Frame, sources: &Sources) -> bool {
    let Frame { file, line, column, .. } = frame.clone();
    let Some(call) = Call::read(&Place { file, line, column, ..Place::default() }, sources) else {
        return false;
    };
    if call.is_temporary() {
        return false;
    }
    let is_path = |text: &str| text.chars().all(|c| c.is_alphanumeric() || "_.:&".contains(c));
    let is_last = match call.head.strip_prefix("return ") {
        Some(value) => is_path(value) && call.rest.ends_with(';'),
        None => is_path(&call.head) && call.rest.ends_with('}') && depth_in_function(&call) == Some(1),
    };
    is_last || is_in_last_value(&call)
}

/// Whether the type that the function of a frame returns may hold a guard: it has a lifetime, or is
/// called a guard.
pub(super) fn returns_guard(frame: &Frame, sources: &Sources) -> bool {
    let Some(lines) = sources.lines(&frame.file) else { return false };
    let Some(last) = (frame.line as usize).checked_sub(1).filter(|last| *last < lines.len()) else {
        return false;
    };
    let mut above = (last.saturating_sub(MAX_LINES)..=last).rev();
    let Some(start) = above.find(|&index| begins_function(&lines[index])) else { return false };
    let text: Vec<&str> =
        lines[start..=last].iter().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let text = text.join(" ");
    let signature = text.split('{').next().unwrap_or_default();
    let signature = signature.split(" where ").next().unwrap_or_default();
    let returned = signature.rsplit_once("->").map_or("", |(_, returned)| returned);
    returned.contains('\'') || returned.contains("Guard")
}

/// Whether the function ends with a value that the call is a part of: `Some(self.lock())`,
/// `View { guard: self.lock() }`.
fn is_in_last_value(call: &Call) -> bool {
    let Some(text) = from_function(call) else { return false };
    let Some((_, body)) = text.split_once('{') else { return false };
    let value = body.rsplit(';').next().unwrap_or(body).trim_start();
    // Behind the call come only the ends of what is made, and other fields.
    let arguments = call.rest.find(')').map_or("", |end| &call.rest[end + 1..]);
    let arguments =
        [".unwrap()", "?"].iter().fold(arguments, |rest, end| rest.strip_prefix(end).unwrap_or(rest));
    let is_end = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_:,)}&".contains(c);
    is_made_up_to(value) && arguments.chars().all(is_end) && call.rest.ends_with('}')
}

/// Whether a text is the beginning of a value that is made of others, up to the path of one.
fn is_made_up_to(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_path = |c: char| is_word(c) || ".&".contains(c);
    let mut rest = text;
    let mut is_inside = false;
    loop {
        // A path, and the name of the field that it is for.
        rest = rest.trim_end().trim_end_matches(is_path).trim_end();
        if let Some(field) = rest.strip_suffix(':').filter(|field| !field.ends_with(':')) {
            rest = field.trim_end_matches(is_word).trim_end();
        }
        if let Some(before) = rest.strip_suffix(',') {
            rest = before;
            continue;
        }
        let Some(before) = rest.strip_suffix(['{', '(']) else { return is_inside && rest.is_empty() };
        let before = before.trim_end();
        let path = before.trim_end_matches(|c: char| is_word(c) || c == ':');
        let name = before[path.len()..].rsplit("::").next().unwrap_or_default();
        if name != "new" && !name.starts_with(char::is_uppercase) {
            return false;
        }
        is_inside = true;
        rest = path;
        if rest.is_empty() {
            return true;
        }
    }
}

/// How many blocks of its function a call is in.
fn depth_in_function(call: &Call) -> Option<usize> {
    let text = from_function(call)?;
    text.matches('{').count().checked_sub(text.matches('}').count())
}

/// The text from the beginning of its function to a call.
fn from_function(call: &Call) -> Option<String> {
    let above = (call.index.saturating_sub(MAX_LINES)..=call.index).rev();
    let start = above.into_iter().find(|&index| begins_function(&call.lines[index]))?;
    let to_call =
        call.lines[start..=call.index].iter().map(|line| line.split("//").next().unwrap_or_default());
    let text: Vec<&str> = to_call.collect();
    let text = text.join("\n");
    // Up to the call on its own line.
    let end = text.rfind(call.rest.lines().next().unwrap_or_default()).filter(|_| !call.rest.is_empty());
    Some(text[..end.unwrap_or(text.len())].to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lone, with_source};
    use super::*;

    #[test]
    fn the_holder_behind_three_wrappers_is_found_by_those_of_the_first_acquisition() {
        let text = "fn take(&self) {\n    self.m.lock()\n}\nfn acquire(&self) {\n    self.take()\n}\nfn view(&self) {\n    View { \
                    guard: self.inner.acquire() }\n}\nfn names(&self) {\n    self.view().len()\n}\nfn refresh(&self) {\n    let \
                    mut view = self.view();\n    report(self);\n}\nfn start(&self) {\n    let view = self.view();\n}\n";
        let frame = |function: &str, line, column| Frame {
            function: format!("app::{function}"),
            file: "a.rs".into(),
            line,
            column,
        };
        let wrappers = [frame("take", 2, 12), frame("acquire", 5, 10), frame("view", 8, 30)];
        let main = frame("main", 90, 1);
        let first = [&wrappers[..], &[frame("start", 18, 21), main.clone()]].concat();
        let wanted = [&wrappers[..], &[frame("names", 11, 10), frame("refresh", 15, 5), main]].concat();
        with_source(text, |sources| {
            let mut report = lone(&wrappers[..1], &wanted);
            report.conflict.as_mut().expect("given").first_seen = first;
            super::super::add(&mut report, sources);
            let (held, wanted) = report.conflict.as_ref().zip(report.subject.as_ref()).expect("given");
            let callers = [held, wanted].map(|lock| lock.site.outside_wrapper().line);
            assert_eq!(callers, [14, 11], "`refresh` holds, `names` wants: {report:?}");
            let lines: Vec<u32> = held.frames.iter().map(|frame| frame.line).collect();
            assert_eq!((lines, held.exact), (vec![2, 5, 8, 14, 90], false));
            assert!(
                matches!(&report.help[0], Advice::UnderCall { call, .. } if call.line == 15),
                "{report:?}"
            );
        });
    }

    #[test]
    fn a_function_may_return_a_guard_if_its_type_has_a_lifetime() {
        for (signature, may) in [
            ("fn get(&'a self) -> Option<Ref<'a, K>>", true),
            ("fn lock(&self) -> MutexGuard<T>", true),
            ("fn get<Q>(\n    &self,\n) -> Option<Ref<'_>>\nwhere\n    Q: Eq,\n", true),
            ("fn full(runtime: &'a Runtime) -> Result<Self>", false),
            ("fn len(&self) -> usize", false),
            ("fn push(&'a self)", false),
            ("fn map<F>(&self, f: F) -> usize where F: Fn(&'a str) -> u8", false),
        ] {
            let text = format!("{signature} {{\n    self.m.lock()\n}}\n");
            let line = u32::try_from(text.lines().count() - 1).expect("small");
            with_source(&text, |sources| {
                let frame = Frame { function: "f".into(), file: "a.rs".into(), line, column: 12 };
                assert_eq!(returns_guard(&frame, sources), may, "{signature}");
            });
        }
    }

    #[test]
    fn a_function_gives_on_what_it_returns_and_what_it_makes_of_it() {
        let gives = |body: &str| {
            let text = format!("fn view(&self) -> View<'_> {{\n    {body}\n}}\n");
            let at = text.find("lock()").expect("a call");
            let (line, column) =
                (text[..at].matches('\n').count(), at - text[..at].rfind('\n').map_or(0, |at| at + 1));
            let number = |n: usize| u32::try_from(n + 1).expect("small");
            let mut given = None;
            with_source(&text, |sources| {
                let frame = Frame {
                    function: "view".into(),
                    file: "a.rs".into(),
                    line: number(line),
                    column: number(column),
                };
                given = Some(gives_on(&frame, sources));
            });
            given.expect("read")
        };
        for body in [
            "self.m.lock()",
            "self.m.lock().unwrap()",
            "return self.m.lock();",
            "View { guard: self.m.lock() }",
            "View { all: self, guard: self.m.lock().unwrap() }",
            "View { guard: self.m.lock(), all: self }",
            "Some(self.m.lock())",
            "Ok(View::new(self, self.m.lock()))",
            "count();\n    View {\n        guard: self.m.lock().unwrap(),\n    }",
        ] {
            assert!(gives(body), "{body}");
        }
        for body in [
            "self.m.lock().len()",
            "len(self.m.lock())",
            "View::new(self.m.lock()).len()",
            "self.m.lock();",
            "let guard = self.m.lock();\n    guard.len()",
            "if is_open { Some(self.m.lock().n) } else { None }",
            "*self.m.lock()",
        ] {
            assert!(!gives(body), "{body}");
        }
    }
}
