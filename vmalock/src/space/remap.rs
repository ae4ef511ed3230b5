//! Mapping over what is there, moving and resizing, and the heap: `MAP_FIXED`, `mremap`, `brk`.

use super::super::base::sync::Ordering;
use super::super::guard::locked_vma::LockedVma;
use super::super::guard::mapping::{Mapping, PAGE_SIZE, SpaceError, check_offsets, check_range, flags};
use super::super::guard::payload::VmaPayload;
use super::address_space::AddressSpace;
use super::edit::lock_all;
use super::section::SpaceWriteGuard;

impl<P: VmaPayload> SpaceWriteGuard<'_, P> {
    /// Maps the range, in place of what is mapped there (`MAP_FIXED`): a lookup finds the old or
    /// the new, never nothing. Returns how many VMAs went.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`; nothing was changed.
    #[track_caller]
    pub fn map_fixed(&mut self, start: usize, len: usize, vm_flags: usize) -> Result<usize, SpaceError> {
        self.map_fixed_with(start, len, vm_flags, |_| {}, |_| {})
    }

    /// Does the same as [`map_fixed`](Self::map_fixed); `on_gone` sees each VMA that goes, `on_new`
    /// fills what the program keeps with the new one.
    ///
    /// # Errors
    ///
    /// As `map_fixed`; no hook was called.
    #[track_caller]
    pub fn map_fixed_with(
        &mut self,
        start: usize,
        len: usize,
        vm_flags: usize,
        mut on_gone: impl FnMut(&LockedVma<'_, P>),
        on_new: impl FnOnce(&LockedVma<'_, P>),
    ) -> Result<usize, SpaceError> {
        let end = check_range(start, len)?;
        let prepared = self.space.prepare_to_detach(&self.guard, start, end, &mut on_gone)?;
        let mapping = Mapping { start, end, flags: vm_flags, pgoff: start / PAGE_SIZE };
        let vma = self.space.fill_vma(mapping, on_new);
        let gone = self.space.detach_all(prepared);
        self.space.publish(&self.guard, vma);
        self.space.mm.mm_mt.edit(|edit| {
            gone.iter().for_each(|&(start, _)| edit.clear(start));
            edit.store(start, end, vma);
        });
        self.space.free(&gone);
        Ok(gone.len())
    }

    /// Shrinks or grows the mapping of `old_len` bytes at `start` to `new_len` where it is
    /// (`mremap` without flags).
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`; `NotMapped` unless one VMA covers it; `Occupied` if it cannot
    /// grow. Nothing was changed.
    #[track_caller]
    pub fn resize(&mut self, start: usize, old_len: usize, new_len: usize) -> Result<(), SpaceError> {
        let (old_end, new_end) = (check_range(start, old_len)?, check_range(start, new_len)?);
        self.assert_covered(start, old_end)?;
        if new_end <= old_end {
            return if new_end == old_end {
                Ok(())
            } else {
                self.unmap(new_end, old_end - new_end).map(drop)
            };
        }
        let vma = self.guard.vma_lookup(start).ok_or(SpaceError::NotMapped)?;
        let is_last = vma.vm_end() == old_end;
        if !is_last || self.guard.find_vma(old_end).is_some_and(|next| next.vm_start() < new_end) {
            return Err(SpaceError::Occupied);
        }
        check_offsets(vma.vm_pgoff(), vma.vm_start(), new_end)?;
        let write = self.guard.start_write_killable(vma)?;
        let vma_start = vma.vm_start();
        write.set_range(vma_start, new_end, vma.vm_pgoff());
        self.space.mm.mm_mt.edit(|edit| edit.store(vma_start, new_end, vma.as_raw()));
        self.space.merge_at(&self.guard, new_end);
        Ok(())
    }

    /// Moves the mapping of `old_len` bytes at `start` to `to`, in place of what is mapped there,
    /// and gives it the length `new_len`. This is `mremap` with `MREMAP_MAYMOVE | MREMAP_FIXED`.
    /// Every page keeps its offset; its payload moves with it.
    ///
    /// # Errors
    ///
    /// `BadRange`, also if the two ranges overlap; `Interrupted`; `NotMapped` unless one VMA covers
    /// it. Nothing was changed.
    // Kernel: makes a new VMA and moves the page tables. Here the VMA itself moves, and a reader
    // that found it at its old place notices by its bounds.
    #[track_caller]
    pub fn relocate(
        &mut self,
        start: usize,
        old_len: usize,
        to: usize,
        new_len: usize,
    ) -> Result<(), SpaceError> {
        let (old_end, new_end) = (check_range(start, old_len)?, check_range(to, new_len)?);
        if start < new_end && to < old_end {
            return Err(SpaceError::BadRange);
        }
        self.assert_covered(start, old_end)?;
        let vma = self.guard.vma_lookup(start).ok_or(SpaceError::NotMapped)?;
        let pgoff = self.space.locked(vma.as_raw()).pgoff_of(start);
        check_offsets(pgoff, to, new_end)?;
        // Both waits before the first change.
        lock_all(&self.guard, &[vma])?;
        self.unmap(to, new_len)?;
        if new_len < old_len {
            self.unmap(start + new_len, old_len - new_len)?;
        }
        let end = old_end.min(start + new_len);
        let mut vma = self.guard.vma_lookup(start).ok_or(SpaceError::NotMapped)?;
        if vma.vm_start() < start {
            vma = self.space.split(&self.guard, vma, start);
        }
        if vma.vm_end() > end {
            self.space.split(&self.guard, vma, end);
        }
        self.guard.start_write(vma).set_range(to, new_end, vma.vm_pgoff());
        self.space.mm.mm_mt.edit(|edit| {
            edit.clear(start);
            edit.store(to, new_end, vma.as_raw());
        });
        self.space.merge_at(&self.guard, to);
        self.space.merge_at(&self.guard, new_end);
        Ok(())
    }

    /// Whether one VMA covers the range.
    fn assert_covered(&self, start: usize, end: usize) -> Result<(), SpaceError> {
        let is_covered = self.guard.vma_lookup(start).is_some_and(|vma| end <= vma.vm_end());
        if is_covered { Ok(()) } else { Err(SpaceError::NotMapped) }
    }

    /// Makes `start` the begin of the heap, which is empty then (`prctl(PR_SET_MM_START_BRK)`).
    ///
    /// # Errors
    ///
    /// `BadRange` unless `start` is a multiple of the page size.
    pub fn set_heap(&mut self, start: usize) -> Result<(), SpaceError> {
        check_range(start, PAGE_SIZE)?;
        // ORDERING: Relaxed, here and below; under the mmap write lock.
        self.space.heap_start.store(start, Ordering::Relaxed);
        self.space.heap_end.store(start, Ordering::Relaxed);
        Ok(())
    }

    /// Moves the end of the heap to `end` (`brk`): unmaps what is beyond, or maps readable and
    /// writable pages up to it, as a part of the heap's VMA where that can be. Returns the new end.
    ///
    /// # Errors
    ///
    /// `BadRange` if there is no heap or `end` lies below it; `Occupied`, `Interrupted`. Nothing
    /// was changed.
    #[track_caller]
    pub fn brk(&mut self, end: usize) -> Result<usize, SpaceError> {
        // ORDERING: Relaxed, all three; under the mmap write lock.
        let heap_start = self.space.heap_start.load(Ordering::Relaxed);
        let old_end = self.space.heap_end.load(Ordering::Relaxed);
        let end = end.checked_next_multiple_of(PAGE_SIZE).ok_or(SpaceError::BadRange)?;
        if heap_start == 0 || end < heap_start {
            return Err(SpaceError::BadRange);
        }
        if end < old_end {
            self.unmap(end, old_end - end)?;
        } else if end > old_end {
            self.extend_heap(old_end, end)?;
        }
        // ORDERING: Relaxed; as above.
        self.space.heap_end.store(end, Ordering::Relaxed);
        Ok(end)
    }

    /// `do_brk_flags`.
    #[track_caller]
    fn extend_heap(&mut self, old_end: usize, end: usize) -> Result<(), SpaceError> {
        if self.guard.find_vma(old_end).is_some_and(|next| next.vm_start() < end) {
            return Err(SpaceError::Occupied);
        }
        self.map(old_end, end - old_end, flags::READ | flags::WRITE)?;
        self.space.merge_at(&self.guard, old_end);
        Ok(())
    }
}

impl<P: VmaPayload> AddressSpace<P> {
    /// Does the same as [`SpaceWriteGuard::map_fixed`], in a section of its own.
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn map_fixed(&self, start: usize, len: usize, vm_flags: usize) -> Result<usize, SpaceError> {
        check_range(start, len)?;
        self.write_killable()?.map_fixed(start, len, vm_flags)
    }

    /// Does the same as [`SpaceWriteGuard::brk`], in a section of its own.
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn brk(&self, end: usize) -> Result<usize, SpaceError> {
        self.write_killable()?.brk(end)
    }
}
