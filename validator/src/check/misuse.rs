//! What exactly a rule about the use of a lock objects to.
//!
//! The sentences about these are made where a report is printed. What stands here is only what
//! distinguishes them.

use std::borrow::Cow;

use crate::base::mode::Mode;
use crate::base::query::HeldQuery;

/// A use of a lock that is wrong by itself (LD0007, LD0012, LD0013).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Misuse {
    /// A downgrade of a lock that is not held.
    DowngradeNotHeld,
    /// A downgrade of a lock that is held, but not exclusively.
    DowngradeNotExclusive,
    /// An upgrade of a lock that is not held as upgradable.
    UpgradeNotUpgradable,
    /// Another class for a lock that is not held.
    ClassOfNotHeld,
    /// Another class for a lock that is held outside the current context.
    ClassOutsideContext,
    /// A pin of a lock that the task does not hold.
    PinNotHeld,
    /// An unpin with a cookie that pinned nothing.
    UnpinWithoutPin,
    /// An unpin of a lock that the task does not hold.
    UnpinNotHeld,
    /// A pin put back on a lock that the task does not hold.
    RepinNotHeld,
    /// An acquire context opened while another one of its class is open.
    ContextInsideContext,
    /// A lock acquired without the acquire context of its class that is open.
    OutsideContext,
    /// The slow path taken although the acquire context did not back off.
    SlowWithoutBackOff,
    /// A lock that is not of the class of its acquire context.
    OtherClass,
    /// A lock acquired after the acquire phase was closed.
    AfterDone,
    /// Another lock acquired before the one from which the context backed off.
    NotContendedFirst,
    /// The contended lock acquired while the context still holds others.
    BackOffIncomplete,
    /// A lock that names another acquire context as its owner.
    StaleOwner,
    /// A second back-off while one is pending.
    BackOffTwice,
    /// A release in an acquire context that owns nothing.
    OwnsNothing,
    /// An acquire phase closed twice.
    DoneTwice,
    /// An acquire context that ends while it owns locks.
    EndsOwning,
}

impl Misuse {
    /// Returns the words that fingerprints are made of. They never change: stored exceptions name
    /// fingerprints.
    pub(crate) const fn identity(self) -> &'static str {
        match self {
            Self::DowngradeNotHeld => "downgrade of a lock that is not held",
            Self::DowngradeNotExclusive => "downgrade of a lock that is not held exclusively",
            Self::UpgradeNotUpgradable => "upgrade of a lock that is not held as upgradable",
            Self::ClassOfNotHeld => "another class for a lock that is not held",
            Self::ClassOutsideContext => "another class for a lock held outside this context",
            Self::PinNotHeld => "the lock is pinned, but this thread does not hold it",
            Self::UnpinWithoutPin => "the lock is unpinned with a cookie of no pin",
            Self::UnpinNotHeld => "the lock is unpinned, but this thread does not hold it",
            Self::RepinNotHeld => "the lock is pinned again, but this thread does not hold it",
            Self::ContextInsideContext => "the lock is opened inside another one of its class",
            Self::OutsideContext => {
                "the lock is acquired without the acquire context of its class that is open"
            }
            Self::SlowWithoutBackOff => {
                "the lock is acquired by the slow path, but its acquire context did not back off"
            }
            Self::OtherClass => "the lock is not of the class of its acquire context",
            Self::AfterDone => "the lock is acquired after the acquire phase of its context was closed",
            Self::NotContendedFirst => {
                "the lock is acquired, but its context has to acquire another one first, from which it backed off"
            }
            Self::BackOffIncomplete => {
                "the lock is acquired again after a back-off, but its context still holds others"
            }
            Self::StaleOwner => "the lock still names another acquire context as its owner",
            Self::BackOffTwice => "the lock is backed off from while another back-off is pending",
            Self::OwnsNothing => "the lock is released in an acquire context that owns nothing",
            Self::DoneTwice => "an acquire phase is closed twice",
            Self::EndsOwning => "an acquire context ends while it owns locks",
        }
    }
}

/// What a failed assertion demands, and what is the case (LD0010).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Demand {
    /// A lock held, or not held, in some way.
    Lock {
        /// The demand.
        query: HeldQuery,
        /// How the lock is held; `None` if it is not.
        found: Option<Mode>,
    },
    /// No lock held at all.
    NoneHeld,
    /// Sleeping allowed.
    MayBlock {
        /// The wait type above which nothing may be waited for here.
        limit: &'static str,
    },
    /// An assertion of the lock's own, in the words of its author.
    Own {
        /// What is the case.
        message: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

impl Demand {
    /// Returns the words that fingerprints are made of. They never change: stored exceptions name
    /// fingerprints.
    pub(crate) fn identity(&self) -> Cow<'_, str> {
        match self {
            Self::Lock { query, found } => {
                let demand = match query {
                    HeldQuery::Held => "the lock must be held here",
                    HeldQuery::HeldExclusive => "the lock must be held exclusively here",
                    HeldQuery::HeldShared => "the lock must be held shared here",
                    HeldQuery::NotHeld => "the lock must not be held here",
                };
                let found = match found {
                    None => "it is not held",
                    Some(Mode::Exclusive) => "it is held exclusively",
                    Some(_) => "it is held shared",
                };
                format!("{demand}, and {found}").into()
            }
            Self::NoneHeld => "no lock must be held here".into(),
            Self::MayBlock { limit } => {
                format!("the task must be allowed to sleep here, and the limit is {limit}").into()
            }
            Self::Own { message, .. } => message.as_str().into(),
        }
    }
}
