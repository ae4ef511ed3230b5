//! Where a place of a report is, seen from its stack: which line of the program, in which function,
//! called from where.

use super::path::{crate_version, is_dependency, is_runtime, is_standard_library};
use super::place::{Frame, Place};

/// Adds to `place` what its stack tells: the line of the program that it stands for, and the
/// function around it.
pub(super) fn with_frames(place: Place, frames: &[Frame]) -> Place {
    let mut place = in_program(place, frames);
    if place.function.is_none() {
        place.function = frames
            .iter()
            .find(|frame| same_file(&frame.file, &place.file))
            .map(|frame| frame.function.clone());
    }
    place
}

/// Gives the innermost frame the place of the acquisition, unless another frame has it.
///
/// The compiler gives a place that a person can change: the line at which a macro is expanded, and
/// that of the method in a call of several lines. Debug information has a line of the macro.
pub(super) fn with_site(frames: &mut [Frame], site: &Place) {
    let is_unknown = !site.is_known() || !is_programs(&site.file);
    if is_unknown || frames.iter().any(|frame| is_at(frame, site)) {
        return;
    }
    if let Some(innermost) = frames.first_mut().filter(|frame| frame.line != 0) {
        (innermost.file, innermost.line, innermost.column) = (site.file.clone(), site.line, site.column);
    }
}

/// The place of a frame.
pub(super) fn place_of(frame: &Frame) -> Place {
    Place {
        file: frame.file.clone(),
        line: frame.line,
        column: frame.column,
        function: Some(frame.function.clone()),
        caller: None,
        in_wrapper: false,
        through: None,
    }
}

/// Whether a frame stands at a place.
pub(super) fn is_at(frame: &Frame, place: &Place) -> bool {
    frame.line == place.line && same_file(&frame.file, &place.file)
}

/// Whether two spellings name one file: debug information may have a longer path than the
/// compiler's.
pub(super) fn same_file(a: &str, b: &str) -> bool {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    !short.is_empty()
        && long.strip_suffix(short).is_some_and(|rest| {
            rest.is_empty() || rest.ends_with(['/', '\\']) || short.starts_with(['/', '\\'])
        })
}

/// The first frame from `index` on outward that stands in no macro of another crate, which its
/// reader cannot change.
pub(super) fn outside_macro(frames: &[Frame], index: usize) -> usize {
    (index..frames.len()).find(|&at| !is_in_macro(&frames[at], frames)).unwrap_or(index)
}

/// Whether the line of a frame is that of a macro: its file belongs to a crate that its function
/// does not name, and the stack shows code of the function's own crate elsewhere.
fn is_in_macro(frame: &Frame, frames: &[Frame]) -> bool {
    let Some((package, _)) = crate_version(&frame.file) else { return false };
    let own = crates_of(&frame.function);
    let package = package.replace('-', "_");
    if own.is_empty() || own.contains(&package.as_str()) {
        return false;
    }
    let is_elsewhere =
        |file: &str| !file.is_empty() && file.split('/').next() != frame.file.split('/').next();
    // The first crate is that of the type whose method it is, or of the function.
    let is_own = |function: &str| crates_of(function).first() == own.first();
    frames.iter().any(|other| is_elsewhere(&other.file) && is_own(&other.function))
}

/// The crates that the name of a function names, without those of the standard library.
fn crates_of(function: &str) -> Vec<&str> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = function.split(|c| !is_path(c)).filter_map(|path| path.split_once("::"));
    let names = paths.map(|(first, _)| first).filter(|name| !name.is_empty());
    names.filter(|name| !["core", "alloc", "std"].contains(name)).collect()
}

/// Whether a file is neither the standard library's nor the runtime's.
fn is_programs(file: &str) -> bool {
    !is_standard_library(file) && !is_runtime(file)
}

/// The line of the program that a place inside the standard library, or no place at all, stands
/// for.
///
/// What a destructor does has no caller but the drop glue, and what is called through a function
/// pointer none but the shim for it. The stack knows who let the value go: the frame around the
/// innermost destructor.
fn in_program(place: Place, frames: &[Frame]) -> Place {
    if place.is_known() && is_programs(&place.file) {
        return place;
    }
    let is_destructor = |frame: &Frame| frame.function.ends_with("core::ops::drop::Drop>::drop");
    let around = frames.iter().position(is_destructor).map_or(0, |destructor| destructor + 1);
    let is_program = |frame: &&Frame| frame.line != 0 && is_programs(&frame.file);
    match frames[around..].iter().find(is_program) {
        Some(frame) => place_of(frame),
        None => place,
    }
}

/// The folder of the crate that a frame's file belongs to. The name of a function may have no path,
/// if it was inlined.
pub(super) fn crate_of(frame: &Frame) -> &str {
    let file = frame.file.as_str();
    if is_dependency(file) {
        return file.split('/').next().unwrap_or(file);
    }
    let target = |folder: &str| {
        let inside = format!("/{folder}/");
        file.rfind(&inside).or_else(|| file.starts_with(&inside[1..]).then_some(0))
    };
    let end = ["src", "tests", "examples", "benches"].into_iter().filter_map(target).max();
    &file[..end.unwrap_or(0)]
}

/// The closure that a function of the same crate runs, and the function that wrote the closure and
/// handed it in, by their frames; `None` if the frame at `with` runs no such closure.
///
/// A function that runs a closure under a lock (`fn with(&self, f: impl FnOnce(&T))`) is a wrapper
/// of the lock as one that gives its guard away is. The two frames found are what a person changes.
/// Such a function may itself hand its closure to another one.
pub(super) fn around_with(frames: &[Frame], with: usize) -> Option<(usize, usize)> {
    let is_written_in = |closure: &Frame, writer: &Frame| {
        let rest = closure.function.strip_prefix(writer.function.as_str());
        rest == Some("::{{closure}}") && crate_of(writer) == crate_of(&frames[with])
    };
    let inward = (0..with).rev().zip(with + 1..frames.len());
    inward.take_while(|&(closure, writer)| is_written_in(&frames[closure], &frames[writer])).last()
}

/// The function of a frame, or the one that its closure is written in.
pub(super) fn without_closures(frame: &Frame) -> &str {
    frame.function.split("::{{closure}}").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_both_spellings() {
        assert!(same_file("/r/app/src/a.rs", "src/a.rs"));
        assert!(same_file("src/a.rs", "src/a.rs"));
        assert!(!same_file("/r/app/src/aa.rs", "a.rs"));
        assert!(!same_file("src/a.rs", ""));
    }

    #[test]
    fn a_macro_of_another_crate_gives_way_to_the_line_that_expands_it() {
        let frame = |function: &str, file: &str, line| Frame {
            function: function.into(),
            file: file.into(),
            line,
            column: 5,
        };
        let frames = [
            frame("trace::dispatch", "trace-0.1.4/src/lib.rs", 7),
            frame("<app::Loud as sdk::Export>::export::{{closure}}", "trace-0.1.4/src/macros.rs", 880),
            frame("<app::Loud as sdk::Export>::export", "src/main.rs", 12),
            frame("sdk::emit", "my-sdk-1.0.0/src/lib.rs", 40),
            frame("app::main", "src/main.rs", 20),
        ];
        let lines: Vec<u32> = (0..5).map(|index| frames[outside_macro(&frames, index)].line).collect();
        assert_eq!(lines, [7, 12, 12, 40, 20], "a library may have another name than its package");
    }

    #[test]
    fn a_function_that_runs_a_closure_of_its_caller_is_no_place_to_change() {
        let frame = |function: &str, file: &str| Frame {
            function: function.into(),
            file: file.into(),
            line: 3,
            column: 5,
        };
        let own = |function: &str| frame(function, "ui-1.0.0/src/context.rs");
        let twice = [
            own("ui::size"),
            own("ui::show::{{closure}}"),
            own("ui::input::{{closure}}"),
            own("ui::with"),
            own("ui::input"),
            own("ui::show"),
            frame("app::main", "src/main.rs"),
        ];
        assert_eq!(around_with(&twice, 3), Some((1, 5)));
        assert_eq!(around_with(&twice[1..], 2), Some((0, 4)), "it wants the lock itself");
        assert_eq!(around_with(&twice, 4), None);
        assert_eq!(around_with(&twice, 0), None);
        let foreign = [
            frame("app::main::{{closure}}", "src/main.rs"),
            own("ui::with"),
            frame("app::main", "src/main.rs"),
        ];
        assert_eq!(around_with(&foreign, 1), None, "who holds is another crate than who is called");
    }

    #[test]
    fn the_acquisition_has_the_line_that_expands_a_macro() {
        let frame = |file: &str, line| Frame { function: "f".into(), file: file.into(), line, column: 5 };
        let site = Place { file: "src/a.rs".into(), line: 9, column: 7, ..Place::default() };
        let mut inside = [frame("src/macros.rs", 4), frame("src/a.rs", 12)];
        with_site(&mut inside, &site);
        assert_eq!((inside[0].file.as_str(), inside[0].line, inside[0].column), ("src/a.rs", 9, 7));
        // A function that its caller stands for.
        let mut tracked = [frame("src/b.rs", 4), frame("src/a.rs", 9)];
        with_site(&mut tracked, &site);
        assert_eq!(tracked[0].line, 4);
        let mut unknown = [frame("src/b.rs", 4)];
        with_site(&mut unknown, &Place::default());
        assert_eq!(unknown[0].line, 4);
    }

    #[test]
    fn what_a_destructor_does_is_reported_of_who_let_the_value_go() {
        let frame = |function: &str, file: &str, line| Frame {
            function: function.into(),
            file: file.into(),
            line,
            column: 5,
        };
        let glue = Place {
            file: "/rustc/0/library/core/src/ptr/mod.rs".into(),
            line: 805,
            column: 1,
            ..Place::default()
        };
        let frames = [
            frame("lock::unlock", "/r/lock/src/raw.rs", 2),
            frame("<lock::Guard as core::ops::drop::Drop>::drop", "/r/lock/src/guard.rs", 9),
            frame("core::ptr::drop_in_place<lock::Guard>", "/rustc/0/library/core/src/ptr/mod.rs", 805),
            frame("<app::Step as core::ops::drop::Drop>::drop", "/r/app/src/step.rs", 7),
            frame("app::main", "/r/app/src/main.rs", 3),
        ];
        for unclear in [glue.clone(), Place::default()] {
            let place = with_frames(unclear, &frames);
            assert_eq!((place.file.as_str(), place.line), ("/r/app/src/step.rs", 7));
            assert_eq!(place.function.as_deref(), Some("<app::Step as core::ops::drop::Drop>::drop"));
        }
        let own = Place { file: "instrument/src/sync/once.rs".into(), ..glue.clone() };
        assert_eq!(with_frames(own, &frames[4..]).line, 3, "nor is a file of the runtime a place");
        assert_eq!(with_frames(glue.clone(), &frames[..3]).file, glue.file, "nothing better is known");
        let through_pointer = with_frames(glue, &frames[4..]);
        assert_eq!(through_pointer.line, 3, "without a destructor it is the innermost frame");
    }
}
