//! A future that awaits a lock, and says so.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{AsyncHold, AsyncMap};
use crate::Mode;
use crate::hook::LockInfo;
#[cfg(not(lockdep_disabled))]
use crate::hook::Verdict;
#[cfg(not(lockdep_disabled))]
use crate::runtime::{event::flows, event::stale_holder, process::state};

impl AsyncMap {
    /// Returns a future that awaits the lock by `real`, and announces that it is wanted, and that
    /// it was granted.
    ///
    /// `try_real` is asked only when the task seems to hold the lock already: the real lock knows
    /// better. Reports name the place of this call.
    #[track_caller]
    pub fn acquire<'a, F, T>(
        &'a self,
        info: &'a LockInfo,
        mode: Mode,
        real: F,
        try_real: T,
    ) -> Acquire<'a, F, T>
    where
        F: Future,
        T: FnMut() -> Option<F::Output>,
    {
        self.acquire_at(info, mode, (real, try_real), Location::caller())
    }

    /// The same for a place that is known already.
    pub(crate) fn acquire_at<'a, F: Future, T: FnMut() -> Option<F::Output>>(
        &'a self,
        info: &'a LockInfo,
        mode: Mode,
        real: (F, T),
        at: &'static Location<'static>,
    ) -> Acquire<'a, F, T> {
        let (real, try_real) = real;
        Acquire { map: self, wanted: (info, mode), at, stage: Stage::Fresh, real, try_real }
    }
}

/// A future that awaits a lock; from [`AsyncMap::acquire`]. It gives the announced hold, and what
/// the real lock gave.
#[must_use = "a future does nothing unless it is polled"]
pub struct Acquire<'a, F, T> {
    map: &'a AsyncMap,
    #[cfg_attr(lockdep_disabled, expect(dead_code, reason = "what an event would say"))]
    wanted: (&'a LockInfo, Mode),
    at: &'static Location<'static>,
    stage: Stage,
    /// Pinned with this.
    real: F,
    #[cfg_attr(lockdep_disabled, expect(dead_code, reason = "only an event asks"))]
    try_real: T,
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

impl<'a, F: Future, T: FnMut() -> Option<F::Output>> Future for Acquire<'a, F, T> {
    type Output = (AsyncHold<'a>, F::Output);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `real` is not moved out of; nothing else here is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        if this.stage == Stage::Fresh
            && let Some(guard) = this.announce()
        {
            return Poll::Ready((AsyncHold::new(this.map, true, this.at), guard));
        }
        // SAFETY: it is pinned because this is.
        let polled = unsafe { Pin::new_unchecked(&mut this.real) }.poll(context);
        let is_seen = this.polled(polled.is_ready());
        polled.map(|guard| (AsyncHold::new(this.map, is_seen, this.at), guard))
    }
}

#[cfg(not(lockdep_disabled))]
impl<F: Future, T: FnMut() -> Option<F::Output>> Acquire<'_, F, T> {
    /// Says that the lock is wanted. Returns what the real lock gave if it was asked already.
    fn announce(&mut self) -> Option<F::Output> {
        self.stage = Stage::Unseen;
        if state::is_off() {
            return None;
        }
        let (info, mode) = self.wanted;
        match flows::want(self.map.as_ref(info), mode, self.at)? {
            Verdict::Proceed | Verdict::Measure => self.stage = Stage::Announced,
            Verdict::SelfDeadlock => {
                if let Some(guard) = (self.try_real)() {
                    // The guard it seemed to hold is dropped.
                    stale_holder(self.map.slot());
                    return Some(guard);
                }
                // It is not held, and no more is to be said about it until it is granted.
                self.stage = Stage::Queued;
                flows::waits_for_itself(self.map.slot());
            }
        }
        None
    }

    /// The real lock was asked. Whether the hold is announced, if it is one.
    fn polled(&mut self, is_ready: bool) -> bool {
        match self.stage {
            Stage::Announced if !is_ready => {
                let address = std::ptr::from_ref(self).addr();
                flows::queued(self.map.as_ref(self.wanted.0), self.wanted.1, self.at, address);
                self.stage = Stage::Queued;
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
impl<F: Future, T> Acquire<'_, F, T> {
    fn announce(&mut self) -> Option<F::Output> {
        self.stage = Stage::Unseen;
        None
    }

    fn polled(&mut self, _is_ready: bool) -> bool {
        false
    }
}

impl<F, T> Drop for Acquire<'_, F, T> {
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

impl<F, T> fmt::Debug for Acquire<'_, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("stage", &self.stage).finish_non_exhaustive()
    }
}
