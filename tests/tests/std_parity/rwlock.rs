//! `RwLock` and its guards.

use super::sync::{Arc, Barrier, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use super::thread;
use crate::panic_text;

static TABLE: RwLock<[u8; 2]> = RwLock::new([1, 2]);

fn poison<T: ?Sized>(lock: &RwLock<T>) {
    panic_text(|| {
        let _guard = lock.write();
        panic!("while writing");
    });
}

#[test]
fn readers_share_and_writers_do_not() {
    let lock = Arc::new(RwLock::new(0));
    let both_in = Arc::new(Barrier::new(2));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (lock, both_in) = (Arc::clone(&lock), Arc::clone(&both_in));
            thread::spawn(move || {
                let reading = lock.read().unwrap();
                // Passes only if both hold the lock at once.
                both_in.wait();
                drop(reading);
                *lock.write().unwrap() += 1;
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*lock.read().unwrap(), 2);
    assert_eq!(TABLE.read().unwrap()[1], 2);
}

#[test]
fn tries_say_why_they_failed() {
    let lock = RwLock::new(1);
    {
        let _reading = lock.read().unwrap();
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
        assert_eq!(*lock.try_read().unwrap(), 1);
    }
    {
        let _writing = lock.write().unwrap();
        assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    }
    *lock.try_write().unwrap() = 2;
    poison(&lock);
    assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
    assert!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))));
}

#[test]
fn only_writers_poison() {
    let mut lock = RwLock::new(5);
    panic_text(|| {
        let _reading = lock.read();
        panic!("while reading");
    });
    assert!(!lock.is_poisoned());
    poison(&lock);
    assert!(lock.is_poisoned());
    assert_eq!(*lock.read().unwrap_err().into_inner(), 5);
    *lock.write().unwrap_or_else(PoisonError::into_inner) += 1;
    assert_eq!(*lock.get_mut().unwrap_err().into_inner(), 6);
    lock.clear_poison();
    assert_eq!(*lock.read().unwrap(), 6);
    assert_eq!(*lock.get_mut().unwrap(), 6);
    poison(&lock);
    assert_eq!(lock.into_inner().unwrap_err().into_inner(), 6);
}

#[test]
fn coerces_converts_and_defaults() {
    let shared: Arc<RwLock<dyn Fn() -> u8 + Send + Sync>> = Arc::new(RwLock::new(|| 3));
    assert_eq!((shared.read().unwrap())(), 3);
    let slice: &RwLock<[u8]> = &RwLock::new([1, 2]);
    slice.write().unwrap()[0] = 4;
    assert_eq!(&*slice.read().unwrap(), &[4, 2]);
    assert_eq!(*RwLock::from('x').read().unwrap(), 'x');
    assert_eq!(RwLock::<u8>::default().into_inner().unwrap(), 0);
}

#[test]
fn a_read_guard_is_covariant() {
    fn shorten<'a>(guard: RwLockReadGuard<'a, &'static str>, _same: &'a str) -> RwLockReadGuard<'a, &'a str> {
        guard
    }
    let lock = RwLock::new("forever");
    let local = String::from("local");
    assert_eq!(*shorten(lock.read().unwrap(), &local), "forever");
}

#[test]
fn prints_as_std_does() {
    let (ours, twin) = (RwLock::new(vec![1]), std::sync::RwLock::new(vec![1]));
    assert_eq!(format!("{ours:?} {ours:#?}"), format!("{twin:?} {twin:#?}"));
    {
        let (reading, twin_reading) = (ours.read().unwrap(), twin.read().unwrap());
        assert_eq!(format!("{reading:?} {ours:?}"), format!("{twin_reading:?} {twin:?}"));
    }
    {
        let (writing, twin_writing) = (ours.write().unwrap(), twin.write().unwrap());
        assert_eq!(format!("{writing:?} {ours:?}"), format!("{twin_writing:?} {twin:?}"));
    }
    let (text, twin_text) = (RwLock::new("é"), std::sync::RwLock::new("é"));
    assert_eq!(format!("{:>4}", text.read().unwrap()), format!("{:>4}", twin_text.read().unwrap()));
    assert_eq!(format!("{:>4}", text.write().unwrap()), format!("{:>4}", twin_text.write().unwrap()));
    poison(&ours);
    assert!(
        std::panic::catch_unwind(|| {
            let _held = twin.write();
            panic!("x")
        })
        .is_err()
    );
    assert_eq!(format!("{ours:?}"), format!("{twin:?}"));
}

#[cfg(std_rwlock_downgrade)]
#[test]
fn a_writer_becomes_a_reader_without_a_gap() {
    use super::sync::RwLockWriteGuard;

    let lock = RwLock::new(1);
    let mut writing = lock.write().unwrap();
    *writing = 2;
    let reading = RwLockWriteGuard::downgrade(writing);
    assert_eq!((*reading, *lock.try_read().unwrap()), (2, 2));
    assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    drop(reading);
    assert!(lock.try_write().is_ok());
}
