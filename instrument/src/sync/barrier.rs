//! [`Barrier`].

use std::fmt;
use std::sync::{self, BarrierWaitResult};

use crate::hook::EventMap;

/// [`std::sync::Barrier`], whose waits other threads can read of.
///
/// ```
/// use lockdep::sync::Barrier;
///
/// static BOTH: Barrier = Barrier::new(2);
/// let other = std::thread::spawn(|| BOTH.wait().is_leader());
/// let is_leader = BOTH.wait().is_leader();
/// assert!(is_leader != other.join().unwrap());
/// ```
pub struct Barrier {
    event: EventMap,
    n_needed: usize,
    inner: sync::Barrier,
}

impl Barrier {
    /// Makes a barrier that blocks threads until `n` of them have reached it.
    #[must_use]
    #[track_caller]
    #[inline]
    pub const fn new(n: usize) -> Self {
        Self { event: EventMap::new(), n_needed: n, inner: sync::Barrier::new(n) }
    }

    /// Waits until all threads have reached the barrier. The last one does not wait.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        self.event.arrive(self.n_needed, || self.inner.wait())
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
