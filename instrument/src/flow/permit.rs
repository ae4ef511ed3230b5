//! The permits of a semaphore that are taken by name. A semaphore of one permit is a lock, until a
//! task adds a permit or takes one away.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::announced::Announced;
use super::overlay::Permits;
use crate::Mode;
use crate::hook::LockInfo;
use crate::runtime::{event::flows, process::state};

/// A semaphore. Another task may add a permit, so a held one proves little until it is given back.
const SEMAPHORE: &LockInfo = &LockInfo::bare("tokio::Semaphore").sendable();
/// A cell that one task fills.
const ONCE_CELL: &LockInfo = &LockInfo::bare("tokio::OnceCell").hands_over();

impl Permits {
    /// Returns a future that awaits `n` permits by `real`, and announces that if they are a lock.
    ///
    /// For `asks` see [`Permits::write`].
    #[track_caller]
    pub fn permit<F, T, Q, P, E>(&self, n: usize, real: F, asks: (T, Q)) -> Permit<'_, F, T, Q>
    where
        F: Future<Output = Result<P, E>>,
        T: FnMut() -> Option<P>,
        Q: Fn() -> bool,
    {
        Permit::new(self, (SEMAPHORE, n), real, asks, Location::caller())
    }

    /// The same for the permit to fill a cell.
    pub fn cell<F, T, Q, P, E>(
        &self,
        real: F,
        asks: (T, Q),
        at: &'static Location<'static>,
    ) -> Permit<'_, F, T, Q>
    where
        F: Future<Output = Result<P, E>>,
        T: FnMut() -> Option<P>,
        Q: Fn() -> bool,
    {
        Permit::new(self, (ONCE_CELL, 1), real, asks, at)
    }

    /// Announces that `n` permits were taken without a wait.
    #[track_caller]
    pub fn permit_tried(&self, n: usize) {
        let at = Location::caller();
        if self.is_lock(n)
            && state::is_on()
            && flows::tried(self.map().as_ref(SEMAPHORE), Mode::Exclusive, at)
        {
            self.permit_held(SEMAPHORE, at);
        }
    }
}

/// A future that awaits permits; from [`Permits`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct Permit<'a, F, T, Q> {
    /// `None` if they are no lock, or there will be none.
    announced: Option<Announced<'a>>,
    permits: &'a Permits,
    info: &'static LockInfo,
    /// Pinned with this.
    real: F,
    try_real: T,
    is_free: Q,
}

impl<'a, F, T, Q> Permit<'a, F, T, Q> {
    fn new(
        permits: &'a Permits,
        (info, n): (&'static LockInfo, usize),
        real: F,
        (try_real, is_free): (T, Q),
        at: &'static Location<'static>,
    ) -> Self {
        let announce = || Announced::new(permits.map(), (info, Mode::Exclusive), at);
        let announced = permits.is_lock(n).then(announce);
        Self { announced, permits, info, real, try_real, is_free }
    }

    /// Has reports name this place.
    pub fn at(mut self, at: &'static Location<'static>) -> Self {
        if let Some(announced) = &mut self.announced {
            announced.at = at;
        }
        self
    }
}

impl<F, T, Q, P, E> Future for Permit<'_, F, T, Q>
where
    F: Future<Output = Result<P, E>>,
    T: FnMut() -> Option<P>,
    Q: Fn() -> bool,
{
    type Output = Result<P, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<P, E>> {
        // SAFETY: `real` is not moved out of; nothing else here is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        if let Some(announced) = &mut this.announced
            && let Some(permit) = announced.begin(&mut this.try_real, || this.permits.is_owned())
        {
            this.permits.permit_held(this.info, announced.at);
            return Poll::Ready(Ok(permit));
        }
        // SAFETY: it is pinned because this is.
        let polled = unsafe { Pin::new_unchecked(&mut this.real) }.poll(context);
        if matches!(polled, Poll::Ready(Err(_))) {
            // It is closed: what was wanted is withdrawn.
            this.announced = None;
        }
        if let Some(announced) = &mut this.announced
            && announced.polled(polled.is_ready(), &this.is_free)
        {
            this.permits.permit_held(this.info, announced.at);
        }
        polled
    }
}
