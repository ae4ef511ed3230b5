//! Other runtimes in the process: a shared object may contain a copy of its own.
//!
//! Two runtimes do not see each other's locks. Each object that contains one says so by an ELF
//! note, which leads to a word that tells whether the runtime is live. A runtime that becomes live
//! looks for the notes of the others.

/// Makes this runtime known to the others; returns how many of them are live.
pub(crate) fn announce() -> usize {
    imp::announce()
}

/// Whether another runtime became live at any time.
pub(crate) fn has_others() -> bool {
    imp::has_others()
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod imp {
    use std::ffi::{c_int, c_void};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// The states of a runtime. Copies of other versions read them too, so they never change.
    const LIVE: u32 = 1;
    const ONE_OF_SEVERAL: u32 = 2;

    /// This runtime's state; zero before it is live.
    static PRESENCE: AtomicU32 = AtomicU32::new(0);

    /// The owner and the type of the note; what it contains is the distance to the state.
    const OWNER: &[u8; 8] = b"lockdep\0";
    const TYPE: u32 = 1;

    std::arch::global_asm!(
        ".pushsection .note.lockdep, \"a\", %note",
        ".p2align 2",
        ".long 8",
        ".long 8",
        ".long 1",
        ".asciz \"lockdep\"",
        ".quad {presence} - .",
        ".popsection",
        presence = sym PRESENCE,
    );

    pub(super) fn announce() -> usize {
        // ORDERING: SeqCst, in all of this file: of two runtimes that start at once at least one
        // sees the other.
        PRESENCE.store(LIVE, Ordering::SeqCst);
        let mut n_others = 0_usize;
        // SAFETY: the function has the signature that is wanted, and gets a pointer to the number.
        unsafe { libc::dl_iterate_phdr(Some(look_at), (&raw mut n_others).cast()) };
        if n_others > 0 {
            // ORDERING: SeqCst, as above.
            PRESENCE.store(ONE_OF_SEVERAL, Ordering::SeqCst);
        }
        n_others
    }

    pub(super) fn has_others() -> bool {
        // ORDERING: SeqCst, as above.
        PRESENCE.load(Ordering::SeqCst) == ONE_OF_SEVERAL
    }

    /// Looks at the notes of one loaded object.
    unsafe extern "C" fn look_at(
        object: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        n_others: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader passes a description of a loaded object, and `announce` a number.
        let (object, n_others) = unsafe { (&*object, &mut *n_others.cast::<usize>()) };
        for index in 0..usize::from(object.dlpi_phnum) {
            // SAFETY: the object has this many headers.
            let header = unsafe { &*object.dlpi_phdr.add(index) };
            let place = |number: u64| usize::try_from(number).ok();
            let (Some(start), Some(n_bytes), Some(align)) = (
                place(object.dlpi_addr.wrapping_add(header.p_vaddr)),
                place(header.p_memsz),
                place(header.p_align),
            ) else {
                continue;
            };
            if header.p_type == libc::PT_NOTE {
                let start = std::ptr::with_exposed_provenance::<u8>(start);
                // SAFETY: the header says that the notes lie there, as long as it says.
                let notes = unsafe { std::slice::from_raw_parts(start, n_bytes) };
                *n_others += look_at_notes(notes, align.clamp(4, 8));
            }
        }
        0
    }

    /// Notifies every other live runtime among the notes that it is not alone; returns how many
    /// there are.
    fn look_at_notes(mut notes: &[u8], align: usize) -> usize {
        let number = |bytes: &[u8]| -> usize {
            bytes.try_into().map_or(0, |bytes| u32::from_ne_bytes(bytes) as usize)
        };
        let mut n_others = 0;
        while notes.len() >= 12 {
            let (n_owner, n_content) = (number(&notes[..4]), number(&notes[4..8]));
            let content = (12 + n_owner).next_multiple_of(align);
            let end = (content + n_content).next_multiple_of(align);
            let is_ours = number(&notes[8..12]) == TYPE as usize
                && notes.get(12..12 + n_owner) == Some(OWNER)
                && n_content == size_of::<isize>();
            if let Some(distance) = notes.get(content..content + n_content).filter(|_| is_ours) {
                n_others += usize::from(notify(distance));
            }
            notes = notes.get(end..).unwrap_or_default();
        }
        n_others
    }

    /// Notifies the runtime at `distance` from where that is written, if it is live and another
    /// one.
    fn notify(distance: &[u8]) -> bool {
        let Ok(bytes) = distance.try_into() else { return false };
        let address = distance.as_ptr().addr().wrapping_add_signed(isize::from_ne_bytes(bytes));
        if address == (&raw const PRESENCE).addr() {
            return false;
        }
        // SAFETY: a note with our name leads to such a word in the same object, which is loaded.
        let presence = unsafe { &*std::ptr::with_exposed_provenance::<AtomicU32>(address) };
        // ORDERING: SeqCst, as above.
        if presence.load(Ordering::SeqCst) == 0 {
            return false;
        }
        // ORDERING: SeqCst, as above.
        presence.store(ONE_OF_SEVERAL, Ordering::SeqCst);
        true
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn foreign_and_broken_notes_are_passed_over() {
            assert_eq!(look_at_notes(&[0; 11], 4), 0);
            assert_eq!(look_at_notes(&[0xff; 64], 4), 0);
            let mut foreign = [4_u32, 4, 1].map(u32::to_ne_bytes).concat();
            foreign.extend(b"GNU\0abcd");
            assert_eq!(look_at_notes(&foreign, 4), 0);
        }

        #[test]
        fn the_own_note_is_found_and_does_not_count() {
            // The test program has one runtime.
            assert_eq!(announce(), 0);
            assert!(!has_others());
        }
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
mod imp {
    pub(super) fn announce() -> usize {
        0
    }

    pub(super) fn has_others() -> bool {
        false
    }
}
