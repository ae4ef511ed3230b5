//! Which VMA read locks the calling task holds: kept in debug builds only, to catch the one forbidden wait.
//!
//! A task that holds a VMA read lock must not *block* on the mmap lock of that address space: the owner may be waiting
//! for this very reader. Lockdep reports the order; this list catches it without lockdep, at the first occurrence.

#[cfg(debug_assertions)]
mod list {
    use std::cell::RefCell;

    use super::super::sync::thread_local;

    thread_local! {
        /// Addresses of (address space, VMA).
        static HELD: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn with<R: Default>(f: impl FnOnce(&mut Vec<(usize, usize)>) -> R) -> R {
        // After the thread-local's destructor nothing is tracked any more.
        HELD.try_with(|held| held.try_borrow_mut().map(|mut held| f(&mut held)).unwrap_or_default())
            .unwrap_or_default()
    }
}

use super::mm::Mm;
use super::vma::Vma;

#[cfg(debug_assertions)]
pub(crate) fn acquired(mm: &Mm, vma: &Vma) {
    list::with(|held| held.push((mm.address(), vma.address())));
}

#[cfg(debug_assertions)]
pub(crate) fn released(vma: &Vma) {
    list::with(|held| {
        if let Some(index) = held.iter().rposition(|&(_, address)| address == vma.address()) {
            held.swap_remove(index);
        }
    });
}

/// Warns if the calling task holds a VMA read lock of `mm`, on which it is about to block.
#[cfg(debug_assertions)]
#[track_caller]
pub(crate) fn check_no_vma_lock(mm: &Mm) {
    if list::with(|held| held.iter().any(|&(address, _)| address == mm.address())) {
        super::warn::warn_on(super::warn::WarningKind::MmapLockUnderVmaLock, mm.address());
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn acquired(_mm: &Mm, _vma: &Vma) {}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn released(_vma: &Vma) {}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn check_no_vma_lock(_mm: &Mm) {}
