//! What the senders of messages had acquired, for the threads that receive them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lockdep_validator::{Noted, Segment, Site};
use rustc_hash::FxHashMap;

/// Channels beyond these show nothing.
const MAX_CHANNELS: usize = 1 << 12;
/// How many messages of a channel are remembered until they are received.
const MAX_MESSAGES: usize = 64;

/// By the number of the channel. A leaf lock.
#[derive(Debug, Default)]
pub(crate) struct Messages(Mutex<FxHashMap<u64, VecDeque<Sent>>>);

/// A message that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// At the end of which segment.
    pub(crate) segment: Segment,
    pub(crate) at: Site,
    /// What its sender had acquired by then.
    pub(crate) acquired: Vec<Noted>,
}

impl Messages {
    fn inner(&self) -> MutexGuard<'_, FxHashMap<u64, VecDeque<Sent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message is about to be sent.
    pub(crate) fn put(&self, channel: u64, sent: Sent) {
        let mut channels = self.inner();
        if channels.len() >= MAX_CHANNELS && !channels.contains_key(&channel) {
            return;
        }
        let messages = channels.entry(channel).or_default();
        if messages.len() == MAX_MESSAGES {
            messages.pop_front();
        }
        messages.push_back(sent);
    }

    /// The message of this segment was received.
    pub(crate) fn take(&self, channel: u64, segment: Segment) -> Option<Sent> {
        let mut channels = self.inner();
        let messages = channels.get_mut(&channel)?;
        let at = messages.iter().position(|sent| sent.segment == segment)?;
        messages.remove(at)
    }

    /// The channel is gone.
    pub(crate) fn forget(&self, channel: u64) {
        self.inner().remove(&channel);
    }
}
