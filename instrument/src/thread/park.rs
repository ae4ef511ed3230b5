//! [`park`], [`sleep`] and their relatives: waits that other threads can read of. And
//! [`yield_now`].

use std::thread;
use std::time::Duration;

use crate::hook;

/// Does what [`std::thread::park`] does, and says so to other threads meanwhile.
#[track_caller]
pub fn park() {
    hook::park(false, thread::park);
}

/// Does what [`std::thread::park_timeout`] does, and says so to other threads meanwhile.
#[track_caller]
pub fn park_timeout(dur: Duration) {
    hook::park(true, || thread::park_timeout(dur));
}

/// Does what [`park_timeout`] does, for so many milliseconds.
#[track_caller]
#[deprecated(since = "0.1.0", note = "replaced by `park_timeout`, as in std since 1.6.0")]
pub fn park_timeout_ms(ms: u32) {
    park_timeout(Duration::from_millis(ms.into()));
}

/// Does what [`std::thread::yield_now`] does. A thread that looks for a flag again and again does
/// so meanwhile, and the flag may be what orders it after another thread.
#[track_caller]
#[inline]
pub fn yield_now() {
    hook::idled();
    thread::yield_now();
}

/// Does what [`std::thread::sleep`] does, and says so to other threads meanwhile.
#[track_caller]
pub fn sleep(dur: Duration) {
    hook::pause(dur, || thread::sleep(dur));
}

/// Does what [`sleep`] does, for so many milliseconds.
#[track_caller]
#[deprecated(since = "0.1.0", note = "replaced by `sleep`, as in std since 1.6.0")]
pub fn sleep_ms(ms: u32) {
    sleep(Duration::from_millis(ms.into()));
}
