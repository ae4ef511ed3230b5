//! `Mutex`, `FairMutex` and their guards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::parking_lot::{FairMutex, FairMutexGuard, MappedMutexGuard, Mutex, MutexGuard};
use crate::panics;

static COUNTER: Mutex<u32> = Mutex::new(40);

#[test]
fn locks_in_statics_and_arrays() {
    *COUNTER.lock() += 1;
    *COUNTER.lock() += 1;
    assert_eq!(*COUNTER.lock(), 42);
    let many = [const { Mutex::new(0_u8) }; 3];
    *many[1].lock() = 5;
    assert_eq!(many.map(Mutex::into_inner), [0, 5, 0]);
}

#[test]
fn excludes_between_threads() {
    let total = Arc::new(FairMutex::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let total = Arc::clone(&total);
            std::thread::spawn(move || (0..250).for_each(|_| *total.lock() += 1))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*total.lock(), 1000);
}

#[test]
fn a_try_fails_while_it_is_held() {
    let mutex = Mutex::new(1);
    {
        let guard = mutex.lock();
        assert!(mutex.is_locked());
        assert!(mutex.try_lock().is_none());
        let moment = Duration::from_millis(1);
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(mutex.try_lock_for(moment).is_none()));
            scope.spawn(|| assert!(mutex.try_lock_until(Instant::now() + moment).is_none()));
        });
        assert_eq!(*guard, 1);
    }
    assert!(!mutex.is_locked());
    assert!(mutex.try_lock_for(Duration::ZERO).is_some());
    assert!(mutex.try_lock_until(Instant::now()).is_some());
    assert_eq!(mutex.try_lock().map(|guard| *guard), Some(1));
}

#[test]
fn a_panic_does_not_poison() {
    let mutex = Mutex::new(1);
    assert!(panics(|| {
        *mutex.lock() = 2;
        let _guard = mutex.lock();
        panic!("while holding it");
    }));
    assert_eq!(*mutex.lock(), 2);
}

#[test]
fn guards_narrow_and_give_themselves_back() {
    let mutex = Mutex::new((1, String::from("two")));
    let mut text: MappedMutexGuard<'_, String> = MutexGuard::map(mutex.lock(), |pair| &mut pair.1);
    text.push('!');
    let mut bytes = MappedMutexGuard::map(text, String::as_mut_str);
    bytes.make_ascii_uppercase();
    assert!(mutex.is_locked());
    let Err(bytes) = MappedMutexGuard::try_map(bytes, |_| None::<&mut str>) else { panic!("there is no part") };
    drop(bytes);
    let whole = mutex.lock();
    let Err((whole, why)) = MutexGuard::try_map_or_err(whole, |_| Err::<&mut i32, _>("no")) else {
        panic!("there is no part")
    };
    assert_eq!((why, whole.0), ("no", 1));
    let Ok(number) = MutexGuard::try_map(whole, |pair| Some(&mut pair.0)) else { panic!("there is a part") };
    assert_eq!(number.to_string(), "1");
    drop(number);
    assert_eq!(mutex.into_inner(), (1, String::from("TWO!")));
}

#[test]
fn a_guard_is_given_up_for_a_while() {
    let mutex = Mutex::new(0);
    let mut guard = mutex.lock();
    assert_eq!(MutexGuard::unlocked(&mut guard, || *mutex.lock() + 7), 7);
    assert_eq!(MutexGuard::unlocked_fair(&mut guard, || *mutex.lock() + 8), 8);
    assert!(panics(|| MutexGuard::unlocked(&mut guard, || panic!("while it is given up"))));
    assert!(mutex.is_locked(), "and it is taken again");
    MutexGuard::bump(&mut guard);
    assert!(mutex.is_locked());
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    MutexGuard::unlock_fair(guard);
    assert!(!mutex.is_locked());
    let fair = FairMutex::new(0);
    FairMutexGuard::unlock_fair(fair.lock());
    assert!(!fair.is_locked());
}

#[test]
fn a_leaked_guard_keeps_it_locked() {
    let mutex = Mutex::new(1);
    *MutexGuard::leak(mutex.lock()) = 2;
    assert!(mutex.is_locked() && mutex.try_lock().is_none());
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn data_is_reached_without_locking() {
    let mut mutex = Mutex::from(1);
    *mutex.get_mut() += 1;
    assert_eq!(mutex.data_ptr(), std::ptr::from_mut(mutex.get_mut()));
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
    let unsized_mutex: &Mutex<[i32]> = &Mutex::new([1, 2, 3]);
    unsized_mutex.lock()[1] = 9;
    assert_eq!(*unsized_mutex.lock(), [1, 9, 3]);
}

#[test]
fn prints_as_there() {
    let mutex = Mutex::new(vec![0_u8, 10]);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: [0, 10] }");
    let guard = mutex.lock();
    assert_eq!(format!("{mutex:?} {guard:?}"), "Mutex { data: <locked> } [0, 10]");
    assert_eq!(Mutex::new(7).lock().to_string(), "7");
}
