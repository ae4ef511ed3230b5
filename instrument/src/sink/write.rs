//! Writing to a descriptor of a process that is not ours.
//!
//! A write can raise a signal: SIGPIPE if nothing reads the pipe any more, SIGXFSZ if the file would grow past a limit.
//! Either ends a program that does not expect it, so both are blocked in this thread for the time of the write, and one
//! that it raised is taken back.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// How long a pipe or a terminal that takes nothing is waited for, in milliseconds.
const PATIENCE_MS: libc::c_int = 1000;

/// Writes all of `bytes`. `is_still_right` is asked immediately before each write whether the descriptor leads to the
/// file that is meant.
///
/// # Errors
///
/// The descriptor leads elsewhere ([`io::ErrorKind::NotFound`]), or cannot be written.
pub(crate) fn write_all(
    descriptor: RawFd,
    mut bytes: &[u8],
    is_still_right: impl Fn() -> bool,
) -> io::Result<()> {
    let _quiet = Quiet::begin();
    while !bytes.is_empty() {
        if !is_still_right() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the program has closed or replaced its descriptor",
            ));
        }
        // SAFETY: pointer and length are those of a live slice; the descriptor number needs no proof.
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
        let mut ours = empty();
        let mut before = empty();
        // SAFETY: both are sets; the numbers are those of signals.
        unsafe {
            libc::sigaddset(&raw mut ours, libc::SIGPIPE);
            libc::sigaddset(&raw mut ours, libc::SIGXFSZ);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const ours, &raw mut before);
            // One that the program has blocked itself may be waiting for it already, and is not ours to take.
            let mut waiting = empty();
            libc::sigpending(&raw mut waiting);
            for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
                if libc::sigismember(&raw const waiting, signal) == 1 {
                    libc::sigdelset(&raw mut ours, signal);
                }
            }
        }
        Self { before, ours }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        take_back(&self.ours);
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
    // SAFETY: a set, no place for what is known of the signal, and a time. A signal that waits is taken; then none is left.
    unsafe { while libc::sigtimedwait(ours, std::ptr::null_mut(), &raw const at_once) > 0 {} }
}

/// Takes the signals of `ours` that are waiting.
#[cfg(any(target_vendor = "apple", target_os = "openbsd"))]
fn take_back(ours: &libc::sigset_t) {
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        let (mut waiting, mut taken) = (empty(), 0);
        // SAFETY: sets, and a place for the number. A signal that waits for this thread is taken without waiting for it.
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
