//! Pins: code that relies on a lock staying held says so.

use std::fmt;

use crate::hook::{LockRef, PinCookie, Tracked, pin_lock, repin_lock, unpin_lock};

/// Pins a lock that the running thread holds: its release before the pin is dropped is reported
/// (LD0012), even if the lock is taken again at once. For code whose callees must not give its lock
/// up (the kernel's `lockdep_pin_lock`).
///
/// Pins nest, of one lock as of several. Pinning a lock that the thread does not hold is LD0012
/// too, and pins nothing. Free of effects while validation is off.
///
/// ```
/// use lockdep::sync::{Mutex, MutexGuard};
///
/// fn refill(queue: &mut MutexGuard<'_, Vec<u32>>) {
///     queue.push(7); // a callee that dropped the guard here, and locked again, would be reported
/// }
///
/// let queue = Mutex::new(vec![1]);
/// let mut guard = queue.lock().unwrap();
/// let n_before = guard.len();
/// let pinned = lockdep::pin(&queue);
/// refill(&mut guard);
/// assert_eq!(guard.len(), n_before + 1); // no other thread was here meanwhile
/// drop(pinned);
/// ```
#[track_caller]
#[inline]
pub fn pin<L: Tracked + ?Sized>(lock: &L) -> Pinned<'_> {
    let lock = lock.lockdep_ref();
    Pinned { cookie: pin_lock(&lock), is_pinned: true, lock }
}

/// A lock that must stay held until this is dropped; from [`pin`].
///
/// It cannot be sent to another thread, because a pin is about what one thread holds:
///
/// ```compile_fail,E0277
/// let lock = lockdep::sync::Mutex::new(0);
/// let guard = lock.lock().unwrap();
/// let pinned = lockdep::pin(&lock);
/// std::thread::scope(|scope| { scope.spawn(move || drop(pinned)); });
/// ```
#[must_use = "the lock is unpinned when this is dropped"]
pub struct Pinned<'a> {
    lock: LockRef<'a>,
    cookie: PinCookie,
    /// False while the pin is taken back for a wait, and for good if that unwound.
    is_pinned: bool,
}

impl Pinned<'_> {
    /// Takes the pin back while `wait` runs, which may release the lock if it takes it again (the
    /// kernel's `lockdep_unpin_lock` and `lockdep_repin_lock`). The lock must be held when `wait`
    /// returns; otherwise that is LD0012.
    ///
    /// What was read under the lock before is stale afterwards.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lockdep::sync::{Condvar, Mutex};
    ///
    /// let (ready, changed) = (Mutex::new(false), Condvar::new());
    /// let mut guard = ready.lock().unwrap();
    /// let mut pinned = lockdep::pin(&ready);
    /// let moment = Duration::from_millis(1);
    /// guard = pinned.suspend(|| changed.wait_timeout(guard, moment).unwrap().0);
    /// drop(pinned);
    /// assert!(!*guard);
    /// ```
    #[track_caller]
    pub fn suspend<R>(&mut self, wait: impl FnOnce() -> R) -> R {
        unpin_lock(&self.lock, &self.cookie);
        self.is_pinned = false;
        let result = wait();
        repin_lock(&self.lock, &self.cookie);
        self.is_pinned = true;
        result
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        if self.is_pinned {
            unpin_lock(&self.lock, &self.cookie);
        }
    }
}

impl fmt::Debug for Pinned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("is_pinned", &self.is_pinned).finish_non_exhaustive()
    }
}
