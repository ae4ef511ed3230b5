//! What the hand-overs of a thread's state and of its deferred events are made of.
//!
//! It comes from here so that the same sources can be compiled a second time over stand-ins for a
//! model checker, by `tests/tests/hand_overs/`.

use std::cell::UnsafeCell;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, compiler_fence};
pub(crate) use std::thread_local;

/// Memory that one thread at a time uses, as an atomic beside it says.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(UnsafeCell<T>);

// SAFETY: the pointer is passed to unsafe code only, which answers for it.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Where the value lies.
    pub(crate) fn get(&self) -> *mut T {
        self.0.get()
    }

    /// Runs `use_it` with the place of the value.
    pub(crate) fn with_mut<R>(&self, use_it: impl FnOnce(*mut T) -> R) -> R {
        use_it(self.0.get())
    }
}
