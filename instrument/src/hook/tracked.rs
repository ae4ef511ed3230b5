//! One view of every lock that carries a [`LockMap`], for assertions and annotations.

use super::{ClassKey, LockInfo, LockMap};
#[cfg(not(lockdep_disabled))]
use super::{Slot, class_key::sealed::AnyKey};

/// A lock that the validator knows: what the assertion macros take.
///
/// Implemented by [`LockMap`] and by every lock type of this crate; implement it for a home-made lock by passing its map on.
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

/// A borrowed view of one lock; from [`LockMap::as_ref`].
#[derive(Clone, Copy, Debug)]
pub struct LockRef<'a> {
    #[cfg(not(lockdep_disabled))]
    pub(crate) key: AnyKey,
    #[cfg(not(lockdep_disabled))]
    pub(crate) slot: &'a Slot,
    #[cfg(not(lockdep_disabled))]
    pub(crate) info: &'a LockInfo,
    #[cfg(lockdep_disabled)]
    pub(crate) info: std::marker::PhantomData<&'a LockInfo>,
}
