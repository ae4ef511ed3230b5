//! What the two ends of a channel know of it, and what goes with each message.
//!
//! Both ends lead to one [`Event`], which is given back when the last end is gone.

use std::panic::Location;

use lockdep_validator::EventKind;

use super::event_map::wait_as;
use crate::lock::CreationSite;
use crate::runtime::event::{messages, rooms};
use crate::runtime::wait::{Event, Stamp};

/// Makes what the two ends of a new channel need.
#[track_caller]
pub(crate) fn ends(bound: Option<usize>) -> (SenderEnd, ReceiverEnd) {
    let event = Event::claim(CreationSite::caller().token());
    event.inspect(|event| event.set_channel(bound));
    if event.is_some() && bound.is_some() {
        rooms::made();
    }
    (SenderEnd(event), ReceiverEnd(event))
}

/// What a sender knows of its channel; one word.
#[derive(Debug)]
pub(crate) struct SenderEnd(Option<&'static Event>);

/// What the receiver knows of its channel; one word.
#[derive(Debug)]
pub(crate) struct ReceiverEnd(Option<&'static Event>);

/// A message in the channel.
#[derive(Debug)]
pub(crate) struct Message<T> {
    /// Orders its receive after its send.
    stamp: Stamp,
    pub(crate) value: T,
}

impl<T> Message<T> {
    /// Whether the message is looked at.
    #[inline]
    pub(crate) fn is_looked_at(&self) -> bool {
        self.stamp.is_learned()
    }
}

impl SenderEnd {
    /// Makes a message of what the running thread is about to send. `waits`: for room, if the
    /// channel is full.
    #[track_caller]
    #[inline]
    pub(crate) fn message<T>(&self, value: T, waits: bool) -> Message<T> {
        let stamp = match self.0 {
            None => Stamp::NONE,
            Some(event) if event.is_learning() => messages::send(event, waits, Location::caller()),
            Some(_) => Stamp::now(),
        };
        Message { stamp, value }
    }

    /// The running thread has sent one.
    #[track_caller]
    #[inline]
    pub(crate) fn sent(&self) {
        if let Some(event) = self.0 {
            event.provided(Location::caller());
        }
    }

    /// The message was not sent.
    #[cold]
    pub(crate) fn not_sent<T>(&self, message: Message<T>) -> T {
        if let Some(event) = self.0 {
            if message.stamp.is_learned() {
                rooms::not_sent(event);
            }
            // It says what the receiver has done, or not.
            messages::idled();
        }
        message.value
    }

    /// A send into a channel with a bound is over.
    #[cold]
    pub(crate) fn had_room(&self) {
        if self.0.is_some() {
            rooms::had_room();
        }
    }

    /// Waits by `wait` until the channel has room for the message.
    #[cold]
    #[track_caller]
    #[inline(never)]
    pub(crate) fn wait_for_room<T, R>(&self, message: Message<T>, wait: impl FnOnce(Message<T>) -> R) -> R {
        let Some(event) = self.0 else { return wait(message) };
        if message.stamp.is_learned() {
            rooms::send_waits(event);
        }
        wait_as(EventKind::Room, self.0, false, || wait(message))
    }
}

impl Clone for SenderEnd {
    #[inline]
    fn clone(&self) -> Self {
        self.0.inspect(|event| event.add_sender());
        Self(self.0)
    }
}

impl Drop for SenderEnd {
    #[inline]
    fn drop(&mut self) {
        self.0.inspect(|event| event.remove_user(false));
    }
}

impl ReceiverEnd {
    /// Whether anything is to be done beside receiving.
    #[inline(always)]
    pub(crate) fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// The running thread has received this one. `waits`: it would have waited for the message
    /// without a limit.
    #[track_caller]
    #[inline]
    pub(crate) fn received<T>(&self, message: Message<T>, waits: bool) -> T {
        if let Some(event) = self.0 {
            event.taken(Location::caller());
            let stamp = message.stamp;
            if stamp.is_learned() || !event.knows(stamp) {
                messages::receive(event, stamp, waits, Location::caller());
            }
        }
        message.value
    }

    /// The running thread has received none: that says what the senders have done, or not.
    #[cold]
    pub(crate) fn received_none(&self) {
        if self.0.is_some() {
            messages::idled();
        }
    }

    /// Waits by `wait` for a message.
    #[cold]
    #[track_caller]
    #[inline(never)]
    pub(crate) fn wait_for_message<R>(&self, is_timed: bool, wait: impl FnOnce() -> R) -> R {
        match self.0 {
            None => wait(),
            event => wait_as(EventKind::Message, event, is_timed, wait),
        }
    }
}

impl Drop for ReceiverEnd {
    #[inline]
    fn drop(&mut self) {
        if let Some(event) = self.0 {
            rooms::receiver_ends(event);
            event.remove_user(true);
        }
    }
}
