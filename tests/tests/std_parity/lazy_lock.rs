//! `LazyLock`.

use super::sync::{Arc, Barrier, LazyLock, Mutex};
use super::thread;
use crate::panic_text;

static TABLE: LazyLock<Vec<u32>> = LazyLock::new(|| (0..4).collect());
static LOCKED: LazyLock<Mutex<usize>> = LazyLock::new(|| Mutex::new(TABLE.len()));

#[test]
fn is_made_when_first_asked_for() {
    assert_eq!(TABLE.len(), 4);
    assert_eq!(*LOCKED.lock().unwrap(), 4);
    let mut n_runs = 0;
    let lazy = LazyLock::new(|| {
        n_runs += 1;
        String::from("made")
    });
    assert_eq!((LazyLock::force(&lazy).as_str(), lazy.len()), ("made", 4));
    drop(lazy);
    assert_eq!(n_runs, 1);
}

#[test]
fn one_thread_makes_it() {
    let lazy = Arc::new(LazyLock::new(|| thread::current().id()));
    let all_here = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (lazy, all_here) = (Arc::clone(&lazy), Arc::clone(&all_here));
            thread::spawn(move || {
                all_here.wait();
                **lazy
            })
        })
        .collect();
    let makers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(makers.iter().all(|maker| *maker == makers[0]));
}

#[test]
fn a_panic_poisons_for_good() {
    let lazy: LazyLock<u8> = LazyLock::new(|| panic!("no value"));
    let twin: std::sync::LazyLock<u8> = std::sync::LazyLock::new(|| panic!("no value"));
    assert_eq!(panic_text(|| *lazy), panic_text(|| *twin));
    assert_eq!(panic_text(|| *lazy), panic_text(|| *twin));
}

#[test]
fn defaults_and_prints_as_std_does() {
    let (lazy, twin) = (LazyLock::<u8>::default(), std::sync::LazyLock::<u8>::default());
    assert_eq!(format!("{lazy:?}"), format!("{twin:?}"));
    assert_eq!(*lazy, *twin);
    assert_eq!(format!("{lazy:?} {lazy:#?}"), format!("{twin:?} {twin:#?}"));
}

#[cfg(std_lazy_deref_mut)]
#[test]
fn can_be_changed_through_an_exclusive_borrow() {
    let mut lazy = LazyLock::new(|| 1);
    *lazy += 1;
    assert_eq!(*lazy, 2);
}

#[cfg(std_lazy_get)]
#[test]
fn can_be_asked_without_making_it() {
    let mut lazy = LazyLock::new(|| 1);
    assert_eq!(LazyLock::get(&lazy), None);
    assert_eq!(LazyLock::get_mut(&mut lazy), None);
    *LazyLock::force_mut(&mut lazy) += 1;
    assert_eq!(LazyLock::get(&lazy), Some(&2));
    *LazyLock::get_mut(&mut lazy).unwrap() += 1;
    assert_eq!(*lazy, 3);
}
