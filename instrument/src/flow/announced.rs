//! How far an acquisition is, and what is announced of it.

use std::panic::Location;

use super::AsyncMap;
use crate::Mode;
use crate::hook::LockInfo;
#[cfg(not(lockdep_disabled))]
use crate::hook::Verdict;
#[cfg(not(lockdep_disabled))]
use crate::runtime::{event::flows, event::stale_holder, process::state};

/// What is announced of an acquisition that a future makes. It lies in that future, and is dropped
/// before the real acquisition is.
#[derive(Debug)]
pub(super) struct Announced<'a> {
    pub(super) map: &'a AsyncMap,
    #[cfg_attr(lockdep_disabled, expect(dead_code, reason = "what an event would say"))]
    wanted: (&'a LockInfo, Mode),
    pub(super) at: &'static Location<'static>,
    stage: Stage,
}

/// How far an acquisition is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(lockdep_disabled, expect(dead_code, reason = "nothing is announced"))]
enum Stage {
    /// It was not polled yet.
    Fresh,
    /// It was announced, and counts as held.
    Announced,
    /// It was announced and waits.
    Queued,
    /// It is not to be announced.
    Unseen,
}

impl<'a> Announced<'a> {
    pub(super) const fn new(
        map: &'a AsyncMap,
        wanted: (&'a LockInfo, Mode),
        at: &'static Location<'static>,
    ) -> Self {
        Self { map, wanted, at, stage: Stage::Fresh }
    }

    /// Says that the lock is wanted, if that was not said yet. Returns what the real lock gave if
    /// it was asked already. `is_owned_fn` says that the guard of the holder may be anywhere.
    pub(super) fn begin<O>(
        &mut self,
        try_real: impl FnMut() -> Option<O>,
        is_owned_fn: impl FnOnce() -> bool,
    ) -> Option<O> {
        if self.stage == Stage::Fresh { self.announce(try_real, is_owned_fn) } else { None }
    }
}

#[cfg(not(lockdep_disabled))]
impl Announced<'_> {
    fn announce<O>(
        &mut self,
        mut try_real: impl FnMut() -> Option<O>,
        is_owned_fn: impl FnOnce() -> bool,
    ) -> Option<O> {
        self.stage = Stage::Unseen;
        if state::is_off() {
            return None;
        }
        let (info, mode) = self.wanted;
        match flows::want(self.map.as_ref(info), mode, self.at)? {
            Verdict::Proceed | Verdict::Measure => self.stage = Stage::Announced,
            Verdict::SelfDeadlock => {
                if let Some(guard) = try_real() {
                    // The guard it seemed to hold is dropped.
                    stale_holder(self.map.slot());
                    return Some(guard);
                }
                // It is not held, and no more is to be said about it until it is granted.
                self.stage = Stage::Queued;
                flows::waits_for_itself(self.map.slot(), is_owned_fn());
            }
        }
        None
    }

    /// The real lock was asked. Whether the hold is announced, if it is one. `is_free` says that
    /// the future does not wait for the lock: it has run for long, and lets others run.
    pub(super) fn polled(&mut self, is_ready: bool, is_free: impl FnOnce() -> bool) -> bool {
        match self.stage {
            Stage::Announced if !is_ready => {
                self.stage = Stage::Queued;
                if is_free() {
                    flows::withdrawn(self.map.slot());
                } else {
                    let address = std::ptr::from_ref(self).addr();
                    flows::queued(self.map.as_ref(self.wanted.0), self.wanted.1, self.at, address);
                }
                false
            }
            Stage::Announced => {
                self.stage = Stage::Unseen;
                true
            }
            Stage::Queued if is_ready => {
                self.stage = Stage::Unseen;
                flows::left(self.map.slot(), std::ptr::from_ref(self).addr());
                flows::granted(self.map.as_ref(self.wanted.0), self.wanted.1, self.at)
            }
            Stage::Queued | Stage::Fresh | Stage::Unseen => false,
        }
    }
}

#[cfg(lockdep_disabled)]
impl Announced<'_> {
    fn announce<O>(
        &mut self,
        _try_real: impl FnMut() -> Option<O>,
        _is_owned_fn: impl FnOnce() -> bool,
    ) -> Option<O> {
        self.stage = Stage::Unseen;
        None
    }

    pub(super) fn polled(&mut self, _is_ready: bool, _is_free: impl FnOnce() -> bool) -> bool {
        false
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        #[cfg(not(lockdep_disabled))]
        match self.stage {
            // The real lock has panicked.
            Stage::Announced => flows::withdrawn(self.map.slot()),
            Stage::Queued => flows::left(self.map.slot(), std::ptr::from_ref(self).addr()),
            Stage::Fresh | Stage::Unseen => {}
        }
    }
}
