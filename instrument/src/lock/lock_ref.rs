//! One lock as the events take it: which it is, and what its wrapper knows about it.

use super::LockInfo;
#[cfg(not(lockdep_disabled))]
use super::{AnyKey, Slot};

/// A borrowed view of one lock; from [`LockMap::as_ref`](crate::hook::LockMap::as_ref).
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
