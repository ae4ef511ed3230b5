//! Recursion on top of a raw mutex that has none.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::sync::atomic::{AtomicUsize, Ordering};

use super::super::raw::{GetThreadId, RawMutex, RawMutexFair, RawMutexTimed};
use super::super::seam::{self, MutexState};
use super::event::OnDrop;

/// A raw mutex that its holder may take again, and must give up as often.
pub struct RawReentrantMutex<R: RawMutex, G> {
    /// The holder's id, or zero.
    owner: AtomicUsize,
    /// INVARIANT: only the holder touches it; how often it has taken the mutex, at least once.
    depth: UnsafeCell<usize>,
    /// INVARIANT: only the holder touches it; written by the outermost acquisition, read by the
    /// outermost release.
    state: UnsafeCell<MaybeUninit<MutexState<R>>>,
    pub(crate) mutex: R,
    pub(crate) thread_ids: G,
}

// SAFETY: the cells are only touched by the holder, and the state in them only between its
// acquisition and its release.
unsafe impl<R: RawMutex + Send, G: Send> Send for RawReentrantMutex<R, G> {}
// SAFETY: as above; the raw mutex decides who is the holder.
unsafe impl<R: RawMutex + Sync, G: GetThreadId + Sync> Sync for RawReentrantMutex<R, G> {}

impl<R: RawMutex, G> RawReentrantMutex<R, G> {
    #[inline]
    pub(crate) const fn from_parts(mutex: R, thread_ids: G) -> Self {
        Self {
            owner: AtomicUsize::new(0),
            depth: UnsafeCell::new(0),
            state: UnsafeCell::new(MaybeUninit::uninit()),
            mutex,
            thread_ids,
        }
    }

    /// How often the holder has taken the mutex.
    ///
    /// # Safety
    ///
    /// The running thread must be the holder.
    #[inline]
    pub(crate) unsafe fn depth(&self) -> usize {
        // SAFETY: only the holder touches the cell, and that is this thread.
        unsafe { *self.depth.get() }
    }
}

/// What the lines of lock_api tell a thread's number as: the first two as a plain word.
trait ThreadNumber {
    /// The number; never 0.
    fn number(self) -> usize;
}

impl ThreadNumber for usize {
    #[inline]
    fn number(self) -> usize {
        self
    }
}

impl ThreadNumber for core::num::NonZeroUsize {
    #[inline]
    fn number(self) -> usize {
        self.get()
    }
}

impl<R: RawMutex, G: GetThreadId> RawReentrantMutex<R, G> {
    /// A mutex that no thread holds.
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "an initial value, as in the traits of raw locks"
    )]
    pub const INIT: Self = Self::from_parts(R::INIT, G::INIT);

    #[inline]
    fn enter(&self, take: impl FnOnce() -> Option<MutexState<R>>) -> bool {
        let me = self.thread_ids.nonzero_thread_id().number();
        // ORDERING: Relaxed. Only this thread ever stores `me`, and it clears it before it gives
        // the mutex up: it reads `me` exactly while it holds the mutex. What the mutex protects is
        // ordered by the mutex.
        if self.owner.load(Ordering::Relaxed) == me {
            // SAFETY: this thread is the holder.
            let depth = unsafe { &mut *self.depth.get() };
            *depth = depth.checked_add(1).expect("ReentrantMutex lock count overflow");
            return true;
        }
        let Some(state) = take() else { return false };
        // ORDERING: Relaxed, as above.
        self.owner.store(me, Ordering::Relaxed);
        // SAFETY: this thread is the holder now.
        unsafe {
            *self.depth.get() = 1;
            (*self.state.get()).write(state);
        }
        true
    }

    /// # Safety
    ///
    /// The running thread must be the holder.
    #[inline]
    unsafe fn leave(&self, unlock: impl FnOnce(MutexState<R>)) {
        // SAFETY: this thread is the holder, so the cells are its own, and the state was written
        // when it became so.
        unsafe {
            let depth = &mut *self.depth.get();
            *depth -= 1;
            if *depth == 0 {
                let state = (*self.state.get()).assume_init_read();
                // ORDERING: Relaxed, as in `enter`; the unlock below orders it before the next
                // holder's store.
                self.owner.store(0, Ordering::Relaxed);
                unlock(state);
            }
        }
    }

    /// Takes the mutex, waiting for it if another thread holds it.
    ///
    /// # Panics
    ///
    /// If it was taken `usize::MAX` times.
    #[inline]
    pub fn lock(&self) {
        let _ = self.enter(|| Some(seam::lock(&self.mutex)));
    }

    /// Takes the mutex unless another thread holds it; returns whether it did.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    #[inline]
    pub fn try_lock(&self) -> bool {
        self.enter(|| seam::try_lock(&self.mutex))
    }

    /// Gives up one acquisition.
    ///
    /// # Safety
    ///
    /// The running thread must hold the mutex.
    #[inline]
    pub unsafe fn unlock(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.leave(|state| seam::unlock(&self.mutex, state)) };
    }

    /// Returns whether any thread holds the mutex at this moment.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.mutex.is_locked()
    }

    /// Returns whether the running thread holds the mutex.
    #[inline]
    pub fn is_owned_by_current_thread(&self) -> bool {
        // ORDERING: Relaxed, as in `enter`.
        self.owner.load(Ordering::Relaxed) == self.thread_ids.nonzero_thread_id().number()
    }
}

impl<R: RawMutexFair, G: GetThreadId> RawReentrantMutex<R, G> {
    /// Gives up one acquisition; if it is the last, to the thread that has waited longest.
    ///
    /// # Safety
    ///
    /// The running thread must hold the mutex.
    #[inline]
    pub unsafe fn unlock_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.leave(|state| seam::unlock_fair(&self.mutex, state)) };
    }

    /// Lets a waiting thread have the mutex first, if there is one and this thread has taken it
    /// only once.
    ///
    /// # Safety
    ///
    /// The running thread must hold the mutex.
    #[inline]
    pub unsafe fn bump(&self) {
        // SAFETY: the caller's promise: the cells are this thread's own. While the raw mutex is
        // given up the owner is cleared, the state is out of its cell, and nothing here touches
        // either.
        unsafe {
            if self.depth() != 1 {
                return;
            }
            let me = self.thread_ids.nonzero_thread_id().number();
            let mut state = ManuallyDrop::new((*self.state.get()).assume_init_read());
            let state = &raw mut state;
            // ORDERING: Relaxed, as in `enter`.
            self.owner.store(0, Ordering::Relaxed);
            // A bump returns, and unwinds, with the mutex held and the state of that acquisition.
            let _again = OnDrop(move || {
                // ORDERING: Relaxed, as in `enter`.
                self.owner.store(me, Ordering::Relaxed);
                *self.depth.get() = 1;
                (*self.state.get()).write(ManuallyDrop::take(&mut *state));
            });
            seam::bump(&self.mutex, &mut *state);
        }
    }
}

impl<R: RawMutexTimed, G: GetThreadId> RawReentrantMutex<R, G> {
    /// Takes the mutex, waiting until `timeout` at the latest; returns whether it did.
    #[inline]
    pub fn try_lock_until(&self, timeout: R::Instant) -> bool {
        self.enter(|| seam::try_lock_until(&self.mutex, timeout))
    }

    /// Takes the mutex, waiting at most `timeout`; returns whether it did.
    #[inline]
    pub fn try_lock_for(&self, timeout: R::Duration) -> bool {
        self.enter(|| seam::try_lock_for(&self.mutex, timeout))
    }
}

impl<R: RawMutex, G> fmt::Debug for RawReentrantMutex<R, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawReentrantMutex").finish_non_exhaustive()
    }
}
