//! The copy of the process that makes the report.

use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use super::ask::Ask;
use super::{read, unwind};
use crate::runtime::process::{own_id, state};
use crate::runtime::system::extra_stack;
use crate::runtime::system::stack_bounds::Bounds;
use crate::runtime::system::threads;

/// How long a copy has to show that its allocator works.
const FIRST_MS: u64 = 1500;
/// After so many seconds a copy that nothing waits for ends.
const LIFE_S: libc::c_uint = 15;

/// How far a copy is.
const BEGUN: u32 = 0;
const HAS_ALLOCATED: u32 = 1;
const DONE: u32 = 2;

/// Why there is no report.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// The system refuses what it needs, with this error.
    Refused(i32),
    /// It took too long.
    Late,
    /// The copies hung: a thread holds what they need, such as the lock of the allocator.
    Hung,
    /// A copy crashed.
    Crashed,
}

impl Failure {
    /// The reason, as part of a sentence.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Refused(_) => "the system refuses to copy the process",
            Self::Late => "it took too long",
            Self::Hung => "a copy of the process hung, as it does if a thread hangs inside the allocator",
            Self::Crashed => "a copy of the process crashed",
        }
    }
}

/// A copy at work.
#[derive(Debug)]
pub(super) struct Copy {
    process: libc::pid_t,
    /// How far it is: memory that both processes have.
    stage: *mut AtomicU32,
}

/// Makes a copy, which makes the report. Other threads stand still.
pub(super) fn begin(ask: Ask, start: u64) -> Result<Copy, Failure> {
    let original = std::process::id();
    let refused = || Failure::Refused(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
    // SAFETY: asks for memory at a place of the system's choice. The clone has no flags and no
    // signal at its end: it is a process with a copy of this one's memory, which goes on from here.
    // All signals are blocked meanwhile, so that no handler of the program runs in the copy.
    unsafe {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let page = libc::mmap(ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return Err(refused());
        }
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
            (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let process = libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0);
        if process == 0 {
            be_copy(ask, start, original, page.cast());
        }
        let error = refused();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        match libc::pid_t::try_from(process) {
            Ok(process) if process > 0 => Ok(Copy { process, stage: page.cast() }),
            _ => {
                libc::munmap(page, 4096);
                Err(error)
            }
        }
    }
}

/// What the copy does. Never returns.
fn be_copy(ask: Ask, start: u64, original: u32, stage: *mut AtomicU32) -> ! {
    // SAFETY: a copy that is left alone ends by the alarm, whose default action is restored; the
    // page is mapped.
    let stage = unsafe {
        libc::signal(libc::SIGALRM, libc::SIG_DFL);
        let mut alarm: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut alarm);
        libc::sigaddset(&raw mut alarm, libc::SIGALRM);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const alarm, ptr::null_mut());
        libc::alarm(LIFE_S);
        &*stage
    };
    // Locks that are taken from here on are no events.
    state::set(false);
    own_id::set_copy_of(original);
    // The running stack is one of those that are walked.
    extra_stack::run(Bounds::UNKNOWN, move || {
        drop(std::hint::black_box(Box::new(0_u64)));
        std::panic::set_hook(Box::new(|_| {}));
        // ORDERING: Relaxed, in these lines: the other process looks at how far this one is.
        stage.store(HAS_ALLOCATED, Ordering::Relaxed);
        unwind::prepare();
        let made = std::panic::catch_unwind(|| read::report(ask, original, start));
        if made.is_ok() {
            stage.store(DONE, Ordering::Relaxed); // ORDERING: as above
        }
        // SAFETY: ends the copy, without exit handlers.
        unsafe { libc::_exit(0) }
    });
    // SAFETY: as above.
    unsafe { libc::_exit(1) }
}

impl Copy {
    /// Waits for the copy until `deadline`, and ends it then.
    pub(super) fn wait(self, deadline: u64) -> Result<(), Failure> {
        let start = threads::now_ms();
        let stage = || {
            // SAFETY: the page is mapped until this is dropped.
            // ORDERING: Relaxed: a number that says how far the other process is.
            unsafe { (*self.stage).load(Ordering::Relaxed) }
        };
        loop {
            if self.has_ended() {
                return if stage() == DONE { Ok(()) } else { Err(Failure::Crashed) };
            }
            let now = threads::now_ms();
            let is_late = now >= deadline;
            if is_late || stage() == BEGUN && now.saturating_sub(start) > FIRST_MS {
                self.kill();
                // It may have been on its last steps.
                return match stage() {
                    DONE => Ok(()),
                    BEGUN => Err(Failure::Hung),
                    _ => Err(Failure::Late),
                };
            }
            threads::pause(2);
        }
    }

    /// Whether it has ended, or something else has waited for it.
    fn has_ended(&self) -> bool {
        // SAFETY: asks about a child of ours, which no plain wait of the program's sees.
        unsafe { libc::waitpid(self.process, ptr::null_mut(), libc::__WALL | libc::WNOHANG) != 0 }
    }

    fn kill(&self) {
        // SAFETY: the child has not been waited for, so the number is still its own.
        unsafe {
            libc::kill(self.process, libc::SIGKILL);
            libc::waitpid(self.process, ptr::null_mut(), libc::__WALL);
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // SAFETY: mapped by `begin`; only this refers to it.
        unsafe { libc::munmap(self.stage.cast(), 4096) };
    }
}

const _: () = assert!(BEGUN == 0, "the page is zero at first");
