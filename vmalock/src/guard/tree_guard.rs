//! The tree of an address space, for programs with an address space of their own: store, clear and
//! move VMAs under the write guard.
//!
//! [`AddressSpace`](crate::AddressSpace) does all this by itself, and counts its VMAs: do not change
//! its tree.

use super::super::lock::attach::{vma_mark_attached, vma_mark_detached};
use super::super::lock::vma_lock::vma_start_write;
use super::super::object::vma::Vma;
use super::mapping::{SpaceError, check_offsets, check_range};
use super::mmap_guard::MmapWriteGuard;
use super::vma_guard::VmaWrite;

impl MmapWriteGuard<'_> {
    /// Gives a new VMA its range and flags, write-locks and attaches it, and stores it in the tree
    /// (`vma_iter_store_new`). What else belongs to it was filled before. Readers find it and are
    /// turned away until the section ends.
    ///
    /// ```
    /// use vmalock::{MmRef, PAGE_SIZE, VmaCache, flags, lock_vma_under_rcu};
    /// let (mm, cache) = (MmRef::new(), VmaCache::<()>::shared());
    /// let guard = mm.write();
    /// let vma = cache.alloc(mm.as_raw());
    /// guard.store_new(vma, 0x10000, 0x12000, flags::READ, 0)?;
    /// drop(guard);
    /// assert!(lock_vma_under_rcu(&mm, 0x11000).is_some());
    /// let guard = mm.write();
    /// let vma = guard.start_write(guard.vma_lookup(0x11000).expect("just stored"));
    /// guard.detach_and_clear(vma);
    /// let vma = vma.as_raw();
    /// drop(guard);
    /// cache.free(vma);
    /// # Ok::<(), vmalock::SpaceError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `BadRange`; `Occupied` if something is stored there, or if `vma` is attached already, or of
    /// another address space.
    #[track_caller]
    pub fn store_new(
        &self,
        vma: &'static Vma,
        start: usize,
        end: usize,
        vm_flags: usize,
        pgoff: usize,
    ) -> Result<VmaWrite<'_>, SpaceError> {
        check_range(start, end.saturating_sub(start))?;
        check_offsets(pgoff, start, end)?;
        let is_free = self.find_vma(start).is_none_or(|other| other.vm_start() >= end);
        if !is_free || vma.is_attached() || !self.owns(vma) {
            return Err(SpaceError::Occupied);
        }
        vma.fields().set_vm_start(start);
        vma.fields().set_vm_end(end);
        vma.fields().set_vm_flags(vm_flags);
        vma.fields().set_vm_pgoff(pgoff);
        vma_start_write(vma);
        vma_mark_attached(vma);
        self.mm().mm_mt.edit(|edit| edit.store(start, end, vma));
        Ok(VmaWrite::new(self.stable(vma), true))
    }

    /// Changes the range of a write-locked VMA, in the VMA and in the tree, in one step
    /// (`vma_set_range`, `vma_iter_store`).
    ///
    /// # Errors
    ///
    /// `BadRange`; `Occupied` if another VMA lies in the new range; `NotMapped` if the tree does
    /// not have `vma`.
    #[track_caller]
    pub fn set_range(
        &self,
        vma: VmaWrite<'_>,
        start: usize,
        end: usize,
        pgoff: usize,
    ) -> Result<(), SpaceError> {
        check_range(start, end.saturating_sub(start))?;
        check_offsets(pgoff, start, end)?;
        let old_start = self.place_of(vma)?;
        let mut from = start;
        while let Some(other) = self.find_vma(from).filter(|other| other.vm_start() < end) {
            if !other.as_raw().is_same(vma.as_raw()) {
                return Err(SpaceError::Occupied);
            }
            from = other.vm_end();
        }
        vma.set_range(start, end, pgoff);
        self.mm().mm_mt.edit(|edit| {
            edit.clear(old_start);
            edit.store(start, end, vma.as_raw());
        });
        Ok(())
    }

    /// Detaches a write-locked VMA and clears the tree of it (`vma_mark_detached`,
    /// `vma_iter_clear`); the caller frees it. Says whether the tree had it.
    #[track_caller]
    pub fn detach_and_clear(&self, vma: VmaWrite<'_>) -> bool {
        let Ok(start) = self.place_of(vma) else { return false };
        vma_mark_detached(vma.as_raw());
        self.mm().mm_mt.edit(|edit| edit.clear(start));
        true
    }

    /// Where the tree has `vma`.
    fn place_of(&self, vma: VmaWrite<'_>) -> Result<usize, SpaceError> {
        let start = vma.vm_start();
        let found = self.vma_lookup(start).is_some_and(|found| found.as_raw().is_same(vma.as_raw()));
        if found { Ok(start) } else { Err(SpaceError::NotMapped) }
    }

    fn owns(&self, vma: &Vma) -> bool {
        vma.vm_mm().is_some_and(|mm| std::ptr::eq(mm, self.mm()))
    }
}
