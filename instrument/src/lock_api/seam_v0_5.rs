//! What differs between the 0.4 and the 0.5 line, for 0.5: raw locks hand out a state with each
//! acquisition and want it back at the release.

use super::raw::{
    RawMutex, RawMutexFair, RawMutexTimed, RawRwLock, RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed,
    RawRwLockUpgrade, RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};

/// What a mutex guard keeps for the release.
pub(crate) type MutexState<R> = <R as RawMutex>::Guard;
/// What a read guard keeps for the release.
pub(crate) type SharedState<R> = <R as RawRwLock>::SharedGuard;
/// What a write guard keeps for the release.
pub(crate) type ExclusiveState<R> = <R as RawRwLock>::ExclusiveGuard;
/// What an upgradable guard keeps for the release.
pub(crate) type UpgradableState<R> = <R as RawRwLockUpgrade>::UpgradableGuard;

/// Operations that take a lock: `lock(&raw [, timeout])`, with the state if it was taken.
macro_rules! taking {
    ($($name:ident: $bound:ident, $state:ident, $raw:ident $(($timeout:ident))?;)*) => {$(
        #[inline]
        pub(crate) fn $name<R: $bound>(raw: &R $(, timeout: R::$timeout)?) -> Option<$state<R>> {
            raw.$raw($({ let timeout: R::$timeout = timeout; timeout })?)
        }
    )*};
}

/// Operations that wait until the lock is there.
macro_rules! waiting {
    ($($name:ident: $bound:ident, $state:ident, $raw:ident;)*) => {$(
        #[inline]
        pub(crate) fn $name<R: $bound>(raw: &R) -> $state<R> {
            raw.$raw()
        }
    )*};
}

/// Operations that give a lock up.
macro_rules! giving_up {
    ($($name:ident: $bound:ident, $state:ident, $raw:ident;)*) => {$(
        /// # Safety
        ///
        /// The lock must be held in this mode, by the acquisition that `state` came from.
        #[inline]
        pub(crate) unsafe fn $name<R: $bound>(raw: &R, state: $state<R>) {
            // SAFETY: the caller's promise.
            unsafe { raw.$raw(state) }
        }
    )*};
}

/// Operations that give a lock up for a moment if a thread waits for it.
macro_rules! yielding {
    ($($name:ident: $bound:ident, $state:ident, $raw:ident;)*) => {$(
        /// # Safety
        ///
        /// The lock must be held in this mode, by the acquisition that `state` came from.
        #[inline]
        pub(crate) unsafe fn $name<R: $bound>(raw: &R, state: &mut $state<R>) {
            // SAFETY: the caller's promise.
            unsafe { raw.$raw(state) }
        }
    )*};
}

/// Operations that turn one mode into another.
macro_rules! turning {
    ($($name:ident: $bound:ident, $from:ident => $to:ident, $raw:ident;)*) => {$(
        /// # Safety
        ///
        /// The lock must be held in the first mode, by the acquisition that `state` came from.
        #[inline]
        pub(crate) unsafe fn $name<R: $bound>(raw: &R, state: $from<R>) -> $to<R> {
            // SAFETY: the caller's promise.
            unsafe { raw.$raw(state) }
        }
    )*};
}

/// Operations that may turn an upgradable read into a write.
macro_rules! upgrading {
    ($($name:ident: $bound:ident, $raw:ident $(($timeout:ident))?;)*) => {$(
        /// # Safety
        ///
        /// The lock must be held upgradable, by the acquisition that `state` came from.
        #[inline]
        pub(crate) unsafe fn $name<R: $bound>(
            raw: &R,
            state: UpgradableState<R>
            $(, timeout: R::$timeout)?
        ) -> Result<ExclusiveState<R>, UpgradableState<R>> {
            // SAFETY: the caller's promise.
            unsafe { raw.$raw(state $(, { let timeout: R::$timeout = timeout; timeout })?) }
        }
    )*};
}
waiting! {
    lock: RawMutex, MutexState, lock;
    lock_shared: RawRwLock, SharedState, lock_shared;
    lock_exclusive: RawRwLock, ExclusiveState, lock_exclusive;
    lock_upgradable: RawRwLockUpgrade, UpgradableState, lock_upgradable;
}

taking! {
    try_lock: RawMutex, MutexState, try_lock;
    try_lock_for: RawMutexTimed, MutexState, try_lock_for(Duration);
    try_lock_until: RawMutexTimed, MutexState, try_lock_until(Instant);
    try_lock_shared: RawRwLock, SharedState, try_lock_shared;
    try_lock_shared_for: RawRwLockTimed, SharedState, try_lock_shared_for(Duration);
    try_lock_shared_until: RawRwLockTimed, SharedState, try_lock_shared_until(Instant);
    try_lock_exclusive: RawRwLock, ExclusiveState, try_lock_exclusive;
    try_lock_exclusive_for: RawRwLockTimed, ExclusiveState, try_lock_exclusive_for(Duration);
    try_lock_exclusive_until: RawRwLockTimed, ExclusiveState, try_lock_exclusive_until(Instant);
    try_lock_upgradable: RawRwLockUpgrade, UpgradableState, try_lock_upgradable;
    try_lock_upgradable_for: RawRwLockUpgradeTimed, UpgradableState, try_lock_upgradable_for(Duration);
    try_lock_upgradable_until: RawRwLockUpgradeTimed, UpgradableState, try_lock_upgradable_until(Instant);
}

giving_up! {
    unlock: RawMutex, MutexState, unlock;
    unlock_fair: RawMutexFair, MutexState, unlock_fair;
    unlock_shared: RawRwLock, SharedState, unlock_shared;
    unlock_shared_fair: RawRwLockFair, SharedState, unlock_shared_fair;
    unlock_exclusive: RawRwLock, ExclusiveState, unlock_exclusive;
    unlock_exclusive_fair: RawRwLockFair, ExclusiveState, unlock_exclusive_fair;
    unlock_upgradable: RawRwLockUpgrade, UpgradableState, unlock_upgradable;
    unlock_upgradable_fair: RawRwLockUpgradeFair, UpgradableState, unlock_upgradable_fair;
}

yielding! {
    bump: RawMutexFair, MutexState, bump;
    bump_shared: RawRwLockFair, SharedState, bump_shared;
    bump_exclusive: RawRwLockFair, ExclusiveState, bump_exclusive;
    bump_upgradable: RawRwLockUpgradeFair, UpgradableState, bump_upgradable;
}

turning! {
    downgrade: RawRwLockDowngrade, ExclusiveState => SharedState, downgrade;
    upgrade: RawRwLockUpgrade, UpgradableState => ExclusiveState, upgrade;
    downgrade_upgradable: RawRwLockUpgradeDowngrade, UpgradableState => SharedState, downgrade_upgradable;
    downgrade_to_upgradable: RawRwLockUpgradeDowngrade, ExclusiveState => UpgradableState, downgrade_to_upgradable;
}

upgrading! {
    try_upgrade: RawRwLockUpgrade, try_upgrade;
    try_upgrade_for: RawRwLockUpgradeTimed, try_upgrade_for(Duration);
    try_upgrade_until: RawRwLockUpgradeTimed, try_upgrade_until(Instant);
}
