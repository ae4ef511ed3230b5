//! The protocol, under the kernel's names: the mmap lock, the lock of a VMA, attach and detach, the
//! assertions.
//!
//! It takes and leaves locks by hand. What cannot be misused is in `guard/`.

pub(crate) mod assert;
pub(crate) mod attach;
pub(crate) mod exclude;
pub(crate) mod held;
pub(crate) mod mmap_lock;
pub(crate) mod vma_lock;
