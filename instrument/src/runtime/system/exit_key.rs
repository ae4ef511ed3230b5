//! The end of a thread, seen without a thread-local destructor.
//!
//! Rust runs thread-local destructors first and pthread-key destructors after them, so that a lock
//! taken in the former is still seen with a whole held stack. Where there are no pthreads, the end
//! of a thread is not seen: its state is leaked and LD0009 is not reported.

#[cfg(not(unix))]
use std::ffi::c_void;

#[cfg(unix)]
pub(crate) use imp::{arm, arm_in_handler, make};

#[cfg(unix)]
mod imp {
    use std::ffi::c_void;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use libc::pthread_key_t;

    /// The pthread key whose destructor ends a thread's state: one more than its number, zero
    /// before it was made.
    static KEY: AtomicUsize = AtomicUsize::new(0);

    /// Makes the key, which calls `finish` with what it was armed with. Does nothing if there is
    /// one.
    pub(crate) fn make(finish: unsafe extern "C" fn(*mut c_void)) {
        if key().is_some() {
            return;
        }
        stay_loaded();
        let mut key: pthread_key_t = 0;
        // SAFETY: `key` is a valid place for the result; `finish` stays valid for the life of the
        // process.
        let status = unsafe { libc::pthread_key_create(&raw mut key, Some(finish)) };
        // The keys of a process can run out. Then ends are not seen, which costs LD0009 and some
        // memory.
        let Some(made) = usize::try_from(key).ok().filter(|_| status == 0) else { return };
        // ORDERING: Relaxed, in all of this file: a number; what it stands for is the C library's.
        if KEY.compare_exchange(0, made + 1, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            // SAFETY: made above, and armed by no thread. Another thread's key is there.
            unsafe {
                libc::pthread_key_delete(key);
            }
        }
    }

    /// Has the shared object that contains this code stay in memory when the program closes it.
    /// Threads that have used it come back when they end: through the key of this file, and through
    /// the one that the standard library makes when a thread is asked for its name.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn stay_loaded() {
        /// The program headers of the program itself lie in its first page.
        const PAGE: usize = 1 << 12;
        let here: fn() = stay_loaded;
        // SAFETY: all zero is a valid value; the loader fills it in, and its name ends in a zero
        // byte. With RTLD_NOLOAD nothing is loaded, and no code of the object runs.
        unsafe {
            let mut found: libc::Dl_info = std::mem::zeroed();
            let is_known = libc::dladdr(here as *const c_void, &raw mut found) != 0;
            let headers = usize::try_from(libc::getauxval(libc::AT_PHDR)).unwrap_or_default();
            if !is_known || headers.wrapping_sub(found.dli_fbase.addr()) < PAGE {
                return;
            }
            let how = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
            if libc::dlopen(found.dli_fname, how).is_null() {
                // The program does not find an error that is not its own.
                libc::dlerror();
            }
        }
    }

    /// Other loaders keep every object, or every one that has thread-locals.
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    fn stay_loaded() {}

    fn key() -> Option<pthread_key_t> {
        // ORDERING: Relaxed, as in `make`.
        let key = KEY.load(Ordering::Relaxed).checked_sub(1)?;
        pthread_key_t::try_from(key).ok()
    }

    /// Makes the end of the running thread call the key's function with `state`.
    pub(crate) fn arm(state: *mut c_void) {
        if let Some(key) = key() {
            // SAFETY: the key was created and is never deleted.
            unsafe {
                libc::pthread_setspecific(key, state);
            }
        }
    }

    /// [`arm`] from a signal handler. Does nothing if that would need memory: glibc has room for
    /// the first keys in each thread.
    pub(crate) fn arm_in_handler(state: *mut c_void) {
        const N_IN_PLACE: pthread_key_t = 32;
        if key().is_some_and(|key| key < N_IN_PLACE) {
            arm(state);
        }
    }
}

/// Does nothing.
#[cfg(not(unix))]
pub(crate) fn make(_finish: unsafe extern "C" fn(*mut c_void)) {}

/// Does nothing.
#[cfg(not(unix))]
pub(crate) fn arm(_state: *mut c_void) {}

/// Does nothing.
#[cfg(not(unix))]
pub(crate) fn arm_in_handler(_state: *mut c_void) {}
