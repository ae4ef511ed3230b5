//! The operations of raw locks, which both lines of `lock_api` have under the same names.
//!
//! How each kind of operation is made is what differs: `seam_v0_4.rs` and `seam_v0_5.rs` define the
//! macros that are used here.

macro_rules! raw_operations {
    () => {
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
    };
}

pub(super) use raw_operations;
