//! What nearly every event is: the lock that was acquired last in its place, acquired again, or
//! another one of its class that is new; and the release of the newest lock.
//!
//! These are the functions of [`newest`](super::newest), called from the watched program. There, a
//! call costs more than what it does: the compiler gives up every register that a function may
//! change, also on the way on which nothing is called. On x86-64 Linux they are therefore written
//! in assembly, which names the few registers that change. What they do not know, the caller passes
//! on to a common function, on a cold path.
//!
//! `hand_overs` tests the functions of `newest`; the tests below compare these with them.

#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri)))]
mod imp {
    use std::arch::{asm, naked_asm};
    use std::mem::offset_of;
    use std::panic::Location;

    use lockdep_validator::{LockId, TaskContext};

    use crate::lock::{CreationSite, KeyKind, KeyedSlot, LockInfo, Slot};
    use crate::runtime::identity::known_class::{KnownClass, TAG};
    use crate::runtime::process::state::{self, Epoch};
    use crate::runtime::task::Task;
    use crate::runtime::task::place::{NOTHING, Place};
    use crate::runtime::task::pointer::symbol;

    const SIZE: usize = size_of::<Place>();

    /// An acquisition: the lock is in `rdi`, the call in `rsi`, what the wrapper knows in `rdx`,
    /// and the epoch in `rax`. Returns in `r10`, which is zero if the acquisition is not known;
    /// changes also `rax`, `rdx` and `r11`.
    macro_rules! acquire {
        ($name:ident, $mode:literal) => {
            #[unsafe(naked)]
            extern "C" fn $name() {
                naked_asm!(
                    ".cfi_startproc",
                    // The key.
                    "xor rax, qword ptr [rdi]",
                    concat!("lea r11, [rip + ", symbol!(), "@TLSDESC]"),
                    $mode,
                    // As `Pointer::near`.
                    "test r11, r11",
                    "jns 3f",
                    // From here on as `acquire_again`.
                    "mov r10, qword ptr fs:[r11]",
                    "add qword ptr fs:[r11], {size}",
                    "cmp rax, qword ptr [r10 + {known}]",
                    "jne 2f",
                    "cmp rdi, qword ptr [r10 + {address}]",
                    "jne {next}",
                    "mov qword ptr [r10 + {call}], rsi",
                    "mov qword ptr [r10 + {held}], rdi",
                    "ret",
                    "2:",
                    "sub qword ptr fs:[r11], {size}",
                    "3:",
                    "xor r10d, r10d",
                    "ret",
                    ".cfi_endproc",
                    next = sym next,
                    size = const SIZE,
                    known = const SIZE + offset_of!(Place, known),
                    address = const SIZE + offset_of!(Place, address),
                    call = const SIZE + offset_of!(Place, call),
                    held = const SIZE + offset_of!(Place, held),
                )
            }
        };
    }

    /// The rest of an acquisition whose key is that of its place, and whose address is not. The
    /// place below is in `r10`.
    #[unsafe(naked)]
    extern "C" fn next() {
        naked_asm!(
            ".cfi_startproc",
            // From here on as `acquire_next`.
            "mov rax, qword ptr [r10 + {address}]",
            "test al, {tag}",
            "jz 2f",
            "mov r11, qword ptr [rdi + {key}]",
            "cmp r11, qword ptr [rax + {known_key} - {tag}]",
            "jne 2f",
            "mov r11, qword ptr [rdx + {type_name}]",
            "cmp r11, qword ptr [rax + {known_type_name} - {tag}]",
            "jne 2f",
            "mov r11, qword ptr [rdx + {kind}]",
            "cmp r11, qword ptr [rax + {known_kind} - {tag}]",
            "jne 2f",
            "mov rdx, qword ptr [r10 + {task}]",
            "mov r11d, 1",
            "xadd qword ptr [rdx + {number}], r11",
            "cmp r11, qword ptr [rdx + {end_of_numbers}]",
            "jae 2f",
            "or r11, qword ptr [rax + {word} - {tag}]",
            "mov qword ptr [r10 + {above}], {nothing}",
            // As `Slot::try_fill`.
            "xor eax, eax",
            "lock cmpxchg qword ptr [rdi], r11",
            "jne 2f",
            "mov qword ptr [r10 + {lock}], r11",
            "mov qword ptr [r10 + {call}], rsi",
            "mov qword ptr [r10 + {held}], rdi",
            "ret",
            "2:",
            concat!("lea r11, [rip + ", symbol!(), "@TLSDESC]"),
            "sub qword ptr fs:[r11], {size}",
            "xor r10d, r10d",
            "ret",
            ".cfi_endproc",
            size = const SIZE,
            address = const SIZE + offset_of!(Place, address),
            call = const SIZE + offset_of!(Place, call),
            held = const SIZE + offset_of!(Place, held),
            lock = const SIZE + offset_of!(Place, lock),
            task = const SIZE + offset_of!(Place, task),
            above = const 2 * SIZE + offset_of!(Place, known),
            nothing = const NOTHING,
            tag = const TAG,
            key = const offset_of!(KeyedSlot<CreationSite>, key),
            type_name = const offset_of!(LockInfo, type_name),
            kind = const offset_of!(LockInfo, kind_token),
            known_key = const offset_of!(KnownClass, token.key),
            known_type_name = const offset_of!(KnownClass, token.type_name),
            known_kind = const offset_of!(KnownClass, token.kind),
            word = const offset_of!(KnownClass, word),
            number = const offset_of!(Task, context) + TaskContext::NEXT_NUMBER,
            end_of_numbers = const offset_of!(Task, context) + TaskContext::END_OF_NUMBERS,
        )
    }

    acquire!(again_exclusive, "");
    acquire!(again_shared, "not rax");

    /// A release: the slot is in `rdi`. Returns in `rax`, which is zero if it is neither the newest
    /// lock's nor one hand over hand; changes also `r10` and `r11`.
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
            "jne {below}",
            "mov qword ptr [rax + {held}], 0",
            "sub qword ptr fs:[r11], {size}",
            "ret",
            "2:",
            "xor eax, eax",
            "ret",
            ".cfi_endproc",
            below = sym release_below,
            size = const SIZE,
            held = const offset_of!(Place, held),
        )
    }

    /// The rest of a release that is not the newest lock's. The newest place is in `rax`.
    #[unsafe(naked)]
    extern "C" fn release_below() {
        naked_asm!(
            ".cfi_startproc",
            // From here on as `release_below`.
            "cmp rdi, qword ptr [rax + {held} - {size}]",
            "jne 2f",
            "mov r10, qword ptr [rax + {manner}]",
            "test r10, r10",
            "js 2f",
            "cmp r10, qword ptr [rax + {manner} - {size}]",
            "jne 2f",
            "mov r10, qword ptr [rax + {lock}]",
            "xor r10, qword ptr [rax + {lock} - {size}]",
            "jz 2f",
            "shr r10, {instance_bits}",
            "jnz 2f",
            "mov r10, qword ptr [rax + {held}]",
            "test r10, r10",
            "jz 2f",
            "test r10b, 1",
            "jnz 2f",
            "mov qword ptr [rax + {held}], 0",
            "mov qword ptr [rax + {known} - {size}], {nothing}",
            "mov qword ptr [rax + {address} - {size}], r10",
            "mov r11, qword ptr [rax + {lock}]",
            "mov qword ptr [rax + {lock} - {size}], r11",
            "mov r11, qword ptr [rax + {call}]",
            "mov qword ptr [rax + {call} - {size}], r11",
            "mov qword ptr [rax + {known}], {nothing}",
            "mov qword ptr [rax + {held} - {size}], r10",
            concat!("lea r11, [rip + ", symbol!(), "@TLSDESC]"),
            "sub qword ptr fs:[r11], {size}",
            "ret",
            "2:",
            "xor eax, eax",
            "ret",
            ".cfi_endproc",
            size = const SIZE,
            known = const offset_of!(Place, known),
            address = const offset_of!(Place, address),
            held = const offset_of!(Place, held),
            call = const offset_of!(Place, call),
            lock = const offset_of!(Place, lock),
            manner = const offset_of!(Place, manner),
            instance_bits = const LockId::INSTANCE_BITS,
            nothing = const NOTHING,
        )
    }

    macro_rules! call {
        ($function:ident, $keyed:ident, $info:ident, $call:ident, $epoch:ident) => {{
            let place: usize;
            // SAFETY: the function takes what is in these registers, and changes no other than
            // those named here. It does with them what `acquire_again` and `acquire_next` do.
            unsafe {
                asm!(
                    "call {function}",
                    function = sym $function,
                    in("rdi") std::ptr::from_ref($keyed),
                    in("rsi") std::ptr::from_ref($call),
                    inlateout("rdx") std::ptr::from_ref($info) => _,
                    inlateout("rax") $epoch.key() => _,
                    lateout("r10") place,
                    lateout("r11") _,
                );
            }
            place != 0
        }};
    }

    /// Whether an acquisition that is not known here need not be looked at by `acquire_again`.
    pub(crate) const KNOWS_ALL: bool = true;

    /// Returns the epoch, unless events can be skipped: as `state::now`, in two instructions if
    /// they can. The compiler does not join an atomic load with its comparison.
    #[inline(always)]
    pub(crate) fn epoch_if_on() -> Option<Epoch> {
        let mut word = state::word();
        // SAFETY: it does nothing. The compiler then computes the address once, not twice.
        #[expect(clippy::pointers_in_nomem_asm_block, reason = "the pointer is not followed there")]
        unsafe {
            asm!(
                "/* {word} */",
                word = inout(reg) word,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        // SAFETY: it compares a word that can be read at any time, and goes one of two ways.
        unsafe {
            asm!(
                "cmp qword ptr [{word}], {off}",
                "je {skip}",
                word = in(reg) word,
                off = const state::OFF,
                skip = label { return None },
                options(nostack, readonly),
            );
        }
        // SAFETY: it is still the address of the word.
        Some(unsafe { state::at(word) })
    }

    /// Whether the lock was ever acquired with validation on: as `Slot::is_used`, likewise.
    #[inline(always)]
    pub(crate) fn is_used(slot: &Slot) -> bool {
        // SAFETY: as in `is_off`.
        unsafe {
            asm!(
                "cmp qword ptr [{slot}], 0",
                "je {skip}",
                slot = in(reg) std::ptr::from_ref(slot),
                skip = label { return false },
                options(nostack, readonly),
            );
        }
        true
    }

    /// Acquires the lock exclusively, if that is what its place was last used for.
    #[inline(always)]
    pub(crate) fn acquire_exclusive<K: KeyKind>(
        keyed: &KeyedSlot<K>,
        info: &LockInfo,
        call: &'static Location<'static>,
        epoch: Epoch,
    ) -> bool {
        call!(again_exclusive, keyed, info, call, epoch)
    }

    /// Acquires the lock as a fair reader, if that is what its place was last used for.
    #[inline(always)]
    pub(crate) fn acquire_shared<K: KeyKind>(
        keyed: &KeyedSlot<K>,
        info: &LockInfo,
        call: &'static Location<'static>,
        epoch: Epoch,
    ) -> bool {
        call!(again_shared, keyed, info, call, epoch)
    }

    /// Releases the lock, if it is the newest, or the one below it in a step hand over hand.
    #[inline(always)]
    pub(crate) fn release(slot: &Slot) -> bool {
        let place: usize;
        // SAFETY: as in `call`; it does what `release_newest` and `release_below` do.
        unsafe {
            asm!(
                "call {function}",
                function = sym release_again,
                in("rdi") std::ptr::from_ref(slot),
                lateout("rax") place,
                lateout("r10") _,
                lateout("r11") _,
            );
        }
        place != 0
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri))))]
mod imp {
    use std::panic::Location;

    use crate::lock::{KeyKind, KeyedSlot, LockInfo, Slot};
    use crate::runtime::process::state::{self, Epoch};
    use crate::runtime::task::newest::{release_below, release_newest};

    pub(crate) const KNOWS_ALL: bool = false;

    #[inline(always)]
    pub(crate) fn epoch_if_on() -> Option<Epoch> {
        let epoch = state::now();
        if epoch.is_off() { None } else { Some(epoch) }
    }

    #[inline(always)]
    pub(crate) fn is_used(slot: &Slot) -> bool {
        slot.is_used()
    }

    #[inline(always)]
    pub(crate) fn acquire_exclusive<K: KeyKind>(
        _: &KeyedSlot<K>,
        _: &LockInfo,
        _: &'static Location<'static>,
        _: Epoch,
    ) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn acquire_shared<K: KeyKind>(
        _: &KeyedSlot<K>,
        _: &LockInfo,
        _: &'static Location<'static>,
        _: Epoch,
    ) -> bool {
        false
    }

    pub(crate) fn release(slot: &Slot) -> bool {
        let address = std::ptr::from_ref(slot).addr();
        release_newest(address) || release_below(address)
    }
}

pub(crate) use imp::{KNOWS_ALL, acquire_exclusive, acquire_shared, epoch_if_on, is_used, release};

#[cfg(test)]
mod tests;
