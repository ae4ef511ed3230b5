//! The thread-local pointer that leads to a thread's state, and the shortest way to it.
//!
//! To the compiler, `thread_local!` in a library is a call: what it compiles to must also work in a
//! shared object that is loaded late, so every register that a call changes is saved around it,
//! although in a program the linker makes two moves of it. This is the greater part of what a pair
//! of events costs besides its real work. On x86-64 Linux with glibc the pointer is therefore
//! declared in assembly and reached by the ABI's *TLS descriptor*, of which the fast path takes the
//! first half. In a program the linker puts the pointer's offset there, which is negative. In a
//! shared object it puts the address of a descriptor there, which is positive: such an object takes
//! the slow way, where the descriptor is called. It can be loaded at any time, in any number:
//! nothing of it has to lie in the thread-local memory that glibc reserves when the program starts.

#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri)))]
mod imp {
    use std::arch::{asm, global_asm};

    use crate::runtime::task::place::{Place, SENTINELS, Sentinels};

    // Two builds of this crate in one program have a pointer each: hence the name. Hidden: no code
    // outside the program or shared object that the crate is linked into means this one.
    macro_rules! symbol {
        () => {
            concat!("lockdep_task_", env!("TASK_WORD_OF_BUILD"))
        };
    }
    pub(in crate::runtime::task) use symbol;

    global_asm!(
        ".pushsection .tdata.lockdep_task, \"awT\", @progbits",
        ".p2align 3",
        concat!(".globl ", symbol!()),
        concat!(".hidden ", symbol!()),
        concat!(".type ", symbol!(), ", @object"),
        concat!(".size ", symbol!(), ", 8"),
        concat!(symbol!(), ":"),
        // NOT_STARTED
        ".quad {sentinels} + {first}",
        ".popsection",
        sentinels = sym SENTINELS,
        first = const Sentinels::FIRST,
    );

    /// Where the pointer lies, from the thread register on: the same in every thread.
    #[derive(Clone, Copy)]
    pub(in crate::runtime) struct Pointer(usize);

    impl Pointer {
        /// The pointer of the running thread, if its place is the same in every thread. False for a
        /// shared object that was loaded late, and for that alone.
        #[inline(always)]
        pub(in crate::runtime) fn near() -> Option<Self> {
            let place: isize;
            // SAFETY: loads a constant: the offset from the thread pointer, which lies above all
            // thread-local memory that the program starts with, or the address of a descriptor.
            unsafe {
                asm!(
                    concat!("lea {place}, [rip + ", symbol!(), "@TLSDESC]"),
                    place = lateout(reg) place,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            if place < 0 { Some(Self(place.cast_unsigned())) } else { None }
        }

        /// The pointer of the running thread.
        #[inline(always)]
        pub(in crate::runtime) fn of_this_thread() -> Self {
            Self::near().unwrap_or_else(Self::far)
        }

        #[cold]
        #[inline(never)]
        fn far() -> Self {
            let offset;
            // SAFETY: the sequence that the ABI prescribes; it changes `rax` and the flags. The
            // vector registers are named because glibc before 2.40 may change them when a thread
            // comes here for the first time.
            unsafe {
                asm!(
                    concat!("lea rax, [rip + ", symbol!(), "@TLSDESC]"),
                    concat!("call [rax + ", symbol!(), "@TLSCALL]"),
                    lateout("rax") offset,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                    out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                    out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                );
            }
            Self(offset)
        }

        #[inline(always)]
        pub(in crate::runtime) fn load(self) -> *mut Place {
            let place;
            // SAFETY: the pointer is eight bytes of this thread's own memory, and leads to a
            // sentinel from the start.
            unsafe {
                asm!(
                    "mov {place}, qword ptr fs:[{offset}]",
                    offset = in(reg) self.0,
                    place = lateout(reg) place,
                    options(readonly, nostack, preserves_flags),
                );
            }
            place
        }

        /// Where the pointer lies: for other threads, while this one stands still.
        pub(in crate::runtime) fn address(self) -> usize {
            let base: usize;
            // SAFETY: the first word behind the thread register is its own address.
            unsafe {
                asm!("mov {base}, qword ptr fs:[0]", base = lateout(reg) base, options(readonly, nostack));
            }
            base.wrapping_add(self.0)
        }

        #[inline(always)]
        pub(in crate::runtime) fn store(self, place: *mut Place) {
            // SAFETY: as in `load`; nothing else lies there.
            unsafe {
                asm!(
                    "mov qword ptr fs:[{offset}], {place}",
                    offset = in(reg) self.0,
                    place = in(reg) place,
                    options(nostack, preserves_flags),
                );
            }
        }

        /// Stores a sentinel.
        #[inline(always)]
        pub(in crate::runtime) fn mark<const SENTINEL: usize>(self) {
            self.store(Sentinels::place(SENTINEL));
        }

        /// Goes on to the next place. What follows is not done before.
        #[inline(always)]
        pub(in crate::runtime) fn advance(self) {
            // SAFETY: as in `store`.
            unsafe {
                asm!(
                    "add qword ptr fs:[{offset}], {size}",
                    offset = in(reg) self.0,
                    size = const size_of::<Place>(),
                    options(nostack),
                );
            }
        }

        /// Goes back to the place before. What precedes is done before.
        #[inline(always)]
        pub(in crate::runtime) fn retreat(self) {
            // SAFETY: as in `store`.
            unsafe {
                asm!(
                    "sub qword ptr fs:[{offset}], {size}",
                    offset = in(reg) self.0,
                    size = const size_of::<Place>(),
                    options(nostack),
                );
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri))))]
mod imp {
    use std::ptr;
    use std::sync::atomic::{AtomicPtr, Ordering};

    use crate::runtime::task::place::{Place, Sentinels, fence};

    thread_local! {
        // Atomic because a signal handler may read it between any two instructions of its own
        // thread; never shared.
        static TASK: AtomicPtr<Place> = const { AtomicPtr::new(Sentinels::place(0)) };
    }

    /// The pointer of the running thread.
    #[derive(Clone, Copy)]
    pub(in crate::runtime) struct Pointer(*const AtomicPtr<Place>);

    impl Pointer {
        /// Where the pointer lies.
        pub(in crate::runtime) fn address(self) -> usize {
            self.0.expose_provenance()
        }

        /// As [`of_this_thread`](Self::of_this_thread): every pointer is reached in the same way.
        #[inline(always)]
        #[expect(clippy::unnecessary_wraps, reason = "the same signature as where there are two ways")]
        pub(in crate::runtime) fn near() -> Option<Self> {
            Some(Self::of_this_thread())
        }

        #[inline(always)]
        pub(in crate::runtime) fn of_this_thread() -> Self {
            // Only the address goes through `with`: a larger closure would not be inlined.
            Self(TASK.with(ptr::from_ref))
        }

        #[inline(always)]
        fn atomic(self) -> &'static AtomicPtr<Place> {
            // SAFETY: a constant-initialised thread-local without a destructor is there for as long
            // as the thread that asks, and the pointer never leaves it (it makes this type
            // `!Send`).
            unsafe { &*self.0 }
        }

        #[inline(always)]
        pub(in crate::runtime) fn load(self) -> *mut Place {
            // ORDERING: Relaxed: only this thread and its signal handlers touch the pointer.
            self.atomic().load(Ordering::Relaxed)
        }

        #[inline(always)]
        pub(in crate::runtime) fn store(self, place: *mut Place) {
            // ORDERING: Relaxed, as in `load`.
            self.atomic().store(place, Ordering::Relaxed);
        }

        #[inline(always)]
        pub(in crate::runtime) fn mark<const SENTINEL: usize>(self) {
            self.store(Sentinels::place(SENTINEL));
        }

        #[inline(always)]
        pub(in crate::runtime) fn advance(self) {
            self.store(self.load().wrapping_add(1));
            fence();
        }

        #[inline(always)]
        pub(in crate::runtime) fn retreat(self) {
            fence();
            self.store(self.load().wrapping_sub(1));
        }
    }
}

pub(in crate::runtime) use imp::Pointer;
#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri)))]
pub(in crate::runtime::task) use imp::symbol;
