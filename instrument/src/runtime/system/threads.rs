//! The threads of the process, their signals and a pause, by system calls alone: for code in signal
//! handlers.

use std::ptr;

/// What the system calls the running thread.
pub(crate) fn own_id() -> u32 {
    // SAFETY: only returns a number.
    u32::try_from(unsafe { libc::gettid() }).unwrap_or(0)
}

/// Calls `visit` with the number of each thread. Neither allocates nor locks.
pub(crate) fn each(mut visit: impl FnMut(u32)) {
    /// Where a record of a directory has its length and its name.
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let mut buffer = [0_u8; 4096];
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the path ends in a zero byte.
    let directory = unsafe { libc::open(c"/proc/self/task".as_ptr(), flags) };
    if directory < 0 {
        return;
    }
    loop {
        // SAFETY: the buffer is as long as is said.
        let n_read =
            unsafe { libc::syscall(libc::SYS_getdents64, directory, buffer.as_mut_ptr(), buffer.len()) };
        let Some(mut records) = usize::try_from(n_read).ok().and_then(|n| buffer.get(..n)) else { break };
        if records.is_empty() {
            break;
        }
        while let Some(length) = records.get(LENGTH..LENGTH + 2) {
            let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
            let name = records.get(NAME..length).unwrap_or_default();
            if let Some(id) = number(name) {
                visit(id);
            }
            records = records.get(length.max(1)..).unwrap_or_default();
        }
    }
    // SAFETY: opened above.
    unsafe { libc::close(directory) };
}

/// The number that begins the text and ends at a zero byte.
fn number(text: &[u8]) -> Option<u32> {
    let digits = text.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Sends a thread of this process a signal with a value; false if the system refuses.
pub(crate) fn send(thread: u32, signal: libc::c_int, value: u64) -> bool {
    /// A signal's description as the kernel reads it: number, error, code, sender, user, value.
    #[repr(C)]
    struct Info {
        signal: libc::c_int,
        error: libc::c_int,
        code: libc::c_int,
        padding: libc::c_int,
        sender: libc::pid_t,
        user: libc::uid_t,
        value: u64,
        rest: [u64; 12],
    }
    // SAFETY: these only return numbers.
    let (sender, user) = unsafe { (libc::getpid(), libc::getuid()) };
    let info =
        Info { signal, error: 0, code: libc::SI_QUEUE, padding: 0, sender, user, value, rest: [0; 12] };
    // SAFETY: the description has the size and the form that the kernel wants.
    unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, sender, thread, signal, &raw const info) == 0 }
}

/// Waits so many milliseconds, signals or not.
pub(crate) fn pause(milliseconds: u32) {
    let wanted = libc::timespec {
        tv_sec: libc::time_t::from(milliseconds / 1000),
        tv_nsec: libc::c_long::from(milliseconds % 1000) * 1_000_000,
    };
    // SAFETY: a time, and no place for what is left of it.
    unsafe { libc::nanosleep(&raw const wanted, ptr::null_mut()) };
}

/// The milliseconds since some start.
pub(crate) fn now_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_thread_is_one_of_them() {
        let mut all = Vec::new();
        each(|id| all.push(id));
        assert!(all.contains(&own_id()), "{all:?}");
    }
}
