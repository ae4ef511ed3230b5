//! The thread-local word that leads to everything else, and the shortest way to it.
//!
//! To the compiler, `thread_local!` in a library is a call: what it compiles to must also work in a shared object that is loaded
//! late, so every register that a call changes is saved around it, although in a program the linker makes two moves of it. This
//! is the greater part of what a pair of events costs besides its real work. Where it can be done (x86-64, Linux, glibc) the word
//! is therefore declared in assembly and reached by the ABI's *initial-exec* model: two moves, and nothing saved. In a shared
//! object that is loaded late it takes eight bytes of the room that glibc keeps for this.

#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri)))]
mod imp {
    use std::arch::{asm, global_asm};

    // Two builds of this crate in one program have a word each: hence the name. Hidden: nobody outside the program or shared object
    // that the crate is linked into means this one.
    macro_rules! symbol {
        () => {
            concat!("lockdep_task_", env!("TASK_WORD_OF_BUILD"))
        };
    }

    global_asm!(
        ".pushsection .tbss.lockdep_task, \"awT\", @nobits",
        ".p2align 3",
        concat!(".globl ", symbol!()),
        concat!(".hidden ", symbol!()),
        concat!(".type ", symbol!(), ", @object"),
        concat!(".size ", symbol!(), ", 8"),
        concat!(symbol!(), ":"),
        ".zero 8",
        ".popsection",
    );

    /// Where the word lies, from the thread pointer on: the same in every thread.
    #[derive(Clone, Copy)]
    pub(in crate::task) struct Word(usize);

    impl Word {
        #[inline(always)]
        pub(in crate::task) fn of_this_thread() -> Self {
            let offset;
            // SAFETY: loads a constant that the linker or the loader has filled in.
            unsafe {
                asm!(
                    concat!("mov {offset}, qword ptr [rip + ", symbol!(), "@GOTTPOFF]"),
                    offset = lateout(reg) offset,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            Self(offset)
        }

        #[inline(always)]
        pub(in crate::task) fn load(self) -> *mut crate::task::Task {
            let task;
            // SAFETY: the word is eight bytes of this thread's own memory, and zero from the start.
            unsafe {
                asm!(
                    "mov {task}, qword ptr fs:[{offset}]",
                    offset = in(reg) self.0,
                    task = lateout(reg) task,
                    options(readonly, nostack, preserves_flags),
                );
            }
            task
        }

        #[inline(always)]
        pub(in crate::task) fn store(self, task: *mut crate::task::Task) {
            // SAFETY: as in `load`; nothing else lies there.
            unsafe {
                asm!(
                    "mov qword ptr fs:[{offset}], {task}",
                    offset = in(reg) self.0,
                    task = in(reg) task,
                    options(nostack, preserves_flags),
                );
            }
        }

        /// Stores a sentinel: a small constant, which needs no register.
        #[inline(always)]
        pub(in crate::task) fn mark<const SENTINEL: usize>(self) {
            // SAFETY: as in `store`.
            unsafe {
                asm!(
                    "mov qword ptr fs:[{offset}], {sentinel}",
                    offset = in(reg) self.0,
                    sentinel = const SENTINEL,
                    options(nostack, preserves_flags),
                );
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri))))]
mod imp {
    use std::ptr;
    use std::sync::atomic::{AtomicPtr, Ordering};

    thread_local! {
        // Atomic because a signal handler may read it between any two instructions of its own thread; never shared.
        static TASK: AtomicPtr<crate::task::Task> = const { AtomicPtr::new(ptr::null_mut()) };
    }

    /// The word of the running thread.
    #[derive(Clone, Copy)]
    pub(in crate::task) struct Word(*const AtomicPtr<crate::task::Task>);

    impl Word {
        #[inline(always)]
        pub(in crate::task) fn of_this_thread() -> Self {
            // Only the address goes through `with`: a larger closure would not be inlined.
            Self(TASK.with(ptr::from_ref))
        }

        #[inline(always)]
        fn word(self) -> &'static AtomicPtr<crate::task::Task> {
            // SAFETY: a constant-initialised thread-local without a destructor is there for as long as the thread that asks, and
            // the pointer never leaves it (it makes this type `!Send`).
            unsafe { &*self.0 }
        }

        #[inline(always)]
        pub(in crate::task) fn load(self) -> *mut crate::task::Task {
            // ORDERING: Relaxed: only this thread and its signal handlers touch the word.
            self.word().load(Ordering::Relaxed)
        }

        #[inline(always)]
        pub(in crate::task) fn store(self, task: *mut crate::task::Task) {
            // ORDERING: Relaxed, as in `load`.
            self.word().store(task, Ordering::Relaxed);
        }

        #[inline(always)]
        pub(in crate::task) fn mark<const SENTINEL: usize>(self) {
            self.store(ptr::without_provenance_mut(SENTINEL));
        }
    }
}

pub(super) use imp::Word;
