//! What a task acquires, for the task that waits for its end.

use crate::base::acquisition::Acquisition;

/// How many acquisitions of one task are kept.
const MAX_ACQUIRED: usize = 1 << 10;
/// How many locks of one class, wanted in one way, are kept.
const MAX_OF_CLASS: usize = 8;

/// The acquisitions of one task: the first of each lock in each way in which it is wanted. Bounded.
#[derive(Clone, Debug)]
pub(crate) struct Acquired {
    list: Vec<Acquisition>,
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

    pub(crate) fn note(&mut self, new: &Acquisition) {
        if self.list.len() >= MAX_ACQUIRED {
            return;
        }
        let key = |old: &Acquisition| (old.class, old.mode, old.wait);
        let mut n_of_class = 0;
        for old in self.list.iter().filter(|old| key(old) == key(new)) {
            n_of_class += 1;
            if old.lock == new.lock || n_of_class == MAX_OF_CLASS {
                return;
            }
        }
        self.list.push(*new);
    }

    pub(crate) fn into_list(self) -> Vec<Acquisition> {
        self.list
    }
}
