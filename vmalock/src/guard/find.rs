//! The fault handler's way through the mmap lock: `lock_mm_and_find_vma`, with stack growth.
//!
//! Source: `mm/mmap_lock.c` (v7.1).

use super::super::base::task::Interrupted;
use super::super::lock::mmap_lock::mmap_might_read_lock;
use super::super::object::mm::Mm;
use super::super::object::vma::{StableVma, Vma};
use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::reached;
use super::super::probe::step::Point;
use super::expand::{CannotGrow, expand_stack_locked};
use super::mapping::{SpaceError, flags};
use super::mmap_guard::MmapReadGuard;

/// What the fault handler knows about the faulting code (`struct pt_regs`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FaultOrigin {
    /// User code.
    #[default]
    User,
    /// Kernel code that expects to fault: there is a fixup for it.
    KernelWithFixup,
    /// Kernel code that must not fault. It may hold the mmap lock itself, so it must not wait for
    /// it.
    KernelWithoutFixup,
}

impl FaultOrigin {
    /// Whether the handler may wait for the mmap lock.
    fn may_wait(self) -> bool {
        self != Self::KernelWithoutFixup
    }
}

/// A VMA, found under the mmap read lock that comes with it.
#[derive(Debug)]
#[must_use = "the lock is released at once"]
pub struct FoundVma<'mm> {
    guard: MmapReadGuard<'mm>,
    vma: &'static Vma,
}

impl<'mm> FoundVma<'mm> {
    /// Returns the VMA.
    #[must_use]
    pub fn vma(&self) -> StableVma<'_> {
        StableVma::new(self.vma)
    }

    /// Returns the mmap read lock, without the VMA.
    pub fn into_guard(self) -> MmapReadGuard<'mm> {
        self.guard
    }
}

/// Why there is no VMA. No lock is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotFound {
    /// Nothing is mapped there, and no stack can grow there.
    NotMapped,
    /// The task was killed while it waited.
    Interrupted,
    /// The lock is contended, and the origin must not wait.
    WouldWait,
}

impl From<Interrupted> for NotFound {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl From<NotFound> for SpaceError {
    fn from(why: NotFound) -> Self {
        match why {
            NotFound::Interrupted => Self::Interrupted,
            NotFound::NotMapped | NotFound::WouldWait => Self::NotMapped,
        }
    }
}

/// Takes the mmap lock for reading and finds the VMA that covers `addr`, growing a stack down to it
/// if need be.
///
/// `None`: there is no such VMA, or the lock could not be had (killed, or `origin` must not wait).
/// No lock is held then.
#[track_caller]
#[must_use]
pub fn lock_mm_and_find_vma(mm: &Mm, addr: usize, origin: FaultOrigin) -> Option<FoundVma<'_>> {
    find_for_fault(mm, addr, origin).ok()
}

/// [`lock_mm_and_find_vma`], which says why not.
#[track_caller]
pub(crate) fn find_for_fault(mm: &Mm, addr: usize, origin: FaultOrigin) -> Result<FoundVma<'_>, NotFound> {
    if origin.may_wait() {
        // Before the try, so that the forbidden order is reported although the try mostly succeeds.
        mmap_might_read_lock(mm);
    }
    let guard = match mm.try_read() {
        Some(guard) => guard,
        None if !origin.may_wait() => return Err(NotFound::WouldWait),
        None => read_killable(mm)?,
    };
    let (start, vm_flags, vma) = {
        let vma = guard.find_vma(addr).ok_or(NotFound::NotMapped)?;
        (vma.vm_start(), vma.vm_flags(), vma.as_raw())
    };
    if start <= addr {
        return Ok(FoundVma { guard, vma });
    }
    if vm_flags & flags::GROWSDOWN == 0 {
        if seeded(Mutant::M33a) {
            std::mem::forget(guard);
        }
        return Err(NotFound::NotMapped);
    }
    // There is no upgrade: another thread may change everything between the two locks.
    drop(guard);
    if !origin.may_wait() {
        return Err(NotFound::WouldWait);
    }
    reached(Point::BetweenUpgradeLocks);
    grow(mm, addr, vma)
}

/// Waits for the read lock.
#[track_caller]
fn read_killable(mm: &Mm) -> Result<MmapReadGuard<'_>, NotFound> {
    match mm.read_killable() {
        Ok(guard) => Ok(guard),
        Err(_) if seeded(Mutant::H9) => Ok(MmapReadGuard::new(mm)),
        Err(interrupted) => Err(interrupted.into()),
    }
}

/// Looks again under the write lock and grows the stack.
#[track_caller]
fn grow<'mm>(mm: &'mm Mm, addr: usize, seen: &'static Vma) -> Result<FoundVma<'mm>, NotFound> {
    let guard = mm.write_killable()?;
    let vma =
        if seeded(Mutant::M32) { seen } else { guard.find_vma(addr).ok_or(NotFound::NotMapped)?.as_raw() };
    if vma.fields().vm_start() > addr {
        if vma.fields().vm_flags() & flags::GROWSDOWN == 0 {
            return Err(NotFound::NotMapped);
        }
        expand_stack_locked(&guard, guard.stable(vma), addr).map_err(|CannotGrow| NotFound::NotMapped)?;
    }
    if seeded(Mutant::M33b) {
        std::mem::forget(guard);
        return Ok(FoundVma { guard: MmapReadGuard::new(mm), vma });
    }
    Ok(FoundVma { guard: guard.downgrade(), vma })
}
