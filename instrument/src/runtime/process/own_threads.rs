//! What of the process's threads and signals is ours.
//!
//! There are none, but for one under `LOCKDEP_HANG_AFTER`. It holds no lock of the program's or of
//! ours when it is not at work, so a fork need not count it.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// What the system calls the thread; zero while there is none.
static WATCHER: AtomicU32 = AtomicU32::new(0);

/// What the system calls our thread; zero if there is none.
pub(crate) fn watcher() -> u32 {
    // ORDERING: Relaxed: a number, which a fork and a report compare.
    WATCHER.load(Ordering::Relaxed)
}

/// Our thread has begun.
pub(crate) fn set_watcher(id: u32) {
    // ORDERING: Relaxed, as above.
    WATCHER.store(id, Ordering::Relaxed);
}

/// The signal that asks for a hang report; zero if none does.
static ASKING_SIGNAL: AtomicI32 = AtomicI32::new(0);

/// The signal that asks for a hang report; zero if none does.
pub(crate) fn asking_signal() -> i32 {
    // ORDERING: Relaxed: a number, which the record repeats.
    ASKING_SIGNAL.load(Ordering::Relaxed)
}

/// A signal asks for a hang report from now on.
#[cfg(hang_report)]
pub(crate) fn set_asking_signal(signal: i32) {
    // ORDERING: Relaxed, as above.
    ASKING_SIGNAL.store(signal, Ordering::Relaxed);
}
