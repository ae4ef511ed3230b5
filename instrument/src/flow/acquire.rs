//! A future that awaits a lock, and says so.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::announced::Announced;
use super::{AsyncHold, AsyncMap};
use crate::Mode;
use crate::hook::LockInfo;

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
        Acquire { announced: Announced::new(self, (info, mode), at), real, try_real }
    }
}

/// A future that awaits a lock; from [`AsyncMap::acquire`]. It gives the announced hold, and what
/// the real lock gave.
#[must_use = "a future does nothing unless it is polled"]
pub struct Acquire<'a, F, T> {
    announced: Announced<'a>,
    /// Pinned with this.
    real: F,
    try_real: T,
}

impl<'a, F: Future, T: FnMut() -> Option<F::Output>> Future for Acquire<'a, F, T> {
    type Output = (AsyncHold<'a>, F::Output);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `real` is not moved out of; nothing else here is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let (map, at) = (this.announced.map, this.announced.at);
        if let Some(guard) = this.announced.begin(&mut this.try_real, || false) {
            return Poll::Ready((AsyncHold::new(map, true, at), guard));
        }
        // SAFETY: it is pinned because this is.
        let polled = unsafe { Pin::new_unchecked(&mut this.real) }.poll(context);
        let is_seen = this.announced.polled(polled.is_ready(), || false);
        polled.map(|guard| (AsyncHold::new(map, is_seen, at), guard))
    }
}

impl<F, T> fmt::Debug for Acquire<'_, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("announced", &self.announced).finish_non_exhaustive()
    }
}
