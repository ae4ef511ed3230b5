//! The call under which a lock is wanted that its thread holds already.
//!
//! The two acquisitions of a recursion are often far apart, with a callback or a destructor of
//! other code in between. What its author can change is neither of them, but the call that is made
//! while the guard is alive.

use lockdep_validator::Code;

use super::advice::{Advice, Role};
use super::foreign::inward;
use super::model::{Report, ReportLock};
use super::path::{crate_folder, is_dependency, is_standard_library};
use super::place::{Frame, Place};
use super::places::{around_with, crate_of, is_at, outside_macro, place_of, same_file};

/// Advice about the call, if the stacks show which it is.
pub(super) fn advice(code: Code, report: &Report) -> Vec<Advice> {
    let locks = report.conflict.as_ref().zip(report.subject.as_ref());
    let Some((held, wanted)) = locks.filter(|_| matches!(code, Code::Recursion | Code::RecursiveFairRead))
    else {
        return Vec::new();
    };
    let initialiser = in_initialiser(report, held);
    let of_call = call(held, wanted).map(|call| of_call(&held.class, &wanted.frames, call));
    // The initialiser is that callback.
    let is_same = |advice: &Advice| matches!(advice, Advice::ForeignCall { role: Some(Role::Callback), .. });
    let of_call = of_call.filter(|advice| initialiser.is_none() || !is_same(advice));
    of_call.into_iter().chain(initialiser).collect()
}

/// Advice about an initialiser that runs under the guard, where it is what wants the lock again.
fn in_initialiser(report: &Report, held: &ReportLock) -> Option<Advice> {
    let is_held = |lock: &ReportLock| (&lock.hash, lock.instance) == (&held.hash, held.instance);
    let since = report.held.iter().position(is_held)?;
    let cell = report.held[since + 1..].iter().find(|lock| report.is_initialisation(&lock.hash))?;
    let (class, cell, at) = (held.class.clone(), cell.class.clone(), &cell.site);
    Some(Advice::InInitialiser { class, cell, at: Place { caller: None, in_wrapper: false, ..at.clone() } })
}

/// Returns advice about the call at this index of the stack, which led to the second acquisition.
///
/// ```
/// use lockdep_report::{place::Frame, under_guard::of_call};
/// let frame = |function: &str, line| Frame { function: function.into(), file: "a.rs".into(), line, column: 9 };
/// let stack = [frame("log", 7), frame("<Talkative as core::fmt::Display>::fmt", 40), frame("log", 8)];
/// let advice = of_call("Mutex<File>", &stack, 2);
/// assert!(advice.to_string().contains("`<Talkative as core::fmt::Display>::fmt` runs under the guard"));
/// ```
pub fn of_call(class: &str, frames: &[Frame], call: usize) -> Advice {
    // The function that holds may run a closure of its caller.
    let (with, runs) = (call, around_with(frames, call));
    let call = runs.map_or_else(|| in_closure(frames, call), |(closure, _)| closure);
    let is_destructor = |frame: &&Frame| frame.function.ends_with("core::ops::drop::Drop>::drop");
    // The outermost is what the call lets go.
    let destructor = frames[..call].iter().rposition(|frame| is_destructor(&frame));
    let place = |index: usize| Place { function: None, ..place_of(&frames[outside_macro(frames, index)]) };
    let class = class.to_owned();
    if let Some((closure, writer)) = runs.filter(|_| destructor.is_none()) {
        let callee = frames[closure].function.clone();
        // A closure that is written above the call was there before it, and may be registered.
        let at = |index: usize| (frames[index].line, frames[index].column);
        let is_earlier = at(closure) < at(writer) && same_file(&frames[closure].file, &frames[writer].file);
        let call = (!is_earlier).then(|| place(writer));
        let (out, back) = (place(with), place(closure));
        let role = is_earlier.then_some(Role::Callback);
        return Advice::ForeignCall { class, call, out, callee, back, inside: None, destructor: None, role };
    }
    let crates = foreign(frames, call).filter(|_| destructor.is_none());
    // What the program writes for a library to call says more than the library's function.
    let is_programs = |at: usize| !is_dependency(&frames[at].file) && !frames[at].file.is_empty();
    let says_more = |(at, role): &(usize, Option<Role>)| {
        let is_outside = destructor.is_none_or(|drop| *at > drop);
        is_outside && (crates.is_none() || role.is_some() && is_programs(*at))
    };
    let by_name = inward(frames, call).find(says_more);
    let calls_out = |out: usize| (place(call) != place(out)).then(|| place(call));
    match (by_name, crates) {
        (Some((at, role)), crates) => {
            let out = crates.map_or(at + 1, |(out, _)| out);
            let destructor = destructor.map(|drop| frames[drop].function.clone());
            let callee = without_async(&frames[at].function).to_owned();
            let (call, out, back) = (calls_out(out), place(out), place(at));
            Advice::ForeignCall { class, call, out, callee, back, inside: None, destructor, role }
        }
        (None, Some((out, back))) => {
            let at = callee(frames, out, back);
            let callee = without_async(&frames[at].function).to_owned();
            let inside = (at != back && at + 1 != out).then(|| place(at));
            let (call, out, back) = (calls_out(out), place(out), place(back));
            Advice::ForeignCall { class, call, out, callee, back, inside, destructor: None, role: None }
        }
        (None, None) => {
            let destructor = destructor.map(|drop| frames[drop].function.clone());
            Advice::UnderCall { class, call: place(call), destructor }
        }
    }
}

/// The frame of the call in the text of the function that holds: a closure of it that runs during
/// the call is more exact than what the closure was handed to, if no other crate runs it.
fn in_closure(frames: &[Frame], call: usize) -> usize {
    let holder = &frames[call];
    let is_own = |frame: &Frame| crate_of(frame) == crate_of(holder) || is_standard_library(&frame.file);
    let is_its_closure = |frame: &Frame| {
        let rest = frame.function.strip_prefix(holder.function.as_str());
        rest.is_some_and(|rest| rest.starts_with("::{{closure}}")) && same_file(&frame.file, &holder.file)
    };
    // The innermost frame is the acquisition itself.
    let inside = frames[..call].iter().enumerate().skip(1).rev();
    let of_call = inside.take_while(|(_, frame)| is_own(frame) && frame.function != holder.function);
    of_call.filter(|(_, frame)| is_its_closure(frame)).last().map_or(call, |(index, _)| index)
}

/// Where the crate that holds the lock calls out, and where the foreign code comes back to it or to
/// the lock.
fn foreign(frames: &[Frame], call: usize) -> Option<(usize, usize)> {
    let own = crate_of(&frames[call]);
    let out = (0..=call).rev().take_while(|&index| crate_of(&frames[index]) == own).last()?;
    let first = out.checked_sub(1)?;
    // The lock's own crate, called again by who holds the lock, is not foreign.
    let is_locks = crate_of(&frames[first]) == crate_of(&frames[0]);
    if is_locks {
        return None;
    }
    let back = (0..first).rev().find(|&index| crate_of(&frames[index]) == own).map_or(0, |index| index + 1);
    Some((out, back))
}

/// The frame between the two ends that a reader takes for the callee: what implements a trait of
/// the crate that calls out, else the first function of the program, else the first of all.
fn callee(frames: &[Frame], out: usize, back: usize) -> usize {
    let caller = &frames[out];
    let first_part = || caller.function.trim_start_matches(['<', '&']).split("::").next();
    let own = crate_folder(&caller.file).or_else(first_part).unwrap_or_default().replace('-', "_");
    let implements = format!(" as {own}::");
    let inward = || (back..out).rev();
    let by_trait = inward().find(|&index| !own.is_empty() && frames[index].function.contains(&implements));
    let is_programs = |index: &usize| {
        let file = &frames[*index].file;
        !file.is_empty() && !is_dependency(file) && !is_standard_library(file)
    };
    by_trait.or_else(|| inward().find(is_programs)).unwrap_or(out - 1)
}

/// The method that a body of an `async` method, or what a macro writes in it, belongs to.
fn without_async(function: &str) -> &str {
    if function.starts_with('<') {
        function.split("::{{closure}}").next().unwrap_or(function)
    } else {
        function
    }
}

/// The index of the call in the stack of the second acquisition; `None` where it would be a guess.
fn call(held: &ReportLock, wanted: &ReportLock) -> Option<usize> {
    let (first, second) = (held.frames.as_slice(), wanted.frames.as_slice());
    if held.exact {
        // What both stacks have in common called the function that took the lock, and then made the
        // call. Where the call that took it still runs, the function itself is the same in both.
        let n_common =
            first.iter().rev().zip(second.iter().rev()).take_while(|(one, other)| one == other).count();
        let n_common = n_common.min(first.len().saturating_sub(1));
        let holder = first.get(first.len().checked_sub(n_common + 1)?)?;
        let index = second.len().checked_sub(n_common + 1)?;
        return (index > 0 && second[index].function == holder.function).then_some(index);
    }
    // The stack is that of another path through the same place: only what is at this place itself
    // counts, and a wrapper's caller if it makes the call in the same statement.
    let in_function = |holder: &Frame| {
        let is_later = |frame: &Frame| {
            frame.function == holder.function
                && same_file(&frame.file, &holder.file)
                && frame.line >= holder.line
        };
        second.iter().skip(1).position(is_later).map(|index| index + 1)
    };
    let holder = first.first().filter(|frame| is_at(frame, &held.site))?;
    in_function(holder).or_else(|| {
        let caller = first.get(1)?;
        // The same call is that of the function which takes both.
        in_function(caller).filter(|&index| second[index].line == caller.line && second[index] != *caller)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdep_validator::{Mode, Wait};

    fn frames(list: &[(&str, &str, u32)]) -> Vec<Frame> {
        let frame = |&(function, file, line): &(&str, &str, u32)| Frame {
            function: function.into(),
            file: file.into(),
            line,
            column: 5,
        };
        list.iter().map(frame).collect()
    }

    fn lock(exact: bool, list: &[(&str, &str, u32)]) -> ReportLock {
        let frames = frames(list);
        let site =
            Place { file: frames[0].file.clone(), line: frames[0].line, column: 20, ..Place::default() };
        ReportLock {
            class: "Mutex<Tail>".into(),
            hash: String::new(),
            mode: Mode::Exclusive,
            wait: Wait::Blocking,
            instance: 1,
            site,
            frames,
            exact,
            first_seen: Vec::new(),
        }
    }

    /// The line of the call.
    fn line(held: &ReportLock, wanted: &[(&str, &str, u32)]) -> Option<u32> {
        let wanted = lock(true, wanted);
        call(held, &wanted).map(|index| wanted.frames[index].line)
    }

    #[test]
    fn the_call_is_where_the_stacks_part_in_the_function_that_took_the_lock() {
        let held = lock(true, &[("log", "log.rs", 329), ("send", "log.rs", 394), ("main", "main.rs", 18)]);
        let again = [("log", "log.rs", 329), ("send", "log.rs", 394), ("fmt", "main.rs", 9)];
        let outer = [("log", "log.rs", 331), ("send", "log.rs", 394), ("main", "main.rs", 18)];
        assert_eq!(line(&held, &[again, outer].concat()), Some(331));
        // The call that took the lock runs a closure under it.
        let keep = [("keep", "keep.rs", 93), ("main", "main.rs", 9)];
        let inside = [("lock", "lock.rs", 68), ("keep::{{closure}}", "keep.rs", 95), ("with", "lock.rs", 68)];
        assert_eq!(line(&lock(true, &keep), &[&inside[..], &keep].concat()), Some(93));
        assert_eq!(line(&lock(true, &keep), &keep), None, "a loop");
        // One function that locks twice makes no call.
        assert_eq!(line(&held, &[[("log", "log.rs", 340)].as_slice(), &outer[1..]].concat()), None);
        // A guard that was left behind by a call which has returned: who holds it is not on the
        // stack.
        let elsewhere = [("other", "log.rs", 7), ("main", "main.rs", 18)];
        assert_eq!(line(&held, &elsewhere), None);
    }

    #[test]
    fn of_another_path_only_the_place_itself_counts() {
        let held = lock(false, &[("put", "multi.rs", 133), ("add", "multi.rs", 65), ("main", "main.rs", 8)]);
        let wanted = [("cut", "target.rs", 178), ("put", "multi.rs", 136), ("main", "main.rs", 9)];
        assert_eq!(line(&held, &wanted), Some(136));
        // `main` goes on behind the line of the other path, which says nothing about this one.
        assert_eq!(line(&held, &[("count", "bus.rs", 738), ("main", "main.rs", 9)]), None);
        let mut wrapped =
            lock(false, &[("write", "mutex.rs", 141), ("with", "context.rs", 258), ("main", "main.rs", 9)]);
        let inside = [("read", "mutex.rs", 136), ("paint", "context.rs", 587), ("with", "context.rs", 258)];
        assert_eq!(line(&wrapped, &inside), None, "one call of what takes both");
        wrapped.frames[1].column = 28;
        assert_eq!(line(&wrapped, &inside), Some(258));
        let after = [inside[0], inside[1], ("with", "context.rs", 260)];
        assert_eq!(line(&wrapped, &after), None, "perhaps after it");
    }

    #[test]
    fn an_initialiser_that_runs_under_the_guard_is_named_once() {
        let rule = crate::tests::simple_rules().into_iter().find(|found| found.code == Code::Recursion);
        let mut report = crate::tests::report(&rule.expect("one of them"));
        let (held, cell) = (
            lock(true, &[("check", "a.rs", 17), ("main", "a.rs", 28)]),
            lock(true, &[("check", "a.rs", 19)]),
        );
        let cell = ReportLock { class: "LazyLock<Map>".into(), hash: "cell".into(), ..cell };
        report.classes[0].hash = "cell".into();
        report.classes[0].kind = "LazyLock".into();
        report.held = vec![held.clone(), cell];
        report.conflict = Some(held);
        let wanted = [
            ("register", "a.rs", 14),
            ("DEFAULTS::{{closure}}", "a.rs", 6),
            ("check", "a.rs", 19),
            ("main", "a.rs", 28),
        ];
        report.subject = Some(lock(true, &wanted));
        let advice = advice(Code::Recursion, &report);
        let [Advice::InInitialiser { cell, at, .. }] = advice.as_slice() else { panic!("{advice:?}") };
        assert_eq!((cell.as_str(), at.line), ("LazyLock<Map>", 19));
        report.held.reverse();
        let other = super::advice(Code::Recursion, &report);
        assert!(
            matches!(other.as_slice(), [Advice::ForeignCall { role: Some(Role::Callback), call: None, out, back, .. }]
                if (out.line, back.line) == (19, 6)),
            "it was there before the guard: {other:?}"
        );
    }

    #[test]
    fn a_closure_that_is_written_above_the_call_is_a_callback() {
        let stack = |line| {
            [
                ("app::look", "src/a.rs", 3),
                ("app::main::{{closure}}", "src/a.rs", line),
                ("app::emit", "src/a.rs", 9),
                ("app::main", "src/a.rs", 21),
            ]
        };
        let of = |line| match of_call("M", &frames(&stack(line)), 2) {
            Advice::ForeignCall { call, out, back, role, .. } => (call.is_some(), out.line, back.line, role),
            advice => panic!("{advice:?}"),
        };
        assert_eq!(of(22), (true, 9, 22, None), "handed in by the call");
        assert_eq!(of(18), (false, 9, 18, Some(Role::Callback)), "registered before");
    }

    #[test]
    fn a_destructor_inside_of_a_callback_is_named_besides() {
        let stack = [
            ("js::lock", "js-0.1.0/src/lock.rs", 52),
            ("<js::Owner as core::ops::drop::Drop>::drop", "js-0.1.0/src/owner.rs", 97),
            ("app::main::{{closure}}", "src/main.rs", 8),
            ("js::Context::with", "js-0.1.0/src/base.rs", 124),
        ];
        let said = of_call("M", &frames(&stack), 3).to_string();
        assert!(said.starts_with("the callback `app::main::{{closure}}` runs under the guard"), "{said}");
        assert!(
            said.contains("at src/main.rs:8:5, through `<js::Owner as core::ops::drop::Drop>::drop`."),
            "{said}"
        );
    }

    #[test]
    fn what_a_library_calls_back_is_named_before_the_library() {
        let stack = [
            ("<app::Tree as serde_core::ser::Serialize>::serialize", "src/main.rs", 36),
            (
                "<serde_json::ser::Compound<W,F> as serde_core::ser::SerializeSeq>::serialize_element",
                "serde_json-1.0.0/src/ser.rs",
                502,
            ),
            ("serde_json::ser::to_string", "serde_json-1.0.0/src/ser.rs", 2249),
            ("app::save", "src/main.rs", 41),
        ];
        let said = of_call("M", &frames(&stack), 3).to_string();
        assert!(
            said.starts_with("`<app::Tree as serde_core::ser::Serialize>::serialize` runs under the guard"),
            "{said}"
        );
        assert!(
            said.contains("is called at src/main.rs:41:5 and comes back to the lock at src/main.rs:36:5"),
            "{said}"
        );
        assert!(said.contains("Serialise a copy"), "{said}");
    }

    #[test]
    fn a_destructor_on_the_way_is_named() {
        let stack = [
            ("lock", "handle.rs", 146),
            ("<app::Asking as core::ops::drop::Drop>::drop", "main.rs", 15),
            ("remove", "handle.rs", 271),
        ];
        let said = of_call("Mutex<State>", &frames(&stack), 2).to_string();
        assert!(
            said.contains(
                "at handle.rs:271:5, where `<app::Asking as core::ops::drop::Drop>::drop` comes back"
            ),
            "{said}"
        );
        assert!(said.ends_with("drop it after the guard"), "{said}");
    }

    #[test]
    fn a_closure_of_the_holder_is_the_place_of_the_call() {
        let stack = [
            ("app::release", "app/src/a.rs", 215),
            ("<app::Adding as core::ops::drop::Drop>::drop", "app/src/b.rs", 18),
            ("app::poll::{{closure}}", "app/src/a.rs", 458),
            ("app::cell::with_mut", "app/src/cell.rs", 14),
            ("app::poll", "app/src/a.rs", 449),
        ];
        let line = |stack: &[(&str, &str, u32)], call: usize| match of_call("M", &frames(stack), call) {
            Advice::UnderCall { call, .. } => call.line,
            advice => panic!("{advice:?}"),
        };
        assert_eq!(line(&stack, 4), 458);
        // A second run of the function has a closure of its own.
        assert_eq!(line(&[&stack[..], &[stack[1], stack[4]]].concat(), 6), 449);
        // Another crate decides when it runs, or the closure acquires the lock itself.
        let foreign = ("cell::with_mut", "cell-1.0.0/src/lib.rs", 14);
        assert_eq!(line(&[&stack[..3], &[foreign, stack[4]]].concat(), 4), 449);
        assert_eq!(line(&stack[2..], 2), 449);
    }

    #[test]
    fn a_closure_of_the_caller_is_named_with_what_runs_it_and_what_wrote_it() {
        let stack = [
            ("lock", "src/store.rs", 12),
            ("app::go::{{closure}}", "src/main.rs", 40),
            ("app::Store::with", "src/store.rs", 32),
            ("app::go", "src/main.rs", 38),
        ];
        let Advice::ForeignCall { call, out, callee, back, .. } = of_call("M", &frames(&stack), 2) else {
            panic!("the closure is what comes back")
        };
        assert_eq!((call.map(|call| call.line), out.line, back.line), (Some(38), 32, 40));
        assert_eq!(callee, "app::go::{{closure}}");
        let mut dropped = stack;
        dropped[0] = ("<app::A as core::ops::drop::Drop>::drop", "src/a.rs", 3);
        let dropped = of_call("M", &frames(&[&[("lock", "src/a.rs", 1)], &dropped[..]].concat()), 3);
        assert!(matches!(dropped, Advice::UnderCall { call, destructor: Some(_), .. } if call.line == 40));
    }

    #[test]
    fn foreign_code_under_the_lock_is_named_with_both_ends() {
        let stack = [
            ("sdk::emit", "sdk-1.0.0/src/emit.rs", 40),
            ("bridge::on_event", "bridge-0.3.1/src/layer.rs", 9),
            ("<app::Loud as sdk::Exporter>::export", "src/main.rs", 12),
            ("sdk::simple::export_all", "sdk-1.0.0/src/simple.rs", 70),
            ("emit", "sdk-1.0.0/src/simple.rs", 66),
        ];
        let Advice::ForeignCall { call, out, callee, back, .. } =
            of_call("Mutex<Sender>", &frames(&stack), 4)
        else {
            panic!("the exporter is another crate's")
        };
        assert_eq!(call.map(|call| call.line), Some(66), "the line of the holder is the one to change");
        assert_eq!((out.line, callee.as_str(), back.line), (70, "<app::Loud as sdk::Exporter>::export", 9));
        let traced = [
            ("trace::dispatch", "trace-0.1.4/src/lib.rs", 7),
            ("<app::Loud as sdk::Exporter>::export::{{closure}}", "trace-0.1.4/src/macros.rs", 880),
            stack[2],
            stack[3],
            stack[4],
        ];
        let traced = [&stack[..1], &traced[..]].concat();
        let Advice::ForeignCall { back, .. } = of_call("Mutex<Sender>", &frames(&traced), 5) else {
            panic!("the exporter is another crate's")
        };
        assert_eq!((back.file.as_str(), back.line), ("trace-0.1.4/src/lib.rs", 7), "what came back");
        let traced = [&stack[..1], &traced[2..]].concat();
        let Advice::ForeignCall { back, .. } = of_call("Mutex<Sender>", &frames(&traced), 4) else {
            panic!("the exporter is another crate's")
        };
        assert_eq!((back.file.as_str(), back.line), ("src/main.rs", 12), "no line of the macro");
        // An executor in between is not what the crate that calls out has in mind.
        let run = [
            stack[0],
            stack[1],
            ("<app::Loud as sdk::Exporter>::export::{{closure}}", "src/main.rs", 12),
            ("pool::block_on", "pool-1.0.0/src/lib.rs", 5),
            stack[3],
            stack[4],
        ];
        let Advice::ForeignCall { callee, inside, out, .. } = of_call("Mutex<Sender>", &frames(&run), 5)
        else {
            panic!("the exporter is another crate's")
        };
        assert_eq!((callee.as_str(), out.line), ("<app::Loud as sdk::Exporter>::export", 70));
        assert_eq!(inside.map(|inside| inside.line), Some(12));
        let again = [("wrap::get", "wrap-1.0.0/src/lib.rs", 30), ("app::main", "src/main.rs", 16)];
        assert!(matches!(of_call("M", &frames(&again), 1), Advice::UnderCall { .. }), "the lock's own crate");
        let own = [("app::look", "app/src/a.rs", 3), ("hold", "app/tests/b.rs", 9)];
        assert!(matches!(of_call("M", &frames(&own), 1), Advice::UnderCall { .. }), "one crate");
    }
}
