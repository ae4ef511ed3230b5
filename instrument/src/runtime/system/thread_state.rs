//! What the system says of a thread: whether it runs or sleeps, and whether it is the first one.

/// Whether the thread is running or ready to run; `None` if the system does not say. Neither
/// allocates nor locks.
#[cfg(target_os = "linux")]
pub(crate) fn is_running(thread: u32) -> Option<bool> {
    let mut path = [0_u8; 48];
    let mut room = &mut path[..47];
    std::io::Write::write_fmt(&mut room, format_args!("/proc/self/task/{thread}/stat")).ok()?;
    let mut text = [0_u8; 512];
    // SAFETY: the path ends in a zero byte, the buffer is as long as is said, and the descriptor is
    // closed once.
    let n_read = unsafe {
        let file = libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let n_read = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        n_read
    };
    let text = text.get(..usize::try_from(n_read).ok()?)?;
    // The name stands in brackets and may hold anything; the state is the field behind it.
    let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
    let state = text[after_name..].iter().find(|byte| **byte != b' ')?;
    Some(*state == b'R')
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_running(_thread: u32) -> Option<bool> {
    None
}

/// Whether the running thread is the one that the process started with.
#[cfg(target_os = "linux")]
pub(crate) fn is_main() -> bool {
    // SAFETY: both calls only return numbers.
    unsafe { libc::gettid() == libc::getpid() }
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_main() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_asks_runs_and_one_that_does_not_exist_has_no_state() {
        // SAFETY: only returns a number.
        let own = u32::try_from(unsafe { libc::gettid() }).expect("positive");
        assert_eq!(is_running(own), Some(true));
        assert_eq!(is_running(u32::MAX), None);
    }
}
