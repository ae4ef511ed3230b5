//! What a patched copy of an async library calls: `cargo lockdep` inserts the calls.
//!
//! The library gives its locks out by a semaphore, of which a lock takes one permit, or all. So a
//! [`Permits`] sits in each semaphore, and says what the ones do that are locks.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use super::AsyncMap;
use super::announced::Announced;
use crate::Mode;
use crate::hook::LockInfo;
use crate::runtime::{event::flows, process::state};

/// The part of the validator that sits in a semaphore.
#[derive(Debug)]
pub struct Permits {
    map: AsyncMap,
    /// How many permits its one holder has, if that was announced.
    n_of_writer: AtomicUsize,
    /// Where the holder acquired it, and what it is.
    acquired_at: AtomicPtr<Location<'static>>,
    info: AtomicPtr<LockInfo>,
    /// How many of its holders that share it were announced.
    n_readers: AtomicUsize,
}

impl Permits {
    /// Makes one whose class is the place of this call, if the semaphore turns out to be a lock.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default value has no place of its own")]
    pub const fn new() -> Self {
        Self {
            map: AsyncMap::new(),
            n_of_writer: AtomicUsize::new(0),
            acquired_at: AtomicPtr::new(ptr::null_mut()),
            info: AtomicPtr::new(ptr::null_mut()),
            n_readers: AtomicUsize::new(0),
        }
    }

    /// Does what [`LockMap::relocate`](crate::hook::LockMap::relocate) does.
    pub fn relocate(&mut self) {
        self.map.relocate();
    }

    /// Returns a future that awaits all `n` permits by `real`, as a writer, and announces that.
    ///
    /// `try_real` is asked only when the task seems to hold the lock already, and `is_free` when
    /// `real` waits: it may do so to let others run.
    #[track_caller]
    pub fn write<F, T, Q>(
        &self,
        info: &'static LockInfo,
        n: usize,
        real: F,
        asks: (T, Q),
    ) -> Awaiting<'_, F, T, Q>
    where
        F: Future,
        T: FnMut() -> Option<F::Output>,
        Q: Fn() -> bool,
    {
        Awaiting::new(self, Wanted { info, n }, real, asks, Location::caller())
    }

    /// The same for one permit of several, as a reader.
    #[track_caller]
    pub fn read<F, T, Q>(&self, info: &'static LockInfo, real: F, asks: (T, Q)) -> Awaiting<'_, F, T, Q>
    where
        F: Future,
        T: FnMut() -> Option<F::Output>,
        Q: Fn() -> bool,
    {
        Awaiting::new(self, Wanted { info, n: 0 }, real, asks, Location::caller())
    }

    /// Announces a successful try to write, **after** it; with `n` 0 one to read.
    #[track_caller]
    pub fn tried(&self, info: &'static LockInfo, n: usize) {
        let wanted = Wanted { info, n };
        self.tried_at(&wanted, Location::caller());
    }

    fn tried_at(&self, wanted: &Wanted, at: &'static Location<'static>) {
        if state::is_on() && flows::tried(self.map.as_ref(wanted.info), wanted.mode(), at) {
            self.held(wanted, at);
        }
    }

    /// Announces that the guard of the hold that was just announced owns its lock.
    pub fn owned(&self) {
        self.map.movable();
    }

    /// Announces that `n` permits are about to be given back, if their acquisition was announced.
    pub fn released(&self, n: usize) {
        // ORDERING: Relaxed: what the holder wrote, and the real lock orders its holders.
        let of_writer = self.n_of_writer.load(Ordering::Relaxed);
        if of_writer == 0 {
            return self.reader_released();
        }
        // ORDERING: Relaxed: as above.
        let (at, info) = (self.acquired_at.load(Ordering::Relaxed), self.info.load(Ordering::Relaxed));
        self.n_of_writer.store(0, Ordering::Relaxed);
        // SAFETY: `held` stored them before it set the number, from references that live forever.
        let (at, info) = unsafe { (&*at, &*info) };
        flows::gave_up(self.map.slot(), at);
        if n < of_writer {
            // The writer goes on as a reader.
            self.tried_at(&Wanted { info, n: 0 }, at);
        }
    }

    fn reader_released(&self) {
        let take = |n: usize| n.checked_sub(1);
        // ORDERING: Relaxed: a number of events, which orders nothing.
        if self.n_readers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            flows::gave_up(self.map.slot(), Location::caller());
        }
    }

    /// The hold was announced: so is its end.
    fn held(&self, wanted: &Wanted, at: &'static Location<'static>) {
        // ORDERING: Relaxed: the real lock orders its holders.
        if wanted.n == 0 {
            self.n_readers.fetch_add(1, Ordering::Relaxed);
        } else {
            self.acquired_at.store(ptr::from_ref(at).cast_mut(), Ordering::Relaxed);
            self.info.store(ptr::from_ref(wanted.info).cast_mut(), Ordering::Relaxed);
            self.n_of_writer.store(wanted.n, Ordering::Relaxed);
        }
    }
}

/// What is wanted of a semaphore.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    info: &'static LockInfo,
    /// How many permits a writer takes; 0 for a reader.
    n: usize,
}

impl Wanted {
    fn mode(self) -> Mode {
        if self.n == 0 { Mode::Shared } else { Mode::Exclusive }
    }
}

/// A future that awaits permits, and announces that; from [`Permits`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct Awaiting<'a, F, T, Q> {
    announced: Announced<'a>,
    permits: &'a Permits,
    wanted: Wanted,
    /// Pinned with this.
    real: F,
    try_real: T,
    is_free: Q,
}

impl<'a, F, T, Q> Awaiting<'a, F, T, Q> {
    fn new(
        permits: &'a Permits,
        wanted: Wanted,
        real: F,
        asks: (T, Q),
        at: &'static Location<'static>,
    ) -> Self {
        let announced = Announced::new(&permits.map, (wanted.info, wanted.mode()), at);
        Self { announced, permits, wanted, real, try_real: asks.0, is_free: asks.1 }
    }

    /// Has reports name this place.
    pub fn at(mut self, at: &'static Location<'static>) -> Self {
        self.announced.at = at;
        self
    }
}

impl<F, T, Q> Future for Awaiting<'_, F, T, Q>
where
    F: Future,
    T: FnMut() -> Option<F::Output>,
    Q: Fn() -> bool,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `real` is not moved out of; nothing else here is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let at = this.announced.at;
        if let Some(guard) = this.announced.begin(&mut this.try_real) {
            this.permits.held(&this.wanted, at);
            return Poll::Ready(guard);
        }
        // SAFETY: it is pinned because this is.
        let polled = unsafe { Pin::new_unchecked(&mut this.real) }.poll(context);
        if this.announced.polled(polled.is_ready(), &this.is_free) {
            this.permits.held(&this.wanted, at);
        }
        polled
    }
}
