//! What a task acquires, for tasks that wait for its end or its messages.

use crate::base::acquisition::Acquisition;

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
    /// How many waits that lockdep knows no order of had ended before that.
    pub moment: u32,
}

/// The acquisitions of one task: the first of each lock in each way in which it is wanted. Bounded.
#[derive(Clone, Debug)]
pub(crate) struct Acquired {
    list: Vec<Noted>,
    /// Whether an acquisition that another task has validated is noted as well.
    is_complete: bool,
}

impl Acquired {
    pub(crate) const fn new(is_complete: bool) -> Self {
        Self { list: Vec::new(), is_complete }
    }

    /// Whether the shared cache of validated locks is not to be asked, because a hit there would
    /// leave the acquisition out.
    pub(crate) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(crate) fn note(&mut self, new: &Acquisition, segment: u32, moment: u32) {
        let key = |old: &Acquisition| (old.class, old.mode, old.wait);
        let mut n_of_class = 0;
        for old in self.list.iter_mut().filter(|old| key(&old.acquisition) == key(new)) {
            n_of_class += 1;
            if old.acquisition.lock == new.lock {
                (old.segment, old.moment) = (segment, moment);
                return;
            }
            if n_of_class == MAX_OF_CLASS {
                return;
            }
        }
        if self.list.len() < MAX_ACQUIRED {
            self.list.push(Noted { acquisition: *new, segment, moment });
        }
    }

    pub(crate) fn list(&self) -> &[Noted] {
        &self.list
    }

    pub(crate) fn into_list(self) -> Vec<Noted> {
        self.list
    }
}
