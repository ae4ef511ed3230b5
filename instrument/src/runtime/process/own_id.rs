//! The number of the process that the running code speaks for.
//!
//! A hang report is written by a copy of the process, in the name of the process that it is a copy
//! of.

use std::sync::atomic::{AtomicU32, Ordering};

/// The process that this one is a copy of; zero for any other process.
static COPY_OF: AtomicU32 = AtomicU32::new(0);

/// The process that the running code speaks for.
pub(crate) fn get() -> u32 {
    // ORDERING: Relaxed: set by the only thread of a copy.
    match COPY_OF.load(Ordering::Relaxed) {
        0 => std::process::id(),
        original => original,
    }
}

/// This process is a copy of another one, and speaks for it.
#[cfg(hang_report)]
pub(crate) fn set_copy_of(process: u32) {
    // ORDERING: Relaxed, as above.
    COPY_OF.store(process, Ordering::Relaxed);
}
