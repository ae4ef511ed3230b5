//! The sending ends.

use std::fmt;
use std::sync::mpsc::{self, SendError, TrySendError};

use crate::hook::{Message, SenderEnd};

/// [`std::sync::mpsc::Sender`], which notes who sent last.
pub struct Sender<T> {
    // INVARIANT: dropped before `end`, so that no channel is thought to have lost its last sender
    // that has one.
    inner: mpsc::Sender<Message<T>>,
    end: SenderEnd,
}

/// [`std::sync::mpsc::SyncSender`], whose waits other threads can read of.
pub struct SyncSender<T> {
    // INVARIANT: as in `Sender`.
    inner: mpsc::SyncSender<Message<T>>,
    end: SenderEnd,
}

impl<T> Sender<T> {
    pub(super) fn new(inner: mpsc::Sender<Message<T>>, end: SenderEnd) -> Self {
        Self { inner, end }
    }

    /// Sends a message. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the message back if the receiver is gone.
    #[track_caller]
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        match self.inner.send(self.end.message(t, false)) {
            Ok(()) => {
                self.end.sent();
                Ok(())
            }
            Err(SendError(message)) => Err(SendError(self.end.not_sent(message))),
        }
    }
}

impl<T> SyncSender<T> {
    pub(super) fn new(inner: mpsc::SyncSender<Message<T>>, end: SenderEnd) -> Self {
        Self { inner, end }
    }

    /// Sends a message, after waiting for room if the channel is full. With a bound of zero it
    /// waits until the message has been received.
    ///
    /// # Errors
    ///
    /// Gives the message back if the receiver is gone.
    #[track_caller]
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        let message = self.end.message(t, true);
        let is_looked_at = message.is_looked_at();
        match self.inner.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(message)) => {
                let waited = self.end.wait_for_room(message, |message| self.inner.send(message));
                // The room orders what follows, and so does the end of the receiver.
                self.end.had_room();
                if let Err(SendError(message)) = waited {
                    return Err(SendError(message.value));
                }
            }
            Err(TrySendError::Disconnected(message)) => return Err(SendError(self.end.not_sent(message))),
        }
        self.end.sent();
        if is_looked_at {
            self.end.had_room();
        }
        Ok(())
    }

    /// Sends a message if there is room. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the message back if the channel is full, or if the receiver is gone.
    #[track_caller]
    #[inline]
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        let message = self.end.message(t, false);
        let is_looked_at = message.is_looked_at();
        match self.inner.try_send(message) {
            Ok(()) => {
                self.end.sent();
                if is_looked_at {
                    self.end.had_room();
                }
                Ok(())
            }
            Err(TrySendError::Full(message)) => Err(TrySendError::Full(self.end.not_sent(message))),
            Err(TrySendError::Disconnected(message)) => {
                Err(TrySendError::Disconnected(self.end.not_sent(message)))
            }
        }
    }
}

/// What both senders have.
macro_rules! impl_sender {
    ($Sender:ident) => {
        impl<T> Clone for $Sender<T> {
            fn clone(&self) -> Self {
                Self { inner: self.inner.clone(), end: self.end.clone() }
            }
        }

        impl<T> fmt::Debug for $Sender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
}

impl_sender!(Sender);
impl_sender!(SyncSender);
