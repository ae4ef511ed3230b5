//! Initialisation: only a running one is an acquisition.

use std::sync::Arc;

use lockdep::sync::{LazyLock, Mutex, Once, OnceLock};

use super::{Case, End, Want};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "once_lock_inversion",
        Want::Warning("LD0003"),
        "an initialiser takes A, and A's holder runs another of the same line",
        once_inversion,
    ),
    Case::new("once_finished", Want::Silent, "a finished initialisation is not a lock", once_finished),
    Case::new(
        "once_reentrant",
        Want::Error("LD0001"),
        "an initialiser that waits for itself",
        once_reentrant,
    )
    .ends(End::Exit(101)),
    Case::new(
        "once_locks_of_one_site",
        Want::Report("LD0002"),
        "two cells of one line, in both orders",
        once_one_site,
    ),
];

fn once_inversion() {
    let a = Mutex::new('a');
    let cells: Vec<OnceLock<u8>> = (0..2).map(|_| OnceLock::new()).collect();
    cells[0].get_or_init(|| {
        drop(a.lock());
        1
    });
    let _a = a.lock();
    cells[1].get_or_init(|| 2);
}

fn once_finished() {
    static LAZY_A: Mutex<u8> = Mutex::new(0);
    static LAZY: LazyLock<u8> = LazyLock::new(|| *LAZY_A.lock().expect("not poisoned"));
    let b = Mutex::new('b');
    let once = Once::new();
    once.call_once(|| drop(b.lock()));
    assert_eq!(*LAZY, 0);
    let _a = LAZY_A.lock();
    let _b = b.lock();
    assert_eq!(*LAZY, 0);
    once.call_once(|| unreachable!("done"));
}

fn once_reentrant() {
    let cell = Arc::new(OnceLock::new());
    let inner = Arc::clone(&cell);
    cell.get_or_init(move || {
        inner.get_or_init(|| 1);
        2
    });
}

fn once_one_site() {
    let cells: Vec<OnceLock<u8>> = (0..4).map(|_| OnceLock::new()).collect();
    cells[0].get_or_init(|| *cells[1].get_or_init(|| 1));
    let mut again: Vec<OnceLock<u8>> = cells.into_iter().take(2).collect();
    for cell in &mut again {
        cell.take();
    }
    again[1].get_or_init(|| *again[0].get_or_init(|| 1));
}
