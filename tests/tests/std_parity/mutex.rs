//! `Mutex` and its guard.

use std::cell::Cell;

use super::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use super::thread;
use crate::panic_text;

static COUNTER: Mutex<u32> = Mutex::new(40);
#[expect(clippy::declare_interior_mutable_const, reason = "a template to copy from, which std allows")]
const TEMPLATE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Panics while it holds `mutex`, on this thread.
fn poison<T: ?Sized>(mutex: &Mutex<T>) {
    assert_eq!(
        panic_text(|| {
            let _guard = mutex.lock();
            panic!("while holding it");
        }),
        "while holding it"
    );
}

#[test]
fn locks_in_statics_constants_and_arrays() {
    *COUNTER.lock().unwrap() += 1;
    *COUNTER.lock().unwrap() += 1;
    assert_eq!(*COUNTER.lock().unwrap(), 42);
    let many = [const { Mutex::new(0u8) }; 3];
    *many[1].lock().unwrap() = 5;
    assert_eq!(many.map(|one| one.into_inner().unwrap()), [0, 5, 0]);
    let fresh = TEMPLATE;
    fresh.lock().unwrap().push(1);
    assert_eq!((fresh.into_inner().unwrap().len(), TEMPLATE.into_inner().unwrap().len()), (1, 0));
}

#[test]
fn excludes_between_threads() {
    let total = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let total = Arc::clone(&total);
            thread::spawn(move || {
                for _ in 0..1000 {
                    *total.lock().unwrap() += 1;
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(Arc::try_unwrap(total).unwrap().into_inner().unwrap(), 4000);
}

#[test]
fn a_try_says_why_it_failed() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock))));
    });
    // On the thread that holds it, too: a try cannot hang, so it is no recursion.
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    let text = mutex.try_lock().map(drop).unwrap_err().to_string();
    assert_eq!(text, "try_lock failed because the operation would block");
    drop(guard);
    assert_eq!(*mutex.try_lock().unwrap(), 1);
    poison(&mutex);
    let Err(TryLockError::Poisoned(poisoned)) = mutex.try_lock() else { panic!("not poisoned") };
    *poisoned.into_inner() = 2;
    assert_eq!(*mutex.lock().unwrap_or_else(PoisonError::into_inner), 2);
}

#[test]
fn poison_comes_stays_and_goes() {
    let mut mutex = Mutex::new(String::from("a"));
    assert!(!mutex.is_poisoned());
    poison(&mutex);
    assert!(mutex.is_poisoned());
    let error = mutex.lock().unwrap_err();
    assert_eq!(error.to_string(), "poisoned lock: another task failed inside");
    assert_eq!(format!("{error:?}"), "PoisonError { .. }");
    error.into_inner().push('b');
    assert_eq!(mutex.get_mut().unwrap_err().into_inner().as_str(), "ab");
    mutex.clear_poison();
    assert!(mutex.lock().is_ok() && mutex.get_mut().is_ok());
    poison(&mutex);
    assert_eq!(mutex.into_inner().unwrap_err().into_inner(), "ab");
}

#[test]
fn a_panic_outside_does_not_poison() {
    let mutex = Mutex::new(());
    drop(mutex.lock().unwrap());
    panic_text(|| panic!("elsewhere"));
    assert!(!mutex.is_poisoned());
    // A guard taken while the thread is already panicking does not poison either.
    struct Locks<'a>(&'a Mutex<()>);
    impl Drop for Locks<'_> {
        fn drop(&mut self) {
            drop(self.0.lock());
        }
    }
    panic_text(|| {
        let _locks = Locks(&mutex);
        panic!("elsewhere");
    });
    assert!(!mutex.is_poisoned());
}

#[test]
fn data_is_dropped_once() {
    struct Counts<'a>(&'a Cell<u32>);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let drops = Cell::new(0);
    drop(Mutex::new(Counts(&drops)));
    assert_eq!(drops.get(), 1);
    let inner = Mutex::new(Counts(&drops)).into_inner();
    assert_eq!(drops.get(), 1);
    drop(inner);
    assert_eq!(drops.get(), 2);
}

#[test]
fn coerces_to_what_its_data_coerces_to() {
    trait Speak {
        fn speak(&self) -> u32;
    }
    impl Speak for u32 {
        fn speak(&self) -> u32 {
            *self
        }
    }
    let shared: Arc<Mutex<dyn Speak + Send>> = Arc::new(Mutex::new(7u32));
    assert_eq!(shared.lock().unwrap().speak(), 7);
    let slice: Box<Mutex<[u8]>> = Box::new(Mutex::new([1, 2, 3]));
    slice.lock().unwrap()[1] = 9;
    assert_eq!(&*slice.lock().unwrap(), &[1, 9, 3]);
    let by_reference: &Mutex<dyn Speak> = &Mutex::new(8u32);
    assert_eq!(by_reference.try_lock().unwrap().speak(), 8);
    poison(by_reference);
    assert!(by_reference.is_poisoned());
}

#[test]
fn may_hold_what_borrows_from_a_neighbour() {
    // The drop check sees the data as in std: what the mutex borrows may be declared before or
    // after it.
    let borrowed = String::from("x");
    let mutex = Mutex::new(None);
    *mutex.lock().unwrap() = Some(&borrowed);
    assert_eq!(mutex.lock().unwrap().map(String::len), Some(1));
    // A mutex around a plain reference ends its borrow with its last use, not with its scope.
    let mut number = 1;
    let around = Mutex::new(&mut number);
    **around.lock().unwrap() += 1;
    number += 1;
    assert_eq!(number, 3);
}

#[test]
fn converts_and_defaults() {
    assert_eq!(*Mutex::from(3).lock().unwrap(), 3);
    assert_eq!(*Mutex::<u16>::default().lock().unwrap(), 0);
    let made: Vec<Mutex<u8>> = [1, 2].into_iter().map(Mutex::new).collect();
    assert_eq!(made.iter().map(|one| *one.lock().unwrap()).sum::<u8>(), 3);
}

#[test]
fn prints_as_std_does() {
    let (ours, twin) = (Mutex::new("data"), std::sync::Mutex::new("data"));
    assert_eq!(format!("{ours:?}"), format!("{twin:?}"));
    assert_eq!(format!("{ours:#?}"), format!("{twin:#?}"));
    {
        let (held, twin_held) = (ours.lock().unwrap(), twin.lock().unwrap());
        assert_eq!(format!("{ours:?}"), format!("{twin:?}"));
        assert_eq!(format!("{held:?} {held}"), format!("{twin_held:?} {twin_held}"));
        assert_eq!(format!("{held:>9}|{held:#?}"), format!("{twin_held:>9}|{twin_held:#?}"));
    }
    poison(&ours);
    assert!(
        std::panic::catch_unwind(|| {
            let _held = twin.lock();
            panic!("x")
        })
        .is_err()
    );
    assert_eq!(format!("{ours:?}"), format!("{twin:?}"));
    assert_eq!(format!("{:?}", ours.try_lock()), format!("{:?}", twin.try_lock()));
    assert_eq!(format!("{:?}", ours.lock()), format!("{:?}", twin.lock()));
}

#[test]
fn a_debug_of_the_data_may_lock() {
    let outer = Mutex::new(Some(Mutex::new(4)));
    assert!(format!("{outer:?}").contains("data: 4"));
}

#[test]
fn guards_go_out_of_order() {
    let (a, b, c) = (Mutex::new(1), Mutex::new(2), Mutex::new(3));
    let (in_a, in_b, in_c) = (a.lock().unwrap(), b.lock().unwrap(), c.lock().unwrap());
    drop(in_b);
    drop(in_a);
    assert_eq!(
        (a.try_lock().map(|one| *one).ok(), b.try_lock().map(|two| *two).ok(), *in_c),
        (Some(1), Some(2), 3)
    );
}

#[test]
fn a_guard_lives_as_a_temporary() {
    fn shortened<'short>(guard: &'short MutexGuard<'static, u32>) -> &'short MutexGuard<'short, u32> {
        guard
    }
    static NUMBER: Mutex<u32> = Mutex::new(6);
    assert_eq!(**shortened(&NUMBER.lock().unwrap()), 6);
    let sum = if let 6 = *NUMBER.lock().unwrap() { 7 } else { 0 };
    assert_eq!(sum, 7);
    assert!(NUMBER.try_lock().is_ok());
}
