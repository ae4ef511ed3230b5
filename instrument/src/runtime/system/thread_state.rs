//! What the system says of a thread: whether it runs or sleeps, and whether it is the first one.

/// Whether the thread is running or ready to run; `None` if the system does not say. Neither
/// allocates nor locks.
#[cfg(target_os = "linux")]
pub(crate) fn is_running(thread: u32) -> Option<bool> {
    let mut text = [0_u8; 512];
    let text = read(thread, "stat", &mut text)?;
    // The name stands in brackets and may hold anything; the state is the field behind it.
    let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
    let state = text[after_name..].iter().find(|byte| **byte != b' ')?;
    Some(*state == b'R')
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_running(_thread: u32) -> Option<bool> {
    None
}

/// What the system says of a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Whether it runs.
    pub(crate) is_running: Option<bool>,
    /// The number of the system call that it is in; negative if it is in none or that is unknown.
    pub(crate) call: i32,
    /// The first two arguments of the system call; zeros if they are unknown.
    pub(crate) arguments: [usize; 2],
    /// Where its code goes on after the system call; zero if that is unknown.
    pub(crate) at: usize,
    /// Whether it blocks the signal, or waits for signals.
    pub(crate) is_deaf: bool,
    /// How often it was put to sleep, or had to give way to others.
    pub(crate) n_switches: u64,
}

impl Default for Look {
    fn default() -> Self {
        Self { is_running: None, call: -1, arguments: [0; 2], at: 0, is_deaf: false, n_switches: 0 }
    }
}

/// Looks at a thread of this process. Neither allocates nor locks.
#[cfg(target_os = "linux")]
pub(crate) fn look(thread: u32, signal: libc::c_int) -> Look {
    let mut text = [0_u8; 4096];
    let said = read(thread, "syscall", &mut text);
    let call = said.and_then(call_number).unwrap_or(-1);
    let at = said.and_then(place).unwrap_or(0);
    let arguments = [1, 2].map(|index| said.and_then(|said| argument(said, index)).unwrap_or(0));
    let Some(status) = read(thread, "status", &mut text) else {
        return Look { call, arguments, at, ..Look::default() };
    };
    let look = of_status(status, signal);
    Look {
        call,
        arguments,
        at,
        is_deaf: look.is_deaf || i64::from(call) == libc::SYS_rt_sigtimedwait,
        ..look
    }
}

/// What the text says.
#[cfg(target_os = "linux")]
fn of_status(status: &[u8], signal: libc::c_int) -> Look {
    let field = |name: &[u8]| {
        let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name))?;
        std::str::from_utf8(line).ok().map(str::trim)
    };
    let state = field(b"State:").and_then(|state| state.bytes().next());
    let blocked = field(b"SigBlk:").and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    let is_blocked =
        u32::try_from(signal - 1).is_ok_and(|bit| blocked.checked_shr(bit).unwrap_or(0) & 1 == 1);
    let count = |name: &[u8]| field(name).and_then(|count| count.parse().ok()).unwrap_or(0_u64);
    Look {
        is_running: state.map(|state| state == b'R'),
        is_deaf: is_blocked,
        n_switches: count(b"voluntary_ctxt_switches:").wrapping_add(count(b"nonvoluntary_ctxt_switches:")),
        ..Look::default()
    }
}

/// Whether the thread of another process has slept since it was switched so often.
#[cfg(target_os = "linux")]
pub(crate) fn has_slept(process: u32, thread: u32, n_switches: u64) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/task/{thread}/status"));
    status.is_ok_and(|status| {
        let look = of_status(status.as_bytes(), 0);
        look.is_running == Some(false) && look.n_switches == n_switches
    })
}

/// The number at the beginning; a thread that is in no system call has none.
#[cfg(target_os = "linux")]
fn call_number(text: &[u8]) -> Option<i32> {
    let number = text.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// The address at the end.
#[cfg(target_os = "linux")]
fn place(text: &[u8]) -> Option<usize> {
    hexadecimal(text.trim_ascii_end().rsplit(|byte| *byte == b' ').next()?)
}

/// An argument, from 1.
#[cfg(target_os = "linux")]
fn argument(text: &[u8], index: usize) -> Option<usize> {
    hexadecimal(text.split(|byte| *byte == b' ').nth(index)?)
}

#[cfg(target_os = "linux")]
fn hexadecimal(digits: &[u8]) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(digits).ok()?.strip_prefix("0x")?, 16).ok()
}

/// The name of another process; whether it runs, and the system call that it is in, as far as the
/// system says so.
#[cfg(target_os = "linux")]
pub(crate) fn of_process(process: u32) -> Option<(String, Look)> {
    let file = |name| std::fs::read(format!("/proc/{process}/{name}")).ok();
    let name = String::from_utf8_lossy(&file("comm")?).trim_end().to_owned();
    let look = of_status(&file("status")?, 0);
    let call = file("syscall").and_then(|said| call_number(&said)).unwrap_or(-1);
    Some((name, Look { call, ..look }))
}

/// Reads a file of the thread.
#[cfg(target_os = "linux")]
fn read<'a>(thread: u32, name: &str, text: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut path = [0_u8; 64];
    let mut room = &mut path[..63];
    std::io::Write::write_fmt(&mut room, format_args!("/proc/self/task/{thread}/{name}")).ok()?;
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
    text.get(..usize::try_from(n_read).ok()?)
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
        let own = look(own, libc::SIGUSR1);
        assert_eq!((own.is_running, own.is_deaf), (Some(true), false));
    }
}
