//! Whether two acquisitions of one task belong to one of its futures.
//!
//! An async function awaits one thing at a time. So what it acquires, it acquires in turn. A task
//! may poll several futures by turns all the same: with `join!`, `select!` or a collection of
//! futures. Then the one does not wait for the other, and what they acquire has no order. The stack
//! shows it: between the task and the place where the two paths part there is a `poll` function of
//! such a combinator.

use super::place::Frame;

/// To how many futures of a task two acquisitions belong, as far as their stacks tell. In the order
/// of how little follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Futures {
    /// One: it made the first, and then the second.
    One,
    /// One, which waits for a limited time.
    OneTimed,
    /// One, which waits beside another that may end the wait.
    OneBeside,
    /// It is not known.
    Unknown,
    /// Two that the task polls by turns.
    Two,
}

/// The function that polls a task of ours.
const TASK: &str = "lockdep::flow::task::";

/// Types whose `poll` functions poll one future.
const SINGLE: [&str; 8] = [
    "core::pin::Pin<",
    "alloc::boxed::Box<",
    "core::panic::unwind_safe::AssertUnwindSafe<",
    "futures_util::future::future::",
    "tokio::task::",
    "tokio::time::timeout::Timeout<",
    "tracing::instrument::",
    "lockdep::",
];

/// Files whose `poll` functions poll one future. Where a build has only tables of lines, the name
/// of an inlined function comes without its type.
const SINGLE_FILES: [&str; 4] = [
    "/core/src/future/future.rs",
    "/core/src/panic/unwind_safe.rs",
    "/alloc/src/boxed.rs",
    "/core/src/pin.rs",
];

/// Compares the stacks of two acquisitions that one task made: each whole, innermost first, and
/// that of the acquisition itself.
///
/// ```
/// use lockdep_report::await_path::{Futures, compare};
/// use lockdep_report::place::Frame;
///
/// let frame = |function: &str, line| Frame { function: function.into(), file: "a.rs".into(), line, column: 1 };
/// let task = frame("<lockdep::flow::task::Task<F> as core::future::future::Future>::poll", 9);
/// let at = |line| vec![frame("app::run::{{closure}}", line), task.clone()];
/// assert_eq!(compare(&at(3), &at(4)), Futures::One);
/// ```
pub fn compare(held: &[Frame], wanted: &[Frame]) -> Futures {
    let (Some(held), Some(wanted)) = (within_task(held), within_task(wanted)) else {
        return Futures::Unknown;
    };
    let mut n_common = held.iter().zip(&wanted).take_while(|(held, wanted)| held == wanted).count();
    // The paths part in a function that both are in, at two of its lines.
    let parts = held.get(n_common).zip(wanted.get(n_common));
    if parts.is_some_and(|(held, wanted)| held.function == wanted.function) {
        n_common += 1;
    }
    let (common, alone) = wanted.split_at(n_common);
    match () {
        () if common.iter().any(|frame| is_combinator(frame)) => Futures::Two,
        // An inlined function shows only where lines are known.
        () if common.iter().any(|frame| frame.file.is_empty()) => Futures::Unknown,
        () if wanted.iter().any(|frame| is_timeout(frame)) => Futures::OneTimed,
        () if alone.iter().any(|frame| is_combinator(frame)) => Futures::OneBeside,
        () => Futures::One,
    }
}

/// The frames inside the task, outermost first.
fn within_task(frames: &[Frame]) -> Option<Vec<&Frame>> {
    let task = frames.iter().position(is_task)?;
    Some(frames[..task].iter().rev().collect())
}

fn is_task(frame: &Frame) -> bool {
    type_of(frame).starts_with(TASK)
        || is_bare(frame) && frame.file.contains("lockdep") && frame.file.ends_with("/src/flow/task.rs")
}

fn is_timeout(frame: &Frame) -> bool {
    type_of(frame).starts_with("tokio::time::timeout::Timeout<")
        || is_bare(frame) && name_of(frame) == "poll" && frame.file.ends_with("/src/time/timeout.rs")
}

/// Whether the function may poll several futures.
fn is_combinator(frame: &Frame) -> bool {
    let polls = name_of(frame).starts_with("poll") || frame.function.contains("executor");
    polls && !is_single(frame)
}

/// Whether the function polls one future.
fn is_single(frame: &Frame) -> bool {
    if is_bare(frame) {
        let is_ours = frame.file.contains("lockdep") && frame.file.contains("/src/flow/");
        return is_timeout(frame) || is_ours || SINGLE_FILES.iter().any(|file| frame.file.contains(file));
    }
    frame.function.starts_with("<&mut ") || SINGLE.iter().any(|single| type_of(frame).starts_with(single))
}

/// Whether the name of the function comes without its type or module.
fn is_bare(frame: &Frame) -> bool {
    let name = frame.function.split('<').next().unwrap_or_default();
    !name.is_empty() && !name.contains("::")
}

/// The function's own name.
fn name_of(frame: &Frame) -> &str {
    let name =
        if is_bare(frame) { frame.function.split('<').next() } else { frame.function.rsplit("::").next() };
    name.unwrap_or_default()
}

/// The function without what marks a type: `<&a::B as c::D>::e` becomes `a::B as c::D>::e`.
fn type_of(frame: &Frame) -> &str {
    frame.function.trim_start_matches("<&mut ").trim_start_matches(['<', '&'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: &str = "<lockdep::flow::task::Task<F> as core::future::future::Future>::poll";
    const POLL_FN: &str = "<core::future::poll_fn::PollFn<F> as core::future::future::Future>::poll";
    const BOXED: &str = "<core::pin::Pin<P> as core::future::future::Future>::poll";
    const TIMEOUT: &str = "<tokio::time::timeout::Timeout<T> as core::future::future::Future>::poll";

    /// A stack, outermost first, below what runs the task.
    fn stack(frames: &[(&str, u32)]) -> Vec<Frame> {
        let frame = |(function, line): &(&str, u32)| Frame {
            function: (*function).to_owned(),
            file: "a.rs".to_owned(),
            line: *line,
            column: 1,
        };
        let outer = [("executor::run", 1), (POLL, 2)];
        frames.iter().rev().chain(outer.iter().rev()).map(frame).collect()
    }

    #[track_caller]
    fn check(held: &[(&str, u32)], wanted: &[(&str, u32)], expected: Futures) {
        assert_eq!(compare(&stack(held), &stack(wanted)), expected);
    }

    #[test]
    fn one_function_acquires_in_turn() {
        check(&[("run::{{closure}}", 3)], &[("run::{{closure}}", 4)], Futures::One);
        // In a loop, at one line.
        check(&[("run::{{closure}}", 3)], &[("run::{{closure}}", 3)], Futures::One);
        let inner = [("run::{{closure}}", 3), (BOXED, 1), ("helper::{{closure}}", 8)];
        check(&inner, &[("run::{{closure}}", 4)], Futures::One);
        check(&inner, &[("run::{{closure}}", 3), (BOXED, 1), ("helper::{{closure}}", 9)], Futures::One);
        // One call runs several functions in turn.
        check(&[("run::{{closure}}", 3), ("a", 1)], &[("run::{{closure}}", 3), ("b", 1)], Futures::One);
    }

    #[test]
    fn a_combinator_polls_two() {
        let branch = |line, inner| [("run::{{closure}}", 3), (POLL_FN, 1), ("run::{{closure}}", line), inner];
        check(&branch(4, ("a::{{closure}}", 1)), &branch(5, ("b::{{closure}}", 1)), Futures::Two);
        // Two futures of one function, at one line.
        let many = |line| {
            let name = "<futures_util::stream::futures_unordered::FuturesUnordered<F> as Stream>::poll_next";
            [("run::{{closure}}", 3), (name, 7), ("a::{{closure}}", line)]
        };
        check(&many(1), &many(2), Futures::Two);
        check(&many(1), &many(1), Futures::Two);
    }

    #[test]
    fn a_wait_beside_others_may_be_ended_by_them() {
        let wanted = [("run::{{closure}}", 4), (POLL_FN, 1), ("run::{{closure}}::{{closure}}", 5)];
        check(&[("run::{{closure}}", 3)], &wanted, Futures::OneBeside);
        check(&[("run::{{closure}}", 3)], &[("run::{{closure}}", 4), (TIMEOUT, 1)], Futures::OneTimed);
    }

    /// As a build with only tables of lines names what is inlined.
    #[test]
    fn a_name_without_its_type_counts_by_its_file() {
        let bare = |file: &str| Frame {
            function: "poll<a::b::{async_fn_env#0}<c::D>>".to_owned(),
            file: file.to_owned(),
            line: 5,
            column: 1,
        };
        let between = |file: &str| {
            let at = |line| {
                let mut frames = stack(&[("run::{{closure}}", 3), ("{async_fn#0}", line)]);
                frames.insert(1, bare(file));
                frames
            };
            compare(&at(7), &at(8))
        };
        assert_eq!(between("/r/tokio-macros/src/select.rs"), Futures::Two);
        assert_eq!(between("/rustc/0/library/core/src/future/poll_fn.rs"), Futures::Two);
        assert_eq!(between("/rustc/0/library/alloc/src/boxed.rs"), Futures::One);
        assert_eq!(between("/r/tokio-1.54.1/src/time/timeout.rs"), Futures::OneTimed);
        let mut task = stack(&[("{async_fn#0}", 7)]);
        task[1] = bare("/lockdep/instrument/src/flow/task.rs");
        assert_eq!(compare(&task, &task), Futures::One);
    }

    #[test]
    fn without_the_task_or_the_lines_nothing_is_known() {
        let whole = stack(&[("run::{{closure}}", 3)]);
        assert_eq!(compare(&whole[..1], &whole), Futures::Unknown);
        assert_eq!(compare(&whole, &[]), Futures::Unknown);
        let mut bare = whole;
        bare[0].file.clear();
        assert_eq!(compare(&bare, &bare), Futures::Unknown);
    }
}
