//! The Linux kernel's per-VMA locks and mmap lock (v7.1), in Rust, instrumented for [`lockdep`].
//!
//! An address space is a set of ranges (VMAs) that many threads look up all the time and few
//! change. One reader-writer lock for all of it, the *mmap lock*, does not scale: each lookup
//! writes to it. So each VMA has a lock of its own, which a reader takes after a lookup *without
//! any lock*. That is fast, and it is subtle: the VMA that was found may be freed, recycled, moved,
//! or changing, and the reader has to notice. This crate is that protocol: complete, usable, with
//! the kernel's names, model-checked, and with every event reported to the lock validator.
//!
//! # Using the locks
//!
//! ```
//! use vmalock::{AddressSpace, flags, lock_vma_under_rcu};
//!
//! let space = AddressSpace::new();
//! space.map(0x1000, 0x4000, flags::READ | flags::WRITE)?;
//!
//! // A reader: no lock of the address space. `None` means "ask again under the mmap lock".
//! if let Some(vma) = lock_vma_under_rcu(space.mm(), 0x2000) {
//!     assert_eq!((vma.vm_start(), vma.vm_end()), (0x1000, 0x5000));
//! }
//!
//! // A writer: the mmap lock for writing, then each VMA that changes. There is no unlock of one VMA: releasing (or
//! // downgrading) the mmap lock releases all of them with one store.
//! let mmap = space.mm().write();
//! let vma = mmap.start_write(mmap.vma_lookup(0x2000).expect("mapped above"));
//! vma.set_vm_flags(flags::READ);
//! drop(mmap);
//! # Ok::<(), vmalock::SpaceError>(())
//! ```
//!
//! # The rules
//!
//! 1. Write-lock a VMA only under the mmap *write* lock of the same address space. With guards, the
//!    borrow checker ensures that there is such a guard, and a comparison ensures that it is one of
//!    the VMA's own space: with another one the call warns and does nothing.
//! 2. Read-lock a VMA under no lock, or under the mmap read lock.
//! 3. While holding a VMA read lock, never *block* on the mmap lock of that address space: its
//!    writer may be waiting for you. Only [`Mm::try_read`] is allowed. Run with `LOCKDEP=1` and the
//!    order is reported even if nothing hung.
//! 4. Lock two address spaces always in one order. [`Mm::write_nested`] declares the order as
//!    intended (fork: the parent first), and lockdep does not check it then.
//! 5. Lock two VMAs either both without the mmap lock, or both under it. Release the first before
//!    you wait for the mmap lock.
//! 6. Never wait in an RCU section: neither for the mmap lock nor in a write lock of a VMA.
//! 7. A guard through a counted reference ([`AddressSpace::mm_ref`]) ends before the
//!    [`AddressSpace`] does. If not, the end of the space warns at the line where the guard was
//!    taken, and that VMA is kept forever.
//! 8. A hook of [`SpaceWriteGuard`] and a method of [`VmaPayload`] run under the mmap lock: they
//!    call nothing that takes a lock of that address space.
//!
//! # Writing a user of these locks
//!
//! [`AddressSpace`] is one: read `space/`, then `guard/find.rs` and `guard/expand.rs`. The pattern
//! of a fault is `lock_vma_under_rcu`, on `None` [`lock_mm_and_find_vma`]. The pattern of a change
//! is `write`, look up, `start_write`, modify, drop. A new VMA is allocated, filled, write-locked,
//! attached, stored in the tree, in this order; a VMA that is removed is write-locked, detached,
//! cleared from the tree, freed. The functions for that are in [`raw`], under the kernel's names.
//!
//! # When a rule is broken
//!
//! Memory stays safe. With `LOCKDEP=1` the validator reports the breach with both places; without
//! it the call warns ([`warn`]). Each breach is reported once, by a report or by a line. Reading
//! [`Mm::raw_mm_seqnum`] without the mmap write lock, for instance, is LD0010.
//!
//! Some breaches need the validator, or a debug build: waiting under a VMA read lock or in an RCU
//! section warns in debug builds only, two address spaces in opposite orders do not warn, and a
//! thread that waits for itself hangs. The validator reports that wait (LD0001), and then does what
//! `LOCKDEP_ON_DEADLOCK` says: by default it panics.
//!
//! # What it costs
//!
//! | operation | cost |
//! |---|---|
//! | uncontended VMA read lock / unlock | one acquire read-modify-write and two loads / one release read-modify-write |
//! | lookup under RCU | a pin (one full fence), a walk over an immutable B+tree, no writes |
//! | VMA write lock without readers | two read-modify-writes and two full fences |
//! | releasing *n* VMA write locks | one store |
//! | storing in the tree | a copy of one path (four nodes of 448 bytes for 100 000 VMAs) |
//! | memory | 64 bytes for a VMA, 25 in the tree, 24 more when the validator runs |
//! | validator compiled in, off | a relaxed load for each event |
//!
//! Memory of VMAs and address spaces is recycled at once and never given back to the allocator: the
//! high-water mark stays.
//!
//! # Where it differs from the kernel
//!
//! Marked `// Kernel:` in the sources: a 64-bit sequence, an acquire load in the wait condition,
//! memory that is never freed, attach and detach that refuse to be done twice, waits that spin for
//! a moment before they sleep, a yield in the lookup's retry loop and its end when no thread will
//! clear what it meets, a listing that looks from the caller's address each time.
#![deny(missing_docs)]

mod base;
mod guard;
mod lock;
mod object;
#[cfg_attr(vmalock_mutants, path = "probe/on.rs")]
mod probe;
mod space;

pub use base::events::{VmaLockEvents, WaitKind, WaitTimes};
pub use base::rcu::{RcuGuard, rcu_read_lock, rcu_read_lock_held};
pub use base::refcnt::{
    REFCOUNT_SATURATED, Refused, VM_REFCNT_EXCLUDE_READERS_BIT, VM_REFCNT_EXCLUDE_READERS_FLAG,
    VM_REFCNT_LIMIT, VmRefcnt,
};
pub use base::seq::MmLockSeq;
pub use base::task::{Interrupted, Task, TaskState};
pub use base::{trace, warn};
pub use guard::expand::{CannotGrow, expand_stack_locked};
pub use guard::find::{FaultOrigin, FoundVma, lock_mm_and_find_vma};
pub use guard::iterator::VmaIterator;
pub use guard::locked_vma::{FaultVma, LockedVma};
pub use guard::lookup::{NextVmaError, lock_next_vma, lock_vma_under_rcu};
pub use guard::mapping::{Access, Mapping, PAGE_SIZE, Resolved, STACK_GUARD_GAP, SpaceError, flags};
pub use guard::mmap_guard::{MmapReadGuard, MmapWriteGuard, NonOwnerMmapRead};
pub use guard::payload::{Shared, VmaPayload};
pub use guard::vma_guard::{VmaReadGuard, VmaWrite};
pub use object::mm::{Mm, MmRef, mmgrab};
pub use object::vma::{POISON, StableVma, Vma, VmaFields};
pub use space::AddressSpace;
pub use space::cache::VmaCache;
pub use space::fault::Retry;
pub use space::section::SpaceWriteGuard;

/// Seeds the mutant called `id` (`"H1"`, `"M13"` …), process-wide, and returns whether it exists.
#[cfg(vmalock_mutants)]
pub fn seed_mutant(id: &str) -> bool {
    probe::seed(id)
}

/// The kernel's functions under the kernel's names, for ports of kernel code.
///
/// They take and release locks without a guard. Memory stays safe whatever a caller does wrong with
/// them: the mistake leads to warnings, lockdep reports, and locks that are never released.
pub mod raw {
    pub use super::base::rcuwait::RcuWait;
    pub use super::guard::vm_flags::{
        vm_flags_clear, vm_flags_init, vm_flags_mod, vm_flags_reset, vm_flags_set, vma_flag_set_atomic,
    };
    pub use super::lock::assert::{
        mmap_assert_locked, mmap_assert_write_locked, vma_assert_attached, vma_assert_detached,
        vma_assert_locked, vma_assert_stabilised, vma_assert_write_locked,
    };
    pub use super::lock::attach::{vma_mark_attached, vma_mark_detached};
    pub use super::lock::exclude::{ExcludeInterrupted, ExcludeReaders, Target};
    pub use super::lock::mmap_lock::{
        mmap_lock_is_contended, mmap_read_disown, mmap_read_lock, mmap_read_lock_killable, mmap_read_trylock,
        mmap_read_unlock, mmap_read_unlock_non_owner, mmap_write_downgrade, mmap_write_lock,
        mmap_write_lock_killable, mmap_write_lock_nested, mmap_write_unlock, vma_end_write_all,
    };
    pub use super::lock::vma_lock::{
        StartReadError, are_readers_excluded, is_vma_write_locked, raw_mm_seqnum, vma_end_read,
        vma_start_read, vma_start_read_locked, vma_start_read_locked_nested, vma_start_write,
        vma_start_write_killable,
    };
    pub use super::space::names::{anon_vma_name, replace_anon_vma_name};
}
