//! The thread-local pointer: a handler may come before and after each use of it.

use std::cell::Cell;
use std::ptr;

use super::place::{BUSY, DRAIN, NOT_STARTED, Place, Sentinels};
use crate::runtime::memory::step;
use crate::seed;

thread_local! {
    static WORD: Cell<*mut Place> = const { Cell::new(ptr::null_mut()) };
}

/// Starts anew.
pub(crate) fn begin() {
    WORD.set(Sentinels::place(NOT_STARTED));
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pointer;

impl Pointer {
    #[expect(clippy::unnecessary_wraps, reason = "the signature of the original")]
    pub(crate) fn near() -> Option<Self> {
        Some(Self)
    }

    pub(crate) fn of_this_thread() -> Self {
        Self
    }

    pub(crate) fn load(self) -> *mut Place {
        step();
        WORD.get()
    }

    pub(crate) fn store(self, place: *mut Place) {
        step();
        WORD.set(place);
    }

    pub(crate) fn mark<const SENTINEL: usize>(self) {
        let is_left_out = SENTINEL == BUSY && seed::is("busy-not-marked")
            || SENTINEL == DRAIN && seed::is("drain-not-marked");
        if !is_left_out {
            self.store(Sentinels::place(SENTINEL));
        }
    }

    pub(crate) fn advance(self) {
        step();
        WORD.set(WORD.get().wrapping_add(1));
        step();
    }

    pub(crate) fn retreat(self) {
        step();
        WORD.set(WORD.get().wrapping_sub(1));
        step();
    }
}
