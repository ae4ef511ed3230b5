//! Reading an address space: faults, and visits of a range, under the per-VMA lock where that is
//! possible.

use std::ops::Range;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::super::base::rcu::rcu_read_lock;
use super::super::base::sync::Ordering;
use super::super::guard::find::{FaultOrigin, find_for_fault};
use super::super::guard::iterator::VmaIterator;
use super::super::guard::locked_vma::{FaultVma, LockedVma};
use super::super::guard::lookup::lock_vma_under_rcu;
use super::super::guard::mapping::{Access, Resolved, SpaceError, check_range, flags};
use super::super::guard::payload::VmaPayload;
use super::super::guard::vm_flags::vma_flag_set_atomic;
use super::super::guard::vma_guard::VmaReadGuard;
use super::super::object::vma::VmaFields;
use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::reached;
use super::super::probe::step::Point;
use super::address_space::AddressSpace;

/// What stands for the next anonymous memory. One for all spaces: a child has its parent's ids, and
/// both go on from there.
static NEXT_ANON_VMA: AtomicUsize = AtomicUsize::new(1);

/// What a fault handler returns that cannot go on under the lock it got (`VM_FAULT_RETRY`): the
/// lock is dropped, and the fault is handled again under the mmap read lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retry;

impl<P: VmaPayload> AddressSpace<P> {
    /// Resolves a fault at `addr`: under the per-VMA lock if possible, else under the mmap lock.
    ///
    /// # Errors
    ///
    /// `NotMapped`, `AccessDenied`; `Interrupted` if the task was killed while it waited.
    #[track_caller]
    pub fn fault(&self, addr: usize, access: Access) -> Result<Resolved, SpaceError> {
        self.fault_or_retry_with(addr, access, |vma| Ok(vma.resolved()))
    }

    /// Resolves a fault at `addr` with `handler`, which runs under whichever lock was got.
    ///
    /// The handler must not block on the mmap lock of this address space: a writer may be waiting
    /// for it. One that finds that something must be mapped returns that, and the caller maps it
    /// after the fault. One that must not run under the VMA lock is for
    /// [`fault_or_retry_with`](Self::fault_or_retry_with).
    ///
    /// ```
    /// # use vmalock::{Access, AddressSpace, PAGE_SIZE, flags};
    /// let space = AddressSpace::new();
    /// space.map(0x10000, 4 * PAGE_SIZE, flags::READ)?;
    /// let end = space.fault_with(0x12345, Access::Read, |vma| vma.vm_end())?;
    /// assert_eq!(end, 0x14000);
    /// # Ok::<(), vmalock::SpaceError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`fault`](Self::fault); the handler was not called.
    #[track_caller]
    pub fn fault_with<R>(
        &self,
        addr: usize,
        access: Access,
        handler: impl FnOnce(&FaultVma<'_, P>) -> R,
    ) -> Result<R, SpaceError> {
        let mut handler = Some(handler);
        self.fault_or_retry_with(addr, access, |vma| {
            // It is called once: it never asks for a retry.
            handler.take().map(|handler| handler(vma)).ok_or(Retry)
        })
    }

    /// Does the same as [`fault_with`](Self::fault_with), with a handler that may find that it
    /// cannot go on under the lock it got. It is called again, then under the mmap read lock, as
    /// long as it asks for that. It must not take the mmap lock itself, in either call.
    ///
    /// ```
    /// # use vmalock::{Access, AddressSpace, PAGE_SIZE, Retry, flags};
    /// let space = AddressSpace::new();
    /// space.map(0x10000, PAGE_SIZE, flags::READ)?;
    /// let mut n_calls = 0;
    /// space.fault_or_retry_with(0x10000, Access::Read, |vma| {
    ///     n_calls += 1;
    ///     if vma.resolved().under_vma_lock { Err(Retry) } else { Ok(()) }
    /// })?;
    /// assert_eq!(n_calls, 2);
    /// # Ok::<(), vmalock::SpaceError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`fault`](Self::fault).
    #[track_caller]
    pub fn fault_or_retry_with<R>(
        &self,
        addr: usize,
        access: Access,
        mut handler: impl FnMut(&FaultVma<'_, P>) -> Result<R, Retry>,
    ) -> Result<R, SpaceError> {
        let early_flags = if seeded(Mutant::H6) { self.flags_without_lock(addr) } else { None };
        let mut waits = &self.mm.events.after_abort;
        if let Some(vma) = lock_vma_under_rcu(&self.mm, addr) {
            if !allows(early_flags.unwrap_or_else(|| vma.vm_flags()), access) {
                return Err(SpaceError::AccessDenied);
            }
            if access == Access::Read || vma.anon_vma() != 0 || self.prepare_anon_vma(&vma) {
                let result = handler(&FaultVma::new(self.locked(vma.as_raw()), addr, true));
                if let Ok(done) = result {
                    self.mm.events.success();
                    return Ok(done);
                }
            }
            // VM_FAULT_RETRY: the VMA lock is dropped here, before the mmap lock is waited for.
            self.mm.events.retry();
            waits = &self.mm.events.after_retry;
        }
        let outer = if seeded(Mutant::H10) { Some(self.mm.read()) } else { None };
        if outer.is_some() {
            reached(Point::BetweenUpgradeLocks);
        }
        loop {
            let since = Instant::now();
            let found = find_for_fault(&self.mm, addr, FaultOrigin::User);
            waits.record(since.elapsed());
            let found = found?;
            let vma = found.vma();
            if !allows(vma.vm_flags(), access) {
                return Err(SpaceError::AccessDenied);
            }
            if access == Access::Write && vma.anon_vma() == 0 {
                Self::assign_anon_vma(&vma);
            }
            if let Ok(done) = handler(&FaultVma::new(self.locked(vma.as_raw()), addr, false)) {
                return Ok(done);
            }
        }
    }

    /// `__vmf_anon_prepare`: under a VMA read lock the mmap lock may only be *tried*. False: retry
    /// without the VMA lock.
    #[track_caller]
    fn prepare_anon_vma(&self, vma: &VmaReadGuard<'_>) -> bool {
        let Some(_mmap) = self.mm.try_read() else { return false };
        Self::assign_anon_vma(vma);
        true
    }

    fn assign_anon_vma(vma: &VmaFields) {
        // ORDERING: Relaxed; only uniqueness matters. Two faults that race both assign a valid one,
        // as in the kernel, where the page table lock decides.
        vma.set_anon_vma(NEXT_ANON_VMA.fetch_add(1, Ordering::Relaxed));
    }

    /// Mutant H6: reads a field of a VMA that is not locked.
    fn flags_without_lock(&self, addr: usize) -> Option<usize> {
        let rcu = rcu_read_lock();
        let vma = VmaIterator::new(&self.mm, addr).walk(&rcu)?;
        Some(vma.fields().vm_flags())
    }

    /// Calls `visit` with each VMA in the range, and the part of the range that lies in it, under a
    /// read lock: that of the VMA if one covers the whole range, else the mmap lock (`madvise` with
    /// `MADV_DONTNEED`, where `visit` gives pages back).
    ///
    /// # Errors
    ///
    /// `BadRange`, `Interrupted`; `NotMapped` if a part of the range is not mapped: the rest was
    /// visited.
    #[track_caller]
    pub fn advise_with(
        &self,
        start: usize,
        len: usize,
        mut visit: impl FnMut(&LockedVma<'_, P>, Range<usize>),
    ) -> Result<(), SpaceError> {
        let end = check_range(start, len)?;
        if let Some(vma) = lock_vma_under_rcu(&self.mm, start)
            && end <= vma.vm_end()
        {
            visit(&self.locked(vma.as_raw()), start..end);
            return Ok(());
        }
        let guard = self.mm.read_killable()?;
        let (mut from, mut is_whole) = (start, true);
        while from < end
            && let Some(vma) = guard.find_vma(from).filter(|vma| vma.vm_start() < end)
        {
            is_whole &= vma.vm_start() <= from;
            let part = vma.vm_start().max(start)..vma.vm_end().min(end);
            from = part.end;
            visit(&self.locked(vma.as_raw()), part);
        }
        if is_whole && from >= end { Ok(()) } else { Err(SpaceError::NotMapped) }
    }

    /// Does the same as [`advise_with`](Self::advise_with), after the VMA was marked as one that
    /// may have guard pages (`MADV_GUARD_INSTALL`): the one flag that is set without the write
    /// lock. `visit` makes the guard pages.
    ///
    /// # Errors
    ///
    /// As `advise_with`.
    #[track_caller]
    pub fn install_guards_with(
        &self,
        start: usize,
        len: usize,
        mut visit: impl FnMut(&LockedVma<'_, P>, Range<usize>),
    ) -> Result<(), SpaceError> {
        self.advise_with(start, len, |vma, part| {
            // It is refused only for other flags.
            let _ = vma_flag_set_atomic(vma.as_raw(), flags::MAYBE_GUARD);
            visit(vma, part);
        })
    }
}

fn allows(vm_flags: usize, access: Access) -> bool {
    let needed = match access {
        Access::Read => flags::READ,
        Access::Write => flags::WRITE,
    };
    vm_flags & needed != 0
}
