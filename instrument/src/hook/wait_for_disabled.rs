//! The twin of `wait_for` under `--cfg lockdep_disabled`: no effect, the same signatures.
//!
//! What each method means is documented on the working version.
#![expect(missing_docs, reason = "documented once, on the working version")]

use std::panic::Location;

use lockdep_validator::{Mode, Wait};

use super::{ClassKey, LockMap};
use crate::lock::{AcquireOptions, LockInfo, Verdict};

/// A wait that other threads can read of: nothing, in this build.
#[derive(Debug)]
pub struct Waiting(());

/// A wait for a lock that other threads can read of: there is none, in this build.
#[derive(Debug)]
pub(crate) enum Published {}

impl Published {
    #[inline(always)]
    pub(crate) fn over(self) {
        match self {}
    }
}

impl<K: ClassKey> LockMap<K> {
    #[inline(always)]
    #[doc(hidden)]
    pub fn acquire_watched(
        &self,
        _info: &LockInfo,
        _mode: Mode,
        _wait: Wait,
        _options: &AcquireOptions,
    ) -> Verdict {
        Verdict::Proceed
    }

    #[inline(always)]
    pub(crate) fn begin_wait(
        &self,
        _is_free: impl FnMut() -> bool,
        _at: &'static Location<'static>,
    ) -> Option<Published> {
        None
    }

    #[inline(always)]
    pub fn wait_for<S>(&self, _try_lock: impl FnMut() -> Option<S>, lock: impl FnOnce() -> S) -> S {
        lock()
    }

    #[inline(always)]
    pub fn wait_for_or_panic<S>(&self, _try_lock: impl FnMut() -> Option<S>, lock: impl FnOnce() -> S) -> S {
        lock()
    }

    #[inline(always)]
    pub fn wait_for_a_time<S>(&self, lock: impl FnOnce() -> Option<S>) -> Option<S> {
        lock()
    }

    #[inline(always)]
    pub fn wait_to_upgrade<S>(&self, lock: impl FnOnce() -> S) -> S {
        lock()
    }

    #[inline(always)]
    pub fn wait_notified<S>(&self, _is_timed: bool, wait: impl FnOnce() -> S) -> S {
        wait()
    }

    #[inline(always)]
    pub fn initialising(&self) -> Waiting {
        Waiting(())
    }
}
