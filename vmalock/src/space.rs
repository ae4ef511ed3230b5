//! An address space that does work, on these locks only: map, unmap, protect, fault, grow, fork, list.
//!
//! It is what the locks are for, cut down to what exercises them: no page tables, no files, no reverse map. Every function
//! follows the kernel's order of locks and steps.

use std::sync::atomic::AtomicUsize;

use super::assert::vma_assert_write_locked;
use super::attach::{vma_mark_attached, vma_mark_detached};
use super::cache::VmaCache;
use super::fault::{Fault, seeded};
use super::find::{FaultOrigin, find_for_fault};
use super::iterator::VmaIterator;
use super::lookup::{NextVmaError, lock_next_vma, lock_vma_under_rcu};
use super::mapping::{Access, Mapping, PAGE_SIZE, Resolved, SpaceError, flags};
use super::mm::{Mm, MmRef};
use super::mmap_guard::MmapWriteGuard;
use super::payload::VmaPayload;
use super::probe::reached;
use super::rcu::rcu_read_lock;
use super::step::Point;
use super::sync::{Ordering, yield_now};
use super::vma::{StableVma, Vma, VmaFields};
use super::vma_guard::VmaReadGuard;
use super::vma_lock::{vma_start_write, vma_start_write_killable};

/// What stands for the next anonymous memory. One for all spaces: a child has its parent's ids, and both go on from there.
static NEXT_ANON_VMA: AtomicUsize = AtomicUsize::new(1);

/// The users' handle of an address space: what is mapped ends with it (`mm_users`).
///
/// `P` is what the program keeps with each VMA ([`VmaPayload`]); nothing, by default.
#[derive(Debug)]
pub struct AddressSpace<P: VmaPayload = ()> {
    pub(crate) mm: MmRef,
    pub(crate) cache: &'static VmaCache<P>,
    // INVARIANT: number of attached VMAs; changed under the mmap write lock.
    pub(crate) map_count: AtomicUsize,
}

impl AddressSpace {
    /// Makes an empty address space, whose VMAs come from the slab of the process.
    #[track_caller]
    #[must_use]
    pub fn new() -> Self {
        Self::with_cache(VmaCache::shared())
    }
}

impl<P: VmaPayload> AddressSpace<P> {
    /// Makes an empty address space whose VMAs have payloads, from the slab of the process for that type.
    #[track_caller]
    #[must_use]
    pub fn with_payloads() -> Self {
        Self::with_cache(VmaCache::shared())
    }

    /// Makes an empty address space with VMAs from `cache`, so that a test can decide who reuses whose.
    #[track_caller]
    #[must_use]
    pub fn with_cache(cache: &'static VmaCache<P>) -> Self {
        Self { mm: MmRef::new(), cache, map_count: AtomicUsize::new(0) }
    }

    /// The address space as the locks see it.
    #[must_use]
    pub fn mm(&self) -> &Mm {
        &self.mm
    }

    /// A counted reference to it: outlives the users.
    #[must_use]
    pub fn mm_ref(&self) -> MmRef {
        self.mm.clone()
    }

    /// How many VMAs there are.
    #[must_use]
    pub fn map_count(&self) -> usize {
        // ORDERING: Relaxed; a statistic, exact under the mmap lock.
        self.map_count.load(Ordering::Relaxed)
    }

    /// What the program keeps with `vma`, as long as that is locked.
    #[inline]
    #[must_use]
    pub fn payload<'v>(&self, vma: &'v VmaReadGuard<'_>) -> &'v P {
        self.cache.payload(vma.as_raw())
    }

    /// Maps `len` bytes at `start`, where nothing may be mapped. The offset of its first page is `start / PAGE_SIZE`, so
    /// that the offset of every page stays its number whatever is split, merged or grown.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Occupied`, `Interrupted`.
    #[track_caller]
    pub fn map(&self, start: usize, len: usize, vm_flags: usize) -> Result<(), SpaceError> {
        let end = check_range(start, len)?;
        let guard = self.mm.write_killable()?;
        if guard.find_vma(start).is_some_and(|vma| vma.vm_start() < end) {
            return Err(SpaceError::Occupied);
        }
        let mapping = Mapping { start, end, flags: vm_flags, pgoff: start / PAGE_SIZE };
        let vma = self.new_vma(&guard, mapping, |_| {});
        self.mm.mm_mt.edit(|edit| edit.store(start, end, vma));
        Ok(())
    }

    /// Makes an attached, write-locked VMA that is not in the tree yet; `fill_payload` fills what the program keeps with it.
    #[track_caller]
    pub(crate) fn new_vma(
        &self,
        guard: &MmapWriteGuard<'_>,
        mapping: Mapping,
        fill_payload: impl FnOnce(&P),
    ) -> &'static Vma {
        let vma = self.cache.alloc(self.mm.as_raw());
        fill(vma.fields(), mapping);
        fill_payload(self.cache.payload(vma));
        self.publish(guard, vma);
        vma
    }

    /// Write-locks (stamps) and attaches a filled VMA. The stamp turns readers away until the section ends.
    #[track_caller]
    fn publish(&self, _guard: &MmapWriteGuard<'_>, vma: &'static Vma) {
        if seeded(Fault::M18a) {
            vma_mark_attached(vma);
            vma_start_write(vma);
        } else {
            if !seeded(Fault::H7d) {
                vma_start_write(vma);
            }
            vma_mark_attached(vma);
        }
        // ORDERING: Relaxed; changed under the mmap write lock only.
        self.map_count.fetch_add(1, Ordering::Relaxed);
    }

    /// Detaches a write-locked VMA; the caller clears the tree and frees it.
    #[track_caller]
    pub(crate) fn detach(&self, vma: &'static Vma) {
        vma_mark_detached(vma);
        // ORDERING: Relaxed; as in `publish`.
        self.map_count.fetch_sub(1, Ordering::Relaxed);
        reached(Point::BetweenDetachAndClear);
    }

    /// Resolves a fault at `addr`: under the per-VMA lock if possible, else under the mmap lock.
    ///
    /// # Errors
    ///
    /// `NotMapped`, `AccessDenied`; `Interrupted` if the task was killed while it waited.
    #[track_caller]
    pub fn fault(&self, addr: usize, access: Access) -> Result<Resolved, SpaceError> {
        let early_flags = if seeded(Fault::H6) { self.flags_without_lock(addr) } else { None };
        if let Some(vma) = lock_vma_under_rcu(&self.mm, addr) {
            if !allows(early_flags.unwrap_or_else(|| vma.vm_flags()), access) {
                return Err(SpaceError::AccessDenied);
            }
            if access == Access::Read || vma.anon_vma() != 0 || self.prepare_anon_vma(&vma) {
                return Ok(Resolved { pgoff: pgoff_of(&vma, addr), under_vma_lock: true });
            }
            // VM_FAULT_RETRY: the VMA lock is dropped here, before the mmap lock is waited for.
        }
        let outer = if seeded(Fault::H10) { Some(self.mm.read()) } else { None };
        if outer.is_some() {
            reached(Point::BetweenUpgradeLocks);
        }
        let found = find_for_fault(&self.mm, addr, FaultOrigin::User)?;
        let vma = found.vma();
        if !allows(vma.vm_flags(), access) {
            return Err(SpaceError::AccessDenied);
        }
        if access == Access::Write && vma.anon_vma() == 0 {
            self.assign_anon_vma(&vma);
        }
        Ok(Resolved { pgoff: pgoff_of(&vma, addr), under_vma_lock: false })
    }

    /// `__vmf_anon_prepare`: under a VMA read lock the mmap lock may only be *tried*. False: retry without the VMA lock.
    #[track_caller]
    fn prepare_anon_vma(&self, vma: &VmaReadGuard<'_>) -> bool {
        let Some(_mmap) = self.mm.try_read() else { return false };
        self.assign_anon_vma(vma);
        true
    }

    fn assign_anon_vma(&self, vma: &VmaFields) {
        // ORDERING: Relaxed; only uniqueness matters. Two faults that race both assign a valid one, as in the kernel,
        // where the page table lock decides.
        vma.set_anon_vma(NEXT_ANON_VMA.fetch_add(1, Ordering::Relaxed));
    }

    /// Fault H6: reads a field of a VMA that nobody locked.
    fn flags_without_lock(&self, addr: usize) -> Option<usize> {
        let rcu = rcu_read_lock();
        let vma = VmaIterator::new(&self.mm, addr).walk(&rcu)?;
        Some(vma.fields().vm_flags())
    }

    /// Lists what is mapped, in order, mostly without the mmap lock (`/proc/<pid>/maps`).
    ///
    /// # Errors
    ///
    /// `Interrupted`: the task was killed while it waited for the mmap lock.
    #[track_caller]
    pub fn maps(&self) -> Result<Vec<Mapping>, SpaceError> {
        let mut mappings = Vec::new();
        let mut from = 0;
        let mut iterator = VmaIterator::new(&self.mm, 0);
        let mut rcu = rcu_read_lock();
        loop {
            let next;
            (rcu, next) = lock_next_vma(rcu, &mut iterator, from);
            match next {
                Ok(None) => return Ok(mappings),
                Ok(Some(vma)) => {
                    mappings.push(Mapping::of(&vma).starting_at(from));
                    from = vma.vm_end();
                }
                Err(NextVmaError::Interrupted) => return Err(SpaceError::Interrupted),
                Err(NextVmaError::Again) => yield_now(),
            }
        }
    }

    /// Copies the address space, as `fork` does: the child's mmap lock nests in the parent's, and every VMA of the parent
    /// is write-locked, killably, so that no fault changes it while it is copied.
    ///
    /// # Errors
    ///
    /// `Interrupted`; the child is gone.
    #[track_caller]
    pub fn fork(&self) -> Result<Self, SpaceError> {
        let child = Self::with_cache(self.cache);
        let parent_guard = self.mm.write_killable()?;
        let copied = child.copy_from(self, &parent_guard);
        drop(parent_guard);
        // A child that was copied in part is taken down by its drop, outside the parent's section.
        copied.map(|()| child)
    }

    /// `dup_mmap`.
    #[track_caller]
    fn copy_from(&self, parent: &Self, parent_guard: &MmapWriteGuard<'_>) -> Result<(), SpaceError> {
        let guard = self.mm.write_nested(1);
        let mut from = 0;
        while let Some(vma) = parent_guard.find_vma(from).map(StableVma::as_raw) {
            if !seeded(Fault::H7c) {
                vma_start_write_killable(vma)?;
            }
            // Kernel: asserts nothing here, and a fork that forgot the write lock (fb49c455323f) went unnoticed.
            vma_assert_write_locked(vma);
            let mapping = Mapping::of(vma.fields());
            let copy = self.new_vma(&guard, mapping, |payload| {
                parent.cache.payload(vma).fork(payload, mapping);
            });
            copy.fields().set_anon_vma(vma.fields().anon_vma());
            self.mm.mm_mt.edit(|edit| edit.store(mapping.start, mapping.end, copy));
            from = mapping.end;
        }
        Ok(())
    }
}

impl<P: VmaPayload> Default for AddressSpace<P> {
    #[track_caller]
    fn default() -> Self {
        Self::with_payloads()
    }
}

fn fill(fields: &VmaFields, mapping: Mapping) {
    fields.set_vm_start(mapping.start);
    fields.set_vm_end(mapping.end);
    fields.set_vm_flags(mapping.flags);
    fields.set_vm_pgoff(mapping.pgoff);
}

fn allows(vm_flags: usize, access: Access) -> bool {
    let needed = match access {
        Access::Read => flags::READ,
        Access::Write => flags::WRITE,
    };
    vm_flags & needed != 0
}

fn pgoff_of(vma: &VmaFields, addr: usize) -> usize {
    vma.vm_pgoff() + (addr - vma.vm_start()) / PAGE_SIZE
}

/// The end of a legal range.
pub(crate) fn check_range(start: usize, len: usize) -> Result<usize, SpaceError> {
    let end = start.checked_add(len).ok_or(SpaceError::BadRange)?;
    let is_aligned = start.is_multiple_of(PAGE_SIZE) && len.is_multiple_of(PAGE_SIZE);
    if len == 0 || !is_aligned || end > super::vma::POISON { Err(SpaceError::BadRange) } else { Ok(end) }
}
