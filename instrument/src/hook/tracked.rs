//! One view of every lock that carries a [`LockMap`], for assertions and annotations.

use super::{ClassKey, LockMap};
use crate::lock::{LockInfo, LockRef};

/// A lock that the validator knows: what the assertion macros take.
///
/// Implemented by [`LockMap`] and by every lock type of this crate; implement it for a home-made
/// lock by passing its map on.
pub trait Tracked {
    /// The lock as the validator sees it.
    fn lockdep_ref(&self) -> LockRef<'_>;
}

impl<K: ClassKey> Tracked for LockMap<K> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        const INFO: LockInfo = LockInfo::bare("lock");
        self.as_ref(&INFO)
    }
}

impl Tracked for LockRef<'_> {
    fn lockdep_ref(&self) -> LockRef<'_> {
        *self
    }
}
