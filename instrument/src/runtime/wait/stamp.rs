//! What goes with a message, so that its receive is known to come after its send.

use std::num::NonZeroU64;

use lockdep_validator::{Segment, TaskId};

use crate::runtime::running;
use crate::runtime::task;

/// Eight bytes that go with a message: who sent it, how far that thread had come, and whether the
/// message is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp(Option<NonZeroU64>);

impl Stamp {
    /// The stamp of a message that is not watched.
    pub(crate) const NONE: Self = Self(None);

    const LEARNED: u64 = 1 << 31;

    /// The running thread's.
    #[inline(always)]
    pub(crate) fn now() -> Self {
        task::segment().map_or_else(unknown, Self::of)
    }

    /// That of a message sent at the end of this segment.
    #[inline(always)]
    pub(crate) fn of(segment: Segment) -> Self {
        let number = u64::from(segment.number) & (Self::LEARNED - 1);
        Self(NonZeroU64::new(u64::from(segment.task.0) << 32 | number))
    }

    /// The same, for a message that is looked at.
    pub(crate) fn learned(self) -> Self {
        Self(self.0.map(|word| word | Self::LEARNED))
    }

    /// Returns the stamp as one word; `None` if the message is not watched.
    #[inline(always)]
    pub(super) fn word(self) -> Option<u64> {
        self.0.map(NonZeroU64::get)
    }

    /// Returns where the stamps of its task are kept, among so many places.
    #[inline(always)]
    pub(super) fn slot(word: u64, n_slots: usize) -> usize {
        (word >> 32) as usize % n_slots
    }

    /// Whether the message is looked at.
    #[inline(always)]
    pub(crate) fn is_learned(self) -> bool {
        self.0.is_some_and(|word| word.get() & Self::LEARNED != 0)
    }

    /// The segment at whose end the message was sent.
    pub(crate) fn segment(self) -> Option<Segment> {
        let word = self.0?.get();
        let number = (word & (Self::LEARNED - 1)) as u32;
        Some(Segment { task: TaskId((word >> 32) as u32), number })
    }
}

/// The stamp of a thread whose state is not available. One that has none has nothing to order.
#[cold]
fn unknown() -> Stamp {
    if !task::is_not_started() {
        running().inspect(|runtime| runtime.validator.order_lost());
    }
    Stamp::NONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_says_from_where_its_message_came() {
        let segment = Segment { task: TaskId(u32::MAX), number: 5 };
        let stamp = Stamp::of(segment);
        assert_eq!((stamp.segment(), stamp.is_learned()), (Some(segment), false));
        assert_eq!((stamp.learned().segment(), stamp.learned().is_learned()), (Some(segment), true));
        assert_eq!(Stamp::NONE.learned().segment(), None);
    }
}
