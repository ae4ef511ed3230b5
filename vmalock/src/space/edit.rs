//! Changing what is mapped, under a write lock that the caller holds: unmap and protect, with the
//! splits and merges that they need.
//!
//! Every VMA of the range is write-locked before the first one changes: that wait can be
//! interrupted, and then nothing has happened. From there on nothing can fail.

use std::ops::Range;

use smallvec::SmallVec;

use super::super::base::task::Interrupted;
use super::super::guard::locked_vma::LockedVma;
use super::super::guard::mapping::{Mapping, PAGE_SIZE, SpaceError, flags};
use super::super::guard::mmap_guard::MmapWriteGuard;
use super::super::guard::payload::VmaPayload;
use super::super::guard::vma_guard::VmaWrite;
use super::super::lock::mmap_lock::vma_end_write_all;
use super::super::object::vma::{StableVma, Vma};
use super::super::probe::mutant::{Mutant, seeded};
use super::address_space::AddressSpace;
use super::names;

/// What is changed in a range.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'a> {
    /// The flags.
    Flags(usize),
    /// The name.
    Name(Option<&'a str>),
}

/// VMAs of a range, in ascending order.
pub(crate) type Covered<'g> = SmallVec<[StableVma<'g>; 8]>;

/// Detached VMAs and where they are in the tree: to be cleared, then freed.
pub(crate) type Gone = SmallVec<[(usize, &'static Vma); 8]>;

impl<P: VmaPayload> AddressSpace<P> {
    /// The VMAs of which a part lies in the range.
    #[track_caller]
    fn covered<'g>(guard: &'g MmapWriteGuard<'_>, start: usize, end: usize) -> Covered<'g> {
        let mut covered = Covered::new();
        let mut from = start;
        while from < end
            && let Some(vma) = guard.find_vma(from).filter(|vma| vma.vm_start() < end)
        {
            covered.push(vma);
            from = vma.vm_end();
        }
        covered
    }

    /// Write-locks what is mapped in the range and splits what reaches out of it; then `hook` sees
    /// each VMA. No VMA is detached before the last call of the hook: one that panics leaves
    /// mappings that are whole.
    #[track_caller]
    pub(crate) fn prepare_to_detach<'g>(
        &self,
        guard: &'g MmapWriteGuard<'_>,
        start: usize,
        end: usize,
        hook: &mut dyn FnMut(&LockedVma<'_, P>),
    ) -> Result<Covered<'g>, SpaceError> {
        let mut covered = Self::covered(guard, start, end);
        if !seeded(Mutant::M35) {
            lock_all(guard, &covered)?;
        }
        self.cut(guard, &mut covered, start, end);
        if seeded(Mutant::M35) {
            lock_all(guard, &covered)?;
        }
        // No iterator's closure, here and below: it would be the caller that a broken assertion
        // names.
        for vma in &covered {
            hook(&self.locked(vma.as_raw()));
        }
        Ok(covered)
    }

    /// Detaches VMAs that are prepared. The caller clears the tree, then frees what it got.
    #[track_caller]
    pub(crate) fn detach_all(&self, prepared: Covered<'_>) -> Gone {
        let mut gone = Gone::new();
        for vma in prepared {
            if seeded(Mutant::H8) {
                vma_end_write_all(&self.mm);
            }
            gone.push((vma.vm_start(), vma.as_raw()));
            self.detach(vma.as_raw());
        }
        gone
    }

    /// Clears the tree of what [`detach_all`](Self::detach_all) detached.
    #[track_caller]
    pub(crate) fn clear(&self, gone: &Gone) {
        if !gone.is_empty() {
            self.mm.mm_mt.edit(|edit| gone.iter().for_each(|&(start, _)| edit.clear(start)));
        }
    }

    /// Frees what the tree was cleared of.
    #[track_caller]
    pub(crate) fn free(&self, gone: &Gone) {
        for &(_, vma) in gone {
            self.cache.free(vma);
        }
    }

    /// Changes each VMA of the range, of which there must be one, and merges what has become alike;
    /// how many were changed. `hook` sees each after its change, and the flags that it had.
    #[track_caller]
    pub(crate) fn change_range(
        &self,
        guard: &MmapWriteGuard<'_>,
        range: Range<usize>,
        change: Change<'_>,
        hook: &mut dyn FnMut(&LockedVma<'_, P>, usize),
    ) -> Result<usize, SpaceError> {
        let Range { start, end } = range;
        let mut covered = Self::covered(guard, start, end);
        if covered.is_empty() {
            return Err(SpaceError::NotMapped);
        }
        if !seeded(Mutant::H7a) && !seeded(Mutant::M35) {
            lock_all(guard, &covered)?;
        }
        self.cut(guard, &mut covered, start, end);
        if seeded(Mutant::M35) {
            lock_all(guard, &covered)?;
        }
        for vma in &covered {
            let old_flags = vma.vm_flags();
            match change {
                // The one flag that may be set under a read lock of the VMA is not the caller's to
                // clear.
                Change::Flags(vm_flags) => {
                    VmaWrite::new(*vma, true).set_vm_flags(vm_flags | old_flags & flags::MAYBE_GUARD);
                }
                Change::Name(name) => names::replace_anon_vma_name(vma.as_raw(), name),
            }
            hook(&self.locked(vma.as_raw()), old_flags);
        }
        // Only what was changed can have become like its neighbour: merge from the one below to the
        // one above.
        let mut at = start;
        while at <= end {
            match self.merge_at(guard, at) {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(covered.len())
    }

    /// Splits the first and the last of the VMAs of a range, so that they do not reach out of it.
    #[track_caller]
    fn cut<'g>(&self, guard: &'g MmapWriteGuard<'_>, covered: &mut Covered<'g>, start: usize, end: usize) {
        if let Some(first) = covered.first_mut().filter(|first| first.vm_start() < start) {
            *first = self.split(guard, *first, start);
        }
        if let Some(last) = covered.last().filter(|last| last.vm_end() > end) {
            self.split(guard, *last, end);
        }
    }

    /// Splits `vma` at `addr`, which lies in it (`__split_vma`): both parts are write-locked.
    /// Returns the upper one.
    #[track_caller]
    pub(crate) fn split<'g>(
        &self,
        guard: &'g MmapWriteGuard<'_>,
        vma: StableVma<'g>,
        addr: usize,
    ) -> StableVma<'g> {
        let seen = Mapping::of(&vma);
        let write = guard.start_write(vma);
        // Read under the write lock: a holder of a VMA read lock may set a flag until then.
        let whole = if seeded(Mutant::M35) { seen } else { Mapping::of(&vma) };
        let n_pages = (addr - whole.start) / PAGE_SIZE;
        let above = Mapping { start: addr, pgoff: whole.pgoff + n_pages, ..whole };
        let upper = self.new_vma(guard, above, |new| {
            names::copy(vma.as_raw(), new.as_raw());
            self.cache.payload(vma.as_raw()).split(new.payload(), whole, addr);
        });
        guard.start_write(guard.stable(upper)).set_anon_vma(vma.anon_vma());
        write.set_range(whole.start, addr, whole.pgoff);
        self.mm.mm_mt.edit(|edit| {
            edit.store(whole.start, addr, vma.as_raw());
            edit.store(addr, whole.end, upper);
        });
        guard.stable(upper)
    }

    /// Merges the VMA that ends at `addr` with the one that starts there, if they are alike
    /// (`vma_merge`). Returns the next border to look at: where the VMA that now covers or follows
    /// `addr` ends.
    #[track_caller]
    pub(crate) fn merge_at(&self, guard: &MmapWriteGuard<'_>, addr: usize) -> Option<usize> {
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
        if !seeded(Mutant::M36) && !self.are_alike(left, right) {
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
            && names::are_same(left.as_raw(), right.as_raw())
            && self.cache.payload(left.as_raw()).is_alike(self.cache.payload(right.as_raw()))
    }
}

/// Write-locks VMAs, unless the task is killed while it waits for a reader of one.
#[track_caller]
pub(crate) fn lock_all(guard: &MmapWriteGuard<'_>, vmas: &[StableVma<'_>]) -> Result<(), Interrupted> {
    for vma in vmas {
        guard.start_write_killable(*vma)?;
    }
    Ok(())
}
