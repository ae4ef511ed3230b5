//! The function that holds one lock while it wants another: where the two meet, and where their
//! order can be changed.
//!
//! The place of an acquisition is often a line of a wrapper (`fn lock(&self) -> MutexGuard`) or of
//! a function far down. Two stacks tell more: a function that made the held guard and is no longer
//! active when the other lock is wanted has given the guard away, so it is a wrapper; and the
//! innermost function that both stacks have is the one that has the guard then.

use super::model::{Report, ReportDependency, ReportLock};
use super::path::is_standard_library;
use super::place::{Frame, Place};
use super::places::{around_with, is_at, outside_macro, place_of, same_file, without_closures};

/// What two stacks tell of a lock that is held and one that is wanted meanwhile.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Holder {
    /// Where the function that has the guard got it, and where it takes the second lock: itself, or
    /// through what it called.
    pub places: Option<(Place, Place)>,
    /// How many functions gave the guard to their caller, from the one that made it on; `None` if
    /// the stacks do not tell.
    n_left: Option<usize>,
    /// Whether the guard is that of a function which runs a closure of its caller under it. The
    /// places are then those of the caller.
    runs_closure: bool,
}

impl Holder {
    /// Returns that of the two acquisitions of a dependency.
    pub fn of_dependency(step: &ReportDependency) -> Self {
        let held = Stack { site: &step.held_site, frames: &step.frames_held.frames };
        let wanted = Stack { site: &step.acquire_site, frames: &step.frames_acquire.frames };
        Self::find(held, step.frames_held.exact && step.frames_acquire.exact, wanted)
    }

    /// Returns the same for a rule about one acquisition and the held lock that it conflicts with.
    pub fn of_locks(held: &ReportLock, wanted: &ReportLock) -> Self {
        let is_exact = held.exact && wanted.exact;
        let held = Stack { site: &held.site, frames: &held.frames };
        Self::find(held, is_exact, Stack { site: &wanted.site, frames: &wanted.frames })
    }

    fn find(held: Stack<'_>, is_exact: bool, wanted: Stack<'_>) -> Self {
        let Some(taken) = held.position().filter(|_| !wanted.frames.is_empty()) else {
            return Self::default();
        };
        // The site is that of the sighting even where the rest of the stack is that of another
        // path.
        let maker = &held.frames[taken];
        // The acquisition that is wanted holds nothing yet, nor does a call above the place, unless
        // one caller is in both: then it may be a loop.
        let may_hold = |index: usize, frame: &Frame| {
            let is_below = frame.line >= held.site.line && !(index == 0 && is_at(frame, held.site));
            is_exact || is_below || held.frames.get(taken + 1) == wanted.frames.get(index + 1)
        };
        let is_maker = |frame: &Frame| without_closures(frame) == without_closures(maker);
        let mut active = wanted.frames.iter().enumerate();
        let is_active = active.any(|(index, frame)| is_maker(frame) && may_hold(index, frame));
        let is_later = |in_held: usize, in_wanted: usize| {
            in_held != taken || may_hold(in_wanted, &wanted.frames[in_wanted])
        };
        // Further out begins what may be another path.
        let n_known = if is_exact { usize::MAX } else { taken + 1 + usize::from(!is_active) };
        let n_known = n_known.min(held.frames.len());
        let met = meeting(held.frames, n_known, wanted.frames, is_exact, &is_later);
        let n_left = match met {
            Some((in_held, _)) => in_held.saturating_sub(taken),
            None => usize::from(!is_active),
        };
        if let Some((in_held, in_wanted)) = met
            && let Some((closure, writer)) = around_with(wanted.frames, in_wanted)
            && in_held >= taken
            && held.frames.get(in_held + writer - in_wanted) == Some(&wanted.frames[writer])
        {
            // The function that has the guard runs the closure under it.
            let n_left = n_left + writer - in_wanted;
            let places = (place_of(&wanted.frames[writer]), wanted.place(closure));
            return Self { places: Some(places), n_left: Some(n_left), runs_closure: true };
        }
        let places = met.map(|(in_held, in_wanted)| (held.place(in_held), wanted.place(in_wanted)));
        Self { places, n_left: Some(n_left), runs_closure: false }
    }

    /// Returns whether the guard of the held lock left the function that made it; `None` if that is
    /// not known.
    pub fn has_left(&self) -> Option<bool> {
        self.n_left.map(|n_left| n_left > 0)
    }
}

/// An acquisition: the place its caller gave, and the stack.
#[derive(Clone, Copy)]
struct Stack<'a> {
    site: &'a Place,
    frames: &'a [Frame],
}

impl Stack<'_> {
    /// The frame of the site. Debug information may put a call of several lines on another one than
    /// the compiler.
    fn position(self) -> Option<usize> {
        let exactly = self.frames.iter().position(|frame| is_at(frame, self.site));
        exactly.or_else(|| self.frames.iter().position(|frame| same_file(&frame.file, &self.site.file)))
    }

    /// The place of a frame. The site is more exact than its own frame, and than those of what it
    /// is inlined from.
    fn place(self, index: usize) -> Place {
        match self.position() {
            Some(taken) if index <= taken => Place { caller: None, ..self.site.clone() },
            _ => place_of(&self.frames[outside_macro(self.frames, index)]),
        }
    }
}

/// The innermost function that is in both stacks, by its frame in each; in the first stack it is
/// one of the innermost `n_known`. What is outside of it must be the same, unless the first stack
/// may be that of another path.
fn meeting(
    held: &[Frame],
    n_known: usize,
    wanted: &[Frame],
    is_exact: bool,
    is_later: &dyn Fn(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    let is_met = |in_held: usize, in_wanted: usize| {
        let (a, b) = (&held[in_held], &wanted[in_wanted]);
        let is_one = a.line != 0 && !a.function.is_empty() && without_closures(a) == without_closures(b);
        is_one
            && is_later(in_held, in_wanted)
            && same_file(&a.file, &b.file)
            && (!is_exact
                || is_same_outside(&held[in_held + 1..], &wanted[in_wanted + 1..], in_held > in_wanted))
    };
    let pairs = (0..wanted.len()).flat_map(|b| (0..n_known).map(move |a| (a, b)));
    let (in_held, mut in_wanted) = pairs.into_iter().find(|&(a, b)| is_met(a, b))?;
    // A closure of that function is part of what is written there.
    let function = &wanted[in_wanted].function;
    let is_its_closure = |frame: &Frame| {
        frame.function.strip_prefix(function.as_str()).is_some_and(|rest| rest.starts_with("::{{closure}}"))
    };
    while in_wanted > 0 && is_its_closure(&wanted[in_wanted - 1]) {
        in_wanted -= 1;
    }
    Some((in_held, in_wanted))
}

/// Whether what is outside of one frame is the same in both stacks.
///
/// A stack has a greatest depth, so the outermost frames of the deeper one may be missing. Where
/// the held one has fewer without being the deeper one, the frame is another call: a task or a
/// closure of an outer function, which runs further in.
fn is_same_outside(held: &[Frame], wanted: &[Frame], held_is_deeper: bool) -> bool {
    (wanted.len() <= held.len() || held_is_deeper) && held.iter().zip(wanted).all(|(a, b)| a == b)
}

/// Says of each place of an acquisition who called the wrapper that it is in.
///
/// That is sure for a function that one of the stacks shows to give its guard away. Else it is the
/// first frame in another file, because wrappers are often in one of their own; else, if the place
/// is further down than the function that holds the other lock, that function.
pub(super) fn name_callers(report: &mut Report) {
    let mut wrappers: Vec<String> = Vec::new();
    let mut holders: Vec<[Option<At>; 2]> = Vec::new();
    let mut note = |holder: Holder, held: &[Frame], site: &Place| {
        let taken = Stack { site, frames: held }.position().unwrap_or(0);
        let left = held.iter().skip(taken).take(holder.n_left.unwrap_or(0));
        wrappers.extend(left.map(|frame| frame.function.clone()));
        let runs_closure = holder.runs_closure;
        let (held, wanted) = holder.places.unzip();
        holders.push([held, wanted].map(|place| Some(At { place: place?, runs_closure })));
    };
    for step in &report.cycle {
        note(Holder::of_dependency(step), &step.frames_held.frames, &step.held_site);
    }
    if let (Some(held), Some(wanted)) = (&report.conflict, &report.subject) {
        note(Holder::of_locks(held, wanted), &held.frames, &held.site);
    }
    let mut holders = holders.into_iter();
    for step in &mut report.cycle {
        let [held, wanted] = holders.next().unwrap_or_default();
        let stack = (step.frames_held.frames.as_slice(), step.frames_held.exact);
        name_caller((&mut step.held_site, Side::Held), stack, &wrappers, held);
        let stack = (step.frames_acquire.frames.as_slice(), step.frames_acquire.exact);
        name_caller((&mut step.acquire_site, Side::Wanted), stack, &wrappers, wanted);
    }
    let [held, wanted] = holders.next().unwrap_or_default();
    let sides = [(&mut report.conflict, Side::Held, held), (&mut report.subject, Side::Wanted, wanted)];
    for (lock, side, holder) in sides {
        if let Some(lock) = lock {
            name_caller((&mut lock.site, side), (&lock.frames, lock.exact), &wrappers, holder);
        }
    }
    for lock in &mut report.held {
        name_caller((&mut lock.site, Side::Held), (&lock.frames, lock.exact), &wrappers, None);
    }
}

/// A place of the function that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
struct At {
    place: Place,
    /// See [`Holder::runs_closure`].
    runs_closure: bool,
}

/// Which lock of two a place is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Held,
    Wanted,
}

fn name_caller(
    (site, side): (&mut Place, Side),
    (frames, is_exact): (&[Frame], bool),
    wrappers: &[String],
    holder: Option<At>,
) {
    if site.caller.is_some() || !site.is_known() {
        return;
    }
    let Some(taken) = (Stack { site, frames }).position() else { return };
    let is_wrapper = |frame: &Frame| wrappers.contains(&frame.function);
    let outside = &frames[taken..];
    let is_holder = |frame: &Frame| holder.as_ref().is_some_and(|at| is_at(frame, &at.place));
    // A method that forwards to one of its own name is a wrapper of it.
    let forwards = |frame: &Frame| method_of(frame) == method_of(&frames[taken]) && !is_holder(frame);
    if outside.first().is_some_and(is_wrapper) {
        let mut callers = outside.iter().filter(|frame| !is_wrapper(frame) && !frame.file.is_empty());
        let caller = match callers.next() {
            // Who holds a lock is no wrapper of it.
            Some(frame) if side == Side::Wanted && forwards(frame) => {
                callers.find(|frame| !forwards(frame)).or(Some(frame))
            }
            caller => caller,
        };
        if let Some(caller) = caller {
            site.caller = Some(Box::new(place_of(caller)));
            // The caller of another path may be innocent, unless the other stack has it too.
            site.in_wrapper = is_exact || holder.is_some();
            return;
        }
    }
    let is_elsewhere = |frame: &&Frame| !frame.file.is_empty() && !same_file(&frame.file, &site.file);
    let mut callers = outside.iter().skip_while(|frame| !is_elsewhere(frame));
    let caller = match callers.next() {
        Some(frame) if forwards(frame) => callers.find(|frame| !forwards(frame)).or(Some(frame)),
        caller => caller,
    };
    // The call itself, if it is in the same file and further in than the caller that is named.
    let direct = outside.get(1).filter(|frame| !frame.file.is_empty() && !is_standard_library(&frame.file));
    let caller = caller.filter(|frame| !frame.file.is_empty() && !is_standard_library(&frame.file));
    let of_holder = holder.filter(|At { place, .. }| (&place.file, place.line) != (&site.file, site.line));
    // Beside one function that runs closures there are others.
    let is_beside = |caller: &&Frame| {
        of_holder.as_ref().is_some_and(|at| at.runs_closure && same_file(&caller.file, &at.place.file))
    };
    let caller = caller.filter(|caller| !is_beside(caller));
    let through = direct.filter(|direct| caller.is_some_and(|caller| caller != *direct));
    let caller =
        caller.map(|caller| Place { through: through.map(|at| Box::new(place_of(at))), ..place_of(caller) });
    let fallback = || of_holder.map(|at| direct.filter(|_| !at.runs_closure).map_or(at.place, place_of));
    site.caller = caller.or_else(fallback).map(Box::new);
}

/// The name of the function of a frame; none of a closure.
fn method_of(frame: &Frame) -> Option<&str> {
    frame.function.rsplit("::").next().filter(|name| !name.is_empty() && !name.starts_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Frames;

    fn stack(frames: &[(&str, &str, u32)]) -> Frames {
        let frame = |&(function, file, line): &(&str, &str, u32)| Frame {
            function: function.into(),
            file: format!("/r/{file}"),
            line,
            column: 5,
        };
        Frames { exact: true, frames: frames.iter().map(frame).collect(), first_seen: Vec::new() }
    }

    fn site(file: &str, line: u32) -> Place {
        Place { file: file.into(), line, column: 9, ..Place::default() }
    }

    fn dependency(held: (Place, Frames), wanted: (Place, Frames)) -> ReportDependency {
        let mut step: ReportDependency = serde_json::from_value(serde_json::json!({
            "from": "A", "to": "B", "kind": "EN", "held_site": Place::default(), "acquire_site": Place::default(),
            "thread": "main", "count": 1, "frames_held": Frames::default(), "frames_acquire": Frames::default(),
        }))
        .expect("well-formed");
        (step.held_site, step.frames_held) = held;
        (step.acquire_site, step.frames_acquire) = wanted;
        step
    }

    /// The lines at which the holder got the one lock and goes for the other.
    fn lines(step: &ReportDependency) -> Option<(u32, u32)> {
        Holder::of_dependency(step).places.map(|(held, wanted)| (held.line, wanted.line))
    }

    #[test]
    fn a_function_that_takes_both_itself_is_the_holder() {
        let held = (site("a.rs", 4), stack(&[("app::f", "a.rs", 4), ("app::main", "m.rs", 1)]));
        let wanted = (site("a.rs", 6), stack(&[("app::f", "a.rs", 6), ("app::main", "m.rs", 1)]));
        let step = dependency(held, wanted);
        assert_eq!(lines(&step), Some((4, 6)));
        assert_eq!(Holder::of_dependency(&step).has_left(), Some(false));
        let (_, wanted) = Holder::of_dependency(&step).places.expect("found");
        assert_eq!(wanted.column, 9, "the site is more exact than its frame");
    }

    #[test]
    fn a_wrapper_is_known_by_the_guard_that_left_it_even_in_one_file() {
        let outer = ("app::main", "a.rs", 90);
        let held = stack(&[("app::S::lock", "a.rs", 4), ("app::f", "a.rs", 20), outer]);
        // The other lock goes through the same wrapper, and that is called further down.
        let wanted =
            stack(&[("app::S::lock", "a.rs", 4), ("app::g", "a.rs", 30), ("app::f", "a.rs", 22), outer]);
        let step = dependency((site("a.rs", 4), held), (site("a.rs", 4), wanted));
        assert_eq!(lines(&step), Some((20, 22)));
        assert_eq!(Holder::of_dependency(&step).has_left(), Some(true));
    }

    #[test]
    fn of_a_stack_of_another_path_only_the_maker_of_the_guard_is_believed() {
        let mut held = stack(&[("w::lock", "w.rs", 4), ("app::other", "a.rs", 20), ("app::main", "m.rs", 1)]);
        held.exact = false;
        let wanted = stack(&[("app::take", "a.rs", 30), ("app::f", "a.rs", 22), ("app::main", "m.rs", 2)]);
        let step = dependency((site("w.rs", 4), held), (site("a.rs", 30), wanted));
        assert_eq!(lines(&step), None, "nothing says that `main` holds it");
        assert_eq!(Holder::of_dependency(&step).has_left(), Some(true), "the maker is not active");
        let unknown = dependency((site("w.rs", 4), Frames::default()), (site("a.rs", 3), Frames::default()));
        assert_eq!(Holder::of_dependency(&unknown), Holder::default());
    }

    #[test]
    fn a_function_that_is_called_again_from_another_line_has_given_its_guard_away() {
        let main = |line| ("app::main", "m.rs", line);
        let mut held = stack(&[("w::get", "w.rs", 35), main(15)]);
        held.exact = false;
        for line in [30, 35] {
            let wanted = stack(&[("w::get", "w.rs", line), main(16)]);
            let step = dependency((site("w.rs", 35), held.clone()), (site("w.rs", line), wanted));
            assert_eq!(Holder::of_dependency(&step).has_left(), Some(true), "{line}");
            assert_eq!(lines(&step), Some((15, 16)), "{line}");
            let wanted = stack(&[("w::get", "w.rs", line), main(15)]);
            let step = dependency((site("w.rs", 35), held.clone()), (site("w.rs", line), wanted));
            assert_eq!(Holder::of_dependency(&step).has_left(), Some(false), "perhaps a loop");
        }
    }

    #[test]
    fn a_function_that_runs_a_closure_under_the_guard_gives_way_to_the_closures_writer() {
        let outer = [("ui::Ui::with", "ui.rs", 50), ("ui::Ui::show", "ui.rs", 70), ("app::main", "m.rs", 9)];
        let mut held = stack(&[&[("wrap::write", "w.rs", 4)][..], &outer].concat());
        held.exact = false;
        held.frames[1].column = 28;
        let inside = [
            ("wrap::read", "w.rs", 8),
            ("ui::Ui::read", "ui.rs", 40),
            ("ui::Ui::input", "ui.rs", 45),
            ("ui::Ui::show::{{closure}}", "ui.rs", 73),
        ];
        let wanted = stack(&[&inside[..], &outer].concat());
        let step = dependency((site("w.rs", 4), held), (site("w.rs", 8), wanted));
        assert_eq!(lines(&step), Some((70, 73)));
        let holder = Holder::of_dependency(&step);
        assert!(holder.has_left() == Some(true) && holder.runs_closure);
        let mut report = crate::tests::report(&crate::tests::inversion());
        report.cycle = vec![step];
        name_callers(&mut report);
        let [step] = report.cycle.as_slice() else { panic!("one") };
        assert_eq!(step.held_site.outside_wrapper().line, 70);
        // `input` runs closures too: it is no better than `with`.
        assert_eq!(step.acquire_site.caller.as_ref().map(|caller| caller.line), Some(73));
    }

    #[test]
    fn recursion_closures_and_cut_stacks_do_not_mislead() {
        let main = ("app::main", "m.rs", 1);
        let held = stack(&[("app::f", "a.rs", 8), ("app::f", "a.rs", 10), main]);
        let deeper = stack(&[("app::f", "a.rs", 8), ("app::f", "a.rs", 10), ("app::f", "a.rs", 10), main]);
        let step = dependency((site("a.rs", 8), held.clone()), (site("a.rs", 8), deeper.clone()));
        assert_eq!(lines(&step), Some((8, 10)));
        let mut cut = deeper;
        cut.frames.truncate(3);
        let step = dependency((site("a.rs", 8), held), (site("a.rs", 8), cut));
        assert_eq!(lines(&step).map(|(held, _)| held), Some(8));
        let held = stack(&[("app::f", "a.rs", 8), main]);
        let inside = stack(&[("app::f::{{closure}}", "a.rs", 12), ("app::f", "a.rs", 11), main]);
        let step = dependency((site("a.rs", 8), held), (site("a.rs", 12), inside));
        assert_eq!(lines(&step), Some((8, 12)));
    }

    #[test]
    fn a_task_of_an_outer_function_is_no_call_that_it_makes_now() {
        // `run` polls, under its guard, a task that `main` wrote.
        let held = stack(&[("app::run", "a.rs", 14), ("app::main", "a.rs", 21)]);
        let wanted = stack(&[
            ("app::wake", "a.rs", 7),
            ("app::main::{{closure}}", "a.rs", 20),
            ("app::run::{{closure}}", "a.rs", 15),
            ("app::run", "a.rs", 14),
            ("app::main", "a.rs", 21),
        ]);
        let step = dependency((site("a.rs", 14), held), (site("a.rs", 7), wanted));
        assert_eq!(lines(&step), Some((14, 15)));
        assert_eq!(Holder::of_dependency(&step).has_left(), Some(false));
    }

    #[test]
    fn the_caller_is_the_first_frame_outside_the_file_or_the_wrapper() {
        let frames = stack(&[("wrap::lock", "w.rs", 3), ("wrap::with", "w.rs", 5), ("app::run", "a.rs", 7)]);
        let mut in_own_file = site("w.rs", 3);
        name_caller((&mut in_own_file, Side::Held), (&frames.frames, true), &[], None);
        assert_eq!(in_own_file.caller.as_ref().map(|caller| caller.line), Some(7));
        assert_eq!(in_own_file.outside_wrapper().line, 3, "it may be no wrapper");
        let through = in_own_file.caller.and_then(|caller| caller.through);
        assert_eq!(through.map(|direct| direct.line), Some(5), "the call itself is named as well");
        let forwarded = stack(&[
            ("<wrap::Data as wrap::Span>::fields", "w.rs", 3),
            ("wrap::SpanRef<R>::fields", "r.rs", 5),
            ("app::run", "a.rs", 7),
        ]);
        for (frames, line) in [(&forwarded.frames[..], 7), (&forwarded.frames[..2], 5)] {
            let mut forwarding = site("w.rs", 3);
            name_caller((&mut forwarding, Side::Held), (frames, true), &[], None);
            assert_eq!(forwarding.caller.map(|caller| caller.line), Some(line), "of the same name");
        }
        // One that is known to be a wrapper of its own is called by it.
        let wrapper = [forwarded.frames[0].function.clone()];
        for (side, line) in [(Side::Wanted, 7), (Side::Held, 5)] {
            let mut forwarding = site("w.rs", 3);
            name_caller((&mut forwarding, side), (&forwarded.frames, true), &wrapper, None);
            assert_eq!(forwarding.outside_wrapper().line, line, "{side:?}");
        }
        let mut holding = site("w.rs", 3);
        let holder = At { place: site("r.rs", 5), runs_closure: false };
        name_caller((&mut holding, Side::Wanted), (&forwarded.frames, true), &wrapper, Some(holder));
        assert_eq!(holding.outside_wrapper().line, 5, "who holds is no wrapper");
        let mut known = site("w.rs", 3);
        name_caller((&mut known, Side::Held), (&frames.frames, true), &["wrap::lock".to_owned()], None);
        assert_eq!(known.outside_wrapper().line, 5);
        let mut guessed = site("w.rs", 3);
        name_caller((&mut guessed, Side::Held), (&frames.frames, false), &["wrap::lock".to_owned()], None);
        assert_eq!(guessed.caller.as_ref().map(|caller| caller.line), Some(5));
        assert_eq!(guessed.outside_wrapper().line, 3, "another path led there");
        let mut alone = site("w.rs", 3);
        name_caller(
            (&mut alone, Side::Held),
            (&frames.frames[..2], true),
            &[],
            Some(At { place: site("w.rs", 5), runs_closure: false }),
        );
        assert_eq!(alone.caller.map(|caller| caller.line), Some(5), "the holder, in the same file");
        let stack =
            stack(&[("app::n", "a.rs", 3), ("app::main::{{closure}}", "a.rs", 8), ("app::emit", "a.rs", 5)]);
        let mut further_in = site("a.rs", 3);
        let emit = At { place: site("a.rs", 5), runs_closure: false };
        name_caller((&mut further_in, Side::Wanted), (&stack.frames, true), &[], Some(emit));
        assert_eq!(further_in.caller.map(|caller| caller.line), Some(8), "what calls it, not who holds");
    }
}
