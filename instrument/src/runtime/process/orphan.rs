//! Whether this process is the child of a fork that may not validate.
//!
//! Which child may not is decided in `life/fork.rs`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::ledger::{self, Counter};
use super::state;

/// Set in the child of a fork that may not validate.
static ORPHANED: AtomicBool = AtomicBool::new(false);

/// This process may not validate.
pub(crate) fn set() {
    // ORDERING: Relaxed: the child has one thread.
    ORPHANED.store(true, Ordering::Relaxed);
}

/// Whether this process is a child that may not validate; counts it once and turns validation off.
/// It is the parent, or the command, that says so: the child's standard error stream may be what a
/// test compares.
#[cold]
pub(crate) fn is_orphaned() -> bool {
    // ORDERING: Relaxed: the child began with one thread, and threads that it made later see what
    // it wrote before.
    if !ORPHANED.load(Ordering::Relaxed) {
        return false;
    }
    state::set(false);
    // ORDERING: Relaxed, as above.
    if ORPHANED.swap(false, Ordering::Relaxed) {
        ledger::count(Counter::UnwatchedChild);
    }
    true
}

/// Whether this process is a child that may not validate and has not said so. For the end of the
/// process.
pub(crate) fn is_silent() -> bool {
    // ORDERING: Relaxed, as in `is_orphaned`.
    ORPHANED.load(Ordering::Relaxed)
}
