//! The places of a [quick stack](super::quick), as memory; `quick.rs` has what is done with them.

use std::ptr::{self, NonNull};

use super::place::{NOWHERE, Place};

/// How many held locks have a place. At most as many as the engine has room for from the start:
/// `Task::catch_up` must not allocate.
pub(super) const N_ROOM: usize = 44;
/// The place below the oldest lock.
pub(super) const BASE: usize = 0;
/// The place that stands for a stack of which the engine has to see every event.
pub(super) const OPAQUE: usize = N_ROOM + 2;
/// As many signal handlers as come at just that moment look at one place more.
const N_PLACES: usize = OPAQUE + 6;

/// The quick stack of a thread.
#[derive(Debug)]
pub(crate) struct QuickStack {
    places: NonNull<[Place; N_PLACES]>,
    /// The newest place, while the thread's word does not lead to it.
    pub(super) top: *mut Place,
}

impl QuickStack {
    pub(crate) fn new() -> Self {
        let places =
            NonNull::from(Box::leak(Box::new([const { Place::new(NOWHERE, 0, ptr::null_mut()) }; N_PLACES])));
        let top = places.cast::<Place>().as_ptr();
        Self { places, top }
    }

    #[inline(always)]
    pub(super) fn base(&self) -> *mut Place {
        self.places.cast::<Place>().as_ptr()
    }

    /// The places. Not while the thread's word leads to one of them.
    pub(super) fn places(&mut self) -> &mut [Place; N_PLACES] {
        // SAFETY: leaked in `new` and freed in `drop`; the borrow of `self` keeps a second
        // reference from being made, and no other code has the state (the word says BUSY).
        unsafe { self.places.as_mut() }
    }

    pub(super) fn n_held(&self) -> usize {
        (self.top.addr() - self.base().addr()) / size_of::<Place>()
    }
}

impl Drop for QuickStack {
    fn drop(&mut self) {
        // SAFETY: `new` leaked it, and no other code has it.
        drop(unsafe { Box::from_raw(self.places.as_ptr()) });
    }
}
