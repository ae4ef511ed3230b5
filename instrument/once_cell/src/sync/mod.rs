//! [`real_once_cell::sync`], validated.
//!
//! As with std's `OnceLock`, only an initialisation that has to run or to be waited for is an
//! acquisition: it is held exclusively, what it locks comes after it, and starting it again from
//! inside waits for itself. A full cell sends no event.

mod lazy;
mod once_cell;

pub use self::lazy::Lazy;
pub use self::once_cell::OnceCell;

use lockdep::hook::{LockInfo, LockMap, Verdict};
use lockdep::{Mode, Wait};

/// The part of a cell that the validator knows it by.
///
/// The only `Drop` of a cell lives here, in a type without parameters: the cell itself can still be
/// taken apart by `into_inner`, and the drop check looks at the value as it does in the real crate.
struct Identity(LockMap);

impl Identity {
    #[track_caller]
    #[inline]
    const fn new() -> Self {
        Self(LockMap::new())
    }

    /// Notes who made the cell, if a function of the library made it on a caller's behalf.
    #[inline]
    fn relocate(&mut self) {
        self.0.relocate();
    }

    /// Announces an initialisation that is about to run or to be waited for; dropping the result
    /// tells that it is over.
    ///
    /// There is nothing to try here: an initialisation that is not finished and that this thread is
    /// inside of can only be waited for in vain.
    ///
    /// # Panics
    ///
    /// On a re-entrant initialisation, if `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[cold]
    fn initialise(&self, info: &LockInfo) -> Option<Held<'_>> {
        match self.0.acquire(info, Mode::Exclusive, Wait::Blocking) {
            Verdict::Proceed | Verdict::Measure => Some(Held(&self.0)),
            Verdict::SelfDeadlock => {
                self.0.self_deadlock();
                None
            }
        }
    }
}

#[cfg(not(lockdep_disabled))]
impl Drop for Identity {
    #[inline]
    fn drop(&mut self) {
        self.0.dropped_by_owner();
    }
}

/// An initialisation that was announced to the validator.
struct Held<'a>(&'a LockMap);

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.release();
    }
}
