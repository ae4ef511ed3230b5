//! Which lock objects more than one task was seen to acquire.

use rustc_hash::FxHashMap;

use crate::base::id::{LockId, TaskId};

/// How many objects are remembered at once.
const MAX_OBJECTS: usize = 1 << 14;

#[derive(Clone, Copy, Debug)]
struct User {
    task: TaskId,
    address: usize,
    is_shared: bool,
}

/// Who acquired a lock object first, of those that were looked at.
#[derive(Debug, Default)]
pub(crate) struct Users {
    objects: FxHashMap<LockId, User>,
}

impl Users {
    /// Notes that the task acquires the lock; gives whether another one has acquired it where it
    /// lies.
    pub(crate) fn touch(&mut self, lock: LockId, address: usize, task: TaskId) -> bool {
        if let Some(known) = self.objects.get_mut(&lock) {
            // Nothing referred to an object while it was moved.
            if known.address != address {
                *known = User { task, address, is_shared: false };
            }
            known.is_shared |= known.task != task;
            return known.is_shared;
        }
        if self.objects.len() >= MAX_OBJECTS {
            // Without them an order stays as sure as its first sighting is.
            self.objects.clear();
        }
        self.objects.insert(lock, User { task, address, is_shared: false });
        false
    }

    /// The object is gone.
    pub(crate) fn forget(&mut self, lock: LockId) {
        self.objects.remove(&lock);
    }
}
