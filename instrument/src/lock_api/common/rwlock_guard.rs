//! The guards of [`RwLock`]: read, write, upgradable; each as one that borrows the lock and one
//! that shares it.

#[cfg(feature = "arc_lock")]
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::super::raw::{
    RawRwLock, RawRwLockDowngrade, RawRwLockFair, RawRwLockUpgrade, RawRwLockUpgradeDowngrade,
    RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};
use super::super::seam::{ExclusiveState, SharedState, UpgradableState};
use super::event::{self, OnDrop};
#[cfg(feature = "arc_lock")]
use super::guard::impl_arc_guard;
use super::guard::{impl_deref, impl_deref_mut, impl_lock_guard, impl_stable_address};
use super::rwlock::RwLock;

/// Read access to the data of a [`RwLock`], until it is dropped.
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, R: RawRwLock, T: ?Sized> {
    lock: &'a RwLock<R, T>,
    state: ManuallyDrop<SharedState<R>>,
    marker: PhantomData<&'a T>,
}

/// Write access to the data of a [`RwLock`], until it is dropped.
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, R: RawRwLock, T: ?Sized> {
    lock: &'a RwLock<R, T>,
    state: ManuallyDrop<ExclusiveState<R>>,
    marker: PhantomData<&'a mut T>,
}

/// Read access to the data of a [`RwLock`], with the right to become its writer.
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct RwLockUpgradableReadGuard<'a, R: RawRwLockUpgrade, T: ?Sized> {
    lock: &'a RwLock<R, T>,
    state: ManuallyDrop<UpgradableState<R>>,
    marker: PhantomData<&'a T>,
}

/// A [`RwLockReadGuard`] that shares the lock instead of borrowing it.
#[cfg(feature = "arc_lock")]
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct ArcRwLockReadGuard<R: RawRwLock, T: ?Sized> {
    lock: Arc<RwLock<R, T>>,
    state: ManuallyDrop<SharedState<R>>,
    marker: PhantomData<()>,
}

/// A [`RwLockWriteGuard`] that shares the lock instead of borrowing it.
#[cfg(feature = "arc_lock")]
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct ArcRwLockWriteGuard<R: RawRwLock, T: ?Sized> {
    lock: Arc<RwLock<R, T>>,
    state: ManuallyDrop<ExclusiveState<R>>,
    marker: PhantomData<()>,
}

/// A [`RwLockUpgradableReadGuard`] that shares the lock instead of borrowing it.
#[cfg(feature = "arc_lock")]
#[must_use = "a guard that is dropped at once protects nothing"]
#[clippy::has_significant_drop]
pub struct ArcRwLockUpgradableReadGuard<R: RawRwLockUpgrade, T: ?Sized> {
    lock: Arc<RwLock<R, T>>,
    state: ManuallyDrop<UpgradableState<R>>,
    marker: PhantomData<()>,
}

/// Making a guard of an acquisition.
macro_rules! impl_assume {
    ([$($generics:tt)*] $guard:ty, $holder:ty, $state:ty) => {
        impl<$($generics)*> $guard {
            /// # Safety
            ///
            /// `lock` must be held in this guard's mode, by the acquisition that `state` came from,
            /// and without a guard.
            #[inline]
            pub(crate) unsafe fn assume(lock: $holder, state: $state) -> Self {
                Self { lock, state: ManuallyDrop::new(state), marker: PhantomData }
            }
        }
    };
}

/// The guards of one mode.
macro_rules! guards {
    (
        $guard:ident $arc:ident, $bound:ident $fair:ident, $state:ident;
        $reacquire:ident $release:ident $release_fair:ident $yield:ident
    ) => {
        impl_assume!(['a, R: $bound + 'a, T: ?Sized + 'a] $guard<'a, R, T>, &'a RwLock<R, T>, $state<R>);
        impl_deref!(['a, R: $bound + 'a, T: ?Sized + 'a] $guard<'a, R, T>, T);
        impl_stable_address!(['a, R: $bound + 'a, T: ?Sized + 'a] $guard<'a, R, T>);
        impl_lock_guard!(
            ['a, R: $bound + 'a, T: ?Sized + 'a] ['a, R: $fair + 'a, T: ?Sized + 'a] $guard<'a, R, T>,
            holder &'a RwLock<R, T>, data T, state $state<R>, $reacquire, $release, $release_fair, $yield
        );
        impl<'a, R: $bound + 'a, T: ?Sized + 'a> $guard<'a, R, T> {
            /// Returns the lock that the guard holds.
            #[inline]
            pub fn rwlock(s: &Self) -> &'a RwLock<R, T> {
                s.lock
            }
        }

        #[cfg(feature = "arc_lock")]
        impl_assume!([R: $bound, T: ?Sized] $arc<R, T>, Arc<RwLock<R, T>>, $state<R>);
        #[cfg(feature = "arc_lock")]
        impl_deref!([R: $bound, T: ?Sized] $arc<R, T>, T);
        #[cfg(feature = "arc_lock")]
        impl_lock_guard!(
            [R: $bound, T: ?Sized] [R: $fair, T: ?Sized] $arc<R, T>,
            holder Arc<RwLock<R, T>>, data T, state $state<R>, $reacquire, $release, $release_fair, $yield
        );
        #[cfg(feature = "arc_lock")]
        impl_arc_guard!(
            [R: $bound, T: ?Sized] [R: $fair, T: ?Sized] $arc<R, T>, RwLock<R, T>, rwlock, $release, $release_fair
        );
    };
}

guards!(
    RwLockReadGuard ArcRwLockReadGuard, RawRwLock RawRwLockFair, SharedState;
    reacquire_shared release_shared release_shared_fair yield_shared
);
guards!(
    RwLockWriteGuard ArcRwLockWriteGuard, RawRwLock RawRwLockFair, ExclusiveState;
    reacquire_exclusive release_exclusive release_exclusive_fair yield_exclusive
);
guards!(
    RwLockUpgradableReadGuard ArcRwLockUpgradableReadGuard, RawRwLockUpgrade RawRwLockUpgradeFair, UpgradableState;
    reacquire_upgradable release_upgradable release_upgradable_fair yield_upgradable
);
impl_deref_mut!(['a, R: RawRwLock + 'a, T: ?Sized + 'a] RwLockWriteGuard<'a, R, T>, T);
#[cfg(feature = "arc_lock")]
impl_deref_mut!([R: RawRwLock, T: ?Sized] ArcRwLockWriteGuard<R, T>, T);

/// Turning a guard of one mode into a guard of another.
macro_rules! impl_turn {
    ([$($g:tt)*] [$($with:tt)*] $write:ident $read:ident $upgradable:ident) => {
        impl<$($g)* R: RawRwLockDowngrade, T: ?Sized> $write<$($with)* R, T> {
            /// Goes on as a reader, without letting a writer in between.
            #[track_caller]
            pub fn downgrade(s: Self) -> $read<$($with)* R, T> {
                let (lock, state) = Self::into_parts(s);
                // SAFETY: the guard held the lock exclusively; the new one holds what becomes of
                // it.
                unsafe {
                    let state = lock.turn_shared(state);
                    $read::assume(lock, state)
                }
            }
        }

        impl<$($g)* R: RawRwLockUpgradeDowngrade, T: ?Sized> $write<$($with)* R, T> {
            /// Goes on as an upgradable reader, without letting a writer in between.
            #[track_caller]
            pub fn downgrade_to_upgradable(s: Self) -> $upgradable<$($with)* R, T> {
                let (lock, state) = Self::into_parts(s);
                // SAFETY: the guard held the lock exclusively; the new one holds what becomes of
                // it.
                unsafe {
                    let state = lock.turn_upgradable(state);
                    $upgradable::assume(lock, state)
                }
            }
        }

        impl<$($g)* R: RawRwLockUpgradeDowngrade, T: ?Sized> $upgradable<$($with)* R, T> {
            /// Goes on as a plain reader.
            #[track_caller]
            pub fn downgrade(s: Self) -> $read<$($with)* R, T> {
                let (lock, state) = Self::into_parts(s);
                // SAFETY: the guard held the lock upgradable; the new one holds what becomes of it.
                unsafe {
                    let state = lock.turn_upgradable_shared(state);
                    $read::assume(lock, state)
                }
            }

            /// Becomes the writer, waiting for the other readers to leave, runs `f`, and becomes an
            /// upgradable reader again.
            ///
            /// # Panics
            ///
            /// As [`upgrade`](Self::upgrade).
            #[track_caller]
            pub fn with_upgraded<Ret, F: FnOnce(&mut T) -> Ret>(&mut self, f: F) -> Ret {
                // SAFETY: the guard holds the lock upgradable; `as_writer` puts the state back.
                let state = unsafe {
                    match self.lock.announce_upgrade(&mut self.state) {
                        Some(state) => state,
                        None => event::or_abort(|| self.lock.turn_exclusive(ManuallyDrop::take(&mut self.state))),
                    }
                };
                self.as_writer(state, f)
            }

            /// Does what [`with_upgraded`](Self::with_upgraded) does if that needs no waiting;
            /// otherwise `None`, and `f` is not run.
            #[track_caller]
            pub fn try_with_upgraded<Ret, F: FnOnce(&mut T) -> Ret>(&mut self, f: F) -> Option<Ret> {
                // SAFETY: the guard holds the lock upgradable; the state is put back below, or by
                // `as_writer`.
                let turned = event::or_abort(|| unsafe {
                    self.lock.turn_exclusive_by_try(ManuallyDrop::take(&mut self.state))
                });
                match turned {
                    Ok(state) => Some(self.as_writer(state, f)),
                    Err(state) => {
                        self.state = ManuallyDrop::new(state);
                        None
                    }
                }
            }

            /// Runs `f` on the data of a lock that was just upgraded, and puts the guard's state
            /// back on every way out.
            #[track_caller]
            fn as_writer<Ret, F: FnOnce(&mut T) -> Ret>(&mut self, state: ExclusiveState<R>, f: F) -> Ret {
                let lock = &*self.lock;
                let slot = &mut self.state;
                let mut writer = Some(state);
                let _back = OnDrop(|| {
                    if let Some(state) = writer.take() {
                        // SAFETY: the lock is held exclusively since the upgrade.
                        *slot = ManuallyDrop::new(event::or_abort(|| unsafe { lock.turn_upgradable(state) }));
                    }
                });
                // SAFETY: the lock is held exclusively, and the guard is borrowed mutably.
                f(unsafe { &mut *lock.data_ptr() })
            }
        }

        impl<$($g)* R: RawRwLockUpgrade, T: ?Sized> $upgradable<$($with)* R, T> {
            /// Becomes the writer, waiting for the other readers to leave.
            ///
            /// # Panics
            ///
            /// If this thread also reads the lock through another guard, validation is on, and
            /// `LOCKDEP_ON_DEADLOCK=panic` (the default); without validation the call then never
            /// returns.
            #[track_caller]
            pub fn upgrade(mut s: Self) -> $write<$($with)* R, T> {
                // SAFETY: the guard holds the lock upgradable; the new one holds what becomes of
                // it. If the announcement upgraded it, its state is gone, and nothing but its lock
                // is used of it.
                unsafe {
                    if let Some(state) = s.lock.announce_upgrade(&mut s.state) {
                        let s = ManuallyDrop::new(s);
                        return $write::assume(core::ptr::read(&s.lock), state);
                    }
                    let (lock, state) = Self::into_parts(s);
                    let state = lock.turn_exclusive(state);
                    $write::assume(lock, state)
                }
            }

            /// Becomes the writer if that needs no waiting.
            ///
            /// # Errors
            ///
            /// The guard itself, if there are other readers.
            #[track_caller]
            pub fn try_upgrade(s: Self) -> Result<$write<$($with)* R, T>, Self> {
                let (lock, state) = Self::into_parts(s);
                // SAFETY: the guard held the lock upgradable; the new one holds what becomes of it.
                unsafe {
                    match lock.turn_exclusive_by_try(state) {
                        Ok(state) => Ok($write::assume(lock, state)),
                        Err(state) => Err(Self::assume(lock, state)),
                    }
                }
            }
        }

        impl_turn_timed!([$($g)*] [$($with)*] $write $upgradable;
            try_upgrade_for try_with_upgraded_for turn_exclusive_for Duration "at most `timeout`");
        impl_turn_timed!([$($g)*] [$($with)*] $write $upgradable;
            try_upgrade_until try_with_upgraded_until turn_exclusive_until Instant "until `timeout` at the latest");
    };
}

/// Upgrades that give up after a while.
macro_rules! impl_turn_timed {
    (
        [$($g:tt)*] [$($with:tt)*] $write:ident $upgradable:ident;
        $try_upgrade:ident $try_with:ident $turn:ident $timeout:ident $how_long:literal
    ) => {
        impl<$($g)* R: RawRwLockUpgradeTimed, T: ?Sized> $upgradable<$($with)* R, T> {
            #[doc = concat!("Becomes the writer, waiting ", $how_long, " for the other readers to leave.")]
            ///
            /// # Errors
            ///
            /// The guard itself, if there still are other readers.
            #[track_caller]
            pub fn $try_upgrade(s: Self, timeout: R::$timeout) -> Result<$write<$($with)* R, T>, Self> {
                let verdict = s.lock.announce_timed_upgrade();
                let (lock, state) = Self::into_parts(s);
                // SAFETY: the guard held the lock upgradable; the new one holds what becomes of it.
                unsafe {
                    match lock.$turn(state, verdict, timeout) {
                        Ok(state) => Ok($write::assume(lock, state)),
                        Err(state) => Err(Self::assume(lock, state)),
                    }
                }
            }
        }

        impl<$($g)* R: RawRwLockUpgradeTimed + RawRwLockUpgradeDowngrade, T: ?Sized> $upgradable<$($with)* R, T> {
            #[doc = concat!("[`with_upgraded`](Self::with_upgraded), waiting ", $how_long, "; `None` if that was not enough.")]
            #[track_caller]
            pub fn $try_with<Ret, F: FnOnce(&mut T) -> Ret>(&mut self, timeout: R::$timeout, f: F) -> Option<Ret> {
                let verdict = self.lock.announce_timed_upgrade();
                // SAFETY: the guard holds the lock upgradable; the state is put back below, or by
                // `as_writer`.
                let turned = event::or_abort(|| unsafe {
                    self.lock.$turn(ManuallyDrop::take(&mut self.state), verdict, timeout)
                });
                match turned {
                    Ok(state) => Some(self.as_writer(state, f)),
                    Err(state) => {
                        self.state = ManuallyDrop::new(state);
                        None
                    }
                }
            }
        }
    };
}

impl_turn!(['a,] ['a,] RwLockWriteGuard RwLockReadGuard RwLockUpgradableReadGuard);
#[cfg(feature = "arc_lock")]
impl_turn!([] [] ArcRwLockWriteGuard ArcRwLockReadGuard ArcRwLockUpgradableReadGuard);
