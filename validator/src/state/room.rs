//! What is remembered of a channel with a bound: who waits for room with locks held, and what the
//! receiver needs before it makes room.

use super::acquired::Noted;
use super::waiter::Waiter;
use crate::base::id::{LockId, TaskId};
use crate::base::site::Site;

/// How many sends of a channel are remembered; the embedder stops before.
const MAX_SENDS: usize = 64;
/// How many acquisitions of its receiver are.
const MAX_NEEDS: usize = 256;

/// See the top of the file. Messages and takes are counted while every one is looked at.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) capacity: u64,
    senders: Ends,
    receivers: Ends,
    n_sent: u64,
    n_taken: u64,
    /// Sends with a lock held.
    pub(crate) sends: Vec<Sending>,
    pub(crate) needs: Vec<RoomNeed>,
    /// The stretch of the receiver that began with its last take.
    taken_in: u32,
    /// Where a send was seen to wait while a lock was held.
    waited: Vec<(Site, LockId)>,
}

/// A send with a lock held.
#[derive(Debug)]
pub(crate) struct Sending {
    /// Which message it was, from one.
    pub(crate) number: u64,
    pub(crate) waiter: Waiter,
}

/// What the receiver acquired between two takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomNeed {
    pub(crate) task: TaskId,
    /// How many messages it had taken.
    pub(crate) n_taken: u64,
    /// Where it makes room the next time.
    pub(crate) site: Site,
    pub(crate) noted: Noted,
}

/// The tasks at one end of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Ends {
    #[default]
    None,
    One(TaskId),
    Several,
}

impl Ends {
    fn add(&mut self, task: TaskId) {
        *self = match *self {
            Self::None => Self::One(task),
            Self::One(one) if one == task => Self::One(one),
            _ => Self::Several,
        };
    }
}

impl Room {
    pub(crate) fn new(capacity: u64) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// A task is about to send; `waiter`: it waits if there is no room, with locks held.
    pub(crate) fn send(&mut self, task: TaskId, waiter: Option<Waiter>) {
        self.senders.add(task);
        self.n_sent += 1;
        if let Some(waiter) = waiter.filter(|_| self.sends.len() < MAX_SENDS) {
            self.sends.push(Sending { number: self.n_sent, waiter });
        }
    }

    /// The task could not send what it was about to send.
    pub(crate) fn unsend(&mut self, task: TaskId) {
        self.n_sent = self.n_sent.saturating_sub(1);
        self.sends.pop_if(|last| last.waiter.task == task && last.number > self.n_sent);
    }

    /// The task waits for room.
    pub(crate) fn waits(&mut self, task: TaskId) {
        let Some(last) = self.sends.iter().rfind(|sending| sending.waiter.task == task) else { return };
        for held in &last.waiter.held {
            let place = (last.waiter.site, held.acquisition.lock);
            if !self.waited.contains(&place) {
                self.waited.push(place);
            }
        }
    }

    /// Whether a send there was seen to wait while the lock was held.
    pub(crate) fn has_waited(&self, site: Site, lock: LockId) -> bool {
        self.waited.contains(&(site, lock))
    }

    /// The task takes a message, or lets the receiver go: what it acquired since its last take it
    /// needed for that. Returns how many needs were known before.
    pub(crate) fn take(&mut self, task: TaskId, site: Site, acquired: &[Noted]) -> usize {
        self.receivers.add(task);
        let n_known = self.needs.len();
        for noted in acquired.iter().filter(|noted| noted.segment >= self.taken_in) {
            if self.needs.len() < MAX_NEEDS {
                self.needs.push(RoomNeed { task, n_taken: self.n_taken, site, noted: *noted });
            }
        }
        n_known
    }

    /// The task has taken a message; what it does now is this stretch of it.
    pub(crate) const fn taken(&mut self, segment: u32) {
        self.n_taken += 1;
        self.taken_in = segment;
    }

    /// Whether several tasks have taken messages: another one may make room.
    pub(crate) fn has_several_receivers(&self) -> bool {
        self.receivers == Ends::Several
    }

    /// Whether one task has sent all messages, so that their order is that of its program.
    pub(crate) const fn has_one_sender(&self) -> bool {
        matches!(self.senders, Ends::One(_))
    }

    /// Whether that send finds the channel full, and no earlier one did, as long as so many
    /// messages were taken.
    pub(crate) const fn fills(&self, number: u64, n_taken: u64) -> bool {
        number == n_taken + self.capacity + 1
    }
}
