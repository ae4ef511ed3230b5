//! The assertions about held locks, with the kernel's meanings.
//!
//! | holds | `mmap_assert_locked` | `mmap_assert_write_locked` | `vma_assert_write_locked` | `vma_assert_locked` | `vma_assert_stabilised` |
//! |---|---|---|---|---|---|
//! | nothing | ✗ | ✗ | ✗ | ✗ | ✗ |
//! | mmap read | ✓ | ✗ | ✗ | ✗ | ✓ |
//! | mmap write | ✓ | ✓ | ✗ | ✗ | ✓ |
//! | mmap write + VMA write | ✓ | ✓ | ✓ | ✓ | ✓ |
//! | VMA read | ✗ | ✗ | ✗ | ✓ | ✓ |
//!
//! With lockdep on, "holds" means *this task*. Without it, as in the kernel, a read lock of any
//! task satisfies an assertion. The owner of the mmap write lock is known in every configuration,
//! so the assertions that need it are exact in every configuration.
//!
//! A failed assertion never panics: it warns ([`super::super::base::warn`]) and, if lockdep is on,
//! is reported as LD0010. Every function returns whether its assertion held.

use std::panic::Location;

use super::super::base::dep::Held;
use super::super::base::warn::{WarningKind, warn_at, warn_on};
use super::super::object::mm::Mm;
use super::super::object::vma::Vma;
use super::super::probe::mutant::{Mutant, seeded};

/// Asserts that the mmap lock is held, in any mode.
// Kernel: without lockdep it warns only if no thread holds the lock; so do we.
#[track_caller]
#[inline]
pub fn mmap_assert_locked(mm: &Mm) -> bool {
    let is_held = match mm.dep_map.is_held() {
        Held::Yes => true,
        Held::No => false,
        Held::Unknown => seeded(Mutant::H14) || mm.mmap_lock.is_locked(),
    };
    if !is_held {
        mm.dep_map.report_not_held(false);
        warn_on(WarningKind::MmapNotLocked, mm.address());
    }
    is_held
}

/// Asserts that the calling task holds the mmap lock for writing.
// Kernel: without lockdep any writer will do; ours is exact, because the lock knows its owner.
#[track_caller]
#[inline]
pub fn mmap_assert_write_locked(mm: &Mm) -> bool {
    let is_held = is_write_held(mm);
    if !is_held {
        mm.dep_map.report_not_held(true);
        warn_on(WarningKind::MmapNotWriteLocked, mm.address());
    }
    is_held
}

/// As [`mmap_assert_write_locked`], by the end of a guard that was made at `made`.
pub(crate) fn guard_assert_write_locked(mm: &Mm, made: &'static Location<'static>) -> bool {
    let is_held = is_write_held(mm);
    if !is_held {
        mm.dep_map.report_guard_without_lock(made);
        warn_at(WarningKind::MmapNotWriteLocked, mm.address(), made);
    }
    is_held
}

#[inline]
fn is_write_held(mm: &Mm) -> bool {
    match mm.dep_map.is_held_exclusive() {
        Held::Yes => true,
        Held::No => false,
        Held::Unknown => seeded(Mutant::H14) || mm.mmap_lock.is_write_locked_by_me(),
    }
}

/// Asserts that the VMA is write-locked, which includes that the calling task holds the mmap write
/// lock.
#[track_caller]
pub fn vma_assert_write_locked(vma: &Vma) -> bool {
    let Some(mm) = vma.vm_mm() else {
        warn_on(WarningKind::VmaDetached, vma.address());
        return false;
    };
    // One mistake, one report: without the mmap lock the stamp means nothing.
    if !mmap_assert_write_locked(mm) {
        return false;
    }
    let is_locked = vma.vm_lock_seq() == mm.mm_lock_seq.read_relaxed();
    if !is_locked {
        // Lockdep does not track VMA write locks, but it can say that this one is not held, and
        // where.
        vma.vmlock_dep_map().report_not_held(true);
        warn_on(WarningKind::VmaNotWriteLocked, vma.address());
    }
    is_locked
}

/// Asserts that the VMA is locked, for reading or writing, and attached.
#[track_caller]
pub fn vma_assert_locked(vma: &Vma) -> bool {
    match vma.vmlock_dep_map().is_held() {
        Held::Yes => return true,
        Held::No => {}
        Held::Unknown => {
            let count = vma.vm_refcnt.read();
            if count > 1 {
                // Some task's reader: good enough while validation is off, as in the kernel.
                return true;
            }
            if count == 0 {
                warn_on(WarningKind::VmaDetached, vma.address());
                return false;
            }
        }
    }
    let is_locked = is_vma_write_locked_quietly(vma);
    if !is_locked {
        vma.vmlock_dep_map().report_not_held(false);
        warn_on(WarningKind::VmaNotLocked, vma.address());
    }
    is_locked
}

/// Asserts that the VMA cannot change: the mmap lock in any mode, or the VMA's own lock.
// The mmap lock must be tested first: a test of the VMA would be satisfied by another task's
// reader, or would assert the mmap *write* lock of a mere mmap reader.
#[track_caller]
pub fn vma_assert_stabilised(vma: &Vma) -> bool {
    if seeded(Mutant::M29) {
        return vma_assert_locked(vma);
    }
    let Some(mm) = vma.vm_mm() else { return vma_assert_locked(vma) };
    let is_held = match mm.dep_map.is_held() {
        Held::Yes => true,
        Held::No => false,
        Held::Unknown => mm.mmap_lock.is_locked(),
    };
    is_held || vma_assert_locked(vma)
}

/// Asserts that the VMA is attached.
#[track_caller]
pub fn vma_assert_attached(vma: &Vma) -> bool {
    if !vma.is_attached() {
        warn_on(WarningKind::VmaDetached, vma.address());
        return false;
    }
    true
}

/// Asserts that the VMA is detached.
#[track_caller]
pub fn vma_assert_detached(vma: &Vma) -> bool {
    if vma.is_attached() {
        warn_on(WarningKind::VmaAttached, vma.address());
        return false;
    }
    true
}

/// Whether the VMA is write-locked by the calling task, without asserting the mmap lock.
// Kernel: asks `__is_vma_write_locked`, whose own assertion then fires a second time for the same
// mistake.
fn is_vma_write_locked_quietly(vma: &Vma) -> bool {
    let Some(mm) = vma.vm_mm() else { return false };
    mm.mmap_lock.is_write_locked_by_me() && vma.vm_lock_seq() == mm.mm_lock_seq.read_relaxed()
}
