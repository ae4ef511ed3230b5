//! Every mutant that can be seeded into the protocol, as one enum.
//!
//! The switch is decided when the crate is compiled. In a normal build [`seeded`] is a constant
//! `false` and nothing of this file remains. With `--cfg vmalock_mutants`, and in the copy that
//! `tests/mutants.rs` compiles from these same sources, it compares against the mutant that the
//! test chose.
//!
//! Numbers: an `H` brings a defect back that Linux had, an `M` breaks the protocol systematically.
//! `docs/src/vmalock-mutants.md` says for each which test notices it.

/// Calls `$callback!` with the list of mutants: variant, identifier, what is broken.
macro_rules! for_each_mutant {
    ($callback:ident) => {
        $callback! {
            H1 "H1" "an interrupted write lock leaves the exclude flag in vm_refcnt",
            H2 "H2" "the foreign mm is not pinned while the reference on its VMA is put",
            H2b "H2b" "vma_start_read does not compare vm_mm",
            H3 "H3" "lock_vma_under_rcu does not reset its iterator before the retry",
            H4a "H4a" "the end of a write section stores mm_lock_seq relaxed",
            H4b "H4b" "the recheck of mm_lock_seq loads relaxed",
            H5 "H5" "lock_vma_under_rcu tests the bounds before it holds a reference",
            H6 "H6" "the fault path reads vm_flags before it holds the VMA lock",
            H7a "H7a" "mprotect changes a VMA without vma_start_write",
            H7b "H7b" "stack growth changes a VMA without vma_start_write",
            H7c "H7c" "fork copies a VMA without vma_start_write on the parent's",
            H7d "H7d" "a new VMA is attached and stored without vma_start_write",
            H8 "H8" "munmap ends all VMA write locks in the middle of its section",
            H9 "H9" "lock_mm_and_find_vma ignores that the killable lock failed",
            H10 "H10" "the fault path takes the mmap read lock recursively",
            H11a "H11a" "lock_next_vma does not look again when it sees a gap",
            H11b "H11b" "lock_next_vma samples the sequence after the walk",
            H12 "H12" "vma_mark_detached returns with transient readers left",
            H13 "H13" "re-initialising a recycled VMA sets its count to 1",
            H14 "H14" "mmap assertions do nothing without the validator",
            H15 "H15" "a failed bounds check leaks the read lock",
            M1 "M1" "no sequence recheck after the increment",
            M2 "M2" "no early sequence check",
            M3 "M3" "the increment ignores the limit and the flag",
            M4 "M4" "the increment starts from 0",
            M5 "M5" "a failed recheck keeps its reference",
            M6 "M6" "putting a reference never wakes the writer",
            M7 "M7" "putting a reference wakes at FLAG + 1 only",
            M8 "M8" "putting a reference wakes whenever the flag is set",
            M9 "M9" "the waiter registers after it tested the condition",
            M10 "M10" "a write lock waits for FLAG",
            M11 "M11" "a detach waits for FLAG + 1",
            M12 "M12" "a write lock does not wait",
            M13 "M13" "the stamp is written after the flag was dropped",
            M14 "M14" "a write lock leaves the flag set",
            M15 "M15" "the sequence ends after the mmap lock was released",
            M16a "M16a" "no sequence end on write unlock",
            M17a "M17a" "no sequence begin in the killable write lock",
            M17b "M17b" "a failed killable write lock begins the sequence",
            M18a "M18a" "a new VMA is attached before it is write-locked",
            M18b "M18b" "attach stores the count relaxed",
            M19a "M19a" "the increment is relaxed",
            M19b "M19b" "dropping the flag is relaxed",
            M19c "M19c" "putting a reference is relaxed",
            M19d "M19d" "the waiter has no full fence between registering and testing",
            M19e "M19e" "the waker has no full fence between the count and the waiter",
            M20 "M20" "the wait condition loads relaxed",
            M21 "M21" "the wait tests the kill before the condition",
            M22 "M22" "detach waits killably",
            M23a "M23a" "vma_start_read says locked for a detached VMA",
            M23b "M23b" "vma_start_read says detached for a locked VMA",
            M24 "M24" "a failed vma_start_read leaves the RCU section open",
            M25 "M25" "lock_next_vma does not reset its iterator after the fallback",
            M26 "M26" "putting a reference reads vm_mm after the decrement",
            M27a "M27a" "lockdep learns of a read unlock after the decrement",
            M27b "M27b" "lockdep learns of a read lock before the increment",
            M27c "M27c" "the exclusive acquisition is reported as a try",
            M28 "M28" "vma_start_write has no shortcut for a VMA that is already locked",
            M29 "M29" "vma_assert_stabilised tests the VMA before the mmap lock",
            M30 "M30" "mm_lock_seq has two bits",
            M31 "M31" "a downgrade keeps the VMA write locks",
            M32 "M32" "lock_mm_and_find_vma does not look again after the upgrade",
            M33a "M33a" "a failed lock_mm_and_find_vma keeps the lock",
            M33b "M33b" "lock_mm_and_find_vma returns with the write lock",
            M34 "M34" "lock_next_vma goes on where the last call left the iterator",
            M35 "M35" "a split reads the flags before it holds the write lock",
            M36 "M36" "a merge does not look again when it holds the write locks",
            M37 "M37" "lockdep learns of a successful try as a blocking acquisition",
            M38 "M38" "lockdep learns of no nesting level",
            M39 "M39" "lockdep does not learn that a read lock was disowned",
            M40 "M40" "lockdep does not learn that a lock is initialised again",
            M41 "M41" "is_vma_write_locked does not assert the mmap lock",
            M42 "M42" "an interrupted write lock does not report that the attach reference was lost",
            M43 "M43" "a write lock does not report that the attach reference was lost",
            M44 "M44" "a detach does not report that references are left",
            M45 "M45" "a lookup that gives up is not counted",
        }
    };
}

macro_rules! declare {
    ($($name:ident $id:literal $what:literal,)*) => {
        /// A deliberate defect of the protocol.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[repr(u32)]
        pub(crate) enum Mutant { $(#[doc = $what] $name,)* }
    };
}
for_each_mutant!(declare);

/// Whether a mutant is switched on: a constant `false` in a normal build.
pub(crate) use super::seeded;
