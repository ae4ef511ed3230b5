//! Finding a VMA under the mmap lock (`find_vma`, `vma_lookup`), where the tree and the VMA must
//! agree.
//!
//! A VMA that is detached, or was recycled for another address space, while the tree still names it
//! is a mistake of the code that detached it. It is reported and passed over: what is found under
//! the mmap lock is attached, and belongs to the space.

use super::super::base::warn::{WarningKind, warn_on};
use super::super::object::mm::Mm;
use super::super::object::vma::Vma;

/// The first VMA of `mm` that ends above `addr`. The caller holds the mmap lock.
#[track_caller]
pub(crate) fn find_vma(mm: &Mm, addr: usize) -> Option<&'static Vma> {
    let mut from = addr;
    loop {
        let entry = mm.mm_mt.ending_above(from)?;
        if !is_of(mm, entry.vma) {
            warn_of_stale_tree(mm, entry.vma);
        } else if addr < entry.vma.fields().vm_end() {
            return Some(entry.vma);
        }
        from = entry.end;
    }
}

/// The VMA of `mm` that covers `addr`. The caller holds the mmap lock.
#[track_caller]
pub(crate) fn vma_lookup(mm: &Mm, addr: usize) -> Option<&'static Vma> {
    let vma = mm.mm_mt.covering(addr)?;
    if is_of(mm, vma) {
        return vma.fields().contains(addr).then_some(vma);
    }
    warn_of_stale_tree(mm, vma);
    None
}

/// Whether `vma` is attached, and to `mm`.
pub(crate) fn is_of(mm: &Mm, vma: &Vma) -> bool {
    vma.is_attached() && is_in(mm, vma)
}

/// Whether `vma` belongs to `mm`.
pub(crate) fn is_in(mm: &Mm, vma: &Vma) -> bool {
    vma.vm_mm().is_some_and(|owner| std::ptr::eq(owner, mm))
}

/// Whether `vma` belongs to `mm`, whose guard the caller used for it; warns if not.
#[track_caller]
pub(crate) fn check_is_in(mm: &Mm, vma: &Vma) -> bool {
    let is_in = is_in(mm, vma);
    if !is_in {
        warn_on(WarningKind::ForeignVma, vma.address());
    }
    is_in
}

#[cold]
#[track_caller]
fn warn_of_stale_tree(mm: &Mm, vma: &Vma) {
    mm.set_tree_stale();
    warn_on(WarningKind::TreeStale, vma.address());
}
