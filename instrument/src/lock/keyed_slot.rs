//! The slot of a lock together with its key: what a [`LockMap`](crate::hook::LockMap) consists of, and
//! what the fast path takes.

use super::any_key::KeyKind;
use super::{LockInfo, LockRef, Slot};

/// The slot and the key of one lock. `repr(C)`: the slot lies at the address of the whole, which
/// names the lock in events.
#[derive(Debug)]
#[repr(C)]
pub struct KeyedSlot<K> {
    pub(crate) slot: Slot,
    pub(crate) key: K,
}

impl<K> KeyedSlot<K> {
    pub(crate) const fn new(key: K) -> Self {
        Self { slot: Slot::empty(), key }
    }
}

impl<K: KeyKind> KeyedSlot<K> {
    /// Returns a view of the lock, with what its wrapper knows about it.
    #[inline]
    pub(crate) fn as_ref<'a>(&'a self, info: &'a LockInfo) -> LockRef<'a> {
        LockRef { key: self.key.any(), slot: &self.slot, info }
    }
}
