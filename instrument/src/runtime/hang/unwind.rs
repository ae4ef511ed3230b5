//! The stack of a thread that stands in our handler, walked in a copy of the process.
//!
//! The kernel has put a frame on that thread's stack: all its registers, and above them the address
//! that the handler returns to. An unwinder knows such frames. So the copy sets its stack pointer
//! to that frame, as if the kernel had just called a handler there, and walks from it. It writes
//! below the frame, where only the handler's own variables were, in memory that is a copy.
//!
//! A stack that is damaged may crash the unwinder. That is caught: the walk ends, and what was
//! found until then is kept.

/// How many frames are kept.
pub(super) const MAX_FRAMES: usize = 96;

#[cfg(target_arch = "x86_64")]
pub(super) use imp::{prepare, walk};

#[cfg(target_arch = "x86_64")]
mod imp {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::MAX_FRAMES;
    use crate::runtime::identity::stack::trace;

    /// Where the copy goes on after a walk: its stack pointer.
    static BACK: AtomicUsize = AtomicUsize::new(0);
    static FRAMES: [AtomicUsize; MAX_FRAMES] = [const { AtomicUsize::new(0) }; MAX_FRAMES];
    static N_FRAMES: AtomicUsize = AtomicUsize::new(0);

    /// A stack for the handler of a crash.
    const ALTERNATE: usize = 64 << 10;

    /// Has a crash of the unwinder end the walk. For the copy only.
    pub(in crate::runtime::hang) fn prepare() {
        // SAFETY: new memory for the handler's stack; the handler is a function of the right form,
        // and this process runs nothing else.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory =
                libc::mmap(std::ptr::null_mut(), ALTERNATE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if memory == libc::MAP_FAILED {
                return;
            }
            let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: ALTERNATE };
            libc::sigaltstack(&raw const stack, std::ptr::null_mut());
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(libc::c_int) = crashed;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_NODEFER;
            for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            [libc::SIGSEGV, libc::SIGBUS]
                .iter()
                .for_each(|signal| _ = libc::sigaddset(&raw mut none, *signal));
            libc::sigprocmask(libc::SIG_UNBLOCK, &raw const none, std::ptr::null_mut());
        }
    }

    /// Walks the stack above the signal frame whose registers lie at `context`, innermost first.
    pub(in crate::runtime::hang) fn walk(context: usize) -> Vec<usize> {
        // ORDERING: Relaxed, in all of this file: the copy has one thread.
        N_FRAMES.store(0, Ordering::Relaxed);
        // The word below the registers is the address that the handler returns to.
        let frame = context - size_of::<usize>();
        // SAFETY: `frame` is what the kernel left on a stack that no code of this copy uses, and
        // `collect` leaves it by `leave` only.
        unsafe { switch(frame, BACK.as_ptr(), collect) };
        // ORDERING: as above.
        let n_frames = N_FRAMES.load(Ordering::Relaxed).min(MAX_FRAMES);
        // ORDERING: as above.
        FRAMES[..n_frames].iter().map(|frame| frame.load(Ordering::Relaxed)).collect()
    }

    extern "C" fn collect() -> ! {
        trace(|address| {
            // ORDERING: as above.
            let n_frames = N_FRAMES.load(Ordering::Relaxed);
            if let Some(place) = FRAMES.get(n_frames) {
                place.store(address, Ordering::Relaxed); // ORDERING: as above
            }
            N_FRAMES.store(n_frames + 1, Ordering::Relaxed); // ORDERING: as above
            n_frames + 1 < MAX_FRAMES
        });
        // SAFETY: `switch` has stored its stack pointer, and waits there.
        unsafe { leave(BACK.load(Ordering::Relaxed)) } // ORDERING: as above
    }

    extern "C" fn crashed(_signal: libc::c_int) {
        // ORDERING: as above.
        let back = BACK.load(Ordering::Relaxed);
        if back == 0 {
            // Not in a walk: this copy has failed.
            // SAFETY: ends the process.
            unsafe { libc::_exit(1) }
        }
        // SAFETY: as in `collect`.
        unsafe { leave(back) }
    }

    /// Stores where to go on at `back`, and calls `collect` as if by the frame at `frame`.
    #[unsafe(naked)]
    unsafe extern "C" fn switch(frame: usize, back: *mut usize, collect: extern "C" fn() -> !) {
        std::arch::naked_asm!(
            "push rbp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "mov [rsi], rsp",
            "mov rsp, rdi",
            "jmp rdx",
        )
    }

    /// Returns from [`switch`].
    #[unsafe(naked)]
    unsafe extern "C" fn leave(back: usize) -> ! {
        std::arch::naked_asm!(
            "mov rsp, rdi",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbx",
            "pop rbp",
            "cld",
            "ret",
        )
    }
}

/// Does nothing.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn prepare() {}

/// Not known on this machine.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn walk(_context: usize) -> Vec<usize> {
    Vec::new()
}
