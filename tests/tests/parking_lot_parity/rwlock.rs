//! `RwLock` and its guards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::parking_lot::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use crate::panics;

static TABLE: RwLock<Vec<u32>> = RwLock::new(Vec::new());
const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn readers_share_and_writers_do_not() {
    TABLE.write().push(1);
    let reader = TABLE.read();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(*TABLE.read(), [1]);
            assert!(TABLE.try_read().is_some() && TABLE.try_write().is_none());
            assert!(TABLE.try_write_for(MOMENT).is_none());
            assert!(TABLE.try_write_until(Instant::now()).is_none());
            assert!(TABLE.is_locked() && !TABLE.is_locked_exclusive());
        });
    });
    drop(reader);
    let writer = TABLE.try_write_for(MOMENT).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(TABLE.try_read().is_none() && TABLE.try_upgradable_read().is_none());
            assert!(TABLE.try_read_for(MOMENT).is_none());
            assert!(TABLE.try_read_until(Instant::now()).is_none());
            assert!(TABLE.try_upgradable_read_for(MOMENT).is_none());
            assert!(TABLE.try_upgradable_read_until(Instant::now()).is_none());
            assert!(TABLE.is_locked_exclusive());
        });
    });
    drop(writer);
    assert!(!TABLE.is_locked());
}

#[test]
fn an_upgradable_reader_becomes_the_writer() {
    let lock = Arc::new(RwLock::new(1));
    let mut upgradable = lock.upgradable_read();
    assert!(lock.try_upgradable_read().is_none() && lock.try_read().is_some());
    let reader = lock.try_read().unwrap();
    assert_eq!(upgradable.try_with_upgraded(|data| *data), None);
    assert_eq!(upgradable.try_with_upgraded_for(MOMENT, |data| *data), None);
    assert_eq!(upgradable.try_with_upgraded_until(Instant::now(), |data| *data), None);
    let Err(upgradable) = RwLockUpgradableReadGuard::try_upgrade(upgradable) else { panic!("a reader is there") };
    let Err(upgradable) = RwLockUpgradableReadGuard::try_upgrade_for(upgradable, MOMENT) else {
        panic!("a reader is there")
    };
    let Err(mut upgradable) = RwLockUpgradableReadGuard::try_upgrade_until(upgradable, Instant::now()) else {
        panic!("a reader is there")
    };
    drop(reader);
    upgradable.with_upgraded(|data| *data += 1);
    assert_eq!(upgradable.try_with_upgraded(|data| *data), Some(2));
    assert!(panics(|| upgradable.with_upgraded(|_| panic!("while it writes"))));
    assert!(!lock.is_locked_exclusive() && lock.is_locked(), "an upgradable reader again");
    let writer = RwLockUpgradableReadGuard::upgrade(upgradable);
    assert!(lock.is_locked_exclusive());
    let upgradable = RwLockWriteGuard::downgrade_to_upgradable(writer);
    let Ok(writer) = RwLockUpgradableReadGuard::try_upgrade(upgradable) else { panic!("no other thread is there") };
    let reader = RwLockWriteGuard::downgrade(writer);
    assert!(lock.try_read().is_some() && !lock.is_locked_exclusive());
    drop(reader);
    drop(RwLockUpgradableReadGuard::downgrade(lock.upgradable_read()));
    assert!(!lock.is_locked());
}

#[test]
fn guards_narrow() {
    let lock = RwLock::new((1, String::from("two")));
    let text: MappedRwLockReadGuard<'_, String> = RwLockReadGuard::map(lock.read(), |pair| &pair.1);
    let text = MappedRwLockReadGuard::map(text, String::as_str);
    assert_eq!(&*text, "two");
    let Err(text) = MappedRwLockReadGuard::try_map(text, |_| None::<&str>) else { panic!("there is no part") };
    MappedRwLockReadGuard::unlock_fair(text);
    let Err((whole, ())) = RwLockWriteGuard::try_map_or_err(lock.write(), |_| Err::<&mut u8, _>(())) else {
        panic!("there is no part")
    };
    let mut number: MappedRwLockWriteGuard<'_, i32> = RwLockWriteGuard::map(whole, |pair| &mut pair.0);
    *number += 1;
    assert!(lock.is_locked_exclusive());
    MappedRwLockWriteGuard::unlock_fair(number);
    assert_eq!(lock.into_inner().0, 2);
}

#[test]
fn guards_are_given_up_for_a_while() {
    let lock = RwLock::new(0);
    let mut reader = lock.read();
    RwLockReadGuard::unlocked(&mut reader, || *lock.write() += 1);
    RwLockReadGuard::unlocked_fair(&mut reader, || *lock.write() += 1);
    RwLockReadGuard::bump(&mut reader);
    assert_eq!(*reader, 2);
    RwLockReadGuard::unlock_fair(reader);
    let mut writer = lock.write();
    RwLockWriteGuard::unlocked(&mut writer, || *lock.write() += 1);
    RwLockWriteGuard::bump(&mut writer);
    assert!(std::ptr::eq(RwLockWriteGuard::rwlock(&writer), &lock));
    RwLockWriteGuard::unlock_fair(writer);
    let mut upgradable = lock.upgradable_read();
    RwLockUpgradableReadGuard::unlocked(&mut upgradable, || *lock.write() += 1);
    RwLockUpgradableReadGuard::unlocked_fair(&mut upgradable, || *lock.write() += 1);
    RwLockUpgradableReadGuard::bump(&mut upgradable);
    RwLockUpgradableReadGuard::unlock_fair(upgradable);
    assert_eq!(lock.into_inner(), 5);
}

#[test]
fn data_is_reached_without_locking() {
    let mut lock = RwLock::from(1);
    *lock.get_mut() += 1;
    assert_eq!(lock.data_ptr(), std::ptr::from_mut(lock.get_mut()));
    assert_eq!(RwLock::<u8>::default().into_inner(), 0);
    let unsized_lock: &RwLock<dyn std::fmt::Debug> = &RwLock::new(7);
    assert_eq!(format!("{:?}", &*unsized_lock.read()), "7");
}

#[test]
fn prints_as_there() {
    let lock = RwLock::new(vec![0_u8, 10]);
    assert_eq!(format!("{lock:?}"), "RwLock { data: [0, 10] }");
    let guard = lock.write();
    assert_eq!(format!("{lock:?} {guard:?}"), "RwLock { data: <locked> } [0, 10]");
    assert_eq!(RwLock::new(7).upgradable_read().to_string(), "7");
}
