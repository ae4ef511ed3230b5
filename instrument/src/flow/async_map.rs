//! The part of the validator that sits in an async lock.

use crate::hook::OwnedLockMap;
#[cfg(not(lockdep_disabled))]
use crate::hook::{LockInfo, LockRef};
#[cfg(not(lockdep_disabled))]
use crate::lock::Slot;
#[cfg(not(lockdep_disabled))]
use crate::runtime::event::flows;

/// The part of the validator that sits in each async lock, as a [`LockMap`](crate::hook::LockMap) sits in
/// a lock for threads.
///
/// With validation off an acquisition costs one relaxed load.
#[derive(Debug)]
pub struct AsyncMap(OwnedLockMap);

impl AsyncMap {
    /// Makes a map whose class is the place of this call; pass `#[track_caller]` on to where the
    /// user writes `new`.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default value has no place of its own")]
    pub const fn new() -> Self {
        Self(OwnedLockMap::new())
    }

    /// Does what [`LockMap::relocate`](crate::hook::LockMap::relocate) does.
    pub fn relocate(&mut self) {
        self.0.relocate();
    }

    /// Announces that guards of the lock's class can outlive the task that acquired them.
    pub(super) fn movable(&self) {
        #[cfg(not(lockdep_disabled))]
        flows::movable(self.slot());
    }

    #[cfg(not(lockdep_disabled))]
    pub(super) fn as_ref<'a>(&'a self, info: &'a LockInfo) -> LockRef<'a> {
        self.0.as_ref(info)
    }

    #[cfg(not(lockdep_disabled))]
    pub(super) fn slot(&self) -> &Slot {
        self.0.slot()
    }
}
