//! A stack with room for a report.
//!
//! Naming the frames of a stack and rendering a report need more stack than the smallest threads
//! have. On such a thread a report is made on a stack of its own. One is reserved when the runtime
//! starts, so that it is there when memory is tight. A report that finds it taken reserves another
//! one.

use crate::runtime::system::stack_bounds::Bounds;

/// A thread with this much room left needs no other stack.
const ENOUGH: usize = 192 << 10;

/// Reserves the stack.
pub(crate) fn reserve() {
    imp::reserve();
}

/// Runs `run` where there is room. It must not unwind.
pub(crate) fn run(bounds: Bounds, run: impl FnOnce()) {
    let here = 0_u8;
    let room = bounds.room_below((&raw const here).addr());
    if room.is_some_and(|room| room >= ENOUGH) {
        return run();
    }
    imp::elsewhere(run);
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod imp {
    use std::ffi::c_void;
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

    /// Above what the resolver of symbols and the renderer use in a debug build.
    const SIZE: usize = 512 << 10;
    /// The page below, which no code may touch.
    const GUARD: usize = 64 << 10;

    /// The reserved stack, null until there is one.
    static RESERVED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);

    /// A stack that the running thread may use.
    struct Stack {
        memory: *mut c_void,
        is_reserved: bool,
    }

    fn map() -> Option<*mut c_void> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: new memory, at a place that the kernel chooses; the guard is part of it.
        unsafe {
            let memory =
                libc::mmap(ptr::null_mut(), GUARD + SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if memory == libc::MAP_FAILED {
                return None;
            }
            libc::mprotect(memory, GUARD, libc::PROT_NONE);
            Some(memory)
        }
    }

    pub(super) fn reserve() {
        if let Some(memory) = map() {
            // ORDERING: Release pairs with the Acquire in `take`: the memory is mapped.
            RESERVED.store(memory, Ordering::Release);
        }
    }

    impl Stack {
        fn take() -> Option<Self> {
            // ORDERING: Acquire: see `reserve`.
            let memory = RESERVED.load(Ordering::Acquire);
            // ORDERING: Acquire pairs with the Release in `drop`: the last user is done with it.
            if !memory.is_null() && !IS_TAKEN.swap(true, Ordering::Acquire) {
                return Some(Self { memory, is_reserved: true });
            }
            map().map(|memory| Self { memory, is_reserved: false })
        }

        fn top(&self) -> *mut c_void {
            self.memory.wrapping_byte_add(GUARD + SIZE)
        }
    }

    impl Drop for Stack {
        fn drop(&mut self) {
            if self.is_reserved {
                // ORDERING: Release pairs with the Acquire in `take`.
                IS_TAKEN.store(false, Ordering::Release);
            } else {
                // SAFETY: `map` made it, and no code runs on it any more.
                unsafe { libc::munmap(self.memory, GUARD + SIZE) };
            }
        }
    }

    /// Calls `function` with `argument` on the stack that ends at `top`. The frame pointer leads
    /// unwinders back to the stack of the thread.
    #[cfg(target_arch = "x86_64")]
    #[unsafe(naked)]
    unsafe extern "C" fn call_on(
        argument: *mut c_void,
        function: unsafe extern "C" fn(*mut c_void),
        top: *mut c_void,
    ) {
        std::arch::naked_asm!(
            ".cfi_startproc",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset rbp, -16",
            "mov rbp, rsp",
            ".cfi_def_cfa_register rbp",
            "mov rsp, rdx",
            "call rsi",
            "mov rsp, rbp",
            "pop rbp",
            ".cfi_def_cfa rsp, 8",
            "ret",
            ".cfi_endproc",
        )
    }

    /// As above.
    #[cfg(target_arch = "aarch64")]
    #[unsafe(naked)]
    unsafe extern "C" fn call_on(
        argument: *mut c_void,
        function: unsafe extern "C" fn(*mut c_void),
        top: *mut c_void,
    ) {
        std::arch::naked_asm!(
            ".cfi_startproc",
            "stp x29, x30, [sp, #-16]!",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset x29, -16",
            ".cfi_offset x30, -8",
            "mov x29, sp",
            ".cfi_def_cfa_register x29",
            "mov sp, x2",
            "blr x1",
            "mov sp, x29",
            ".cfi_def_cfa_register sp",
            "ldp x29, x30, [sp], #16",
            ".cfi_def_cfa_offset 0",
            ".cfi_restore x29",
            ".cfi_restore x30",
            "ret",
            ".cfi_endproc",
        )
    }

    /// Calls the closure behind `run`, an `Option<F>`.
    unsafe extern "C" fn trampoline<F: FnOnce()>(run: *mut c_void) {
        // SAFETY: `elsewhere` passes a pointer to such an option, which nothing else uses
        // meanwhile.
        if let Some(run) = unsafe { &mut *run.cast::<Option<F>>() }.take() {
            run();
        }
    }

    pub(super) fn elsewhere<F: FnOnce()>(run: F) {
        let Some(stack) = Stack::take() else { return run() };
        let mut run = Some(run);
        // SAFETY: the stack is this thread's alone until `stack` is dropped; its top is aligned to
        // a page. A panic ends in the `extern "C"` function, which aborts: `run` must not unwind.
        unsafe { call_on((&raw mut run).cast(), trampoline::<F>, stack.top()) };
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
mod imp {
    pub(super) fn reserve() {}

    pub(super) fn elsewhere(run: impl FnOnce()) {
        run();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_runs_elsewhere_and_comes_back_even_nested() {
        let (mut outer, mut inner) = (0, 0);
        reserve();
        run(Bounds::UNKNOWN, || {
            outer = 1;
            run(Bounds::UNKNOWN, || inner = 1);
            let caught = std::panic::catch_unwind(|| panic!("stays here"));
            assert!(caught.is_err());
        });
        assert_eq!((outer, inner), (1, 1));
    }
}
