//! Assertions about held locks, with the kernel's meanings (`lockdep_assert_held` and its family).
//!
//! Each is a violation LD0010 when it is known to be false; it is silent while validation is off,
//! and where events of the thread were not seen it passes, with one notice. The report acts as
//! `LOCKDEP_ON_VIOLATION` says.

use crate::hook::LockRef;
#[cfg(not(lockdep_disabled))]
use crate::runtime::{event, process::state};

#[doc(hidden)]
pub use lockdep_validator::HeldQuery as Claim;

/// Checks a claim; the macros' way in.
#[doc(hidden)]
#[track_caller]
#[inline]
pub fn check(lock: LockRef<'_>, claim: Claim) {
    #[cfg(not(lockdep_disabled))]
    if state::is_on() {
        event::assert_held(lock, claim);
    }
    #[cfg(lockdep_disabled)]
    let _ = (lock, claim);
}

/// Checks that nothing is held; the macro's way in.
#[doc(hidden)]
#[track_caller]
#[inline]
pub fn check_none_held() {
    #[cfg(not(lockdep_disabled))]
    if state::is_on() {
        event::assert_none_held();
    }
}

/// Checks that waiting is allowed; the macro's way in.
#[doc(hidden)]
#[track_caller]
#[inline]
pub fn check_may_block() {
    #[cfg(not(lockdep_disabled))]
    if state::is_on() {
        event::assert_may_block();
    }
}

/// Asserts that the running thread holds `lock` in any mode (`lockdep_assert_held`).
///
/// ```
/// let map = lockdep::hook::LockMap::new();
/// fn needs_the_lock(map: &lockdep::hook::LockMap) {
///     lockdep::assert_held!(map);
/// }
/// # needs_the_lock(&map); // validation is off here: no effect
/// ```
#[macro_export]
macro_rules! assert_held {
    ($lock:expr $(,)?) => {{
        use $crate::hook::Tracked as _;
        $crate::assert::check(($lock).lockdep_ref(), $crate::assert::Claim::Held)
    }};
}

/// Asserts that the running thread holds `lock` exclusively (`lockdep_assert_held_write`).
#[macro_export]
macro_rules! assert_held_exclusive {
    ($lock:expr $(,)?) => {{
        use $crate::hook::Tracked as _;
        $crate::assert::check(($lock).lockdep_ref(), $crate::assert::Claim::HeldExclusive)
    }};
}

/// Asserts that the running thread holds `lock` shared (`lockdep_assert_held_read`).
#[macro_export]
macro_rules! assert_held_shared {
    ($lock:expr $(,)?) => {{
        use $crate::hook::Tracked as _;
        $crate::assert::check(($lock).lockdep_ref(), $crate::assert::Claim::HeldShared)
    }};
}

/// Asserts that the running thread does not hold `lock` (`lockdep_assert_not_held`).
#[macro_export]
macro_rules! assert_not_held {
    ($lock:expr $(,)?) => {{
        use $crate::hook::Tracked as _;
        $crate::assert::check(($lock).lockdep_ref(), $crate::assert::Claim::NotHeld)
    }};
}

/// Asserts that the running thread holds no lock at all (`lockdep_assert_none_held_once`).
#[macro_export]
macro_rules! assert_none_held {
    () => {
        $crate::assert::check_none_held()
    };
}

/// Asserts that the running thread may wait here: it holds no lock under which waiting is forbidden
/// and is in no context that forbids it (`might_sleep`).
#[macro_export]
macro_rules! assert_may_block {
    () => {
        $crate::assert::check_may_block()
    };
}
