//! How much of a report is printed, so that it stays short enough to be read.
//!
//! Stacks give way first, then lists, then the source and the stacks of further dependencies.
//! Notes, advice and the acquisition that was reported are always there.

use super::snippet::MAX_EXCERPTS;

/// How much of each long part is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Detail {
    /// About how many frames of each stack; zero leaves stacks out.
    pub(super) n_frames: usize,
    /// How many lines of a list.
    pub(super) n_listed: usize,
    /// How many dependencies, or threads of a ring, with their source.
    pub(super) n_excerpts: usize,
    /// How many dependencies or threads with their stacks.
    pub(super) n_stacked: usize,
}

/// The stages after the first: lines of a list, excerpts, dependencies with stacks.
const STAGES: [(usize, usize, usize); 5] = [(12, 4, 4), (12, 2, 4), (8, 2, 2), (8, 2, 1), (4, 2, 1)];

/// How many frames of a stack still show its course.
const FEW_FRAMES: usize = 4;

impl Detail {
    /// The choices, from everything to the least.
    pub(super) fn steps(n_frames: usize) -> Vec<Self> {
        let all = Self { n_frames, n_listed: usize::MAX, n_excerpts: MAX_EXCERPTS, n_stacked: MAX_EXCERPTS };
        if n_frames == usize::MAX {
            return vec![Self { n_excerpts: usize::MAX, n_stacked: usize::MAX, ..all }];
        }
        let fewer = |from: usize| (n_frames.min(1)..=n_frames.min(from)).rev();
        let mut steps: Vec<Self> = fewer(n_frames).map(|n_frames| Self { n_frames, ..all }).collect();
        for (n_listed, n_excerpts, n_stacked) in STAGES {
            steps.extend(fewer(FEW_FRAMES).map(|n_frames| Self {
                n_frames,
                n_listed,
                n_excerpts,
                n_stacked,
            }));
        }
        steps
    }
}

/// The lines of a list of which `n_shown` fit: its head and its tail, and how many are left out
/// between.
pub(super) fn cut(lines: Vec<String>, n_shown: usize) -> Vec<String> {
    // One line is as short as the words that would stand for it.
    if lines.len() <= n_shown.saturating_add(1) {
        return lines;
    }
    let n_tail = n_shown / 2;
    let n_head = n_shown - n_tail;
    let more = format!("… {} more", lines.len() - n_shown);
    let mut shown = lines;
    let tail = shown.split_off(shown.len() - n_tail);
    shown.truncate(n_head);
    shown.push(more);
    shown.extend(tail);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_ends() {
        let list = |n: u32| (0..n).map(|line| line.to_string()).collect::<Vec<_>>();
        assert_eq!(cut(list(9), 4), ["0", "1", "… 5 more", "7", "8"]);
        assert_eq!(cut(list(5), 4), list(5));
        assert_eq!(cut(list(5), usize::MAX), list(5));
        assert_eq!(cut(list(9), 0), ["… 9 more"]);
    }

    #[test]
    fn each_step_prints_no_more_than_the_one_before() {
        let steps = Detail::steps(12);
        assert_eq!(steps.first().map(|first| first.n_frames), Some(12));
        let size = |step: &Detail| (step.n_listed, step.n_excerpts, step.n_stacked);
        for pair in steps.windows(2) {
            let (one, next) = (size(&pair[0]), size(&pair[1]));
            assert!(next.0 <= one.0 && next.1 <= one.1 && next.2 <= one.2, "{pair:?}");
            assert!(next != one || pair[1].n_frames < pair[0].n_frames, "{pair:?}");
        }
        assert!(Detail::steps(0).iter().all(|step| step.n_frames == 0), "none were asked for");
        assert_eq!(Detail::steps(usize::MAX).len(), 1);
    }
}
