//! Why a report has its level, and what its rule means: as data.
//!
//! [`sentences`](super::sentences) has the words. JSON has both: `notes` are sentences, `reasons` these values.

use serde::{Deserialize, Serialize};

use super::place::Place;
use lockdep_validator::Ordered;

/// One explanation of a report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// The class has an order of its own.
    OwnOrder,
    /// The wait has a timeout.
    WaitEnds,
    /// The lock objects close the cycle themselves.
    SameObjects,
    /// The locks of each class stand for each other.
    Interchangeable,
    /// Only the classes close the cycle so far.
    OtherObjects,
    /// The lock objects close the cycle, and places of other ones are shown.
    PlacesOfOthers,
    /// No other thread could have a lock of the cycle: it was just made, on the stack of the thread
    /// that took it.
    JustMade,
    /// What one task did may have been done by two of its futures.
    TwoFutures,
    /// The task polls other futures beside a wait.
    Beside,
    /// The locks are probably fields of one struct.
    Sibling,
    /// A lock keeps two steps of the cycle apart.
    Gate {
        /// The class of that lock.
        gate: String,
        /// Whether writers that have to queue are among the steps.
        with_writers: bool,
        /// What follows.
        effect: GateEffect,
    },
    /// Another lock kept the sides apart when they were observed, but not every time.
    ApartWhenSeen,
    /// The cycle needs an acquisition with a timeout.
    NeedsTimeout,
    /// The cycle needs writers of these classes, and none was seen.
    OnlyReaders {
        /// The classes.
        classes: Vec<String>,
    },
    /// The sides were ordered in the observed run.
    Ordered {
        /// What ordered them.
        #[serde(with = "super::wire")]
        by: Ordered,
    },
    /// No writer of the class was seen.
    NoWriterYet,
    /// A writer of the class was seen.
    WriterSeen {
        /// The first one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        writer: Option<SeenWriter>,
    },
    /// A lock keeps the reads and every writer apart.
    GatedReads {
        /// The class of that lock.
        gate: String,
        /// What follows.
        effect: GateEffect,
    },
    /// The guard of a held lock can be with another thread.
    Movable {
        /// What depends on it.
        effect: MovableEffect,
    },
    /// The lock is dropped by its owner.
    DroppedByOwner,
    /// The context interrupts the end of the path, and waits for its start.
    InterruptsHolder,
    /// The threads of a ring wait without a limit.
    RingStays,
    /// A wait of a ring of threads has a timeout.
    RingOpens,
    /// The lock-order file decides.
    DeclaredOrder,
    /// Something that is not seen may order the two threads.
    OrderUnseen {
        /// The lock.
        class: String,
    },
    /// Nothing that the waiting thread did can have ordered the two threads.
    NothingOrders {
        /// The lock.
        class: String,
    },
    /// Whether the channel is full there is not known.
    FillUnknown,
    /// Each side was seen in another process.
    SeparateProcesses,
    /// The source shows that a side has its lock to itself.
    Owned {
        /// `Type::method`.
        method: String,
        /// `self` or `&mut self`.
        receiver: String,
        /// `self.field`.
        lock: String,
        /// The acquisition.
        place: Place,
        /// Whether the level is lower for that reason.
        is_lowered: bool,
    },
    /// The source shows that a side made its lock and has not returned it.
    Fresh {
        /// `Type::function`.
        function: String,
        /// `variable.field`.
        lock: String,
        /// The acquisition.
        place: Place,
        /// Whether the level is lower for that reason.
        is_lowered: bool,
    },
    /// The path to the acquisition that holds was not recorded.
    PathNotRecorded {
        /// The class of the lock.
        class: String,
    },
    /// The middle of the cycle is left out.
    CycleCut {
        /// How many dependencies the cycle has.
        n_steps: usize,
        /// How many of them are left out.
        n_left_out: usize,
    },
    /// The middle of the held stack is left out.
    HeldCut {
        /// How many locks were held.
        n_held: usize,
        /// How many of them are left out.
        n_left_out: usize,
    },
    /// A sentence of a record that says no more.
    Verbatim {
        /// The sentence.
        sentence: String,
    },
}

/// A writer that was seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeenWriter {
    /// Its thread.
    pub thread: String,
    /// Where it acquired the lock.
    pub place: Place,
}

/// What follows from a lock that keeps two steps apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GateEffect {
    /// Nothing can hang as long as it is so.
    Safe,
    /// There are several locks of its class, so that only these locks cannot hang.
    SafeForThese,
    /// Another reason lowers the level already.
    Unsaid,
}

/// What depends on where a guard is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MovableEffect {
    /// Whether the acquisition waits for its own thread.
    OwnThread,
    /// Whether the two reads are of one thread.
    OneReader,
    /// Whether the order was taken by one thread.
    OneOrder,
    /// Whether the waiting thread holds the lock.
    OneWait,
}

impl From<String> for Note {
    fn from(sentence: String) -> Self {
        Self::Verbatim { sentence }
    }
}
