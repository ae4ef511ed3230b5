//! What several cases need.

use lockdep::sync::Mutex;

/// Runs `body` on a thread of its own and waits for it.
pub(super) fn on_thread(body: impl FnOnce() + Send + 'static) {
    lockdep::thread::spawn(body).join().expect("the thread of a case does not panic");
}

/// Takes `first`, then `second`, and lets both go.
pub(super) fn nest<T, U>(first: &Mutex<T>, second: &Mutex<U>) {
    let _first = first.lock().expect("not poisoned");
    let _second = second.lock().expect("not poisoned");
}

/// Runs `handler` after `main` has returned.
#[expect(unsafe_code, reason = "there is no safe way to register an exit handler")]
pub(super) fn at_exit(handler: extern "C" fn()) {
    // SAFETY: the handler is a plain function that lives as long as the process.
    let refused = unsafe { libc::atexit(handler) };
    assert_eq!(refused, 0, "the C library takes at least 32 handlers");
}

/// How much memory of its own the process has in use, in KiB. Pages of files come and go with what
/// else the machine does.
pub(super) fn own_memory_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}
