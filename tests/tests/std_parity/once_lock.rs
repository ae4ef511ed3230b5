//! `OnceLock`.

use std::cell::Cell;

use super::sync::{Arc, Barrier, OnceLock};
use super::thread;
use crate::panic_text;

static NAME: OnceLock<String> = OnceLock::new();

#[test]
fn is_written_once() {
    assert!(NAME.get().is_none());
    assert_eq!(NAME.get_or_init(|| "first".to_owned()), "first");
    assert_eq!(NAME.get_or_init(|| unreachable!()), "first");
    assert_eq!(NAME.set("second".to_owned()), Err("second".to_owned()));
    let mut cell = OnceLock::new();
    assert_eq!((cell.set(1), cell.set(2), cell.get().copied()), (Ok(()), Err(2), Some(1)));
    *cell.get_mut().unwrap() += 1;
    assert_eq!((cell.take(), cell.get_mut().copied(), cell.set(5)), (Some(2), None, Ok(())));
    assert_eq!(cell.into_inner(), Some(5));
}

#[test]
fn one_thread_initialises() {
    let cell = Arc::new(OnceLock::new());
    let all_here = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (cell, all_here) = (Arc::clone(&cell), Arc::clone(&all_here));
            thread::spawn(move || {
                all_here.wait();
                *cell.get_or_init(|| number)
            })
        })
        .collect();
    let values: Vec<i32> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(values.iter().all(|value| Some(value) == cell.get()));
}

#[test]
fn a_panic_leaves_it_empty() {
    let cell = OnceLock::new();
    assert_eq!(panic_text(|| cell.get_or_init(|| panic!("no value"))), "no value");
    assert_eq!(cell.get(), None);
    assert_eq!(cell.get_or_init(|| 3), &3);
}

#[test]
fn waiting_ends_with_a_value() {
    let cell = Arc::new(OnceLock::new());
    let shared = Arc::clone(&cell);
    let waiter = thread::spawn(move || *shared.wait());
    cell.set(9).unwrap();
    assert_eq!((waiter.join().unwrap(), *cell.wait()), (9, 9));
}

#[test]
fn clones_compares_converts_and_prints() {
    let full = OnceLock::from(3);
    let empty = OnceLock::<i32>::default();
    assert_eq!(full, full.clone());
    assert_eq!(empty, empty.clone());
    assert_ne!(full, empty);
    let (twin_full, twin_empty) = (std::sync::OnceLock::from(3), std::sync::OnceLock::<i32>::new());
    assert_eq!(
        format!("{full:?} {empty:?} {full:#?}"),
        format!("{twin_full:?} {twin_empty:?} {twin_full:#?}")
    );
}

#[test]
fn the_value_is_dropped_once_and_may_borrow() {
    struct Counts<'a>(&'a Cell<u32>);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let drops = Cell::new(0);
    let cell = OnceLock::new();
    assert!(cell.set(Counts(&drops)).is_ok());
    drop(cell);
    assert_eq!(drops.get(), 1);
    let cell = OnceLock::new();
    let text = String::from("declared later");
    assert!(cell.set(&text).is_ok());
}
