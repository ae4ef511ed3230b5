//! An address space, held for writing: several operations become one section, and hooks run inside
//! it.

use std::ops::Deref;

use super::super::base::task::Interrupted;
use super::super::guard::locked_vma::LockedVma;
use super::super::guard::mapping::{Mapping, PAGE_SIZE, SpaceError, check_range};
use super::super::guard::mmap_guard::{MmapReadGuard, MmapWriteGuard};
use super::super::guard::payload::VmaPayload;
use super::super::object::vma::StableVma;
use super::address_space::AddressSpace;
use super::edit::{Change, Gone};

/// The mmap lock of an address space, held for writing, with what can be done under it. Faults see
/// all of it, or nothing.
///
/// What was looked up through the guard cannot be kept across a change: the borrow checker sees to
/// it.
///
/// ```
/// use vmalock::{AddressSpace, PAGE_SIZE, flags};
/// let space = AddressSpace::new();
/// space.map(0x10000, 8 * PAGE_SIZE, flags::READ)?;
/// // A hole and a writable page, in one step.
/// let mut guard = space.write();
/// guard.unmap_with(0x12000, PAGE_SIZE, |vma| println!("gives back {:?}", vma.mapping()))?;
/// guard.protect(0x14000, PAGE_SIZE, flags::READ | flags::WRITE)?;
/// drop(guard);
/// assert_eq!(space.map_count(), 4);
/// # Ok::<(), vmalock::SpaceError>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is released at once"]
pub struct SpaceWriteGuard<'s, P: VmaPayload = ()> {
    pub(crate) space: &'s AddressSpace<P>,
    pub(crate) guard: MmapWriteGuard<'s>,
}

impl<P: VmaPayload> AddressSpace<P> {
    /// Takes the mmap lock for writing.
    #[track_caller]
    pub fn write(&self) -> SpaceWriteGuard<'_, P> {
        SpaceWriteGuard { space: self, guard: self.mm.write() }
    }

    /// Takes the mmap lock for writing, unless the task is killed while it waits.
    ///
    /// # Errors
    ///
    /// [`Interrupted`]; nothing is held.
    #[track_caller]
    pub fn write_killable(&self) -> Result<SpaceWriteGuard<'_, P>, Interrupted> {
        Ok(SpaceWriteGuard { space: self, guard: self.mm.write_killable()? })
    }

    /// Maps `len` bytes at `start`, where nothing may be mapped. The offset of its first page is
    /// `start / PAGE_SIZE`, so that the offset of every page stays its number whatever is split,
    /// merged or grown.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Occupied`, `Interrupted`.
    #[track_caller]
    pub fn map(&self, start: usize, len: usize, vm_flags: usize) -> Result<(), SpaceError> {
        check_range(start, len)?;
        self.write_killable()?.map(start, len, vm_flags)
    }

    /// Unmaps whatever is mapped in the range, splitting what reaches out of it; returns how many
    /// VMAs went.
    ///
    /// The VMAs are detached while they are still in the tree, then cleared together, then freed
    /// under the mmap *read* lock: the order of `do_vmi_munmap`.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`; nothing was changed.
    #[track_caller]
    pub fn unmap(&self, start: usize, len: usize) -> Result<usize, SpaceError> {
        let end = check_range(start, len)?;
        let mut guard = self.write_killable()?;
        let gone = guard.unmap_but_keep(start, end, &mut |_| {})?;
        let guard = guard.downgrade();
        self.free(&gone);
        drop(guard);
        Ok(gone.len())
    }

    /// Changes the flags of everything in the range, splitting at its ends and merging what has
    /// become alike; returns how many VMAs were changed.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`; `NotMapped` if nothing is mapped in the range. Nothing was
    /// changed.
    #[track_caller]
    pub fn protect(&self, start: usize, len: usize, vm_flags: usize) -> Result<usize, SpaceError> {
        check_range(start, len)?;
        self.write_killable()?.protect(start, len, vm_flags)
    }

    /// Copies the address space, as `fork` does: the child's mmap lock nests in the parent's, and
    /// every VMA of the parent is write-locked, killably. So no fault changes a VMA while it is
    /// copied.
    ///
    /// # Errors
    ///
    /// `Interrupted`; the child is gone.
    #[track_caller]
    pub fn fork(&self) -> Result<Self, SpaceError> {
        self.write_killable()?.fork()
    }
}

impl<'s, P: VmaPayload> SpaceWriteGuard<'s, P> {
    /// Returns the address space.
    #[must_use]
    pub fn space(&self) -> &'s AddressSpace<P> {
        self.space
    }

    /// Returns what the program keeps with `vma`.
    #[must_use]
    pub fn payload<'g>(&'g self, vma: StableVma<'g>) -> &'g P {
        self.space.cache.payload(vma.as_raw())
    }

    /// Returns the VMA that covers `addr`, if any, with its payload.
    #[must_use]
    pub fn locked(&self, addr: usize) -> Option<LockedVma<'_, P>> {
        self.guard.vma_lookup(addr).map(|vma| self.space.locked(vma.as_raw()))
    }

    /// Goes on with the lock held for reading. All VMA write locks are dropped.
    #[track_caller]
    pub fn downgrade(self) -> MmapReadGuard<'s> {
        self.guard.downgrade()
    }

    /// Does the same as [`AddressSpace::map`], under the lock that is held.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Occupied`.
    #[track_caller]
    pub fn map(&mut self, start: usize, len: usize, vm_flags: usize) -> Result<(), SpaceError> {
        self.map_with(start, len, vm_flags, |_| {})
    }

    /// Does the same as [`map`](Self::map); `hook` fills what the program keeps with the new VMA
    /// before others can find it.
    ///
    /// # Errors
    ///
    /// As `map`; the hook was not called.
    #[track_caller]
    pub fn map_with(
        &mut self,
        start: usize,
        len: usize,
        vm_flags: usize,
        hook: impl FnOnce(&LockedVma<'_, P>),
    ) -> Result<(), SpaceError> {
        let end = check_range(start, len)?;
        if self.guard.find_vma(start).is_some_and(|vma| vma.vm_start() < end) {
            return Err(SpaceError::Occupied);
        }
        let mapping = Mapping { start, end, flags: vm_flags, pgoff: start / PAGE_SIZE };
        let vma = self.space.new_vma(&self.guard, mapping, hook);
        self.space.mm.mm_mt.edit(|edit| edit.store(start, end, vma));
        Ok(())
    }

    /// Does the same as [`AddressSpace::unmap`], under the lock that is held.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`; nothing was changed.
    #[track_caller]
    pub fn unmap(&mut self, start: usize, len: usize) -> Result<usize, SpaceError> {
        self.unmap_with(start, len, |_| {})
    }

    /// Does the same as [`unmap`](Self::unmap); `hook` sees each VMA that goes, write-locked and
    /// still attached: to give its pages back.
    ///
    /// # Errors
    ///
    /// As `unmap`; the hook was not called.
    #[track_caller]
    pub fn unmap_with(
        &mut self,
        start: usize,
        len: usize,
        mut hook: impl FnMut(&LockedVma<'_, P>),
    ) -> Result<usize, SpaceError> {
        let end = check_range(start, len)?;
        let gone = self.unmap_but_keep(start, end, &mut hook)?;
        self.space.free(&gone);
        Ok(gone.len())
    }

    /// Unmaps, but frees nothing yet.
    #[track_caller]
    fn unmap_but_keep(
        &mut self,
        start: usize,
        end: usize,
        hook: &mut dyn FnMut(&LockedVma<'_, P>),
    ) -> Result<Gone, SpaceError> {
        let gone = self.space.detach_all(self.space.prepare_to_detach(&self.guard, start, end, hook)?);
        self.space.clear(&gone);
        Ok(gone)
    }

    /// Does the same as [`AddressSpace::protect`], under the lock that is held.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`, `NotMapped`; nothing was changed.
    #[track_caller]
    pub fn protect(&mut self, start: usize, len: usize, vm_flags: usize) -> Result<usize, SpaceError> {
        self.protect_with(start, len, vm_flags, |_, _| {})
    }

    /// Does the same as [`protect`](Self::protect); `hook` sees each VMA after its flags changed,
    /// and what they were: to change its pages.
    ///
    /// # Errors
    ///
    /// As `protect`; the hook was not called.
    #[track_caller]
    pub fn protect_with(
        &mut self,
        start: usize,
        len: usize,
        vm_flags: usize,
        mut hook: impl FnMut(&LockedVma<'_, P>, usize),
    ) -> Result<usize, SpaceError> {
        let end = check_range(start, len)?;
        self.space.change_range(&self.guard, start..end, Change::Flags(vm_flags), &mut hook)
    }

    /// Names everything in the range, or takes its name away (`PR_SET_VMA_ANON_NAME`): VMAs with
    /// different names do not merge.
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`, `NotMapped`; nothing was changed.
    #[track_caller]
    pub fn set_name(&mut self, start: usize, len: usize, name: Option<&str>) -> Result<usize, SpaceError> {
        let end = check_range(start, len)?;
        self.space.change_range(&self.guard, start..end, Change::Name(name), &mut |_, _| {})
    }

    /// Does the same as [`AddressSpace::fork`], under the lock that is held.
    ///
    /// # Errors
    ///
    /// `Interrupted`; the child is gone.
    #[track_caller]
    pub fn fork(&mut self) -> Result<AddressSpace<P>, SpaceError> {
        self.fork_with(|_, _| {})
    }

    /// Does the same as [`fork`](Self::fork); `hook` sees each VMA of the parent, write-locked, and
    /// its copy, before others can find that.
    ///
    /// # Errors
    ///
    /// As `fork`.
    #[track_caller]
    pub fn fork_with(
        &mut self,
        mut hook: impl FnMut(&LockedVma<'_, P>, &LockedVma<'_, P>),
    ) -> Result<AddressSpace<P>, SpaceError> {
        let mut child = self.space.empty_child();
        // One that is copied in part is taken down here, under the parent's lock: if the task is
        // killed, or the hook panics.
        child.ends_nested = true;
        child.copy_from(self.space, &self.guard, &mut hook)?;
        child.ends_nested = false;
        Ok(child)
    }
}

impl<'s, P: VmaPayload> Deref for SpaceWriteGuard<'s, P> {
    type Target = MmapWriteGuard<'s>;

    fn deref(&self) -> &MmapWriteGuard<'s> {
        &self.guard
    }
}
