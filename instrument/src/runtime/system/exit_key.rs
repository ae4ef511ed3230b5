//! The end of a thread, seen without a thread-local destructor.
//!
//! Rust runs thread-local destructors first and pthread-key destructors after them, so that a lock
//! taken in the former is still seen with a whole held stack. Where there are no pthreads, the end
//! of a thread is not seen: its state is leaked and LD0009 is not reported.

use std::ffi::c_void;

/// A pthread key whose destructor ends a thread's state.
#[derive(Debug)]
pub(crate) struct ExitKey {
    #[cfg(unix)]
    key: Option<libc::pthread_key_t>,
}

impl ExitKey {
    /// A key that calls `finish` with what it was armed with.
    #[cfg(unix)]
    pub(crate) fn new(finish: unsafe extern "C" fn(*mut c_void)) -> Self {
        let mut key = 0;
        // SAFETY: `key` is a valid place for the result; `finish` stays valid for the life of the
        // process.
        let status = unsafe { libc::pthread_key_create(&raw mut key, Some(finish)) };
        // The keys of a process can run out. Then ends are not seen, which costs LD0009 and some
        // memory.
        Self { key: (status == 0).then_some(key) }
    }

    /// A key that does nothing.
    #[cfg(not(unix))]
    pub(crate) fn new(_finish: unsafe extern "C" fn(*mut c_void)) -> Self {
        Self {}
    }

    /// Makes the end of the running thread call the key's function with `state`.
    #[cfg(unix)]
    pub(crate) fn arm(&self, state: *mut c_void) {
        if let Some(key) = self.key {
            // SAFETY: the key was created and is never deleted.
            unsafe {
                libc::pthread_setspecific(key, state);
            }
        }
    }

    /// [`arm`](Self::arm) from a signal handler. Does nothing if that would need memory: glibc has
    /// room for the first keys in each thread.
    #[cfg(unix)]
    pub(crate) fn arm_in_handler(&self, state: *mut c_void) {
        const N_IN_PLACE: libc::pthread_key_t = 32;
        if self.key.is_some_and(|key| key < N_IN_PLACE) {
            self.arm(state);
        }
    }

    /// Does nothing.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "the same signature as on unix")]
    pub(crate) fn arm_in_handler(&self, _state: *mut c_void) {}

    /// Does nothing.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "the same signature as on unix")]
    pub(crate) fn arm(&self, _state: *mut c_void) {}
}
