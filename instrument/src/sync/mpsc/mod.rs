//! The channels of [`std::sync::mpsc`], whose waits other threads can read of: a drop-in for `use
//! std::sync::mpsc`.
//!
//! A send or receive that does not have to wait is std's own, with a note of who did it last and
//! where. One that has to wait says so to other threads until it is over. Results and errors are
//! those of std.
//!
//! ```
//! use lockdep::sync::mpsc;
//!
//! let (sender, receiver) = mpsc::channel();
//! let other = sender.clone();
//! std::thread::spawn(move || other.send(1).unwrap());
//! std::thread::spawn(move || sender.send(2).unwrap());
//! assert_eq!(receiver.iter().sum::<i32>(), 3);
//! ```
//!
//! # Limits
//!
//! * Each end of a channel grows by the size of a pointer, and each message by eight bytes.

mod receiver;
mod sender;

// The wrappers below are explicit items and shadow what the glob brings under the same names.
pub use std::sync::mpsc::*;

pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::{Sender, SyncSender};

use crate::hook;

/// Makes a channel without a bound.
///
/// ```
/// let (sender, receiver) = lockdep::sync::mpsc::channel();
/// sender.send("hello").unwrap();
/// assert_eq!(receiver.recv(), Ok("hello"));
/// ```
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (sender_end, receiver_end) = hook::ends(None);
    (Sender::new(sender, sender_end), Receiver::new(receiver, receiver_end))
}

/// Makes a channel for at most `bound` messages. A send into a full one waits; with a bound of
/// zero every send waits for its receive.
///
/// ```
/// use lockdep::sync::mpsc::{TrySendError, sync_channel};
///
/// let (sender, receiver) = sync_channel(1);
/// sender.send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
#[must_use]
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = std::sync::mpsc::sync_channel(bound);
    let (sender_end, receiver_end) = hook::ends(Some(bound));
    (SyncSender::new(sender, sender_end), Receiver::new(receiver, receiver_end))
}
