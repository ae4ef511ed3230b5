//! A pointer to an object that is recycled but never freed.
//!
//! `SLAB_TYPESAFE_BY_RCU` promises that a stale pointer still points to *some* object of its type.
//! Here the promise is stronger and needs no argument at each use: VMAs, address spaces and tasks
//! live in pools whose memory is kept for the rest of the process, so every `&'static` to one stays
//! valid. Which life of the object it is in, is what the protocol decides; this file only turns
//! such a reference into an atomic word and back.
// Kernel: the slab page may be freed after a grace period. We keep it; the cost is the high-water
// mark of live objects.

use std::fmt;

use super::sync::{AtomicPtr, Ordering};

/// An atomic `Option<&'static T>`.
pub(crate) struct StaticRef<T: 'static> {
    // INVARIANT: null, or made from a `&'static T`.
    pointer: AtomicPtr<T>,
}

impl<T> StaticRef<T> {
    pub(crate) fn none() -> Self {
        Self { pointer: AtomicPtr::new(std::ptr::null_mut()) }
    }

    pub(crate) fn load(&self, order: Ordering) -> Option<&'static T> {
        // ORDERING: the caller's, who says why.
        let pointer = self.pointer.load(order);
        // SAFETY: by the invariant of the field it is null or came from a `&'static T`; only shared
        // references are ever made of it.
        unsafe { pointer.as_ref() }
    }

    pub(crate) fn store(&self, target: Option<&'static T>, order: Ordering) {
        let pointer = target.map_or(std::ptr::null_mut(), |target| std::ptr::from_ref(target).cast_mut());
        // ORDERING: the caller's, who says why.
        self.pointer.store(pointer, order);
    }
}

impl<T> fmt::Debug for StaticRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: Relaxed; for people.
        write!(f, "{:p}", self.pointer.load(Ordering::Relaxed))
    }
}
