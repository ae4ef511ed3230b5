//! Who the running thread is and how far it has come, for code that notes that with little effort.

use lockdep_validator::{Segment, TaskId};

use super::Task;
use super::access::{Access, look};
use super::place::NOT_STARTED;
use super::pointer::Pointer;

/// The lowest bits of a [`Mark`] and those of a place share a word with a flag.
const LOW_BITS: u64 = 0b110;
/// Where a place ends and the rest of a mark begins.
const PLACE_BITS: u32 = 48;

/// A task's number in the bits that the address of a place leaves free; zero for a task whose
/// number has no room, which are those after a quarter of a million others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark(u64);

impl Mark {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn of(task: TaskId) -> Self {
        let number = task.0 as u64;
        let high = (number & 0xffff) << PLACE_BITS;
        if number >> 18 == 0 { Self(high | (number >> 16) << 1) } else { Self::NONE }
    }

    /// The word for what the task did at the place with this address.
    #[inline(always)]
    pub(crate) const fn at(self, place: u64) -> u64 {
        self.0 | place
    }

    /// The task and the place of such a word.
    pub(crate) fn read(word: u64) -> (Option<TaskId>, u64) {
        let number = word >> PLACE_BITS | (word & LOW_BITS) >> 1 << 16;
        let place = word & ((1 << PLACE_BITS) - 1) & !(LOW_BITS | 1);
        (u32::try_from(number).ok().filter(|number| *number != 0).map(TaskId), place)
    }
}

/// Reads the state of the running thread, if it is available just now.
#[inline(always)]
fn read<R>(read_fn: impl FnOnce(&Task) -> R) -> Option<R> {
    let top = Pointer::of_this_thread().load();
    // SAFETY: the word leads to a place, which lives as long as the thread's state or forever. The
    // place of a state that is being used has no task. What is read changes only in such a use.
    unsafe { (*top).task.as_ref() }.map(read_fn)
}

/// The running thread, and how far it has come; `None` if its state is not available just now.
#[inline(always)]
pub(crate) fn segment() -> Option<Segment> {
    read(|task| task.context.segment())
}

/// What the running thread marks words with; `None` if its state is not available just now.
#[inline(always)]
pub(crate) fn mark() -> Option<Mark> {
    read(|task| task.mark)
}

/// Whether the running thread has no state yet.
pub(crate) fn is_not_started() -> bool {
    matches!(look(), Access::Closed(NOT_STARTED))
}

/// Where the running thread's word lies, which leads to its state.
pub(crate) fn word_address() -> usize {
    Pointer::of_this_thread().address()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_who_and_where() {
        let place = 0x7fff_1234_5678;
        for number in [1, 0xffff, 0x1_0000, 0x3_ffff] {
            let word = Mark::of(TaskId(number)).at(place);
            assert_eq!(Mark::read(word), (Some(TaskId(number)), place));
            assert_eq!(Mark::read(word | 1), (Some(TaskId(number)), place), "with a flag");
        }
        assert_eq!(Mark::read(Mark::of(TaskId(0x4_0000)).at(place)), (None, place));
    }
}
