//! What nearly every event is: the lock that was acquired last in its place, acquired again, and
//! the release of the newest lock.
//!
//! These are the functions of [`newest`](super::newest), called from the watched program. There, a
//! call costs more than what it does: the compiler gives up every register that a function may
//! change, also on the way on which nothing is called. On x86-64 Linux they are therefore written
//! in assembly, which names the three registers that change. What they do not know, the caller
//! passes on to a common function, on a cold path.
//!
//! `hand_overs` tests the functions of `newest`; the test below compares these with them.

#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri)))]
mod imp {
    use std::arch::{asm, naked_asm};
    use std::mem::offset_of;
    use std::panic::Location;
    use std::sync::atomic::AtomicU64;

    use crate::hook::Slot;
    use crate::runtime::task::place::Place;
    use crate::runtime::task::pointer::symbol;

    const SIZE: usize = size_of::<Place>();

    /// An acquisition: the slot is in `rdi`, the call in `rsi`, the state in `rdx`. Returns in
    /// `rax`, which is zero if the acquisition is not known; changes `r10` and `r11`.
    macro_rules! acquire {
        ($name:ident, $mode:literal) => {
            #[unsafe(naked)]
            extern "C" fn $name() {
                naked_asm!(
                    ".cfi_startproc",
                    // The key.
                    "mov r10, qword ptr [rdi]",
                    concat!("lea r11, [rip + ", symbol!(), "@TLSDESC]"),
                    "xor r10, qword ptr [rdx]",
                    $mode,
                    // As `Pointer::near`.
                    "test r11, r11",
                    "jns 3f",
                    // From here on as `acquire_again`.
                    "mov rax, qword ptr fs:[r11]",
                    "add qword ptr fs:[r11], {size}",
                    "cmp r10, qword ptr [rax + {known}]",
                    "jne 2f",
                    "cmp rdi, qword ptr [rax + {address}]",
                    "jne 2f",
                    "mov qword ptr [rax + {call}], rsi",
                    "mov qword ptr [rax + {held}], rdi",
                    "ret",
                    "2:",
                    "sub qword ptr fs:[r11], {size}",
                    "3:",
                    "xor eax, eax",
                    "ret",
                    ".cfi_endproc",
                    size = const SIZE,
                    known = const SIZE + offset_of!(Place, known),
                    address = const SIZE + offset_of!(Place, address),
                    call = const SIZE + offset_of!(Place, call),
                    held = const SIZE + offset_of!(Place, held),
                )
            }
        };
    }

    acquire!(again_exclusive, "");
    acquire!(again_shared, "not r10");

    /// A release: the slot is in `rdi`. Returns in `rax`, which is zero if it is not the newest
    /// lock's; changes `r11`.
    #[unsafe(naked)]
    extern "C" fn release_again() {
        naked_asm!(
            ".cfi_startproc",
            concat!("lea r11, [rip + ", symbol!(), "@TLSDESC]"),
            "test r11, r11",
            "jns 2f",
            // From here on as `release_newest`.
            "mov rax, qword ptr fs:[r11]",
            "cmp rdi, qword ptr [rax + {held}]",
            "jne 2f",
            "mov qword ptr [rax + {held}], 0",
            "sub qword ptr fs:[r11], {size}",
            "ret",
            "2:",
            "xor eax, eax",
            "ret",
            ".cfi_endproc",
            size = const SIZE,
            held = const offset_of!(Place, held),
        )
    }

    macro_rules! call {
        ($function:ident, $slot:ident, $call:ident, $state:ident) => {{
            let place: usize;
            // SAFETY: the function takes what is in these registers, and changes no other than
            // those named here. It does with them what `acquire_again` does.
            unsafe {
                asm!(
                    "call {function}",
                    function = sym $function,
                    in("rdi") std::ptr::from_ref($slot),
                    in("rsi") std::ptr::from_ref($call),
                    in("rdx") std::ptr::from_ref($state),
                    lateout("rax") place,
                    lateout("r10") _,
                    lateout("r11") _,
                );
            }
            place != 0
        }};
    }

    /// Whether an acquisition that is not known here need not be looked at by `acquire_again`.
    pub(crate) const KNOWS_ALL: bool = true;

    /// Acquires the lock exclusively, if that is what its place was last used for.
    #[inline(always)]
    pub(crate) fn acquire_exclusive(
        slot: &Slot,
        call: &'static Location<'static>,
        state: &'static AtomicU64,
    ) -> bool {
        call!(again_exclusive, slot, call, state)
    }

    /// Acquires the lock as a fair reader, if that is what its place was last used for.
    #[inline(always)]
    pub(crate) fn acquire_shared(
        slot: &Slot,
        call: &'static Location<'static>,
        state: &'static AtomicU64,
    ) -> bool {
        call!(again_shared, slot, call, state)
    }

    /// Releases the lock, if it is the newest.
    #[inline(always)]
    pub(crate) fn release(slot: &Slot) -> bool {
        let place: usize;
        // SAFETY: as in `call`; it does what `release_newest` does.
        unsafe {
            asm!(
                "call {function}",
                function = sym release_again,
                in("rdi") std::ptr::from_ref(slot),
                lateout("rax") place,
                lateout("r11") _,
            );
        }
        place != 0
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri))))]
mod imp {
    use std::panic::Location;
    use std::sync::atomic::AtomicU64;

    use crate::hook::Slot;
    use crate::runtime::task::newest::release_newest;

    pub(crate) const KNOWS_ALL: bool = false;

    #[inline(always)]
    pub(crate) fn acquire_exclusive(_: &Slot, _: &'static Location<'static>, _: &'static AtomicU64) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn acquire_shared(_: &Slot, _: &'static Location<'static>, _: &'static AtomicU64) -> bool {
        false
    }

    pub(crate) fn release(slot: &Slot) -> bool {
        release_newest(std::ptr::from_ref(slot).addr())
    }
}

pub(crate) use imp::{KNOWS_ALL, acquire_exclusive, acquire_shared, release};

#[cfg(test)]
mod tests {
    use std::panic::Location;
    use std::ptr;
    use std::sync::atomic::AtomicU64;

    use lockdep_validator::LockId;

    use super::{KNOWS_ALL, acquire_exclusive, acquire_shared, release};
    use crate::hook::Slot;
    use crate::runtime::task::newest::{acquire_again, release_newest};
    use crate::runtime::task::place::{NOT_STARTED, Place, SHARED, Sentinels};
    use crate::runtime::task::pointer::Pointer;

    const EPOCH: u64 = 0x8123_4567_89ab_cdef;
    const N_PLACES: usize = 3;

    /// What a place says, the call included.
    fn said(place: &Place) -> String {
        format!("{place:?}")
    }

    /// Runs `event` on a stack whose upper place knows the slot by `known`, at the slot's address
    /// or behind it, and is held or not; the word leads to that one in a release, and to the one
    /// below in an acquisition. Returns what the event said, where the word leads to then, and what
    /// the places say.
    fn run(
        slot: &Slot,
        known: u64,
        (is_here, is_held): (bool, bool),
        is_release: bool,
        event: impl FnOnce() -> bool,
    ) -> String {
        let address = ptr::from_ref(slot).addr() + usize::from(!is_here) * 8;
        let mut places = [const { Place::new(0, 0, ptr::null_mut()) }; N_PLACES];
        places[1] = Place::new(address, if is_held { address } else { 0 }, ptr::null_mut());
        places[1].known = known;
        let first = places.as_mut_ptr();
        let word = Pointer::of_this_thread();
        word.store(first.wrapping_add(usize::from(is_release)));
        let is_done = event();
        let n_up = (word.load().addr() - first.addr()) / size_of::<Place>();
        word.store(Sentinels::place(NOT_STARTED));
        let said: Vec<_> = places.iter().map(said).collect();
        format!("{is_done} {n_up} {}", said.join(" "))
    }

    #[test]
    fn the_assembly_does_what_the_models_test() {
        if !KNOWS_ALL {
            return;
        }
        static STATE: AtomicU64 = AtomicU64::new(EPOCH);
        let slot = Slot::empty();
        let lock = slot.fill(LockId::from_raw(5 << LockId::INSTANCE_BITS | 9).expect("a class"));
        let (call, address) = (Location::caller(), ptr::from_ref(&slot).addr());
        let place_of_call = ptr::from_ref(call).addr();
        let exclusive = lock.raw() ^ EPOCH;
        let mut n_done = 0;
        for known in [exclusive, exclusive ^ SHARED, exclusive ^ 1, 0] {
            for state in [(true, true), (true, false), (false, true), (false, false)] {
                let asm = run(&slot, known, state, false, || acquire_exclusive(&slot, call, &STATE));
                let model = || acquire_again(exclusive, address, place_of_call);
                assert_eq!(asm, run(&slot, known, state, false, model));
                n_done += usize::from(asm.starts_with("true 1"));
                let asm = run(&slot, known, state, false, || acquire_shared(&slot, call, &STATE));
                let model = || acquire_again(exclusive ^ SHARED, address, place_of_call);
                assert_eq!(asm, run(&slot, known, state, false, model));
                n_done += usize::from(asm.starts_with("true 1"));
                let asm = run(&slot, known, state, true, || release(&slot));
                assert_eq!(asm, run(&slot, known, state, true, || release_newest(address)));
                assert_eq!(asm.starts_with("true 0"), state == (true, true), "only a held lock is released");
            }
        }
        assert_eq!(n_done, 4, "each acquisition is known by its key, at its address");
    }
}
