//! A VMA with what the program keeps with it, under a lock that a guard holds for it.

use std::ops::Deref;

use super::super::object::vma::{Vma, VmaFields};
use super::mapping::{Mapping, PAGE_SIZE, Resolved};
use super::payload::VmaPayload;

/// A VMA and its payload, under a lock that keeps it as it is: what hooks and fault handlers get.
///
/// In a hook of a [`SpaceWriteGuard`](crate::SpaceWriteGuard) that is the write lock of the VMA. A
/// *new* VMA (of `map_with`, `map_fixed_with`, `fork_with`) needs none: no other thread can find it
/// yet, and it is neither attached nor locked. In a fault handler
/// ([`AddressSpace::fault_with`](crate::AddressSpace::fault_with)) it is the read lock of the VMA
/// or the mmap lock; [`SpaceWriteGuard::locked`](crate::SpaceWriteGuard::locked) relies on the mmap
/// lock.
#[derive(Debug)]
pub struct LockedVma<'g, P: VmaPayload = ()> {
    vma: &'static Vma,
    payload: &'g P,
}

impl<'g, P: VmaPayload> LockedVma<'g, P> {
    pub(crate) fn new(vma: &'static Vma, payload: &'g P) -> Self {
        Self { vma, payload }
    }

    /// Returns what the program keeps with the VMA.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'g P {
        self.payload
    }

    /// Returns its range, flags and offset.
    #[must_use]
    pub fn mapping(&self) -> Mapping {
        Mapping::of(self.vma.fields())
    }

    /// Returns the object, for the raw functions.
    #[must_use]
    pub fn as_raw(&self) -> &'static Vma {
        self.vma
    }

    /// Returns the offset of the page at `addr` in what is mapped, in pages.
    #[inline]
    #[must_use]
    pub fn pgoff_of(&self, addr: usize) -> usize {
        // Wrapping: `addr` is the caller's, and may lie anywhere.
        self.vm_pgoff().wrapping_add(addr.wrapping_sub(self.vm_start()) / PAGE_SIZE)
    }
}

impl<P: VmaPayload> Deref for LockedVma<'_, P> {
    type Target = VmaFields;

    #[inline]
    fn deref(&self) -> &VmaFields {
        self.vma.fields()
    }
}

/// The VMA of a fault that is allowed, under whichever lock was got.
#[derive(Debug)]
pub struct FaultVma<'g, P: VmaPayload = ()> {
    vma: LockedVma<'g, P>,
    resolved: Resolved,
}

impl<'g, P: VmaPayload> FaultVma<'g, P> {
    pub(crate) fn new(vma: LockedVma<'g, P>, addr: usize, under_vma_lock: bool) -> Self {
        let resolved = Resolved { pgoff: vma.pgoff_of(addr), under_vma_lock };
        Self { vma, resolved }
    }

    /// Returns the page, and which lock it was.
    #[inline]
    #[must_use]
    pub fn resolved(&self) -> Resolved {
        self.resolved
    }
}

impl<'g, P: VmaPayload> Deref for FaultVma<'g, P> {
    type Target = LockedVma<'g, P>;

    #[inline]
    fn deref(&self) -> &LockedVma<'g, P> {
        &self.vma
    }
}
