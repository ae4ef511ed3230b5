//! Forks. The child of a process with one watched thread goes on as it was. The child of a process with several does not
//! validate until it executes another program: the other threads are gone, and whatever they were changing stays half done.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{state, task};

/// Set in the child of a fork that may not validate.
static ORPHANED: AtomicBool = AtomicBool::new(false);

/// Has `fork` tell us. Does nothing where there is no fork.
pub(crate) fn install() {
    #[cfg(unix)]
    // SAFETY: the handler is a function that touches atomics and a thread-local word only, which is allowed between fork and exec.
    unsafe {
        libc::pthread_atfork(None, None, Some(in_child));
    }
}

#[cfg(unix)]
extern "C" fn in_child() {
    if state::is_off() || task::n_tasks() <= 1 {
        return;
    }
    // ORDERING: Relaxed: the child has one thread.
    ORPHANED.store(true, Ordering::Relaxed);
    // The next event finds no state, asks for the runtime and is told here. Most children execute another program before they
    // take a lock, and those stay silent.
    task::abandon();
}

/// Whether this process is a child that may not validate; says so once and turns validation off.
#[cold]
pub(crate) fn is_orphaned() -> bool {
    // ORDERING: Relaxed: the child began with one thread, and threads that it made later see what it wrote before.
    if !ORPHANED.load(Ordering::Relaxed) {
        return false;
    }
    state::set(false);
    // ORDERING: Relaxed, as above.
    if ORPHANED.swap(false, Ordering::Relaxed) {
        crate::sink::notice(
            "validation is off in this process: it was forked from a process with several threads; \
             it is on again in a program that it executes",
        );
    }
    true
}

/// Whether this process is a child that may not validate and has not said so. For the end of the process.
pub(crate) fn is_silent_orphan() -> bool {
    // ORDERING: Relaxed, as above.
    ORPHANED.load(Ordering::Relaxed)
}
