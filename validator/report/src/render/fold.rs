//! Which frames of a long stack are printed, and what stands for the others.

use std::ops::Range;

use crate::path::{crate_folder, is_dependency};
use crate::place::Frame;

/// A line of a stack.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// The frame at this index.
    Frame(usize),
    /// Several frames that are only counted.
    Folded(Range<usize>),
}

/// The lines of a stack of which about `n_shown` frames fit: its head and its tail, the frames of
/// the program's own packages from the lock on outward, and the frames at the indices `keys`. The
/// rest is folded.
pub(crate) fn folded(frames: &[Frame], keys: &[usize], n_shown: usize) -> Vec<Part> {
    let n_tail = (n_shown / 4).max(1);
    let n_head = n_shown.saturating_sub(n_shown / 4).max(1);
    let is_end = |index: usize| index < n_head || index.saturating_add(n_tail) >= frames.len();
    let is_own = |frame: &Frame| !frame.file.is_empty() && !is_dependency(&frame.file);
    // A recursion of the program's own is folded as well, or it would be printed whole.
    let mut n_own = n_shown;
    let mut is_kept = |index: usize, frame: &Frame| {
        let own = is_own(frame) && n_own > 0;
        n_own -= usize::from(own && !is_end(index));
        frames.len() <= n_shown || is_end(index) || keys.contains(&index) || own
    };
    let mut parts: Vec<Part> = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let kept = is_kept(index, frame);
        match parts.last_mut() {
            _ if kept => parts.push(Part::Frame(index)),
            Some(Part::Folded(range)) => range.end = index + 1,
            _ => parts.push(Part::Folded(index..index + 1)),
        }
    }
    // One frame is as short as the line that would stand for it.
    for part in &mut parts {
        if let Part::Folded(range) = part
            && range.len() == 1
        {
            *part = Part::Frame(range.start);
        }
    }
    parts
}

/// The crates that frames belong to, each once.
pub(crate) fn crates(frames: &[Frame]) -> String {
    const MAX_NAMED: usize = 4;
    let mut names: Vec<&str> = Vec::new();
    for frame in frames {
        let path = frame.function.trim_start_matches(['<', '&']);
        let name = crate_folder(&frame.file).unwrap_or_else(|| path.split("::").next().unwrap_or(path));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let n_more = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    let more = if n_more == 0 { String::new() } else { format!(" and {n_more} more") };
    format!("`{}`{more}", names.join("`, `"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(list: &[(&str, &str)]) -> Vec<Frame> {
        let frame = |(function, file): &(&str, &str)| Frame {
            function: (*function).into(),
            file: (*file).into(),
            line: 1,
            column: 1,
        };
        list.iter().map(frame).collect()
    }

    #[test]
    fn head_tail_own_frames_and_the_holder_stay() {
        let mut list = vec![("hyper::f", "hyper-1.6.0/src/a.rs"); 20];
        list[9] = ("app::callback", "src/main.rs");
        list[13] = ("tower::Locked::call", "tower-0.5.2/src/b.rs");
        let stack = frames(&list);
        let shown = folded(&stack, &[13], 8);
        let frames = |range: Range<usize>| range.map(Part::Frame).collect::<Vec<_>>();
        let mut expected = frames(0..6);
        expected.extend([
            Part::Folded(6..9),
            Part::Frame(9),
            Part::Folded(10..13),
            Part::Frame(13),
            Part::Folded(14..18),
        ]);
        expected.extend(frames(18..20));
        assert_eq!(shown, expected);
        assert_eq!(crates(&stack[8..15]), "`hyper`, `app`, `tower`");
        assert_eq!(folded(&stack[..8], &[], 8), frames(0..8), "it fits");
    }

    #[test]
    fn a_recursion_of_the_program_is_not_printed_whole() {
        let stack = frames(&vec![("app::f", "src/main.rs"); 60]);
        assert!(folded(&stack, &[], 8).len() <= 18);
        assert!(folded(&[], &[], 8).is_empty());
    }
}
