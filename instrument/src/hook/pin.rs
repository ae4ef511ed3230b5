//! Pins with cookies, for code that is ported; [`pin`](crate::pin) has a guard instead.

use std::fmt;
use std::marker::PhantomData;

use super::Tracked;
#[cfg(not(lockdep_disabled))]
use crate::runtime::{event, process::state};

/// Proof of a pin, from [`pin_lock`] (the kernel's `struct pin_cookie`). Of use to the thread that
/// pinned, and to no other.
#[must_use = "a pinned lock must be unpinned with its cookie before it is released"]
pub struct PinCookie {
    #[cfg(not(lockdep_disabled))]
    cookie: Option<lockdep_validator::PinCookie>,
    not_send: PhantomData<*mut ()>,
}

/// Pins a lock that the running thread holds (the kernel's `lockdep_pin_lock`): its release before
/// [`unpin_lock`] is LD0012, and so is pinning a lock that is not held.
///
/// ```
/// use lockdep::hook::{LockInfo, LockMap, pin_lock, repin_lock, unpin_lock};
/// use lockdep::Mode;
///
/// let map = LockMap::new();
/// map.try_acquired(&LockInfo::bare("rq"), Mode::Exclusive);
/// let cookie = pin_lock(&map);
/// // ... what relies on the lock ...
/// unpin_lock(&map, &cookie);
/// // ... what may release it, and takes it again ...
/// repin_lock(&map, &cookie);
/// unpin_lock(&map, &cookie);
/// map.release();
/// ```
#[track_caller]
#[inline]
pub fn pin_lock<L: Tracked + ?Sized>(lock: &L) -> PinCookie {
    #[cfg(lockdep_disabled)]
    let _ = lock;
    PinCookie {
        #[cfg(not(lockdep_disabled))]
        cookie: if state::is_on() { event::pin(lock.lockdep_ref()) } else { None },
        not_send: PhantomData,
    }
}

/// Takes a pin back (the kernel's `lockdep_unpin_lock`). LD0012 if the lock is not held, or not
/// pinned with this cookie; silent if its release was reported as LD0012 before.
#[track_caller]
#[inline]
pub fn unpin_lock<L: Tracked + ?Sized>(lock: &L, cookie: &PinCookie) {
    #[cfg(not(lockdep_disabled))]
    if let Some(cookie) = cookie.cookie {
        event::unpin(lock.lockdep_ref(), cookie);
    }
    #[cfg(lockdep_disabled)]
    let _ = (lock, cookie);
}

/// Puts a pin that was taken back into force again (the kernel's `lockdep_repin_lock`). LD0012 if
/// the lock is not held.
#[track_caller]
#[inline]
pub fn repin_lock<L: Tracked + ?Sized>(lock: &L, cookie: &PinCookie) {
    #[cfg(not(lockdep_disabled))]
    if let Some(cookie) = cookie.cookie {
        event::repin(lock.lockdep_ref(), cookie);
    }
    #[cfg(lockdep_disabled)]
    let _ = (lock, cookie);
}

impl fmt::Debug for PinCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinCookie")
    }
}
