//! What to do about a report: as data.
//!
//! [`sentences`](super::sentences) has the words. JSON has both: `help` are sentences, `advice` these values.

use serde::{Deserialize, Serialize};

use super::place::Place;
use super::places::same_file;

/// One thing to do about a report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "advice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Advice {
    /// What the rule advises, whatever the locks.
    General {
        /// Which.
        rule: General,
    },
    /// Read recursively, because a fair read queues behind a writer.
    ReadRecursively {
        /// The class of the reader's lock.
        class: String,
    },
    /// Mask the context while the lock is held.
    MaskContext {
        /// The context.
        context: String,
        /// The class of the lock.
        class: String,
    },
    /// Do not acquire the lock inside the context.
    AvoidInContext {
        /// The context.
        context: String,
        /// The class of the lock.
        class: String,
    },
    /// The advice of the author of an assertion.
    Remedy {
        /// In their words.
        sentence: String,
    },
    /// Follow the declared order.
    FollowDeclared {
        /// The class that has to come first.
        wanted: String,
        /// The class that was held.
        held: String,
        /// Where it was acquired.
        since: Spot,
    },
    /// Release the lock before the wait.
    ReleaseBeforeWait {
        /// The class of the lock.
        class: String,
        /// Where the thread waits.
        at: Spot,
    },
    /// Drop the guard before the second acquisition.
    DropGuard {
        /// Where the guard was made.
        made: Spot,
    },
    /// Give the locks of a class one order.
    OneOrder {
        /// The class.
        class: String,
    },
    /// Give each lock of a class a key of its own.
    OwnKey {
        /// The class.
        class: String,
    },
    /// Acquire the lock with this key first.
    KeyFirst {
        /// The key.
        key: u64,
    },
    /// Acquire the locks of a class in one order everywhere.
    SortEverywhere {
        /// The class.
        class: String,
    },
    /// Change the order of two locks.
    TakeBefore {
        /// The class that has to come first.
        first: String,
        /// The class that is held now.
        second: String,
        /// Where.
        at: Spot,
    },
    /// Change the other order of two.
    ChangeOther {
        /// The class to release.
        release: String,
        /// Where.
        at: Spot,
    },
    /// Acquire with a try-lock.
    TryLock {
        /// The class to try.
        class: String,
        /// The class to release when the try fails.
        release: String,
        /// Where; at the place named last if absent.
        at: Option<Spot>,
    },
    /// A call is made while the guard is alive, and comes back to the lock.
    UnderCall {
        /// The class of the lock.
        class: String,
        /// The call.
        call: Place,
        /// The destructor through which it comes back.
        destructor: Option<String>,
    },
    /// Code that the caller does not know is called while the guard is alive, and comes back to the
    /// lock: that of another crate, a callback, a method of a trait.
    ForeignCall {
        /// The class of the lock.
        class: String,
        /// The call of the function that holds, if its crate calls out further down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Place>,
        /// Where the crate that holds the lock calls out.
        out: Place,
        /// What it calls.
        callee: String,
        /// Where that comes back.
        back: Place,
        /// Where the callee is then, if that is neither of the two.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inside: Option<Place>,
        /// The destructor through which it comes back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destructor: Option<String>,
        /// What the callee is to its caller, if its name tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
    },
    /// An initialiser that runs while the guard is alive comes back to the lock.
    InInitialiser {
        /// The class of the lock.
        class: String,
        /// The class of what is initialised.
        cell: String,
        /// Where it is asked for.
        at: Place,
    },
    /// A macro wrote both acquisitions.
    MacroOfBoth {
        /// Where it is expanded.
        site: Place,
    },
    /// A variable keeps the guard that a wrapper returned.
    KeptGuard {
        /// The variable.
        variable: String,
        /// The wrapper.
        wrapper: String,
        /// Where it returned the guard.
        given: Place,
        /// Where it is called again.
        again: Place,
    },
    /// The guard is a temporary, which lives longer than it seems.
    Temporary {
        /// The class of the lock.
        class: String,
        /// Where the guard is made.
        made: Place,
        /// How long it lives.
        scope: Scope,
    },
    /// No lock is needed.
    GetMut {
        /// `self.field`.
        lock: String,
        /// The acquisition.
        place: Place,
        /// `Type::method`.
        method: String,
        /// `self` or `&mut self`.
        receiver: String,
    },
    /// A sentence of a record that says no more.
    Verbatim {
        /// The sentence.
        sentence: String,
    },
}

impl Advice {
    /// Returns the places that the advice names.
    pub(crate) fn places(&self) -> Vec<&Place> {
        match self {
            Self::FollowDeclared { since: spot, .. }
            | Self::ReleaseBeforeWait { at: spot, .. }
            | Self::DropGuard { made: spot }
            | Self::TakeBefore { at: spot, .. }
            | Self::ChangeOther { at: spot, .. }
            | Self::TryLock { at: Some(spot), .. } => spot.places(),
            Self::UnderCall { call, .. } => vec![call],
            Self::ForeignCall { call, out, back, inside, .. } => {
                [Some(out), Some(back), call.as_ref(), inside.as_ref()].into_iter().flatten().collect()
            }
            Self::KeptGuard { given, again, .. } => vec![given, again],
            Self::MacroOfBoth { site: place }
            | Self::InInitialiser { at: place, .. }
            | Self::Temporary { made: place, .. }
            | Self::GetMut { place, .. } => vec![place],
            _ => Vec::new(),
        }
    }
}

/// What foreign code does for the function that calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// A closure that other code made.
    Callback,
    /// It formats a value.
    Format,
    /// It hashes or compares a key.
    Key,
    /// It copies a value.
    Clone,
    /// It makes the items of an iteration.
    Iterator,
    /// It serialises a value.
    Serialization,
    /// It wakes a task.
    Wake,
    /// It polls a future.
    Future,
}

/// How long a temporary lives.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// As long as the `match`, `for`, `if let` or `while let` whose head makes it.
    Head {
        /// `match`, `for`, `if let` or `while let`.
        keyword: String,
        /// The line of the head.
        line: u32,
        /// The edition of the crate, if it is known: it decides about `if let`.
        edition: Option<u16>,
    },
    /// To the end of its statement, in which a lock of this class is wanted.
    Statement {
        /// The class.
        wanted: String,
    },
    /// Longer than the variables of its block, whose destructor wants a lock of this class.
    Tail {
        /// The class.
        wanted: String,
    },
}

/// What a rule advises, whatever the locks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is one sentence, which `sentences/advice.rs` has")]
pub enum General {
    PassGuardOn,
    ReadRecursively,
    LongerWaitFirst,
    ConfigWaitType,
    ReleaseOnce,
    HandOver,
    GuardBeforeLock,
    ReleaseBeforeFree,
    ReleaseBeforeExit,
    /// Drop the guard before the task awaits.
    ReleaseBeforeAwait,
    /// Use a lock that is awaited.
    AwaitLock,
    /// Spawn the future that is no longer polled.
    SpawnFuture,
    /// Drop the future that is no longer polled.
    DropFuture,
    /// Await the lock where the future is polled too.
    NoAwaitInHandler,
    AcquireBefore,
    AcquireExclusively,
    AcquireForReading,
    ReleaseBefore,
    ReleaseAll,
    AllowSleeping,
    MakeTrue,
    NestFirst,
    PinWhileHeld,
    UnpinFirst,
    KeepCalleeFromReleasing,
    OwnContext,
    OneContextEach,
    FollowDeclared,
    OneOrderOfRing,
    ChangeOrderFile,
    KeepContextOut,
    InitialiserAsks,
    InitialiserPath,
    HeadOfMatch,
    SplitFunction,
    Subclass,
    ParentAndChild,
    TryAndRestart,
    TryAsLockMany,
    SortByAddress,
    OppositeOrder,
    NameApart,
}

impl From<General> for Advice {
    fn from(rule: General) -> Self {
        Self::General { rule }
    }
}

impl From<String> for Advice {
    fn from(sentence: String) -> Self {
        Self::Verbatim { sentence }
    }
}

/// A place at which a reader can change something, and how the acquisition is reached from it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Spot {
    /// The place.
    pub at: Place,
    /// How the acquisition is reached.
    pub way: Way,
}

/// How an acquisition is reached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The place is the acquisition.
    Itself,
    /// The place calls, perhaps through others, what acquires at this one.
    Through(Place),
    /// The place is the acquisition, and this one calls its function.
    CalledFrom(Place),
    /// The same, but on one of several paths that were seen.
    CalledOnOnePath(Place),
}

impl Spot {
    fn places(&self) -> Vec<&Place> {
        match &self.way {
            Way::Itself => vec![&self.at],
            Way::Through(other) | Way::CalledFrom(other) | Way::CalledOnOnePath(other) => {
                vec![&self.at, other]
            }
        }
    }

    /// The place of the function that holds the other lock, if it is known; else the caller of what
    /// was seen to be a wrapper.
    ///
    /// A function that another file calls is no wrapper for that alone: then both are shown, and
    /// the reader knows.
    pub(super) fn new(holder: Option<&Place>, site: &Place, is_exact: bool) -> Self {
        let bare = |place: &Place| Place { caller: None, in_wrapper: false, through: None, ..place.clone() };
        let outside = site.outside_wrapper();
        let caller = site.caller.as_deref().filter(|_| holder.is_none() && !site.in_wrapper);
        if let Some(caller) = caller.map(bare) {
            let way = if is_exact { Way::CalledFrom(caller) } else { Way::CalledOnOnePath(caller) };
            return Self { at: bare(site), way };
        }
        let at = holder.unwrap_or(outside);
        // A wrapper is only worth its place where no other stands between it and the reader.
        match [outside, site].into_iter().find(|place| !same_line(at, place)) {
            _ if same_line(at, site) => Self { at: bare(site), way: Way::Itself },
            Some(through) => Self { at: bare(at), way: Way::Through(bare(through)) },
            None => Self { at: bare(at), way: Way::Itself },
        }
    }
}

fn same_line(a: &Place, b: &Place) -> bool {
    a.line == b.line && same_file(&a.file, &b.file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_stands_behind_its_caller_and_another_function_before_it() {
        let place = |file: &str, line| Place { file: file.into(), line, column: 5, ..Place::default() };
        let caller = Some(Box::new(place("main.rs", 18)));
        let site = Place { caller, ..place("queue.rs", 55) };
        let said =
            |holder: Option<&Place>, site: &Place, is_exact| Spot::new(holder, site, is_exact).to_string();
        assert_eq!(said(None, &site, true), "queue.rs:55:5 (called from main.rs:18:5)");
        assert_eq!(said(None, &site, false), "queue.rs:55:5 (called, on one path, from main.rs:18:5)");
        let site = Place { in_wrapper: true, ..site };
        assert_eq!(said(None, &site, true), "main.rs:18:5 (through queue.rs:55:5)");
        let holder = place("task.rs", 7);
        assert_eq!(said(Some(&holder), &site, true), "task.rs:7:5 (through main.rs:18:5)");
    }
}
