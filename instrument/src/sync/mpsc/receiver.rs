//! The receiving end and its iterators.

use std::fmt;
use std::sync::mpsc::{self, RecvError, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use crate::hook::{Message, ReceiverEnd};

/// [`std::sync::mpsc::Receiver`], whose waits other threads can read of.
pub struct Receiver<T> {
    // INVARIANT: dropped before `end`, as in a sender.
    inner: mpsc::Receiver<Message<T>>,
    end: ReceiverEnd,
}

impl<T> Receiver<T> {
    pub(super) fn new(inner: mpsc::Receiver<Message<T>>, end: ReceiverEnd) -> Self {
        Self { inner, end }
    }

    /// Receives a message if there is one. Never waits.
    ///
    /// # Errors
    ///
    /// If there is none; the error says whether a sender is left.
    #[track_caller]
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.inner.try_recv() {
            Ok(message) => Ok(self.end.received(message, false)),
            Err(error) => {
                self.end.received_none();
                Err(error)
            }
        }
    }

    /// Receives a message, after waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// If there is none, and no sender is left.
    #[track_caller]
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        if !self.end.is_watched() {
            return self.inner.recv().map(|message| message.value);
        }
        match self.inner.try_recv() {
            Ok(message) => Ok(self.end.received(message, true)),
            Err(TryRecvError::Disconnected) => {
                self.end.received_none();
                Err(RecvError)
            }
            Err(TryRecvError::Empty) => {
                let message = self.end.wait_for_message(false, || self.inner.recv());
                let message = message.inspect_err(|_| self.end.received_none())?;
                Ok(self.end.received(message, true))
            }
        }
    }

    /// Receives a message, after waiting for one for about `timeout`.
    ///
    /// # Errors
    ///
    /// If there is none after that time, or if there is none and no sender is left.
    #[track_caller]
    #[inline]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match self.inner.try_recv() {
            Ok(message) => Ok(self.end.received(message, false)),
            Err(TryRecvError::Disconnected) => {
                self.end.received_none();
                Err(RecvTimeoutError::Disconnected)
            }
            Err(TryRecvError::Empty) => {
                let message = self.end.wait_for_message(true, || self.inner.recv_timeout(timeout));
                let message = message.inspect_err(|_| self.end.received_none())?;
                Ok(self.end.received(message, false))
            }
        }
    }

    /// Returns an iterator that waits for each message, until no sender is left.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// Returns an iterator over the messages that are there; it never waits.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Waits for each message of a [`Receiver`]; see [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T: 'a> {
    // As std calls it, which shows.
    rx: &'a Receiver<T>,
}

/// Takes the messages of a [`Receiver`] that are there; see [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T: 'a> {
    // As std calls it, which shows.
    rx: &'a Receiver<T>,
}

/// Waits for each message of a [`Receiver`] that it owns.
#[derive(Debug)]
pub struct IntoIter<T> {
    // As above.
    rx: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[track_caller]
    #[inline]
    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    #[track_caller]
    #[inline]
    fn next(&mut self) -> Option<T> {
        self.rx.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[track_caller]
    #[inline]
    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { rx: self }
    }
}
