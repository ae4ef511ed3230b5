//! Whether the running code is inside a signal handler that was not announced as a
//! [context](crate::context).
//!
//! A handler may have interrupted the allocator or any other code that holds a lock. Inside it
//! nothing may be allocated and no lock may be taken, so the runtime asks before it does either.
//!
//! On x86-64 Linux the kernel puts a frame on the stack before it calls a handler. The frame begins
//! with an address that every handler returns to, and contains the mask of blocked signals that was
//! in force before. So the stack is searched for that address. A frame of a handler that is over
//! may still lie in memory that no function has written since. The mask distinguishes it from a
//! live one: while a handler runs, more signals are blocked than in the mask that its frame
//! contains.
//!
//! Everything here is made of memory reads and direct system calls, so that it may run in a
//! handler.

use crate::runtime::system::stack_bounds::Bounds;

/// Whether the running code is inside a signal handler, as far as the stack shows.
/// `bounds` are those of the thread's stack, if they are known.
#[cold]
#[inline(never)]
pub(crate) fn is_inside(bounds: Bounds) -> bool {
    imp::is_inside(bounds)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod imp {
    use std::arch::asm;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Bounds;

    /// How far up the stack a frame is looked for: what a handler uses before it takes a lock.
    const REACH: usize = 64 << 10;
    const PAGE: usize = 4096;
    const WORD: usize = size_of::<usize>();

    /// Words of the frame, from the return address on: `struct rt_sigframe` of the kernel.
    const UC_FLAGS: usize = 1;
    const UC_LINK: usize = 2;
    const UC_SIGMASK: usize = 38;
    const FRAME: usize = (UC_SIGMASK + 1) * WORD;
    /// Flags that the kernel has or will have there; a pointer is larger.
    const MAX_FLAGS: usize = 0xfff;

    const LAST_SIGNAL: usize = 64;
    const SA_RESTORER: usize = 0x0400_0000;
    const SA_NODEFER: usize = 0x4000_0000;

    /// What every handler of the C library returns to; zero until it was asked for.
    static RESTORER: AtomicUsize = AtomicUsize::new(0);

    /// A signal's action as the kernel knows it.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Action {
        handler: usize,
        flags: usize,
        restorer: usize,
        mask: usize,
    }

    pub(super) fn is_inside(bounds: Bounds) -> bool {
        let Some(restorer) = restorer() else { return false };
        let mut at = (&raw const restorer).addr() & !(WORD - 1);
        let is_known = bounds.contains(at);
        let end = if is_known { bounds.high.min(at + REACH) } else { end_of_unknown(at) };
        // The page that the running function uses is there.
        let mut readable_to = if is_known { end } else { page_after(at) };
        while at + FRAME <= end {
            while at + FRAME > readable_to {
                if !is_readable(readable_to) {
                    return false;
                }
                readable_to += PAGE;
            }
            if word(at) == restorer && is_live_frame(at) {
                return true;
            }
            at += WORD;
        }
        false
    }

    /// Where to stop on a stack whose bounds are not known. The C library puts the block of a
    /// thread at the top of its stack. What lies above is another thread's, whose end may unmap it
    /// between the question whether it can be read and the reading.
    pub(super) fn end_of_unknown(at: usize) -> usize {
        let block: usize;
        // SAFETY: the first word of a thread's block is its address.
        unsafe {
            asm!("mov {}, qword ptr fs:[0]", lateout(reg) block, options(readonly, nostack, preserves_flags))
        };
        if block > at { block.min(at + REACH) } else { at + REACH }
    }

    fn page_after(address: usize) -> usize {
        (address | (PAGE - 1)) + 1
    }

    /// Reads a word of the stack, whichever frame it belongs to.
    #[inline(always)]
    fn word(at: usize) -> usize {
        let word;
        // SAFETY: the caller has made sure that the memory is there. The compiler is not told what
        // is read, because other functions write it.
        unsafe {
            asm!("mov {}, qword ptr [{}]", lateout(reg) word, in(reg) at, options(readonly, nostack, preserves_flags));
        }
        word
    }

    /// Whether a frame of a running handler begins at `at`.
    fn is_live_frame(at: usize) -> bool {
        let field = |index: usize| word(at + index * WORD);
        if field(UC_FLAGS) > MAX_FLAGS || field(UC_LINK) != 0 {
            return false;
        }
        let (before, now) = (field(UC_SIGMASK), blocked());
        if before & !now != 0 {
            return false;
        }
        // A handler that blocks nothing, not even its own signal, cannot be told from one that is
        // over.
        before != now || has_nodefer()
    }

    fn restorer() -> Option<usize> {
        // ORDERING: Relaxed: a number that is the same for every thread.
        let known = RESTORER.load(Ordering::Relaxed);
        if known != 0 {
            return Some(known);
        }
        // If none is set, no handler can be running.
        let found = (1..=LAST_SIGNAL).map(action).find(|action| action.flags & SA_RESTORER != 0)?;
        // ORDERING: Relaxed, as above.
        RESTORER.store(found.restorer, Ordering::Relaxed);
        Some(found.restorer)
    }

    /// Whether any handler may be interrupted by its own signal.
    fn has_nodefer() -> bool {
        let default_or_ignore = [libc::SIG_DFL, libc::SIG_IGN];
        (1..=LAST_SIGNAL)
            .map(action)
            .any(|action| action.flags & SA_NODEFER != 0 && !default_or_ignore.contains(&action.handler))
    }

    fn action(signal: usize) -> Action {
        let mut action = Action::default();
        // SAFETY: asks only; the answer fits into `action`, and the last argument is the size of
        // its mask.
        unsafe {
            call(libc::SYS_rt_sigaction, [signal, 0, (&raw mut action).expose_provenance(), WORD]);
        }
        action
    }

    /// The signals that the thread blocks.
    fn blocked() -> usize {
        let mut mask = 0_usize;
        // SAFETY: asks only; the answer is one word.
        unsafe {
            call(libc::SYS_rt_sigprocmask, [0, 0, (&raw mut mask).expose_provenance(), WORD]);
        }
        mask
    }

    /// Whether memory can be read at `address`: the kernel looks there for a mask, and then refuses
    /// what is to be done with it, because there is no such thing. A filter of the program's system
    /// calls answers something else.
    fn is_readable(address: usize) -> bool {
        const NO_SUCH_THING: usize = 0x7fff;
        // SAFETY: never changes anything: the first argument is not valid.
        let result = unsafe { call(libc::SYS_rt_sigprocmask, [NO_SUCH_THING, address, 0, WORD]) };
        result == -(libc::EINVAL as isize)
    }

    /// A system call that leaves `errno` alone: it belongs to the code that the handler
    /// interrupted.
    ///
    /// # Safety
    ///
    /// As the system call.
    unsafe fn call(number: libc::c_long, arguments: [usize; 4]) -> isize {
        let result;
        // SAFETY: the registers are those of the kernel's interface; the caller answers for the
        // arguments.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") number => result,
                in("rdi") arguments[0],
                in("rsi") arguments[1],
                in("rdx") arguments[2],
                in("r10") arguments[3],
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        result
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
mod imp {
    use super::Bounds;

    /// What a handler's frame looks like is not known here.
    pub(super) fn is_inside(_bounds: Bounds) -> bool {
        false
    }
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux", not(miri)))]
mod tests {
    #[test]
    fn a_thread_looks_for_no_frame_above_its_own_stack() {
        let above = std::thread::spawn(|| {
            let here = 0_usize;
            // SAFETY: it returns the address of the thread's block.
            let block = unsafe { libc::pthread_self() };
            let end = super::imp::end_of_unknown((&raw const here).addr());
            u64::try_from(end).unwrap_or(u64::MAX).saturating_sub(block)
        });
        assert_eq!(above.join().expect("does not panic"), 0, "bytes above the thread's block");
    }
}
