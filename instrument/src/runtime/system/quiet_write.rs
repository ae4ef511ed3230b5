//! Writing to a descriptor of a process that is not ours.
//!
//! A write can raise a signal: SIGPIPE if nothing reads the pipe any more, SIGXFSZ if the file
//! would grow past a limit. Either ends a program that does not expect it, so both are blocked in
//! this thread for the time of the write, and one that it raised is taken back.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// How long a pipe or a terminal that takes nothing is waited for, in milliseconds.
const PATIENCE_MS: libc::c_int = 1000;

/// Writes all of `bytes`. `is_still_right` is asked immediately before each write whether the
/// descriptor leads to the file that is meant.
///
/// # Errors
///
/// The descriptor leads elsewhere ([`io::ErrorKind::NotFound`]), or cannot be written.
pub(crate) fn write_all(
    descriptor: RawFd,
    bytes: &[u8],
    is_still_right: impl Fn() -> bool,
) -> io::Result<()> {
    let quiet = Quiet::begin();
    let written = write(descriptor, bytes, is_still_right);
    // Only a write that failed raises one.
    if written.is_err() {
        take_back(&quiet.ours);
    }
    written
}

fn write(descriptor: RawFd, mut bytes: &[u8], is_still_right: impl Fn() -> bool) -> io::Result<()> {
    while !bytes.is_empty() {
        if !is_still_right() {
            let why = "the program has closed or replaced its descriptor";
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        // SAFETY: pointer and length are those of a live slice; the descriptor number needs no
        // proof.
        let n_written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(n_written) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n_written) => bytes = &bytes[n_written.min(bytes.len())..],
            Err(_) => {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock if takes_more(descriptor) => {}
                    _ => return Err(error),
                }
            }
        }
    }
    Ok(())
}

/// Waits a moment until a descriptor that does not block takes bytes again.
fn takes_more(descriptor: RawFd) -> bool {
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, as is said.
    unsafe { libc::poll(&raw mut poll, 1, PATIENCE_MS) > 0 }
}

/// The signals of a write, blocked in this thread until this is dropped.
struct Quiet {
    before: libc::sigset_t,
    ours: libc::sigset_t,
}

impl Quiet {
    fn begin() -> Self {
        let (mut ours, mut before, mut waiting) = (empty(), empty(), empty());
        let both = [libc::SIGPIPE, libc::SIGXFSZ];
        // SAFETY: these are sets; the numbers are those of signals.
        unsafe {
            both.iter().for_each(|signal| _ = libc::sigaddset(&raw mut ours, *signal));
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const ours, &raw mut before);
            let is_in = |set: &libc::sigset_t, signal| libc::sigismember(set, signal) == 1;
            // One that the program has blocked may be waiting for it already, and is not ours to
            // take.
            if both.iter().any(|signal| is_in(&before, *signal)) {
                libc::sigpending(&raw mut waiting);
                for signal in both.into_iter().filter(|signal| is_in(&waiting, *signal)) {
                    libc::sigdelset(&raw mut ours, signal);
                }
            }
        }
        Self { before, ours }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: puts back what was there.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut());
        }
    }
}

/// Takes the signals of `ours` that are waiting.
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
fn take_back(ours: &libc::sigset_t) {
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a set, no place for what is known of the signal, and a time. A signal that waits is
    // taken; then none is left.
    unsafe { while libc::sigtimedwait(ours, std::ptr::null_mut(), &raw const at_once) > 0 {} }
}

/// Takes the signals of `ours` that are waiting.
#[cfg(any(target_vendor = "apple", target_os = "openbsd"))]
fn take_back(ours: &libc::sigset_t) {
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        let (mut waiting, mut taken) = (empty(), 0);
        // SAFETY: sets, and a place for the number. A signal that waits for this thread is taken
        // without waiting for it.
        unsafe {
            libc::sigpending(&raw mut waiting);
            if libc::sigismember(ours, signal) == 1 && libc::sigismember(&raw const waiting, signal) == 1 {
                libc::sigwait(ours, &raw mut taken);
            }
        }
    }
}

fn empty() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call writes the set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    fn is_waiting() -> bool {
        let mut waiting = empty();
        // SAFETY: a set, and the number of a signal.
        unsafe {
            libc::sigpending(&raw mut waiting);
            libc::sigismember(&raw const waiting, libc::SIGPIPE) == 1
        }
    }

    #[test]
    fn a_signal_of_ours_is_taken_back_and_one_of_the_program_is_left() {
        let (reader, writer) = io::pipe().expect("descriptors are left");
        drop(reader);
        let thread = std::thread::spawn(move || {
            // SAFETY: a set, for this thread. std ignores the signal; Linux keeps it waiting all
            // the same while it is blocked.
            unsafe {
                let mut pipe = empty();
                libc::sigaddset(&raw mut pipe, libc::SIGPIPE);
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, std::ptr::null_mut());
            }
            let write = || write_all(writer.as_raw_fd(), b"x", || true).expect_err("no reader").kind();
            assert_eq!((write(), is_waiting()), (io::ErrorKind::BrokenPipe, false));
            // SAFETY: sends this thread a signal that it has blocked.
            unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE) };
            assert_eq!((write(), is_waiting()), (io::ErrorKind::BrokenPipe, true));
        });
        thread.join().expect("both are as they should be");
    }
}
