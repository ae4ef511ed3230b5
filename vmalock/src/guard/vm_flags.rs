//! Changing `vm_flags`, with the lock that each way needs (`include/linux/mm.h`).

use super::super::lock::assert::{vma_assert_detached, vma_assert_stabilised, vma_assert_write_locked};
use super::super::lock::vma_lock::vma_start_write;
use super::super::object::vma::Vma;
use super::mapping::flags;

/// Sets the flags of a VMA that is not published yet (`vm_flags_init`).
#[track_caller]
pub fn vm_flags_init(vma: &Vma, vm_flags: usize) {
    vma_assert_detached(vma);
    vma.fields().set_vm_flags(vm_flags);
}

/// Sets the flags of a write-locked VMA (`vm_flags_reset`): asserts the lock, does not take it.
#[track_caller]
pub fn vm_flags_reset(vma: &Vma, vm_flags: usize) {
    vma_assert_write_locked(vma);
    vma.fields().set_vm_flags(vm_flags);
}

/// Write-locks the VMA and adds and removes flags (`vm_flags_mod`). Requires the mmap write lock.
#[track_caller]
pub fn vm_flags_mod(vma: &'static Vma, set: usize, clear: usize) {
    vma_start_write(vma);
    vma.fields().set_vm_flags((vma.fields().vm_flags() | set) & !clear);
}

/// Write-locks the VMA and adds flags (`vm_flags_set`). Requires the mmap write lock.
#[track_caller]
pub fn vm_flags_set(vma: &'static Vma, set: usize) {
    vm_flags_mod(vma, set, 0);
}

/// Write-locks the VMA and removes flags (`vm_flags_clear`). Requires the mmap write lock.
#[track_caller]
pub fn vm_flags_clear(vma: &'static Vma, clear: usize) {
    vm_flags_mod(vma, 0, clear);
}

/// Sets [`flags::MAYBE_GUARD`] without the write lock (`vma_flag_set_atomic`); says whether it did.
///
/// The VMA must be stabilised: the mmap lock in any mode, or its own. Any other flag is refused.
#[track_caller]
#[must_use]
pub fn vma_flag_set_atomic(vma: &Vma, flag: usize) -> bool {
    vma_assert_stabilised(vma);
    if flag != flags::MAYBE_GUARD {
        return false;
    }
    vma.fields().set_flag_atomic(flag);
    true
}
