//! What a guard of an async lock has of ours.

use std::mem::ManuallyDrop;
use std::panic::Location;

use super::AsyncMap;
use crate::Mode;
use crate::hook::LockInfo;
#[cfg(not(lockdep_disabled))]
use crate::runtime::{event::flows, process::state};

impl AsyncMap {
    /// Announces a successful try, **after** it. A failed try is no event.
    #[track_caller]
    pub fn try_acquired(&self, info: &LockInfo, mode: Mode) -> AsyncHold<'_> {
        let at = Location::caller();
        #[cfg(not(lockdep_disabled))]
        let is_seen = state::is_on() && flows::tried(self.as_ref(info), mode, at);
        #[cfg(lockdep_disabled)]
        let is_seen = {
            let _ = (info, mode);
            false
        };
        AsyncHold::new(self, is_seen, at)
    }
}

/// A hold of an async lock that was announced. Put it into the guard, so that it is dropped before
/// the real lock is given up: its end announces the release.
#[derive(Debug)]
#[must_use = "the release is announced when this is dropped"]
pub struct AsyncHold<'a> {
    map: &'a AsyncMap,
    is_seen: bool,
    at: &'static Location<'static>,
}

impl<'a> AsyncHold<'a> {
    pub(super) const fn new(map: &'a AsyncMap, is_seen: bool, at: &'static Location<'static>) -> Self {
        Self { map, is_seen, at }
    }

    /// Forgets the lock that it borrows, for a guard that owns its lock.
    ///
    /// Such a guard can go where no task is seen to release it. So an order under it counts once
    /// the task that acquired it has released it itself.
    pub fn into_owned(self) -> OwnedAsyncHold {
        let this = ManuallyDrop::new(self);
        if this.is_seen {
            this.map.movable();
        }
        OwnedAsyncHold { is_seen: this.is_seen, at: this.at }
    }
}

impl Drop for AsyncHold<'_> {
    fn drop(&mut self) {
        #[cfg(not(lockdep_disabled))]
        if self.is_seen {
            flows::gave_up(self.map.slot(), self.at);
        }
        #[cfg(lockdep_disabled)]
        let _ = (self.map, self.is_seen, self.at);
    }
}

/// A hold of a guard that owns its lock; from [`AsyncHold::into_owned`].
#[derive(Debug)]
#[must_use = "the guard must say when it gives its lock up"]
pub struct OwnedAsyncHold {
    is_seen: bool,
    at: &'static Location<'static>,
}

impl OwnedAsyncHold {
    /// Announces the release, before the real lock is given up; `map` is the lock's.
    pub fn release(self, map: &AsyncMap) {
        drop(AsyncHold { map, is_seen: self.is_seen, at: self.at });
    }
}
