//! What the validator knows a lock by, and tells it when the lock goes away.

use core::ops::Deref;

use super::super::hook::LockMap;

/// The part of a lock that the validator knows it by.
///
/// The only `Drop` of a lock lives here, in a type without parameters: the lock itself can still be
/// taken apart by `into_inner`, and the drop check looks at the protected data as it does in
/// `lock_api`.
#[derive(Debug)]
pub(crate) struct Identity(LockMap);

impl Identity {
    /// An identity made at the place of the call.
    #[track_caller]
    #[inline]
    pub(crate) const fn new() -> Self {
        Self(LockMap::new())
    }

    /// Notes who made the lock, if a function of the library made it on a caller's behalf.
    #[inline]
    pub(crate) fn relocate(&mut self) {
        self.0.relocate();
    }
}

impl Deref for Identity {
    type Target = LockMap;

    #[inline]
    fn deref(&self) -> &LockMap {
        &self.0
    }
}

#[cfg(not(lockdep_disabled))]
impl Drop for Identity {
    #[inline]
    fn drop(&mut self) {
        self.0.dropped_by_owner();
    }
}
