//! Attaching a VMA to its address space, and detaching it: after a detach no thread holds it, and
//! none can.
//!
//! A new VMA is filled while detached, write-locked (which only stamps it), attached, and stored in
//! the tree, in this order: a reader that finds it before the section ends is turned away by the
//! stamp. A VMA is detached while it is still in the tree; readers that find it see the count 0 and
//! look again.
//!
//! Source: `include/linux/mmap_lock.h`, `mm/mmap_lock.c`, `mm/vma.h` (v7.0).

use std::panic::Location;

use super::super::base::task::TaskState;
use super::super::base::warn::{WarningKind, warn_on};
use super::super::object::vma::Vma;
use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::record;
use super::super::probe::step::{CountStep, Step};
use super::assert::{vma_assert_attached, vma_assert_detached, vma_assert_write_locked};
use super::exclude::{ExcludeReaders, Target};

/// Attaches `vma`: from here on readers can lock it, once its write lock ends.
///
/// Requires that it is write-locked and detached. Attaching twice warns and changes nothing.
#[track_caller]
pub fn vma_mark_attached(vma: &'static Vma) {
    vma_assert_write_locked(vma);
    if !vma_assert_detached(vma) {
        // Kernel: stores 1 all the same, which loses the references of present readers.
        return;
    }
    vma.vm_refcnt.attach();
    record(Step::Count(CountStep::Attach));
}

/// Detaches `vma`: when it returns the count is 0 and stays 0 until it is attached again.
///
/// Requires that it is write-locked and attached. Waits for transient readers: those that took a
/// reference and have not noticed the write lock yet. Detaching twice warns and changes nothing.
#[track_caller]
pub fn vma_mark_detached(vma: &'static Vma) {
    vma_assert_write_locked(vma);
    if !vma_assert_attached(vma) {
        // Kernel: decrements all the same and saturates the count.
        return;
    }
    let left = vma.vm_refcnt.dec_return(Location::caller());
    record(Step::Count(CountStep::Decrement));
    if left != 0 && !seeded(Mutant::H12) {
        exclude_readers_for_detach(vma);
    }
}

/// `__vma_exclude_readers_for_detach`.
#[cold]
#[track_caller]
fn exclude_readers_for_detach(vma: &'static Vma) {
    let state = if seeded(Mutant::M22) { TaskState::Killable } else { TaskState::Uninterruptible };
    let is_detached = match ExcludeReaders::start(vma, Target::Detaching, state) {
        // The last reader left in between, or the count is pinned.
        Ok(None) => !vma.is_attached(),
        Ok(Some(excluded)) => excluded.end(),
        Err(interrupted) => interrupted.is_detached,
    };
    if !is_detached && !seeded(Mutant::M44) {
        warn_on(WarningKind::VmaNotDetached, vma.address());
    }
}
