//! What a thread marks words with: its number and a place, in one word.

use lockdep_validator::TaskId;

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
