//! Growing a stack down to a faulting address (`expand_downwards`).

use super::super::object::vma::StableVma;
use super::super::probe::mutant::{Mutant, seeded};
use super::lookup_locked::check_is_in;
use super::mapping::{PAGE_SIZE, STACK_GUARD_GAP, flags};
use super::mmap_guard::MmapWriteGuard;
use super::vma_guard::VmaWrite;

/// The VMA cannot grow that far: another one is too near (`-ENOMEM`), or it is not a stack
/// (`-EFAULT`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CannotGrow;

impl std::fmt::Display for CannotGrow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the mapping cannot grow that far: another one is too near, or it is not a stack")
    }
}

impl std::error::Error for CannotGrow {}

/// Extends `vma` down to the page of `addr`, unless that brings it too near to the VMA below.
///
/// # Errors
///
/// [`CannotGrow`]; nothing was changed. The same holds for a VMA that is not a stack, and, with a
/// warning, for one of another address space.
#[track_caller]
pub fn expand_stack_locked<'g>(
    guard: &'g MmapWriteGuard<'_>,
    vma: StableVma<'g>,
    addr: usize,
) -> Result<(), CannotGrow> {
    if !check_is_in(guard.mm(), vma.as_raw()) || vma.vm_flags() & flags::GROWSDOWN == 0 {
        return Err(CannotGrow);
    }
    let new_start = addr - addr % PAGE_SIZE;
    let old_start = vma.vm_start();
    if new_start >= old_start {
        return Ok(());
    }
    let n_pages = (old_start - new_start) / PAGE_SIZE;
    // The offset cannot become negative, and the guard gap must stay free.
    let pgoff = vma.vm_pgoff().checked_sub(n_pages).ok_or(CannotGrow)?;
    let lowest = new_start.checked_sub(STACK_GUARD_GAP).ok_or(CannotGrow)?;
    if guard.find_vma(lowest).is_some_and(|below| below.vm_start() < old_start) {
        return Err(CannotGrow);
    }
    let write = if seeded(Mutant::H7b) { VmaWrite::new(vma, true) } else { guard.start_write(vma) };
    write.set_range(new_start, vma.vm_end(), pgoff);
    guard.mm().mm_mt.edit(|edit| {
        edit.clear(old_start);
        edit.store(new_start, vma.vm_end(), vma.as_raw());
    });
    Ok(())
}
