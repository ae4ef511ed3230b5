//! The Linux kernel's per-VMA locks and mmap lock (v7.1), in Rust, instrumented for [`lockdep`].
#![deny(missing_docs)]

#[macro_use]
mod fault;

mod assert;
mod attach;
mod dep;
mod exclude;
mod expand;
mod find;
mod held;
mod lookup;
mod mapping;
mod mm;
mod mmap_guard;
mod mmap_lock;
mod node;
#[cfg_attr(vmalock_faults, path = "probe_on.rs")]
mod probe;
mod rcu;
mod rcuwait;
mod refcnt;
mod rwsem;
mod seq;
mod space;
mod space_edit;
mod static_ref;
mod step;
mod sync;
mod task;
pub mod trace;
mod tree;
mod vm_flags;
mod vma;
mod vma_guard;
mod vma_lock;
pub mod warn;

pub use expand::{CannotGrow, expand_stack_locked};
pub use find::{FaultOrigin, FoundVma, lock_mm_and_find_vma};
pub use lookup::{NextVmaError, lock_next_vma, lock_vma_under_rcu};
pub use mapping::{Access, Mapping, PAGE_SIZE, Resolved, STACK_GUARD_GAP, SpaceError, flags};
pub use mm::{Mm, MmRef, VmaLockEvents, mmgrab};
pub use mmap_guard::{MmapReadGuard, MmapWriteGuard, NonOwnerMmapRead};
pub use rcu::{RcuGuard, rcu_read_lock, rcu_read_lock_held};
pub use refcnt::{
    REFCOUNT_SATURATED, Refused, VM_REFCNT_EXCLUDE_READERS_BIT, VM_REFCNT_EXCLUDE_READERS_FLAG,
    VM_REFCNT_LIMIT, VmRefcnt,
};
pub use seq::MmLockSeq;
pub use space::AddressSpace;
pub use task::{Interrupted, Task, TaskState};
pub use tree::VmaIterator;
pub use vma::{POISON, StableVma, Vma, VmaCache, VmaFields};
pub use vma_guard::{VmaReadGuard, VmaWrite};

/// Seeds the fault called `id` (`"H1"`, `"M13"` …), process-wide; says whether there is one.
#[cfg(vmalock_faults)]
pub fn seed_fault(id: &str) -> bool {
    probe::seed(id)
}

/// The kernel's functions under the kernel's names, for those who port kernel code.
///
/// They take and leave locks without a guard. Whatever a caller does wrong with them, memory stays safe: it gets warnings
/// and lockdep reports, and a lock that is lost.
pub mod raw {
    pub use super::assert::{
        mmap_assert_locked, mmap_assert_write_locked, vma_assert_attached, vma_assert_detached,
        vma_assert_locked, vma_assert_stabilised, vma_assert_write_locked,
    };
    pub use super::attach::{vma_mark_attached, vma_mark_detached};
    pub use super::exclude::{ExcludeInterrupted, ExcludeReaders, Target};
    pub use super::mmap_lock::{
        mmap_lock_is_contended, mmap_read_disown, mmap_read_lock, mmap_read_lock_killable, mmap_read_trylock,
        mmap_read_unlock, mmap_read_unlock_non_owner, mmap_write_downgrade, mmap_write_lock,
        mmap_write_lock_killable, mmap_write_lock_nested, mmap_write_unlock, vma_end_write_all,
    };
    pub use super::rcuwait::RcuWait;
    pub use super::vm_flags::{
        vm_flags_clear, vm_flags_init, vm_flags_mod, vm_flags_reset, vm_flags_set, vma_flag_set_atomic,
    };
    pub use super::vma_lock::{
        StartReadError, are_readers_excluded, is_vma_write_locked, raw_mm_seqnum, vma_end_read,
        vma_start_read, vma_start_read_locked, vma_start_read_locked_nested, vma_start_write,
        vma_start_write_killable,
    };
}
