//! Changing what is mapped: unmap and protect, with the splits and merges that they need.

use smallvec::SmallVec;

use super::fault::{Fault, seeded};
use super::mapping::{Mapping, PAGE_SIZE, SpaceError, flags};
use super::mmap_guard::MmapWriteGuard;
use super::mmap_lock::vma_end_write_all;
use super::payload::VmaPayload;
use super::space::{AddressSpace, check_range};
use super::vma::{StableVma, Vma};
use super::vma_guard::VmaWrite;

impl<P: VmaPayload> AddressSpace<P> {
    /// Unmaps whatever is mapped in the range, splitting what reaches out of it; returns how many VMAs went.
    ///
    /// The VMAs are detached while they are still in the tree, then cleared together, then freed under the mmap *read*
    /// lock: the order of `do_vmi_munmap`.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`.
    #[track_caller]
    pub fn unmap(&self, start: usize, len: usize) -> Result<usize, SpaceError> {
        let end = check_range(start, len)?;
        let guard = self.mm.write_killable()?;
        self.split_at(&guard, start);
        self.split_at(&guard, end);
        let mut gone: SmallVec<[(usize, &'static Vma); 8]> = SmallVec::new();
        let mut from = start;
        while let Some(vma) = guard.find_vma(from).filter(|vma| vma.vm_start() < end) {
            guard.start_write(vma);
            if seeded(Fault::H8) {
                vma_end_write_all(&self.mm);
            }
            gone.push((vma.vm_start(), vma.as_raw()));
            from = vma.vm_end();
            self.detach(vma.as_raw());
        }
        self.mm.mm_mt.edit(|edit| gone.iter().for_each(|&(start, _)| edit.clear(start)));
        let guard = guard.downgrade();
        for &(_, vma) in &gone {
            self.cache.free(vma);
        }
        drop(guard);
        Ok(gone.len())
    }

    /// Changes the flags of everything in the range, splitting at its ends and merging what has become alike; returns how
    /// many VMAs were changed.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`; `NotMapped` if nothing is mapped in the range.
    #[track_caller]
    pub fn protect(&self, start: usize, len: usize, vm_flags: usize) -> Result<usize, SpaceError> {
        let end = check_range(start, len)?;
        let guard = self.mm.write_killable()?;
        self.split_at(&guard, start);
        self.split_at(&guard, end);
        let mut n_changed = 0;
        let mut from = start;
        while let Some(vma) = guard.find_vma(from).filter(|vma| vma.vm_start() < end) {
            let write = if seeded(Fault::H7a) { VmaWrite::new(vma, true) } else { guard.start_write(vma) };
            // The one flag that may be set under a read lock of the VMA is not the caller's to clear.
            write.set_vm_flags(vm_flags | vma.vm_flags() & flags::MAYBE_GUARD);
            from = vma.vm_end();
            n_changed += 1;
        }
        // Only what was changed can have become like its neighbour: merge from the one below to the one above.
        let mut at = start;
        while at <= end {
            match self.merge_at(&guard, at) {
                Some(next) => at = next,
                None => break,
            }
        }
        if n_changed == 0 { Err(SpaceError::NotMapped) } else { Ok(n_changed) }
    }

    /// Makes `addr` a border between VMAs (`__split_vma`): both halves are write-locked.
    #[track_caller]
    fn split_at(&self, guard: &MmapWriteGuard<'_>, addr: usize) {
        let Some(vma) = guard.vma_lookup(addr).filter(|vma| vma.vm_start() < addr) else { return };
        let seen = Mapping::of(&vma);
        let write = guard.start_write(vma);
        // Read under the write lock: a holder of a VMA read lock may set a flag until then.
        let whole = if seeded(Fault::M35) { seen } else { Mapping::of(&vma) };
        let n_pages = (addr - whole.start) / PAGE_SIZE;
        let above = Mapping { start: addr, pgoff: whole.pgoff + n_pages, ..whole };
        let upper = self.new_vma(guard, above, |payload| {
            self.cache.payload(vma.as_raw()).split(payload, whole, addr);
        });
        guard.start_write(guard.stable(upper)).set_anon_vma(vma.anon_vma());
        write.set_range(whole.start, addr, whole.pgoff);
        self.mm.mm_mt.edit(|edit| {
            edit.store(whole.start, addr, vma.as_raw());
            edit.store(addr, whole.end, upper);
        });
    }

    /// Merges the VMA that ends at `addr` with the one that starts there, if they are alike (`vma_merge`). Returns the
    /// next border to look at: where the VMA that now covers or follows `addr` ends.
    #[track_caller]
    fn merge_at(&self, guard: &MmapWriteGuard<'_>, addr: usize) -> Option<usize> {
        let right = guard.find_vma(addr)?;
        let Some(left) = addr.checked_sub(1).and_then(|below| guard.vma_lookup(below)) else {
            return Some(right.vm_end());
        };
        if !self.are_alike(left, right) {
            return Some(right.vm_end());
        }
        let write = guard.start_write(left);
        guard.start_write(right);
        // Until here a holder of a VMA read lock could set a flag, or prepare anonymous memory.
        if !seeded(Fault::M36) && !self.are_alike(left, right) {
            return Some(right.vm_end());
        }
        let (l, r) = (Mapping::of(&left), Mapping::of(&right));
        self.cache.payload(left.as_raw()).merge(self.cache.payload(right.as_raw()), r);
        write.set_range(l.start, r.end, l.pgoff);
        self.detach(right.as_raw());
        self.mm.mm_mt.edit(|edit| {
            edit.clear(r.start);
            edit.store(l.start, r.end, left.as_raw());
        });
        self.cache.free(right.as_raw());
        Some(r.end)
    }

    /// Whether `right` goes on where `left` ends, in every way.
    fn are_alike(&self, left: StableVma<'_>, right: StableVma<'_>) -> bool {
        let (l, r) = (Mapping::of(&left), Mapping::of(&right));
        l.end == r.start
            && l.flags == r.flags
            && l.pgoff + (l.end - l.start) / PAGE_SIZE == r.pgoff
            && (left.anon_vma() == right.anon_vma() || right.anon_vma() == 0)
            && self.cache.payload(left.as_raw()).is_alike(self.cache.payload(right.as_raw()))
    }
}
