//! The protocol for people: guards, and the ways to find a VMA and to get a lock of it.
//!
//! Which VMAs there are, and how they are split and merged, is the business of `space/`.

pub(crate) mod expand;
pub(crate) mod find;
pub(crate) mod iterator;
pub(crate) mod locked_vma;
pub(crate) mod lookup;
pub(crate) mod lookup_locked;
pub(crate) mod mapping;
pub(crate) mod mmap_guard;
pub(crate) mod payload;
pub(crate) mod tree_guard;
pub(crate) mod vm_flags;
pub(crate) mod vma_guard;
