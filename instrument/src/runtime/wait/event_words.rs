//! The words of an [event](super::event), and how any thread reads them.
//!
//! That may be at any time, also while the object goes away. There is no data race, since every
//! word is an atomic. There is no freed memory either. A reader finds the event through a
//! [wait](super::slot) that is published, whose thread keeps the object alive; it reads the wait's
//! version again afterwards, and so knows that what it read belongs to that object.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use lockdep_validator::{EventKind, EventUse, Provision, Site};

use crate::runtime::task::Mark;

/// One receiver, in [`Event::n_users`]; a sender counts one.
pub(super) const RECEIVER: u64 = 1 << 32;
/// In [`Event::capacity`]: there is no bound.
pub(super) const UNBOUNDED: u64 = u64::MAX;
/// For so many senders the receiver remembers what it knows.
pub(super) const N_KNOWN: usize = 8;
/// In the word of a provision: a wait on the object began after it.
pub(super) const BEFORE_WAIT: u64 = 1;

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Event {
    /// What distinguishes the object from every other; zero while there is none.
    pub(super) number: AtomicU64,
    /// Where the object was made.
    pub(super) created: AtomicU64,
    /// How many senders and receivers a channel has.
    pub(super) n_users: AtomicU64,
    /// How many threads have arrived at a barrier, ever.
    pub(super) n_arrived: AtomicU64,
    /// How many a barrier needs.
    pub(super) n_needed: AtomicU64,
    /// Whether a sender of a channel was cloned.
    pub(super) has_clones: AtomicBool,
    /// How many messages a channel with a bound holds.
    pub(super) capacity: AtomicU64,
    /// How many messages were looked at.
    pub(super) n_learned: AtomicU32,
    /// The number of the only task that sent any, if there is one.
    pub(super) provider: AtomicU32,
    /// Stamps whose order is known to the receiver, by task.
    pub(super) known: [AtomicU64; N_KNOWN],
    pub(super) provided: Last,
    pub(super) taken: Last,
}

/// Who did something last, and where: the place, the task's number, and [`BEFORE_WAIT`]. In a cache
/// line of its own: a sender and a receiver write one each.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Last(pub(super) AtomicU64);

impl Last {
    pub(super) fn get(&self) -> Option<Provision> {
        get(&self.0)
    }

    /// A wait begins.
    pub(super) fn mark(&self) {
        mark(&self.0);
    }
}

/// Reads the word of a provision.
pub(super) fn get(last: &AtomicU64) -> Option<Provision> {
    // ORDERING: Relaxed, as in `set`.
    let word = last.load(Ordering::Relaxed);
    if word == 0 {
        return None;
    }
    let (task, place) = Mark::read(word);
    Some(Provision { task, site: Site(place), is_before_wait: word & BEFORE_WAIT != 0 })
}

/// A wait for what the word is about begins.
pub(super) fn mark(last: &AtomicU64) {
    // ORDERING: Relaxed, as in `set`.
    if last.load(Ordering::Relaxed) != 0 {
        last.fetch_or(BEFORE_WAIT, Ordering::Relaxed);
    }
}

impl Event {
    pub(super) fn new() -> Self {
        Self {
            number: AtomicU64::new(0),
            created: AtomicU64::new(0),
            n_users: AtomicU64::new(0),
            n_arrived: AtomicU64::new(0),
            n_needed: AtomicU64::new(0),
            has_clones: AtomicBool::new(false),
            capacity: AtomicU64::new(UNBOUNDED),
            n_learned: AtomicU32::new(0),
            provider: AtomicU32::new(0),
            known: [const { AtomicU64::new(0) }; N_KNOWN],
            provided: Last::default(),
            taken: Last::default(),
        }
    }

    /// A wait on the object begins.
    pub(super) fn wait_begins(&self) {
        self.provided.mark();
        self.taken.mark();
    }

    /// Returns the address under which a wait is published.
    pub(super) fn address(&'static self) -> u64 {
        std::ptr::from_ref(self).expose_provenance() as u64
    }

    /// Returns the event that was published under this address; zero is none.
    pub(super) fn at(address: u64) -> Option<&'static Self> {
        let address = usize::try_from(address).ok()?;
        // SAFETY: null, or an event, which is never freed: only `address` makes such numbers.
        unsafe { std::ptr::with_exposed_provenance::<Self>(address).as_ref() }
    }

    /// What is known of the object now.
    pub(super) fn read(&self, kind: EventKind) -> EventUse {
        // ORDERING: Relaxed, here and below: each word says something by itself.
        let word = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let n_users = word(&self.n_users);
        let n_needed = word(&self.n_needed);
        let (provided, taken) = (self.provided.get(), self.taken.get());
        let is_room = kind == EventKind::Room;
        EventUse {
            kind,
            number: word(&self.number),
            created: Site(word(&self.created)),
            // A receiver brings room, and a sender takes it.
            provided: if is_room { taken } else { provided },
            taken: if is_room { provided } else { taken },
            n_providers: match kind {
                EventKind::Message => Some(n_users % RECEIVER),
                EventKind::Room => Some(n_users / RECEIVER),
                _ => None,
            },
            arrived: (n_needed > 0).then(|| (word(&self.n_arrived) % n_needed, n_needed)),
        }
    }
}
