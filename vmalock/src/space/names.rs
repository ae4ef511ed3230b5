//! The name of a VMA (`anon_vma_name`): what `PR_SET_VMA_ANON_NAME` sets and `/proc/<pid>/maps`
//! shows.
//!
//! Few VMAs have one, and few programs name any: names lie in a table of their own, which is not
//! looked at before the first name was given.
//!
//! Source: `include/linux/mm_inline.h`, `mm/madvise.c` (v7.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::guard::payload::{PayloadTable, Shared, VmaPayload as _};
use super::super::lock::assert::{vma_assert_stabilised, vma_assert_write_locked};
use super::super::object::vma::Vma;

static NAMES: PayloadTable<Shared<str>> = PayloadTable::new();

/// Whether any VMA was ever named.
static IS_USED: AtomicBool = AtomicBool::new(false);

fn is_used() -> bool {
    // ORDERING: Relaxed; who is to see a name is ordered after its setter by the lock of the VMA.
    IS_USED.load(Ordering::Relaxed)
}

/// Returns the name of `vma`, if it has one (`anon_vma_name`).
///
/// The VMA must be stabilised: the mmap lock in any mode, or its own.
#[track_caller]
#[must_use]
pub fn anon_vma_name(vma: &Vma) -> Option<Arc<str>> {
    vma_assert_stabilised(vma);
    if is_used() { NAMES.of(vma.number()).get() } else { None }
}

/// Names the write-locked `vma`, or takes its name away (`replace_anon_vma_name`): asserts the
/// lock, does not take it.
#[track_caller]
pub fn replace_anon_vma_name(vma: &Vma, name: Option<&str>) {
    vma_assert_write_locked(vma);
    set(vma, name.map(Arc::from));
}

fn set(vma: &Vma, name: Option<Arc<str>>) {
    if name.is_some() {
        // ORDERING: Relaxed; see `is_used`.
        IS_USED.store(true, Ordering::Relaxed);
    }
    if is_used() {
        NAMES.of(vma.number()).set(name);
    }
}

/// Gives `to` the name of `from` (`dup_anon_vma_name`).
pub(crate) fn copy(from: &Vma, to: &Vma) {
    if is_used() {
        NAMES.of(to.number()).set(NAMES.of(from.number()).get());
    }
}

/// Whether two VMAs have the same name (`anon_vma_name_eq`).
pub(crate) fn are_same(left: &Vma, right: &Vma) -> bool {
    !is_used() || NAMES.of(left.number()).get() == NAMES.of(right.number()).get()
}

/// Takes the name away from a VMA that goes (`free_anon_vma_name`).
pub(crate) fn clear(vma: &Vma) {
    if is_used() {
        NAMES.of(vma.number()).clear();
    }
}
