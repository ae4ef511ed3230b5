//! A task: a future that takes its locks along.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(not(lockdep_disabled))]
use crate::runtime::event::flows::FlowState;
#[cfg(not(lockdep_disabled))]
use crate::runtime::process::state;

/// The future of a task, which an executor polls: what is acquired while it runs belongs to the
/// task.
///
/// Wrap the whole future that is spawned, not a part of it: what an outer task holds is not seen
/// inside an inner one. With validation off a poll costs one relaxed load.
///
/// ```
/// use lockdep::flow::Task;
///
/// # fn spawn<F: Future>(_: F) {}
/// spawn(Task::new(async { /* … */ }));
/// ```
pub struct Task<F> {
    // INVARIANT: dropped once, by `Drop`. Pinned with the task.
    future: ManuallyDrop<F>,
    #[cfg(not(lockdep_disabled))]
    state: FlowState,
}

impl<F> Task<F> {
    /// Makes a task that holds nothing. Reports name it by the place of this call.
    #[track_caller]
    #[must_use = "a future does nothing unless it is polled"]
    pub const fn new(future: F) -> Self {
        Self::made_at(future, Location::caller(), false)
    }

    /// Makes a task that one thread alone runs, as that of `block_on` and of a local executor.
    ///
    /// If it holds a lock of threads while it is suspended, then nothing else on that thread can
    /// get the lock ([LD0201]).
    ///
    /// [LD0201]: https://github.com/lockdep-rs/lockdep/blob/main/docs/src/codes/LD0201.md
    #[track_caller]
    #[must_use = "a future does nothing unless it is polled"]
    pub const fn new_local(future: F) -> Self {
        Self::made_at(future, Location::caller(), true)
    }

    #[cfg_attr(lockdep_disabled, expect(unused_variables, reason = "for events"))]
    const fn made_at(future: F, caller: &'static Location<'static>, is_local: bool) -> Self {
        Self {
            future: ManuallyDrop::new(future),
            #[cfg(not(lockdep_disabled))]
            state: FlowState::new(caller, is_local),
        }
    }
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is not moved out of; nothing else here is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        #[cfg(not(lockdep_disabled))]
        let mut running = Running::begin(&mut this.state, &this.future);
        // SAFETY: it is pinned because the task is, and stays so until `Drop` drops it in place.
        let future = unsafe { Pin::new_unchecked(&mut *this.future) };
        let polled = future.poll(context);
        #[cfg(not(lockdep_disabled))]
        running.waits(polled.is_pending());
        polled
    }
}

impl<F> Drop for Task<F> {
    fn drop(&mut self) {
        {
            // The guards in it are released where they were acquired.
            #[cfg(not(lockdep_disabled))]
            let _running = Running::begin(&mut self.state, &self.future);
            // SAFETY: dropped in place, here only.
            unsafe { ManuallyDrop::drop(&mut self.future) };
        }
        #[cfg(not(lockdep_disabled))]
        self.state.ended();
    }
}

impl<F: fmt::Debug> fmt::Debug for Task<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&*self.future).finish()
    }
}

/// While this exists, the running thread runs the flow.
#[cfg(not(lockdep_disabled))]
struct Running<'a> {
    state: Option<&'a mut FlowState>,
    waits: bool,
}

#[cfg(not(lockdep_disabled))]
impl<'a> Running<'a> {
    #[inline]
    fn begin<F>(state: &'a mut FlowState, future: &ManuallyDrop<F>) -> Self {
        let start = std::ptr::from_ref(future).addr();
        let is_entered = state::is_on() && state.enter(start, size_of::<F>());
        Self { state: is_entered.then_some(state), waits: false }
    }

    /// The future was polled, and has ended unless it waits.
    fn waits(&mut self, waits: bool) {
        self.waits = waits;
    }
}

#[cfg(not(lockdep_disabled))]
impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(state) = &mut self.state {
            state.leave(self.waits);
        }
    }
}
