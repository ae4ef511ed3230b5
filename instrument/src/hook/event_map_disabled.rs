//! The twin of `event_map` under `--cfg lockdep_disabled`: no effect, the same signatures.
//!
//! What each method means is documented on the working version.
#![expect(missing_docs, reason = "documented once, on the working version")]

use super::{ClassKey, LockMap};

/// The part of the validator that sits in what threads wait on: nothing, in this build.
#[derive(Debug)]
pub struct EventMap(());

impl EventMap {
    #[must_use]
    #[inline]
    #[expect(clippy::new_without_default, reason = "as the working version")]
    pub const fn new() -> Self {
        Self(())
    }

    #[inline(always)]
    pub fn provided(&self) {}

    #[inline(always)]
    pub fn wait_for<R>(&self, _is_timed: bool, wait: impl FnOnce() -> R) -> R {
        wait()
    }

    #[inline(always)]
    pub(crate) fn arrive<R>(&self, _n_needed: usize, wait: impl FnOnce() -> R) -> R {
        wait()
    }
}

impl<K: ClassKey> LockMap<K> {
    #[inline(always)]
    pub fn wait_notified_by<R>(&self, _event: &EventMap, _is_timed: bool, wait: impl FnOnce() -> R) -> R {
        wait()
    }
}

#[inline(always)]
pub(crate) fn park<R>(_is_timed: bool, wait: impl FnOnce() -> R) -> R {
    wait()
}

#[inline(always)]
pub(crate) fn unparked(_thread: impl FnOnce() -> std::thread::ThreadId) {}

#[inline(always)]
pub(crate) fn pause<R>(_time: std::time::Duration, wait: impl FnOnce() -> R) -> R {
    wait()
}

#[doc(hidden)]
#[inline(always)]
pub fn idled() {}

#[doc(hidden)]
#[inline(always)]
pub fn waited() {}

#[doc(hidden)]
#[inline(always)]
pub fn waits_unseen() {}
