//! Questions about one held lock.

use super::mode::Mode;

/// What an assertion demands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HeldQuery {
    /// The lock is held in any mode (the kernel's `lockdep_assert_held`).
    Held,
    /// The lock is held exclusively (`lockdep_assert_held_write`).
    HeldExclusive,
    /// The lock is held by a reader (`lockdep_assert_held_read`).
    HeldShared,
    /// The lock is not held (`lockdep_assert_not_held`).
    NotHeld,
}

impl HeldQuery {
    /// Whether a lock held in `mode` satisfies the demand; `None` for a lock that is not held.
    pub(crate) fn accepts(self, mode: Option<Mode>) -> bool {
        match self {
            Self::Held => mode.is_some(),
            Self::HeldExclusive => mode == Some(Mode::Exclusive),
            Self::HeldShared => mode.is_some_and(Mode::is_shared),
            Self::NotHeld => mode.is_none(),
        }
    }
}
