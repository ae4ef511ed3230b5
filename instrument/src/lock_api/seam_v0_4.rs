//! What differs between the 0.4 and the 0.5 line, for 0.4: raw locks say `bool` and hand out no
//! state.
//!
//! The guards of [`super::common`] carry a *state* from acquisition to release, as 0.5 wants it.
//! Here it is a zero-sized token that only decides whether a guard is `Send`.

use core::marker::PhantomData;

use super::raw::{
    RawMutex, RawMutexFair, RawMutexTimed, RawRwLock, RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed,
    RawRwLockUpgrade, RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};
use super::seam_table::raw_operations;

/// What a mutex guard keeps for the release.
pub(crate) type MutexState<R> = PhantomData<<R as RawMutex>::GuardMarker>;
/// What a read guard keeps for the release.
pub(crate) type SharedState<R> = PhantomData<<R as RawRwLock>::GuardMarker>;
/// What a write guard keeps for the release.
pub(crate) type ExclusiveState<R> = PhantomData<<R as RawRwLock>::GuardMarker>;
/// What an upgradable guard keeps for the release.
pub(crate) type UpgradableState<R> = PhantomData<<R as RawRwLock>::GuardMarker>;

#[inline]
fn state_if<M>(taken: bool) -> Option<PhantomData<M>> {
    taken.then_some(PhantomData)
}

/// Operations that take a lock: `lock(&raw [, timeout])`, with the state if it was taken.
macro_rules! taking {
    ($($name:ident: $bound:ident, $state:ident, $raw:ident $(($timeout:ident))?;)*) => {$(
        #[inline]
        pub(crate) fn $name<R: $bound>(raw: &R $(, timeout: R::$timeout)?) -> Option<$state<R>> {
            state_if(raw.$raw($({ let timeout: R::$timeout = timeout; timeout })?))
        }
    )*};
}

/// Operations that wait until the lock is there.
macro_rules! waiting {
    ($($name:ident: $bound:ident, $state:ident, $raw:ident;)*) => {$(
        #[inline]
        pub(crate) fn $name<R: $bound>(raw: &R) -> $state<R> {
            raw.$raw();
            PhantomData
        }
    )*};
}

/// Operations that give a lock up.
macro_rules! giving_up {
    ($($name:ident: $bound:ident, $state:ident, $raw:ident;)*) => {$(
        /// # Safety
        ///
        /// The lock must be held in this mode, by the acquisition that `_state` came from.
        #[inline]
        pub(crate) unsafe fn $name<R: $bound>(raw: &R, _state: $state<R>) {
            // SAFETY: the caller's promise.
            unsafe { raw.$raw() }
        }
    )*};
}

/// Operations that give a lock up for a moment if a thread waits for it.
macro_rules! yielding {
    ($($name:ident: $bound:ident, $state:ident, $raw:ident;)*) => {$(
        /// # Safety
        ///
        /// The lock must be held in this mode, by the acquisition that `_state` came from.
        #[inline]
        pub(crate) unsafe fn $name<R: $bound>(raw: &R, _state: &mut $state<R>) {
            // SAFETY: the caller's promise.
            unsafe { raw.$raw() }
        }
    )*};
}

/// Operations that turn one mode into another.
macro_rules! turning {
    ($($name:ident: $bound:ident, $from:ident => $to:ident, $raw:ident;)*) => {$(
        /// # Safety
        ///
        /// The lock must be held in the first mode, by the acquisition that `_state` came from.
        #[inline]
        pub(crate) unsafe fn $name<R: $bound>(raw: &R, _state: $from<R>) -> $to<R> {
            // SAFETY: the caller's promise.
            unsafe { raw.$raw() };
            PhantomData
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
            if unsafe { raw.$raw($({ let timeout: R::$timeout = timeout; timeout })?) } { Ok(PhantomData) } else { Err(state) }
        }
    )*};
}

raw_operations!();
