//! Small address spaces to test on.

use std::sync::Arc;

use crate::build::cache::VmaCache;
use crate::build::mapping::{PAGE_SIZE, flags};
use crate::build::mm::{Mm, MmRef};
use crate::build::rcu::{RcuGuard, rcu_read_lock};
use crate::build::space::AddressSpace;
use crate::build::vma::Vma;
use crate::build::vma_lock::{StartReadError, vma_start_read};

pub(crate) const RW: usize = flags::READ | flags::WRITE;

/// Byte address of page `n`.
pub(crate) const fn page(n: usize) -> usize {
    n * PAGE_SIZE
}

/// A slab that only the calling test uses, so that it decides who gets whose VMA.
pub(crate) fn cache() -> &'static VmaCache {
    Box::leak(Box::new(VmaCache::new()))
}

/// A space with these ranges of pages mapped, readable and writable.
pub(crate) fn space(ranges: &[(usize, usize)]) -> Arc<AddressSpace> {
    space_in(cache(), ranges)
}

pub(crate) fn space_in(cache: &'static VmaCache, ranges: &[(usize, usize)]) -> Arc<AddressSpace> {
    let space = AddressSpace::with_cache(cache);
    for &(start, end) in ranges {
        space.map(page(start), page(end - start), RW).unwrap();
    }
    Arc::new(space)
}

/// The VMA that covers page `n`.
pub(crate) fn vma_at(space: &AddressSpace, n: usize) -> &'static Vma {
    space.mm().mm_mt.covering(page(n)).expect("something is mapped there")
}

/// The address space for helper threads; the test keeps its `AddressSpace`.
pub(crate) fn raw_mm(space: &AddressSpace) -> &'static Mm {
    space.mm_ref().as_raw()
}

/// One attempt to read-lock `vma`, from an RCU section that ends with it.
pub(crate) fn try_read(mm: &'static Mm, vma: &'static Vma) -> Result<RcuGuard, StartReadError> {
    vma_start_read(rcu_read_lock(), mm, vma)
}

/// An attached VMA that is in no tree.
pub(crate) fn lone_vma() -> (MmRef, &'static Vma) {
    let mm = MmRef::new();
    let vma = cache().alloc(mm.as_raw());
    vma.fields_unchecked().set_vm_start(page(1));
    vma.fields_unchecked().set_vm_end(page(2));
    let guard = mm.write();
    crate::build::vma_lock::vma_start_write(vma);
    crate::build::attach::vma_mark_attached(vma);
    drop(guard);
    (mm, vma)
}
