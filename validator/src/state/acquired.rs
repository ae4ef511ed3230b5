//! What a task acquires, for tasks that wait for its end or its messages.

use super::trail::Trail;
use crate::base::acquisition::Acquisition;
use crate::base::id::LockId;

/// How many acquisitions of one task are kept.
const MAX_ACQUIRED: usize = 1 << 10;
/// How many locks of one class, wanted in one way, are kept.
const MAX_OF_CLASS: usize = 8;

/// An acquisition, and when its lock was last seen acquired in that way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Noted {
    /// The first acquisition of this lock in this way.
    pub acquisition: Acquisition,
    /// The stretch of the task in which the last one was seen.
    pub segment: u32,
    /// When that was, and what the task had waited for by then.
    pub when: When,
}

/// A moment of a task, and what may have been ordered before it unseen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct When {
    /// The moment of the engine's clock.
    pub(crate) clock: u64,
    /// How many waits that lockdep knows no order of had ended before that, in all tasks.
    pub(crate) moment: u32,
    /// The same when this task's last one ended.
    pub(crate) waited: u32,
    /// When this task had let time pass last, as tasks do that look at a flag again and again.
    pub(crate) idled: u64,
}

/// The acquisitions of one task: the first of each lock in each way in which it is wanted. Bounded.
#[derive(Clone, Debug)]
pub(crate) struct Acquired {
    list: Vec<Noted>,
    /// Whether an acquisition that another task has validated is noted as well, for good.
    keeps_all: bool,
    /// Whether it is now.
    is_complete: bool,
    trail: Trail,
}

impl Acquired {
    /// Begins now. `keeps_all`: an acquisition that another task has validated is noted as well.
    pub(crate) fn new(keeps_all: bool, now: u64) -> Self {
        let mut acquired =
            Self { list: Vec::new(), keeps_all, is_complete: keeps_all, trail: Trail::default() };
        acquired.look_at_all(now);
        acquired
    }

    /// Makes the next acquisitions be looked at one by one.
    pub(crate) fn look_at_all(&mut self, now: u64) {
        self.trail.begin(now);
        self.is_complete = true;
    }

    /// Whether acquisitions are looked at one by one, so that none is to be known.
    pub(crate) const fn looks_at_all(&self) -> bool {
        self.trail.is_open()
    }

    /// Returns the trail.
    pub(crate) const fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The task wants this lock.
    pub(crate) fn step(&mut self, lock: LockId, clock: u64) {
        self.trail.step(lock, clock);
        self.is_complete = self.keeps_all || self.trail.is_open();
    }

    /// An acquisition was not looked at.
    pub(crate) const fn cut(&mut self) {
        self.trail.cut();
        self.is_complete = self.keeps_all;
    }

    /// Whether the shared cache of validated locks is not to be asked, because a hit there would
    /// leave the acquisition out.
    pub(crate) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(crate) fn note(&mut self, new: &Acquisition, segment: u32, when: When) {
        let key = |old: &Acquisition| (old.class, old.mode, old.wait);
        let mut n_of_class = 0;
        for old in self.list.iter_mut().filter(|old| key(&old.acquisition) == key(new)) {
            n_of_class += 1;
            if old.acquisition.lock == new.lock {
                (old.segment, old.when) = (segment, when);
                return;
            }
            if n_of_class == MAX_OF_CLASS {
                return;
            }
        }
        if self.list.len() < MAX_ACQUIRED {
            self.list.push(Noted { acquisition: *new, segment, when });
        }
    }

    pub(crate) fn list(&self) -> &[Noted] {
        &self.list
    }

    pub(crate) fn into_list(self) -> Vec<Noted> {
        self.list
    }
}
