//! Whether what a task acquired had to come before a wait of another task.
//!
//! The run showed that it came before: else the run would have hung. Spawns, joins and messages are
//! orders that hold in every run. What the engine does not see can order as well: a flag that the
//! waiting task looked at. So nothing is certain, except where chance is seen at work: the other
//! task made the acquisition before the waiting one had slept, once, and the waiting one did
//! nothing in that stretch by which it could have learnt of that.

use super::Validator;
use crate::base::id::{LockId, TaskId};
use crate::mutant::{self, Mutant};
use crate::state::acquired::Noted;
use crate::state::segment::Segment;
use crate::state::waiter::Waiter;

/// How an acquisition of one task and a wait of another are ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// One of them comes first in every run, or may do so by a wait that is not understood.
    Always,
    /// Something that the engine does not see may order them.
    MaybeUnseen,
    /// The waiting task slept meanwhile, and did nothing else that can have ordered them.
    ByChance,
}

impl Validator {
    /// How the acquisition of `other` and the wait are ordered. The locks in `but` are what the
    /// waiting task acquires for the wait itself.
    pub(super) fn order_of(&self, waiter: &Waiter, other: TaskId, noted: &Noted, but: &[LockId]) -> Order {
        if !mutant::is(Mutant::WaitOrderIgnored) && self.is_before_wait(waiter, other, noted) {
            return Order::Always;
        }
        let clock = noted.when.clock;
        let is_idle = waiter.when.idled >= clock.min(waiter.began) && !mutant::is(Mutant::IdleOrdersNothing);
        let is_unseen = self.segments.may_be_ordered_by_room();
        let is_ordered = waiter.ordered > clock && !mutant::is(Mutant::OtherOrdersIgnored);
        // A trail that is not complete says nothing.
        let is_by_lock =
            waiter.acquired_since(clock, but) != Some(false) && !mutant::is(Mutant::HandOversIgnored);
        let is_asleep = (waiter.sleep.start + 1..=waiter.sleep.end).contains(&clock)
            || mutant::is(Mutant::SleepNotNeeded);
        if is_asleep && !is_unseen && !is_idle && !is_ordered && !is_by_lock {
            Order::ByChance
        } else {
            Order::MaybeUnseen
        }
    }

    fn is_before_wait(&self, waiter: &Waiter, other: TaskId, noted: &Noted) -> bool {
        let is_unknown =
            noted.when.moment < waiter.when.waited && !mutant::is(Mutant::UnknownWaitsDoNotOrder);
        let acquired_in = Segment { task: other, number: noted.segment };
        is_unknown || self.segments.may_be_before(acquired_in, waiter.segment)
    }

    /// Whether the wait had to be over before `other` made this acquisition, or may have had to.
    pub(super) fn is_after_wait(&self, waiter: &Waiter, other: TaskId, noted: &Noted) -> bool {
        if mutant::is(Mutant::WaitOrderIgnored) {
            return false;
        }
        let is_unknown =
            waiter.when.moment < noted.when.waited && !mutant::is(Mutant::UnknownWaitsDoNotOrder);
        let acquired_in = Segment { task: other, number: noted.segment };
        is_unknown || self.segments.may_be_before(waiter.segment, acquired_in)
    }
}
