//! What differs between the 0.4 and the 0.5 line, for 0.5: raw locks hand out a state with each
//! acquisition and want it back at the release.

use super::raw::{
    RawMutex, RawMutexFair, RawMutexTimed, RawRwLock, RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed,
    RawRwLockUpgrade, RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};
use super::seam_table::raw_operations;

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

raw_operations!();
