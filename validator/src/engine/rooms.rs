//! Sends into a channel with a bound, with locks held.
//!
//! A send into a full channel waits until a message is taken. If the receiver acquires, before it
//! takes the next one or goes away, a lock that is held over the send, both can wait forever. How
//! full a channel gets differs from run to run, so that is a warning. It is an error if one task
//! sends and one receives, nothing can have ordered the two, the channel was seen full there, and
//! the numbers of messages say that this very send finds it full.

use std::sync::{MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::order::Order;
use super::waits::{Need, excludes, violation};
use super::{EventFindings, Outcome, StackSource, TaskContext, Validator};
use crate::base::id::ClassId;
use crate::base::site::Site;
use crate::check::violation::Level;
use crate::mutant::{self, Mutant};
use crate::state::room::{Room, RoomNeed, Sending};
use crate::state::waiter::{HeldOver, Waiter};

/// Channels beyond these show nothing.
const MAX_ROOMS: usize = 1 << 12;

/// A message that a task is about to send into a channel with a bound.
#[derive(Clone, Copy, Debug)]
pub struct BoundedSend {
    /// What distinguishes the channel from every other.
    pub channel: u64,
    /// How many messages it holds.
    pub capacity: u64,
    /// Whether the task waits if the channel is full.
    pub waits: bool,
    /// Where.
    pub site: Site,
}

impl Validator {
    fn rooms(&self) -> MutexGuard<'_, FxHashMap<u64, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces that the task is about to send a message that is looked at. LD0101 for a lock that
    /// it holds and that the receiver acquired before it took a later message. `class_fn`: the
    /// class of room in this channel.
    pub fn sends(
        &self,
        task: &TaskContext,
        send: &BoundedSend,
        class_fn: &mut dyn FnMut() -> Option<ClassId>,
        stacks: &dyn StackSource,
    ) -> Outcome {
        if !self.config.evidence || mutant::is(Mutant::NoRoomUnderLock) {
            return Outcome::CLEAN;
        }
        let waits = send.waits && !task.held.is_empty();
        let waiter = waits.then(|| self.waiter(task, send.site, stacks));
        let mut rooms = self.rooms();
        if rooms.len() >= MAX_ROOMS && !rooms.contains_key(&send.channel) {
            return Outcome::CLEAN;
        }
        let room = rooms.entry(send.channel).or_insert_with(|| Room::new(send.capacity));
        let n_known = room.sends.len();
        room.send(task.id, waiter);
        let found = self.short_of_room(room, &room.sends[n_known..], &room.needs, false);
        drop(rooms);
        self.report_rooms(found, class_fn)
    }

    /// Announces that the task waits for room for what it was about to send.
    pub fn send_waits(&self, task: &TaskContext, channel: u64) {
        if let Some(room) = self.rooms().get_mut(&channel) {
            room.waits(task.id);
        }
    }

    /// Announces that the task did not send what it was about to send.
    pub fn not_sent(&self, task: &TaskContext, channel: u64) {
        if let Some(room) = self.rooms().get_mut(&channel) {
            room.unsend(task.id);
        }
    }

    /// Announces that the task has taken a message that is looked at, at `site`, before the message
    /// is announced as [received](Self::received). LD0101 as in [`Validator::sends`].
    pub fn takes(
        &self,
        task: &TaskContext,
        channel: u64,
        site: Site,
        class_fn: &mut dyn FnMut() -> Option<ClassId>,
    ) -> Outcome {
        let mut rooms = self.rooms();
        let Some(room) = rooms.get_mut(&channel) else { return Outcome::CLEAN };
        let n_known = room.take(task.id, site, self.acquired(task));
        let found = self.short_of_room(room, &room.sends, &room.needs[n_known..], false);
        room.taken(task.segment.saturating_add(1));
        drop(rooms);
        self.report_rooms(found, class_fn)
    }

    /// Announces that the receiver of the channel goes away, which the task does. `is_exact`: every
    /// message of one task was looked at. Nothing can change any more, so this decides about the
    /// level.
    pub fn receiver_ends(
        &self,
        task: &TaskContext,
        channel: u64,
        site: Site,
        is_exact: bool,
        class_fn: &mut dyn FnMut() -> Option<ClassId>,
    ) -> Outcome {
        let Some(mut room) = self.rooms().remove(&channel) else { return Outcome::CLEAN };
        room.take(task.id, site, self.acquired(task));
        let found = self.short_of_room(&room, &room.sends, &room.needs, is_exact);
        self.report_rooms(found, class_fn)
    }

    /// Announces that the channel is no more.
    pub fn channel_ends(&self, channel: u64) {
        self.rooms().remove(&channel);
    }

    fn report_rooms(&self, found: Vec<Found>, class_fn: &mut dyn FnMut() -> Option<ClassId>) -> Outcome {
        let mut findings = EventFindings::default();
        if found.is_empty() {
            return Outcome::CLEAN;
        }
        let Some(class) = class_fn() else {
            self.count_dropped();
            return Outcome::CLEAN;
        };
        for Found { waiter, held, need, level } in &found {
            let need = Need { task: need.task, since: need.site, acquisition: &need.noted.acquisition };
            self.find(&mut findings, violation(waiter, held, class, need, *level));
        }
        findings.into()
    }

    /// The sends that may wait for room until the receiver has acquired what is held over them.
    fn short_of_room(
        &self,
        room: &Room,
        sends: &[Sending],
        needs: &[RoomNeed],
        is_exact: bool,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        if room.has_several_receivers() && !mutant::is(Mutant::SeveralEndsIgnored) {
            return found;
        }
        for sending in sends {
            for held in &sending.waiter.held {
                let levels = needs.iter().filter(|need| {
                    need.task != sending.waiter.task && excludes(held, &need.noted.acquisition)
                });
                let levels = levels
                    .filter_map(|need| Some((self.room_level(room, sending, held, need, is_exact)?, need)));
                // Of several at one level the first.
                if let Some((level, need)) = levels.rev().max_by_key(|(level, _)| *level) {
                    let waiter = sending.waiter.clone();
                    found.push(Found { waiter, held: *held, need: *need, level });
                }
            }
        }
        found
    }

    fn room_level(
        &self,
        room: &Room,
        sending: &Sending,
        held: &HeldOver,
        need: &RoomNeed,
        is_exact: bool,
    ) -> Option<Level> {
        let waiter = &sending.waiter;
        let order = self.order_of(waiter, need.task, &need.noted, &[held.acquisition.lock]);
        if order == Order::Always || self.is_after_wait(waiter, need.task, &need.noted) {
            return None;
        }
        let has_waited = room.has_waited(waiter.site, held.acquisition.lock);
        let fills = room.fills(sending.number, need.n_taken);
        let is_sure = is_exact
            && (room.has_one_sender() || mutant::is(Mutant::SeveralEndsIgnored))
            && (fills || mutant::is(Mutant::CapacityIgnored))
            && (has_waited || mutant::is(Mutant::UnseenFillCounts))
            && order == Order::ByChance;
        Some(if is_sure { Level::Error } else { Level::Warning })
    }
}

/// A send that may wait for room until the receiver has acquired what is held over it.
struct Found {
    waiter: Waiter,
    held: HeldOver,
    need: RoomNeed,
    level: Level,
}
