//! Every way to take, turn and give up a reader-writer lock, each with its event.

use core::mem::ManuallyDrop;

use super::super::hook::{LockInfo, Verdict, Wait};
use super::super::raw::{
    RawRwLock, RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed, RawRwLockUpgrade,
    RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};
use super::super::seam::{self, ExclusiveState, SharedState, UpgradableState};
use super::event::{self, Want, is_sendable, read_want};
use super::rwlock::RwLock;

impl<R: RawRwLock, T: ?Sized> RwLock<R, T> {
    /// What is known where the lock is taken: whether its guards can be sent as well.
    pub(crate) const TAKEN: LockInfo =
        Self::INFO.sendable_if(|| is_sendable::<SharedState<R>>() || is_sendable::<ExclusiveState<R>>());
}

/// Taking and giving up in one mode.
macro_rules! mode {
    (
        $bound:ident, $fair:ident, $timed:ident, $state:ident, $want:expr;
        $acquire:ident $reacquire:ident $by_try:ident $for:ident $until:ident $release:ident $release_fair:ident $yield:ident;
        $lock:ident $try_lock:ident $try_for:ident $try_until:ident $unlock:ident $unlock_fair:ident $bump:ident
    ) => {
        impl<R: $bound, T: ?Sized> RwLock<R, T> {
            #[track_caller]
            #[inline]
            pub(crate) fn $acquire(&self) -> $state<R> {
                let raw = &self.raw;
                event::blocking(&self.map, &Self::TAKEN, $want, || seam::$lock(raw), || seam::$try_lock(raw))
            }

            #[track_caller]
            #[inline]
            pub(crate) fn $reacquire(&self, slot: &mut ManuallyDrop<$state<R>>) {
                let raw = &self.raw;
                event::reacquire(
                    &self.map,
                    &Self::TAKEN,
                    $want,
                    slot,
                    || seam::$lock(raw),
                    || seam::$try_lock(raw),
                );
            }

            #[track_caller]
            #[inline]
            pub(crate) fn $by_try(&self) -> Option<$state<R>> {
                event::tried(&self.map, &Self::TAKEN, $want, seam::$try_lock(&self.raw))
            }

            /// # Safety
            ///
            /// The lock must be held in this mode, by the acquisition that `state` came from.
            #[track_caller]
            #[inline]
            pub(crate) unsafe fn $release(&self, state: $state<R>) {
                self.map.release_by_any_thread();
                // SAFETY: the caller's promise.
                unsafe { seam::$unlock(&self.raw, state) };
            }
        }

        impl<R: $fair, T: ?Sized> RwLock<R, T> {
            /// # Safety
            ///
            /// The lock must be held in this mode, by the acquisition that `state` came from.
            #[track_caller]
            #[inline]
            pub(crate) unsafe fn $release_fair(&self, state: $state<R>) {
                self.map.release_by_any_thread();
                // SAFETY: the caller's promise.
                unsafe { seam::$unlock_fair(&self.raw, state) };
            }

            /// # Safety
            ///
            /// The lock must be held in this mode, by the acquisition that `state` came from.
            #[track_caller]
            #[inline]
            pub(crate) unsafe fn $yield(&self, state: &mut $state<R>) {
                // SAFETY: the caller's promise.
                event::yielded(&self.map, &Self::TAKEN, $want, || unsafe { seam::$bump(&self.raw, state) });
            }
        }

        impl<R: $timed, T: ?Sized> RwLock<R, T> {
            #[track_caller]
            #[inline]
            pub(crate) fn $for(&self, timeout: R::Duration) -> Option<$state<R>> {
                event::timed(
                    &self.map,
                    &Self::TAKEN,
                    $want,
                    || seam::$try_for(&self.raw, timeout),
                    || seam::$try_lock(&self.raw),
                )
            }

            #[track_caller]
            #[inline]
            pub(crate) fn $until(&self, timeout: R::Instant) -> Option<$state<R>> {
                event::timed(
                    &self.map,
                    &Self::TAKEN,
                    $want,
                    || seam::$try_until(&self.raw, timeout),
                    || seam::$try_lock(&self.raw),
                )
            }
        }
    };
}

mode!(
    RawRwLock, RawRwLockFair, RawRwLockTimed, SharedState, read_want::<R>();
    acquire_shared reacquire_shared acquire_shared_by_try acquire_shared_for acquire_shared_until
    release_shared release_shared_fair yield_shared;
    lock_shared try_lock_shared try_lock_shared_for try_lock_shared_until unlock_shared unlock_shared_fair bump_shared
);
mode!(
    RawRwLock, RawRwLockFair, RawRwLockTimed, ExclusiveState, Want::EXCLUSIVE;
    acquire_exclusive reacquire_exclusive acquire_exclusive_by_try acquire_exclusive_for acquire_exclusive_until
    release_exclusive release_exclusive_fair yield_exclusive;
    lock_exclusive try_lock_exclusive try_lock_exclusive_for try_lock_exclusive_until
    unlock_exclusive unlock_exclusive_fair bump_exclusive
);
mode!(
    RawRwLockUpgrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed, UpgradableState, Want::UPGRADABLE;
    acquire_upgradable reacquire_upgradable acquire_upgradable_by_try acquire_upgradable_for acquire_upgradable_until
    release_upgradable release_upgradable_fair yield_upgradable;
    lock_upgradable try_lock_upgradable try_lock_upgradable_for try_lock_upgradable_until
    unlock_upgradable unlock_upgradable_fair bump_upgradable
);

impl<R: RawRwLockDowngrade, T: ?Sized> RwLock<R, T> {
    /// # Safety
    ///
    /// The lock must be held exclusively, by the acquisition that `state` came from.
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn turn_shared(&self, state: ExclusiveState<R>) -> SharedState<R> {
        self.map.downgrade_to(read_want::<R>().mode());
        // SAFETY: the caller's promise.
        event::released_on_panic(&self.map, || unsafe { seam::downgrade(&self.raw, state) })
    }
}

impl<R: RawRwLockUpgradeDowngrade, T: ?Sized> RwLock<R, T> {
    /// # Safety
    ///
    /// The lock must be held upgradable, by the acquisition that `state` came from.
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn turn_upgradable_shared(&self, state: UpgradableState<R>) -> SharedState<R> {
        self.map.downgrade_to(read_want::<R>().mode());
        // SAFETY: the caller's promise.
        event::released_on_panic(&self.map, || unsafe { seam::downgrade_upgradable(&self.raw, state) })
    }

    /// # Safety
    ///
    /// The lock must be held exclusively, by the acquisition that `state` came from.
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn turn_upgradable(&self, state: ExclusiveState<R>) -> UpgradableState<R> {
        self.map.downgrade_to_upgradable();
        // SAFETY: the caller's promise.
        event::released_on_panic(&self.map, || unsafe { seam::downgrade_to_upgradable(&self.raw, state) })
    }
}

impl<R: RawRwLockUpgrade, T: ?Sized> RwLock<R, T> {
    /// Announces an upgrade that waits for the other readers to leave. `Some` if it turned out to
    /// need no waiting.
    ///
    /// # Safety
    ///
    /// The lock must be held upgradable, by the acquisition that the state in `slot` came from. The
    /// state is moved out if this returns `Some`, and only then; a panic leaves the lock held
    /// upgradable.
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn announce_upgrade(
        &self,
        slot: &mut ManuallyDrop<UpgradableState<R>>,
    ) -> Option<ExclusiveState<R>> {
        match self.map.upgrade(&Self::TAKEN, Wait::Blocking) {
            Verdict::Proceed | Verdict::Measure => None,
            // SAFETY: the caller's promise.
            Verdict::SelfDeadlock => unsafe { self.ask_real_lock(slot) },
        }
    }

    /// The held stack says that this thread reads a second time and would wait for itself. The real
    /// lock knows better.
    ///
    /// # Safety
    ///
    /// As [`announce_upgrade`](Self::announce_upgrade).
    #[cold]
    #[track_caller]
    unsafe fn ask_real_lock(&self, slot: &mut ManuallyDrop<UpgradableState<R>>) -> Option<ExclusiveState<R>> {
        // SAFETY: the caller's promise; if the try fails the state is put back.
        match event::or_abort(|| unsafe { seam::try_upgrade(&self.raw, ManuallyDrop::take(slot)) }) {
            Ok(state) => {
                self.map.stale_holder();
                Some(state)
            }
            Err(state) => {
                *slot = ManuallyDrop::new(state);
                self.map.self_deadlock();
                None
            }
        }
    }

    /// The upgrade that was announced.
    ///
    /// # Safety
    ///
    /// The lock must be held upgradable, by the acquisition that `state` came from.
    #[inline]
    pub(crate) unsafe fn turn_exclusive(&self, state: UpgradableState<R>) -> ExclusiveState<R> {
        // SAFETY: the caller's promise.
        event::released_on_panic(&self.map, || unsafe {
            if !super::super::hook::is_on() {
                return seam::upgrade(&self.raw, state);
            }
            match seam::try_upgrade(&self.raw, state) {
                Ok(state) => state,
                // SAFETY: the caller's promise: the try gave the state back.
                Err(state) => self.map.wait_to_upgrade(|| seam::upgrade(&self.raw, state)),
            }
        })
    }

    /// # Safety
    ///
    /// The lock must be held upgradable, by the acquisition that `state` came from.
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn turn_exclusive_by_try(
        &self,
        state: UpgradableState<R>,
    ) -> Result<ExclusiveState<R>, UpgradableState<R>> {
        // SAFETY: the caller's promise.
        let turned = event::released_on_panic(&self.map, || unsafe { seam::try_upgrade(&self.raw, state) });
        if turned.is_ok() {
            self.map.upgraded();
        }
        turned
    }
}

impl<R: RawRwLockUpgradeTimed, T: ?Sized> RwLock<R, T> {
    /// Announces an upgrade that waits for the other readers for a while. A panic leaves the lock
    /// held upgradable.
    #[track_caller]
    #[inline]
    pub(crate) fn announce_timed_upgrade(&self) -> Verdict {
        self.map.upgrade(&Self::TAKEN, Wait::Timed)
    }

    #[track_caller]
    #[inline]
    fn upgrade_ended(&self, verdict: Verdict, upgraded: bool) {
        match (verdict, upgraded) {
            (Verdict::Proceed | Verdict::Measure, true) | (Verdict::SelfDeadlock, false) => {}
            (Verdict::Proceed | Verdict::Measure, false) => self.map.upgrade_failed(),
            (Verdict::SelfDeadlock, true) => self.map.stale_holder(),
        }
    }
}

/// Upgrades that give up after a while.
macro_rules! timed_upgrade {
    ($($name:ident: $raw:ident $timeout:ident;)*) => {
        impl<R: RawRwLockUpgradeTimed, T: ?Sized> RwLock<R, T> {$(
            /// The upgrade that was announced, with what the validator thought of it.
            ///
            /// # Safety
            ///
            /// The lock must be held upgradable, by the acquisition that `state` came from.
            #[track_caller]
            #[inline]
            pub(crate) unsafe fn $name(
                &self,
                state: UpgradableState<R>,
                verdict: Verdict,
                timeout: R::$timeout,
            ) -> Result<ExclusiveState<R>, UpgradableState<R>> {
                // SAFETY: the caller's promise.
                let turned = event::released_on_panic(&self.map, || unsafe { seam::$raw(&self.raw, state, timeout) });
                self.upgrade_ended(verdict, turned.is_ok());
                turned
            }
        )*}
    };
}

timed_upgrade! {
    turn_exclusive_for: try_upgrade_for Duration;
    turn_exclusive_until: try_upgrade_until Instant;
}
