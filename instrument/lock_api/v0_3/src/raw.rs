//! The traits of raw locks, as the lines up to 0.3 have them: giving a lock up is safe to call
//! there, and nothing is `is_locked`.

pub use super::thread_id::GetThreadId;

/// Marks guards that may be sent to another thread.
#[derive(Debug)]
pub struct GuardSend(());

/// Marks guards that must be dropped by the thread that made them.
#[derive(Debug)]
pub struct GuardNoSend(core::marker::PhantomData<*mut ()>);

// SAFETY: the marker is never made, and has nothing that could be shared.
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

    /// [`GuardSend`] if another thread may unlock, otherwise [`GuardNoSend`].
    type GuardMarker;

    /// Takes the mutex, waiting for it.
    fn lock(&self);

    /// Takes the mutex if no thread holds it, and returns whether it did.
    fn try_lock(&self) -> bool;

    /// Gives the mutex up.
    fn unlock(&self);

    /// Whether anybody holds the mutex.
    #[inline]
    fn is_locked(&self) -> bool {
        let free = self.try_lock();
        if free {
            self.unlock();
        }
        !free
    }
}

/// A mutex that can be handed to the thread that has waited longest.
///
/// # Safety
///
/// As [`RawMutex`].
pub unsafe trait RawMutexFair: RawMutex {
    /// Gives the mutex up to the thread that has waited longest.
    fn unlock_fair(&self);

    /// Lets a waiting thread go first, if there is one, and takes the mutex again.
    fn bump(&self) {
        self.unlock_fair();
        self.lock();
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

    /// Takes the mutex, waiting at most `timeout`; returns whether it did.
    fn try_lock_for(&self, timeout: Self::Duration) -> bool;

    /// Takes the mutex, waiting until `timeout`; returns whether it did.
    fn try_lock_until(&self, timeout: Self::Instant) -> bool;
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

    /// [`GuardSend`] if another thread may unlock, otherwise [`GuardNoSend`].
    type GuardMarker;

    /// Takes the lock shared, waiting for it.
    fn lock_shared(&self);

    /// Takes the lock shared if that needs no waiting; returns whether it did.
    fn try_lock_shared(&self) -> bool;

    /// Gives up one shared hold.
    fn unlock_shared(&self);

    /// Takes the lock exclusively, waiting for it.
    fn lock_exclusive(&self);

    /// Takes the lock exclusively if no thread holds it, and returns whether it did.
    fn try_lock_exclusive(&self) -> bool;

    /// Gives up the exclusive hold.
    fn unlock_exclusive(&self);

    /// Whether anybody holds the lock.
    #[inline]
    fn is_locked(&self) -> bool {
        let free = self.try_lock_exclusive();
        if free {
            self.unlock_exclusive();
        }
        !free
    }

    /// Whether anybody holds the lock exclusively.
    #[inline]
    fn is_locked_exclusive(&self) -> bool {
        let readable = self.try_lock_shared();
        if readable {
            self.unlock_shared();
        }
        !readable
    }
}

/// A reader-writer lock that can be handed to the thread that has waited longest.
///
/// # Safety
///
/// As [`RawRwLock`].
pub unsafe trait RawRwLockFair: RawRwLock {
    /// Gives up a shared hold, to the thread that has waited longest.
    fn unlock_shared_fair(&self);

    /// Gives up the exclusive hold, to the thread that has waited longest.
    fn unlock_exclusive_fair(&self);

    /// Lets a waiting thread go first, if there is one, and takes the lock shared again.
    fn bump_shared(&self) {
        self.unlock_shared_fair();
        self.lock_shared();
    }

    /// Lets a waiting thread go first, if there is one, and takes the lock exclusively again.
    fn bump_exclusive(&self) {
        self.unlock_exclusive_fair();
        self.lock_exclusive();
    }
}

/// A reader-writer lock whose writer can become a reader.
///
/// # Safety
///
/// As [`RawRwLock`].
pub unsafe trait RawRwLockDowngrade: RawRwLock {
    /// Turns the exclusive hold into a shared one, without letting a writer in between.
    fn downgrade(&self);
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

    /// Takes the lock shared, waiting at most `timeout`; returns whether it did.
    fn try_lock_shared_for(&self, timeout: Self::Duration) -> bool;

    /// Takes the lock shared, waiting until `timeout`; returns whether it did.
    fn try_lock_shared_until(&self, timeout: Self::Instant) -> bool;

    /// Takes the lock exclusively, waiting at most `timeout`; returns whether it did.
    fn try_lock_exclusive_for(&self, timeout: Self::Duration) -> bool;

    /// Takes the lock exclusively, waiting until `timeout`; returns whether it did.
    fn try_lock_exclusive_until(&self, timeout: Self::Instant) -> bool;
}

/// A reader-writer lock that a reader may take again while a writer waits.
///
/// # Safety
///
/// As [`RawRwLock`].
pub unsafe trait RawRwLockRecursive: RawRwLock {
    /// Takes the lock shared without queueing behind a waiting writer.
    fn lock_shared_recursive(&self);

    /// Takes the lock shared if no writer holds it; returns whether it did.
    fn try_lock_shared_recursive(&self) -> bool;
}

/// [`RawRwLockRecursive`] with a limit.
///
/// # Safety
///
/// As [`RawRwLock`].
pub unsafe trait RawRwLockRecursiveTimed: RawRwLockRecursive + RawRwLockTimed {
    /// Takes the lock shared without queueing behind a waiting writer, waiting at most `timeout`;
    /// tells whether it did.
    fn try_lock_shared_recursive_for(&self, timeout: Self::Duration) -> bool;

    /// Takes the lock shared without queueing behind a waiting writer, waiting until `timeout`;
    /// tells whether it did.
    fn try_lock_shared_recursive_until(&self, timeout: Self::Instant) -> bool;
}

/// A reader-writer lock with one reader at a time that may become the writer.
///
/// # Safety
///
/// As [`RawRwLock`]; and while it is held upgradable, no other thread may hold it exclusively or
/// upgradable.
pub unsafe trait RawRwLockUpgrade: RawRwLock {
    /// Takes the lock upgradable, waiting for it.
    fn lock_upgradable(&self);

    /// Takes the lock upgradable if that needs no waiting; returns whether it did.
    fn try_lock_upgradable(&self) -> bool;

    /// Gives up the upgradable hold.
    fn unlock_upgradable(&self);

    /// Turns the upgradable hold into the exclusive one, waiting for the readers to leave.
    fn upgrade(&self);

    /// Turns the upgradable hold into the exclusive one if there are no readers; tells whether it
    /// did.
    fn try_upgrade(&self) -> bool;
}

/// An upgradable lock that can be handed to the thread that has waited longest.
///
/// # Safety
///
/// As [`RawRwLockUpgrade`].
pub unsafe trait RawRwLockUpgradeFair: RawRwLockUpgrade + RawRwLockFair {
    /// Gives up the upgradable hold, to the thread that has waited longest.
    fn unlock_upgradable_fair(&self);

    /// Lets a waiting thread go first, if there is one, and takes the lock upgradable again.
    fn bump_upgradable(&self) {
        self.unlock_upgradable_fair();
        self.lock_upgradable();
    }
}

/// An upgradable lock whose holds can be turned into weaker ones.
///
/// # Safety
///
/// As [`RawRwLockUpgrade`].
pub unsafe trait RawRwLockUpgradeDowngrade: RawRwLockUpgrade + RawRwLockDowngrade {
    /// Turns the upgradable hold into a shared one.
    fn downgrade_upgradable(&self);

    /// Turns the exclusive hold into an upgradable one.
    fn downgrade_to_upgradable(&self);
}

/// An upgradable lock that can be waited for with a limit.
///
/// # Safety
///
/// As [`RawRwLockUpgrade`].
pub unsafe trait RawRwLockUpgradeTimed: RawRwLockUpgrade + RawRwLockTimed {
    /// Takes the lock upgradable, waiting at most `timeout`; returns whether it did.
    fn try_lock_upgradable_for(&self, timeout: Self::Duration) -> bool;

    /// Takes the lock upgradable, waiting until `timeout`; returns whether it did.
    fn try_lock_upgradable_until(&self, timeout: Self::Instant) -> bool;

    /// Turns the upgradable hold into the exclusive one, waiting at most `timeout` for the readers;
    /// tells whether it did.
    fn try_upgrade_for(&self, timeout: Self::Duration) -> bool;

    /// Turns the upgradable hold into the exclusive one, waiting until `timeout` for the readers;
    /// tells whether it did.
    fn try_upgrade_until(&self, timeout: Self::Instant) -> bool;
}
