//! The traits of raw locks, as the 0.5 line has them: the names and signatures that other crates
//! implement.

use crate::common::event::{OnDrop, or_abort};

/// A state for locks that another thread may give up.
#[derive(Debug, Default)]
pub struct GuardSend(());

impl GuardSend {
    /// The state.
    #[inline]
    pub const fn new() -> Self {
        Self(())
    }
}

/// A state for locks that must be given up by the thread that took them.
#[derive(Debug, Default)]
pub struct GuardNoSend(core::marker::PhantomData<*mut ()>);

impl GuardNoSend {
    /// The state.
    #[inline]
    pub const fn new() -> Self {
        Self(core::marker::PhantomData)
    }
}

// SAFETY: there is nothing in it that could be shared.
unsafe impl Sync for GuardNoSend {}

pub(crate) type RawCell<R> = R;

pub(crate) const fn raw_cell<R>(raw: R) -> RawCell<R> {
    raw
}

#[inline]
pub(crate) fn raw_of<R: RawMutex>(cell: &RawCell<R>) -> &R {
    cell
}

/// A mutex without data.
///
/// # Safety
///
/// Between a `lock` or a successful `try_lock` and the `unlock` that ends it, no other may succeed.
pub unsafe trait RawMutex {
    /// A mutex that no thread holds.
    #[expect(clippy::declare_interior_mutable_const, reason = "the value is an initialiser")]
    const INIT: Self;

    /// What an acquisition keeps for its release; its `Send` is the guard's.
    type Guard;

    /// Takes the mutex, waiting for it.
    fn lock(&self) -> Self::Guard;

    /// Takes the mutex if no thread holds it.
    fn try_lock(&self) -> Option<Self::Guard>;

    /// Gives the mutex up.
    ///
    /// # Safety
    ///
    /// It must be held in the current context.
    unsafe fn unlock(&self, guard: Self::Guard);

    /// Whether anybody holds the mutex.
    fn is_locked(&self) -> bool;
}

/// A mutex that can be handed to the thread that has waited longest.
///
/// # Safety
///
/// As [`RawMutex`].
pub unsafe trait RawMutexFair: RawMutex {
    /// Gives the mutex up to the thread that has waited longest.
    ///
    /// # Safety
    ///
    /// It must be held in the current context.
    unsafe fn unlock_fair(&self, guard: Self::Guard);

    /// Lets a waiting thread go first, if there is one, and takes the mutex again.
    ///
    /// # Safety
    ///
    /// It must be held in the current context.
    unsafe fn bump(&self, guard: &mut Self::Guard) {
        // SAFETY: the caller's promise.
        unsafe { replace(guard, |state| self.unlock_fair(state), || self.lock()) };
    }
}

/// A mutex that can be waited for with a limit.
///
/// # Safety
///
/// As [`RawMutex`].
pub unsafe trait RawMutexTimed: RawMutex {
    /// A span of time.
    type Duration;
    /// A point in time.
    type Instant;

    /// Takes the mutex, waiting at most `timeout`.
    fn try_lock_for(&self, timeout: Self::Duration) -> Option<Self::Guard>;

    /// Takes the mutex, waiting until `timeout`.
    fn try_lock_until(&self, timeout: Self::Instant) -> Option<Self::Guard>;
}

/// A number for each thread.
///
/// # Safety
///
/// No two threads alive at the same time may have the same number.
#[cfg(feature = "atomic_usize")]
pub unsafe trait GetThreadId {
    /// The initial value.
    #[expect(clippy::declare_interior_mutable_const, reason = "the value is an initialiser")]
    const INIT: Self;

    /// The number of the running thread.
    fn nonzero_thread_id(&self) -> core::num::NonZeroUsize;
}

/// A reader-writer lock without data.
///
/// # Safety
///
/// While it is held exclusively, no other thread may hold it.
pub unsafe trait RawRwLock {
    /// A lock that no thread holds.
    #[expect(clippy::declare_interior_mutable_const, reason = "the value is an initialiser")]
    const INIT: Self;

    /// What a shared acquisition keeps for its release.
    type SharedGuard;
    /// What an exclusive acquisition keeps for its release.
    type ExclusiveGuard;

    /// Takes the lock shared, waiting for it.
    fn lock_shared(&self) -> Self::SharedGuard;

    /// Takes the lock shared if that needs no waiting.
    fn try_lock_shared(&self) -> Option<Self::SharedGuard>;

    /// Gives up one shared hold.
    ///
    /// # Safety
    ///
    /// There must be one in the current context.
    unsafe fn unlock_shared(&self, guard: Self::SharedGuard);

    /// Takes the lock exclusively, waiting for it.
    fn lock_exclusive(&self) -> Self::ExclusiveGuard;

    /// Takes the lock exclusively if no thread holds it.
    fn try_lock_exclusive(&self) -> Option<Self::ExclusiveGuard>;

    /// Gives up the exclusive hold.
    ///
    /// # Safety
    ///
    /// There must be one in the current context.
    unsafe fn unlock_exclusive(&self, guard: Self::ExclusiveGuard);

    /// Whether anybody holds the lock.
    fn is_locked(&self) -> bool;

    /// Whether anybody holds the lock exclusively.
    fn is_locked_exclusive(&self) -> bool;
}

/// A reader-writer lock that can be handed to the thread that has waited longest.
///
/// # Safety
///
/// As [`RawRwLock`].
pub unsafe trait RawRwLockFair: RawRwLock {
    /// Gives up a shared hold, to the thread that has waited longest.
    ///
    /// # Safety
    ///
    /// There must be one in the current context.
    unsafe fn unlock_shared_fair(&self, guard: Self::SharedGuard);

    /// Gives up the exclusive hold, to the thread that has waited longest.
    ///
    /// # Safety
    ///
    /// There must be one in the current context.
    unsafe fn unlock_exclusive_fair(&self, guard: Self::ExclusiveGuard);

    /// Lets a waiting thread go first, if there is one, and takes the lock shared again.
    ///
    /// # Safety
    ///
    /// There must be a shared hold in the current context.
    unsafe fn bump_shared(&self, guard: &mut Self::SharedGuard) {
        // SAFETY: the caller's promise.
        unsafe { replace(guard, |state| self.unlock_shared_fair(state), || self.lock_shared()) };
    }

    /// Lets a waiting thread go first, if there is one, and takes the lock exclusively again.
    ///
    /// # Safety
    ///
    /// There must be an exclusive hold in the current context.
    unsafe fn bump_exclusive(&self, guard: &mut Self::ExclusiveGuard) {
        // SAFETY: the caller's promise.
        unsafe { replace(guard, |state| self.unlock_exclusive_fair(state), || self.lock_exclusive()) };
    }
}

/// A reader-writer lock whose writer can become a reader.
///
/// # Safety
///
/// As [`RawRwLock`].
pub unsafe trait RawRwLockDowngrade: RawRwLock {
    /// Turns the exclusive hold into a shared one, without letting a writer in between.
    ///
    /// # Safety
    ///
    /// There must be an exclusive hold in the current context.
    unsafe fn downgrade(&self, guard: Self::ExclusiveGuard) -> Self::SharedGuard;
}

/// A reader-writer lock that can be waited for with a limit.
///
/// # Safety
///
/// As [`RawRwLock`].
pub unsafe trait RawRwLockTimed: RawRwLock {
    /// A span of time.
    type Duration;
    /// A point in time.
    type Instant;

    /// Takes the lock shared, waiting at most `timeout`.
    fn try_lock_shared_for(&self, timeout: Self::Duration) -> Option<Self::SharedGuard>;

    /// Takes the lock shared, waiting until `timeout`.
    fn try_lock_shared_until(&self, timeout: Self::Instant) -> Option<Self::SharedGuard>;

    /// Takes the lock exclusively, waiting at most `timeout`.
    fn try_lock_exclusive_for(&self, timeout: Self::Duration) -> Option<Self::ExclusiveGuard>;

    /// Takes the lock exclusively, waiting until `timeout`.
    fn try_lock_exclusive_until(&self, timeout: Self::Instant) -> Option<Self::ExclusiveGuard>;
}

/// A reader-writer lock with one reader at a time that may become the writer.
///
/// # Safety
///
/// As [`RawRwLock`]; and while it is held upgradable, no other thread may hold it exclusively or
/// upgradable.
pub unsafe trait RawRwLockUpgrade: RawRwLock {
    /// What an upgradable acquisition keeps for its release.
    type UpgradableGuard;

    /// Takes the lock upgradable, waiting for it.
    fn lock_upgradable(&self) -> Self::UpgradableGuard;

    /// Takes the lock upgradable if that needs no waiting.
    fn try_lock_upgradable(&self) -> Option<Self::UpgradableGuard>;

    /// Gives up the upgradable hold.
    ///
    /// # Safety
    ///
    /// There must be one in the current context.
    unsafe fn unlock_upgradable(&self, guard: Self::UpgradableGuard);

    /// Turns the upgradable hold into the exclusive one, waiting for the readers to leave.
    ///
    /// # Safety
    ///
    /// There must be an upgradable hold in the current context.
    unsafe fn upgrade(&self, guard: Self::UpgradableGuard) -> Self::ExclusiveGuard;

    /// Turns the upgradable hold into the exclusive one if there are no readers.
    ///
    /// # Safety
    ///
    /// There must be an upgradable hold in the current context.
    unsafe fn try_upgrade(
        &self,
        guard: Self::UpgradableGuard,
    ) -> Result<Self::ExclusiveGuard, Self::UpgradableGuard>;
}

/// An upgradable lock that can be handed to the thread that has waited longest.
///
/// # Safety
///
/// As [`RawRwLockUpgrade`].
pub unsafe trait RawRwLockUpgradeFair: RawRwLockUpgrade + RawRwLockFair {
    /// Gives up the upgradable hold, to the thread that has waited longest.
    ///
    /// # Safety
    ///
    /// There must be one in the current context.
    unsafe fn unlock_upgradable_fair(&self, guard: Self::UpgradableGuard);

    /// Lets a waiting thread go first, if there is one, and takes the lock upgradable again.
    ///
    /// # Safety
    ///
    /// There must be an upgradable hold in the current context.
    unsafe fn bump_upgradable(&self, guard: &mut Self::UpgradableGuard) {
        // SAFETY: the caller's promise.
        unsafe { replace(guard, |state| self.unlock_upgradable_fair(state), || self.lock_upgradable()) };
    }
}

/// An upgradable lock whose holds can be turned into weaker ones.
///
/// # Safety
///
/// As [`RawRwLockUpgrade`].
pub unsafe trait RawRwLockUpgradeDowngrade: RawRwLockUpgrade + RawRwLockDowngrade {
    /// Turns the upgradable hold into a shared one.
    ///
    /// # Safety
    ///
    /// There must be an upgradable hold in the current context.
    unsafe fn downgrade_upgradable(&self, guard: Self::UpgradableGuard) -> Self::SharedGuard;

    /// Turns the exclusive hold into an upgradable one.
    ///
    /// # Safety
    ///
    /// There must be an exclusive hold in the current context.
    unsafe fn downgrade_to_upgradable(&self, guard: Self::ExclusiveGuard) -> Self::UpgradableGuard;
}

/// An upgradable lock that can be waited for with a limit.
///
/// # Safety
///
/// As [`RawRwLockUpgrade`].
pub unsafe trait RawRwLockUpgradeTimed: RawRwLockUpgrade + RawRwLockTimed {
    /// Takes the lock upgradable, waiting at most `timeout`.
    fn try_lock_upgradable_for(&self, timeout: Self::Duration) -> Option<Self::UpgradableGuard>;

    /// Takes the lock upgradable, waiting until `timeout`.
    fn try_lock_upgradable_until(&self, timeout: Self::Instant) -> Option<Self::UpgradableGuard>;

    /// Turns the upgradable hold into the exclusive one, waiting at most `timeout` for the readers.
    ///
    /// # Safety
    ///
    /// There must be an upgradable hold in the current context.
    unsafe fn try_upgrade_for(
        &self,
        guard: Self::UpgradableGuard,
        timeout: Self::Duration,
    ) -> Result<Self::ExclusiveGuard, Self::UpgradableGuard>;

    /// Turns the upgradable hold into the exclusive one, waiting until `timeout` for the readers.
    ///
    /// # Safety
    ///
    /// There must be an upgradable hold in the current context.
    unsafe fn try_upgrade_until(
        &self,
        guard: Self::UpgradableGuard,
        timeout: Self::Instant,
    ) -> Result<Self::ExclusiveGuard, Self::UpgradableGuard>;
}

/// Gives a lock up and takes it again, with the new state in the place of the old one, also if
/// giving it up panics.
///
/// A panic of the second half would leave a guard without a lock, so it ends the process.
///
/// # Safety
///
/// `release` must be sound to call with the state in `guard`, and must give the lock up even if it
/// panics.
unsafe fn replace<S>(guard: &mut S, release: impl FnOnce(S), acquire: impl Fn() -> S) {
    let slot: *mut S = guard;
    // SAFETY: the state is moved out here, and a new one is moved in on every way out.
    let state = unsafe { slot.read() };
    // SAFETY: as above.
    let _again = OnDrop(move || unsafe { slot.write(or_abort(&acquire)) });
    release(state);
}

/// A condition variable without a mutex of its own.
///
/// # Safety
///
/// A wait must give the mutex up and begin to wait in one step. It must return, or unwind, with the
/// mutex held and the state of that acquisition in `guard`.
pub unsafe trait RawCondvar {
    /// A condition variable that no thread waits for.
    #[expect(clippy::declare_interior_mutable_const, reason = "the value is an initialiser")]
    const INIT: Self;

    /// The raw mutex it works with.
    type RawMutex: RawMutex;

    /// Gives the mutex up, waits, and takes the mutex again.
    ///
    /// # Safety
    ///
    /// The mutex must be held, by the acquisition that the state in `guard` came from.
    unsafe fn wait(&self, mutex: &Self::RawMutex, guard: &mut <Self::RawMutex as RawMutex>::Guard);

    /// Wakes one waiting thread; tells whether there was one, or `false` if it cannot tell.
    fn notify_one(&self) -> bool;

    /// Wakes all waiting threads; tells how many, or zero if it cannot tell.
    fn notify_all(&self) -> usize;
}

/// A condition variable that can be waited for with a limit.
///
/// # Safety
///
/// As [`RawCondvar`].
pub unsafe trait RawCondvarTimed: RawCondvar
where
    Self::RawMutex: RawMutexTimed,
{
    /// The point in time after `timeout`, if there is such a point.
    fn checked_duration_to_instant(
        timeout: &<Self::RawMutex as RawMutexTimed>::Duration,
    ) -> Option<<Self::RawMutex as RawMutexTimed>::Instant>;

    /// [`wait`](RawCondvar::wait), until `timeout` at the latest; tells whether the time ran out.
    ///
    /// # Safety
    ///
    /// As [`RawCondvar::wait`].
    unsafe fn wait_until(
        &self,
        mutex: &Self::RawMutex,
        guard: &mut <Self::RawMutex as RawMutex>::Guard,
        timeout: &<Self::RawMutex as RawMutexTimed>::Instant,
    ) -> bool;

    /// [`wait`](RawCondvar::wait), at most `timeout` long; tells whether the time ran out.
    ///
    /// # Safety
    ///
    /// As [`RawCondvar::wait`].
    unsafe fn wait_for(
        &self,
        mutex: &Self::RawMutex,
        guard: &mut <Self::RawMutex as RawMutex>::Guard,
        timeout: &<Self::RawMutex as RawMutexTimed>::Duration,
    ) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(deadline) = Self::checked_duration_to_instant(timeout) {
                self.wait_until(mutex, guard, &deadline)
            } else {
                self.wait(mutex, guard);
                false
            }
        }
    }
}
