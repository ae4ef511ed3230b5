//! The twin of `lock_map` under `--cfg lockdep_disabled`: no size, no effect, the same signatures.
//!
//! What each method means is documented on the working version.
#![expect(missing_docs, reason = "documented once, on the working version")]

use std::marker::PhantomData;
use std::panic::Location;

use lockdep_validator::{LockId, Mode, Wait};

use super::ClassKey;
use crate::lock::{AcquireOptions, CreationSite, Held, LockClassKey, LockInfo, LockRef, Verdict};

/// The part of the validator that sits in each lock: nothing, in this build.
#[derive(Debug)]
pub struct LockMap<K: ClassKey = CreationSite>(PhantomData<K>);

impl LockMap {
    #[track_caller]
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    #[inline]
    #[must_use]
    pub const fn with_site(_site: CreationSite) -> Self {
        Self(PhantomData)
    }

    #[inline(always)]
    pub fn relocate(&mut self) {}
}

impl Default for LockMap {
    fn default() -> Self {
        Self::new()
    }
}

impl LockMap<&'static LockClassKey> {
    #[inline]
    #[must_use]
    pub const fn with_key(_key: &'static LockClassKey) -> Self {
        Self(PhantomData)
    }
}

impl<K: ClassKey> LockMap<K> {
    #[inline(always)]
    pub fn acquire(&self, _info: &LockInfo, _mode: Mode, _wait: Wait) -> Verdict {
        Verdict::Proceed
    }

    #[inline(always)]
    pub fn acquire_with(
        &self,
        _info: &LockInfo,
        _mode: Mode,
        _wait: Wait,
        _options: &AcquireOptions,
    ) -> Verdict {
        Verdict::Proceed
    }

    #[inline(always)]
    pub fn try_acquired(&self, _info: &LockInfo, _mode: Mode) {}

    #[inline(always)]
    pub fn try_acquired_with(&self, _info: &LockInfo, _mode: Mode, _options: &AcquireOptions) {}

    #[inline(always)]
    pub fn acquire_failed(&self) {}

    #[inline(always)]
    pub fn release(&self) {}

    #[inline(always)]
    pub fn release_of_guard(&self, _made: &'static Location<'static>) {}

    #[inline(always)]
    pub fn release_by_any_thread(&self) {}

    #[inline(always)]
    pub(crate) fn release_by_guard(&self) {}

    #[inline(always)]
    pub(crate) fn release_newest(&self) -> bool {
        true
    }

    #[inline(always)]
    pub(crate) fn release_another(&self) {}

    #[inline(always)]
    pub fn assertion_broken(
        &self,
        _info: &LockInfo,
        _message: &str,
        _remedy: &'static str,
        _at: &'static Location<'static>,
    ) {
    }

    #[inline(always)]
    pub fn contended(&self) {}

    #[inline(always)]
    pub fn acquired(&self) {}

    #[inline(always)]
    pub fn downgrade(&self) {}

    #[inline(always)]
    pub fn downgrade_to(&self, _mode: Mode) {}

    #[inline(always)]
    pub fn upgrade(&self, _info: &LockInfo, _wait: Wait) -> Verdict {
        Verdict::Proceed
    }

    #[inline(always)]
    pub fn upgraded(&self) {}

    #[inline(always)]
    pub fn upgrade_failed(&self) {}

    #[inline(always)]
    pub fn downgrade_to_upgradable(&self) {}

    #[inline(always)]
    pub fn sync(&self, _info: &LockInfo) {}

    #[inline(always)]
    pub fn might_acquire(&self, _info: &LockInfo, _mode: Mode) {}

    #[inline(always)]
    pub fn self_deadlock(&self) {}

    #[inline(always)]
    pub fn stale_holder(&self) {}

    #[inline(always)]
    pub fn handed_over(&self) {}

    #[inline(always)]
    pub fn unverified(&self, _info: &LockInfo) {}

    #[inline(always)]
    pub fn dropped(&self) {}

    #[inline(always)]
    #[doc(hidden)]
    pub fn dropped_by_owner(&self) {}

    #[inline(always)]
    pub fn reinitialised(&self) {}

    #[inline(always)]
    pub fn is_held(&self) -> Held {
        Held::Unknown
    }

    #[inline(always)]
    pub fn is_held_exclusive(&self) -> Held {
        Held::Unknown
    }

    #[inline(always)]
    pub fn is_held_shared(&self) -> Held {
        Held::Unknown
    }

    #[inline(always)]
    pub fn lock_id(&self, _info: &LockInfo) -> Option<LockId> {
        None
    }

    #[inline(always)]
    pub fn as_ref<'a>(&'a self, _info: &'a LockInfo) -> LockRef<'a> {
        LockRef { info: PhantomData }
    }
}
