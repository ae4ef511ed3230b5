//! The address space of the pager, and the account that it keeps: no write may be lost.

use std::sync::atomic::{AtomicU64, Ordering};

use vmalock::{
    Access, AddressSpace, NextVmaError, PAGE_SIZE, SpaceError, VmaIterator, flags, lock_next_vma,
    rcu_read_lock,
};

use super::frames::OutOfFrames;
use super::table::PageTable;

pub(crate) const RW: usize = flags::READ | flags::WRITE;

/// An address space with pages. The sum of its pages and of what was discarded always equals the
/// sum of what was inherited and of what was written.
#[derive(Default)]
pub(crate) struct Pager {
    pub(crate) space: AddressSpace<PageTable>,
    inherited: AtomicU64,
    written: AtomicU64,
    discarded: AtomicU64,
}

impl Pager {
    pub(crate) fn n_written(&self) -> u64 {
        // ORDERING: Relaxed, here and below; counts, compared when all threads are done.
        self.written.load(Ordering::Relaxed)
    }

    fn discard(&self, sum: u64) {
        // ORDERING: Relaxed; see `n_written`.
        self.discarded.fetch_add(sum, Ordering::Relaxed);
    }

    /// A store to the word at `addr`.
    #[track_caller]
    pub(crate) fn write(&self, addr: usize) -> Result<(), SpaceError> {
        loop {
            let result = self.space.fault_with(addr, Access::Write, |vma| {
                vma.payload().write(vma.resolved().pgoff, addr % PAGE_SIZE / 8)
            })?;
            match result {
                Ok(()) => break,
                // No lock is held here, so whatever has to be locked for it may be.
                Err(OutOfFrames) => drop(self.reclaim(64)?),
            }
        }
        // ORDERING: Relaxed; see `n_written`.
        self.written.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A load from the page at `addr`.
    #[track_caller]
    pub(crate) fn read(&self, addr: usize) -> Result<u64, SpaceError> {
        self.space.fault_with(addr, Access::Read, |vma| vma.payload().read(vma.resolved().pgoff))
    }

    #[track_caller]
    pub(crate) fn unmap(&self, start: usize, len: usize) -> Result<usize, SpaceError> {
        self.space.write_killable()?.unmap_with(start, len, |vma| self.discard(vma.payload().sum()))
    }

    /// Maps new pages in place of whatever is there.
    #[track_caller]
    pub(crate) fn map_over(&self, start: usize, len: usize) -> Result<usize, SpaceError> {
        let on_gone = |vma: &vmalock::LockedVma<'_, PageTable>| self.discard(vma.payload().sum());
        self.space.write_killable()?.map_fixed_with(start, len, RW, on_gone, |_| {})
    }

    /// Gives pages back without unmapping them (`MADV_DONTNEED`).
    #[track_caller]
    pub(crate) fn dont_need(&self, start: usize, len: usize) -> Result<(), SpaceError> {
        self.space.advise_with(start, len, |vma, part| {
            self.discard(vma.payload().discard(vma.pgoff_of(part.start)..vma.pgoff_of(part.end)));
        })
    }

    /// A copy that shares all frames until one side writes.
    #[track_caller]
    pub(crate) fn fork(&self) -> Result<Self, SpaceError> {
        let mut inherited = 0;
        let child =
            self.space.write_killable()?.fork_with(|parent, _| inherited += parent.payload().sum())?;
        Ok(Self { space: child, inherited: inherited.into(), ..Self::default() })
    }

    /// Takes frames from one VMA after the other, without the mmap lock. Returns how many it took.
    #[track_caller]
    pub(crate) fn reclaim(&self, most: usize) -> Result<usize, SpaceError> {
        let mut n_taken = 0;
        let mut from = 0;
        while n_taken < most {
            // Each step in an RCU section of its own: what is done with the VMA may take a while.
            let mut iterator = VmaIterator::new(self.space.mm(), from);
            let (rcu, next) = lock_next_vma(rcu_read_lock(), &mut iterator, from);
            drop(rcu);
            match next {
                Ok(Some(vma)) => {
                    from = vma.vm_end();
                    n_taken += self.space.payload(&vma).reclaim(most - n_taken);
                }
                Ok(None) => break,
                Err(NextVmaError::Interrupted) => return Err(SpaceError::Interrupted),
                Err(NextVmaError::Again) => std::thread::yield_now(),
            }
        }
        Ok(n_taken)
    }

    /// How many writes are missing, or too many; for a pager that no thread uses now.
    pub(crate) fn n_lost(&self) -> i128 {
        let guard = self.space.write();
        let (mut sum, mut from) = (0, 0);
        while let Some(vma) = guard.find_vma(from) {
            sum += i128::from(guard.payload(vma).sum());
            from = vma.vm_end();
        }
        // ORDERING: Relaxed; see `n_written`.
        let read = |count: &AtomicU64| i128::from(count.load(Ordering::Relaxed));
        read(&self.inherited) + read(&self.written) - read(&self.discarded) - sum
    }
}
