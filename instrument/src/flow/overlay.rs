//! What a patched copy of an async library calls: `cargo lockdep` inserts the calls.
//!
//! The library gives its locks out by a semaphore, of which a lock takes one permit, or all. So a
//! [`Permits`] sits in each semaphore, and says what the ones do that are locks.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
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
    /// Whether the guard of its holder owns it, and may be anywhere.
    is_owned: AtomicBool,
    /// How many permits it was made with.
    n_at_first: usize,
    /// Whether tasks take its permits by name, which no other lock has.
    is_by_name: AtomicBool,
    /// Whether it was used otherwise than as a lock.
    is_signal: AtomicBool,
}

impl Permits {
    /// Makes one whose class is the place of this call, if the semaphore turns out to be a lock.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default value has no place of its own")]
    pub const fn new() -> Self {
        Self::of(0)
    }

    /// The same for a semaphore that is made with `n` permits.
    #[track_caller]
    #[must_use]
    pub const fn of(n: usize) -> Self {
        Self {
            map: AsyncMap::new(),
            n_of_writer: AtomicUsize::new(0),
            acquired_at: AtomicPtr::new(ptr::null_mut()),
            info: AtomicPtr::new(ptr::null_mut()),
            n_readers: AtomicUsize::new(0),
            is_owned: AtomicBool::new(false),
            n_at_first: n,
            is_by_name: AtomicBool::new(false),
            is_signal: AtomicBool::new(false),
        }
    }

    /// Announces that permits are added or taken away: from now on it is no lock.
    pub fn signals(&self) {
        // ORDERING: Relaxed: acquisitions that have not seen it count as one that came before.
        self.is_signal.store(true, Ordering::Relaxed);
    }

    /// Announces that `n` permits that a task had taken by name are about to be given back.
    pub fn permit_released(&self, n: usize) {
        // ORDERING: Relaxed: what the holder of the one permit wrote.
        if n == 1 && self.n_of_writer.load(Ordering::Relaxed) == 1 {
            self.writer_released(1, 1);
        }
    }

    /// Announces that `n` permits are about to be taken by name. Returns whether that is a lock.
    pub(super) fn is_lock(&self, n: usize) -> bool {
        // ORDERING: Relaxed: as in `signals`. The other is set before any permit is held, and each
        // task that gives one back has a hold or a later look.
        let is_lock = n == 1 && self.n_at_first == 1 && !self.is_signal.load(Ordering::Relaxed);
        if is_lock {
            self.is_by_name.store(true, Ordering::Relaxed);
        }
        is_lock
    }

    /// The one permit was taken.
    pub(super) fn permit_held(&self, info: &'static LockInfo, at: &'static Location<'static>) {
        self.held(&Wanted { info, n: 1 }, at);
    }

    pub(super) const fn map(&self) -> &AsyncMap {
        &self.map
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
        self.permit_owned();
    }

    /// The same for a permit that was taken by name: those of its class are movable anyway.
    pub fn permit_owned(&self) {
        // ORDERING: Relaxed: whether one of several tasks reads it late decides about a note.
        self.is_owned.store(true, Ordering::Relaxed);
    }

    /// Whether the guard of its holder owns it: the task that acquired it may have given it away.
    pub(super) fn is_owned(&self) -> bool {
        // ORDERING: Relaxed: as in `permit_owned`.
        self.is_owned.load(Ordering::Relaxed)
    }

    /// Announces that `n` permits are about to be given back, if their acquisition was announced.
    pub fn released(&self, n: usize) {
        // Of a semaphore, another task may add permits: its guards say what they give back.
        // ORDERING: Relaxed: set before the hold that would be given back here.
        if self.is_by_name.load(Ordering::Relaxed) {
            return;
        }
        // ORDERING: Relaxed: what the holder wrote, and the real lock orders its holders.
        match self.n_of_writer.load(Ordering::Relaxed) {
            0 => self.reader_released(),
            of_writer => self.writer_released(of_writer, n),
        }
    }

    /// The one holder, which has `of_writer` permits, gives `n` back.
    fn writer_released(&self, of_writer: usize, n: usize) {
        // ORDERING: Relaxed: as in `released`.
        let (at, info) = (self.acquired_at.load(Ordering::Relaxed), self.info.load(Ordering::Relaxed));
        self.n_of_writer.store(0, Ordering::Relaxed);
        // SAFETY: null, or from references that live forever.
        let (Some(at), Some(info)) = (unsafe { (at.as_ref(), info.as_ref()) }) else { return };
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
            self.is_owned.store(false, Ordering::Relaxed);
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
        if let Some(guard) = this.announced.begin(&mut this.try_real, || this.permits.is_owned()) {
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
