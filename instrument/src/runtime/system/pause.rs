//! A pause that never panics.

use std::time::Duration;

/// Waits for about so long. A signal, or a filter that refuses the system call, ends the pause:
/// std's `sleep` panics in the second case, and the watched program with it.
#[cfg(unix)]
pub(crate) fn pause(time: Duration) {
    let wanted = libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(time.subsec_nanos().cast_signed()),
    };
    // SAFETY: a time, and no place for what is left of it.
    unsafe { libc::nanosleep(&raw const wanted, std::ptr::null_mut()) };
}

#[cfg(not(unix))]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
