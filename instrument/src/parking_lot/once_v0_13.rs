//! [`Once`].

use std::fmt;

use super::OnceState;
use crate::hook::{LockInfo, LockMap, LockRef, Tracked, Verdict};
use crate::lock_api_0_5::Identity;
use crate::{Mode, Wait};

/// `parking_lot::Once` of 0.13, validated.
///
/// A *running* initialisation is held exclusively: what it locks comes after it, and a thread that
/// waits for it waits for all of that, and starting it again from inside waits for itself. A
/// finished one is no lock any more and sends no event.
///
/// ```
/// use lockdep::parking_lot_0_13::{Once, OnceState};
///
/// static START: Once = Once::new();
/// START.call_once(|| {});
/// assert_eq!(START.state(), OnceState::Done);
/// ```
pub struct Once {
    identity: Identity,
    inner: parking_lot_0_13::Once,
}

/// An initialisation that runs or is waited for.
struct Running<'a>(&'a LockMap);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Once {
    const INFO: LockInfo = LockInfo::bare("Once");

    /// Makes a [`Once`] that has not run; the place of the call is its class.
    #[track_caller]
    #[inline]
    pub const fn new() -> Self {
        Self { identity: Identity::new(), inner: parking_lot_0_13::Once::new() }
    }

    /// Returns a [`Once`] that has run already.
    #[track_caller]
    #[inline]
    pub const fn new_completed() -> Self {
        Self { identity: Identity::new(), inner: parking_lot_0_13::Once::new_completed() }
    }

    /// Returns whether an initialisation has run to its end.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.inner.is_completed()
    }

    /// Waits until an initialisation has run. To the validator it is taken and given up again.
    ///
    /// # Panics
    ///
    /// If an initialisation panicked; if it is called from inside one and `LOCKDEP_ON_DEADLOCK` is
    /// `panic`.
    #[track_caller]
    #[inline]
    pub fn wait(&self) {
        if !self.is_completed() {
            let _running = self.running();
            self.inner.wait();
        }
    }

    /// Waits until an initialisation has run, whatever happened to earlier ones.
    ///
    /// # Panics
    ///
    /// If it is called from inside an initialisation and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn wait_force(&self) {
        if !self.is_completed() {
            let _running = self.running();
            self.inner.wait_force();
        }
    }

    /// Returns whether it has run, and how that went.
    #[inline]
    pub fn state(&self) -> OnceState {
        self.inner.state()
    }

    /// Runs `f`, or waits for the thread that runs one, unless one has run.
    ///
    /// # Panics
    ///
    /// If an earlier initialisation panicked; if it is called from inside `f` and
    /// `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if !self.is_completed() {
            let _running = self.running();
            self.inner.call_once(f);
        }
    }

    /// Does what [`call_once`](Self::call_once) does, but also runs after an initialisation that
    /// panicked.
    ///
    /// # Panics
    ///
    /// If it is called from inside `f` and `LOCKDEP_ON_DEADLOCK` is `panic`.
    #[track_caller]
    #[inline]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(OnceState),
    {
        if !self.is_completed() {
            let _running = self.running();
            self.inner.call_once_force(f);
        }
    }

    /// There is nothing to try here: an initialisation that is not finished and that this thread is
    /// inside of can only be waited for in vain.
    #[cold]
    #[track_caller]
    fn running(&self) -> Option<Running<'_>> {
        match self.identity.acquire(&Self::INFO, Mode::Exclusive, Wait::Blocking) {
            Verdict::Proceed | Verdict::Measure => Some(Running(&self.identity)),
            Verdict::SelfDeadlock => {
                self.identity.self_deadlock();
                None
            }
        }
    }
}

impl Default for Once {
    #[track_caller]
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Tracked for Once {
    fn lockdep_ref(&self) -> LockRef<'_> {
        self.identity.as_ref(&Self::INFO)
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
