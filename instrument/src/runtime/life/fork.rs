//! Forks. The child of a process with one watched thread goes on as it was. The child of a process
//! with several does not validate until it executes another program: the other threads are gone,
//! and whatever they were changing stays half done.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::runtime::process::{ending, orphan, own_threads, state};
use crate::runtime::task;

/// Whether the process had several threads when it last forked.
static SEVERAL_THREADS: AtomicBool = AtomicBool::new(false);

/// Has `fork` call us. Does nothing where there is no fork.
pub(crate) fn install() {
    #[cfg(unix)]
    // SAFETY: the handler is a function that touches atomics and a thread-local word only, which is
    // allowed between fork and exec.
    unsafe {
        libc::pthread_atfork(Some(in_parent), None, Some(in_child));
    }
}

/// Runs in the parent before the fork. A thread that has not taken a lock yet has no state of ours
/// but may be making one.
#[cfg(unix)]
extern "C" fn in_parent() {
    if state::is_off() {
        return;
    }
    let several = n_threads().map_or_else(|| task::n_tasks() > 1, |n_threads| n_threads > 1 + n_ours());
    // ORDERING: Relaxed: read by this very thread, in the child.
    SEVERAL_THREADS.store(several, Ordering::Relaxed);
}

/// Whether the process has no other thread, watched or not.
pub(crate) fn is_only_thread() -> bool {
    #[cfg(unix)]
    let n_threads = n_threads();
    #[cfg(not(unix))]
    let n_threads = None::<u64>;
    n_threads.map_or_else(|| task::n_tasks() == 1, |n_threads| n_threads == 1 + n_ours())
}

/// How many of the threads are ours.
fn n_ours() -> u64 {
    u64::from(own_threads::watcher() != 0)
}

/// How many threads the process has, where the system says so without an allocation.
#[cfg(unix)]
fn n_threads() -> Option<u64> {
    let mut buffer = [0_u8; 1024];
    // SAFETY: the path ends in a zero byte, the buffer is as long as is said, and the descriptor is
    // closed once.
    let n_read = unsafe {
        let file = libc::open(c"/proc/self/stat".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let n_read = libc::read(file, buffer.as_mut_ptr().cast(), buffer.len());
        libc::close(file);
        n_read
    };
    let text = buffer.get(..usize::try_from(n_read).ok()?)?;
    // The second field is the program's name in brackets and may hold anything; the number of
    // threads is the twentieth.
    let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
    let field = text[after_name..].split(|byte| *byte == b' ').filter(|field| !field.is_empty()).nth(17)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(unix)]
extern "C" fn in_child() {
    ending::reset();
    own_threads::set_watcher(0);
    task::deferred::forked();
    crate::runtime::stat::forked();
    crate::runtime::forked();
    crate::runtime::wait::forked();
    crate::runtime::hang::forked();
    // ORDERING: Relaxed: written by this thread, in the parent.
    if state::is_off() || !SEVERAL_THREADS.load(Ordering::Relaxed) {
        return;
    }
    orphan::set();
    // The next event finds no state, asks for the runtime and is answered here. Most children
    // execute another program before they take a lock, and those stay silent.
    task::abandon();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_counted() {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let wanted = if cfg!(target_os = "linux") { 2 } else { 0 };
        assert!(n_threads().unwrap_or(0) >= wanted);
        drop(stop);
        assert!(thread.join().is_ok());
    }
}
