//! Guards of the mmap lock. They cannot leave their thread, and what they protect cannot outlive
//! them.

use std::marker::PhantomData;
use std::panic::Location;

use super::super::base::task::Interrupted;
use super::super::lock::mmap_lock::{
    Releaser, mmap_read_disown, mmap_read_lock, mmap_read_lock_killable, mmap_read_trylock,
    mmap_write_downgrade, mmap_write_lock, mmap_write_lock_killable, mmap_write_lock_nested, read_unlock,
    read_unlock_non_owner, write_unlock,
};
use super::super::lock::vma_lock::{vma_start_read_locked, vma_start_write, vma_start_write_killable};
use super::super::object::mm::Mm;
use super::super::object::vma::{StableVma, Vma};
use super::lookup_locked::{check_is_in, find_vma, vma_lookup};
use super::vma_guard::{VmaReadGuard, VmaWrite};

/// Keeps a type out of `Send`: lockdep's held locks belong to a task.
type NotSend = PhantomData<*const ()>;

/// The mmap lock, held for writing.
///
/// ```compile_fail
/// let mm = vmalock::MmRef::new();
/// let guard = mm.write();
/// std::thread::scope(|s| { s.spawn(move || drop(guard)); }); // `!Send`
/// ```
#[derive(Debug)]
#[must_use = "the lock is released at once"]
pub struct MmapWriteGuard<'mm> {
    mm: &'mm Mm,
    made: &'static Location<'static>,
    _not_send: NotSend,
}

/// The mmap lock, held for reading.
#[derive(Debug)]
#[must_use = "the lock is released at once"]
pub struct MmapReadGuard<'mm> {
    mm: &'mm Mm,
    made: &'static Location<'static>,
    _not_send: NotSend,
}

/// The mmap lock, held for reading by no particular thread: any may drop it.
#[derive(Debug)]
#[must_use = "the lock is released at once"]
pub struct NonOwnerMmapRead<'mm> {
    mm: &'mm Mm,
    made: &'static Location<'static>,
}

impl Mm {
    /// Takes the mmap lock for writing.
    #[track_caller]
    pub fn write(&self) -> MmapWriteGuard<'_> {
        mmap_write_lock(self);
        MmapWriteGuard::new(self)
    }

    /// Takes the mmap lock for writing under that of another address space, in an order that is
    /// intended: a fork locks the child under the parent.
    ///
    /// Lockdep does not compare this order with the opposite one. Two spaces that have no such
    /// order are for [`write`](Self::write), where lockdep reports opposite orders (LD0002).
    #[track_caller]
    pub fn write_nested(&self, subclass: u8) -> MmapWriteGuard<'_> {
        mmap_write_lock_nested(self, subclass);
        MmapWriteGuard::new(self)
    }

    /// Takes the mmap lock for writing, unless the task is killed while it waits.
    ///
    /// # Errors
    ///
    /// [`Interrupted`]; nothing is held.
    #[track_caller]
    pub fn write_killable(&self) -> Result<MmapWriteGuard<'_>, Interrupted> {
        mmap_write_lock_killable(self)?;
        Ok(MmapWriteGuard::new(self))
    }

    /// Takes the mmap lock for reading.
    #[track_caller]
    pub fn read(&self) -> MmapReadGuard<'_> {
        mmap_read_lock(self);
        MmapReadGuard::new(self)
    }

    /// Takes the mmap lock for reading, unless the task is killed while it waits.
    ///
    /// # Errors
    ///
    /// [`Interrupted`]; nothing is held.
    #[track_caller]
    pub fn read_killable(&self) -> Result<MmapReadGuard<'_>, Interrupted> {
        mmap_read_lock_killable(self)?;
        Ok(MmapReadGuard::new(self))
    }

    /// Takes the mmap lock for reading if that needs no waiting.
    #[track_caller]
    #[must_use]
    pub fn try_read(&self) -> Option<MmapReadGuard<'_>> {
        // Not `then`, whose closure would have a caller of its own.
        if mmap_read_trylock(self) { Some(MmapReadGuard::new(self)) } else { None }
    }
}

impl<'mm> MmapWriteGuard<'mm> {
    #[track_caller]
    fn new(mm: &'mm Mm) -> Self {
        Self { mm, made: Location::caller(), _not_send: PhantomData }
    }

    /// Returns the address space.
    #[must_use]
    pub fn mm(&self) -> &'mm Mm {
        self.mm
    }

    /// Keeps the lock for reading only. Borrows end here, so no [`VmaWrite`] survives.
    #[track_caller]
    pub fn downgrade(self) -> MmapReadGuard<'mm> {
        let mm = self.mm;
        std::mem::forget(self);
        mmap_write_downgrade(mm);
        MmapReadGuard::new(mm)
    }

    /// Write-locks `vma` until this guard is dropped or downgraded; waits for its readers.
    ///
    /// A VMA of another address space is not locked: the call warns, and nothing can be changed
    /// through what it returns.
    #[track_caller]
    pub fn start_write<'g>(&'g self, vma: StableVma<'g>) -> VmaWrite<'g> {
        let is_mine = check_is_in(self.mm, vma.as_raw());
        if is_mine {
            vma_start_write(vma.as_raw());
        }
        VmaWrite::new(vma, is_mine)
    }

    /// Write-locks `vma`, unless the task is killed while it waits for readers. Otherwise as
    /// [`start_write`](Self::start_write).
    ///
    /// # Errors
    ///
    /// [`Interrupted`]; the VMA is as before and this guard still holds the mmap lock.
    #[track_caller]
    pub fn start_write_killable<'g>(&'g self, vma: StableVma<'g>) -> Result<VmaWrite<'g>, Interrupted> {
        let is_mine = check_is_in(self.mm, vma.as_raw());
        if is_mine {
            vma_start_write_killable(vma.as_raw())?;
        }
        Ok(VmaWrite::new(vma, is_mine))
    }

    /// Returns the VMA that covers `addr`, if any (`vma_lookup`).
    #[track_caller]
    #[must_use]
    pub fn vma_lookup(&self, addr: usize) -> Option<StableVma<'_>> {
        vma_lookup(self.mm, addr).map(StableVma::new)
    }

    /// Returns the first VMA that ends above `addr` (`find_vma`).
    #[track_caller]
    #[must_use]
    pub fn find_vma(&self, addr: usize) -> Option<StableVma<'_>> {
        find_vma(self.mm, addr).map(StableVma::new)
    }

    /// Vouches that `vma` belongs to this address space and stays while the guard lives.
    pub(crate) fn stable(&self, vma: &'static Vma) -> StableVma<'_> {
        StableVma::new(vma)
    }
}

impl Drop for MmapWriteGuard<'_> {
    fn drop(&mut self) {
        write_unlock(self.mm, Releaser::guard(self.made));
    }
}

impl<'mm> MmapReadGuard<'mm> {
    /// A guard of a lock that the caller says it holds.
    #[track_caller]
    pub(crate) fn new(mm: &'mm Mm) -> Self {
        Self { mm, made: Location::caller(), _not_send: PhantomData }
    }

    /// Returns the address space.
    #[must_use]
    pub fn mm(&self) -> &'mm Mm {
        self.mm
    }

    /// Returns the VMA that covers `addr`, if any (`vma_lookup`).
    #[track_caller]
    #[must_use]
    pub fn vma_lookup(&self, addr: usize) -> Option<StableVma<'_>> {
        vma_lookup(self.mm, addr).map(StableVma::new)
    }

    /// Returns the first VMA that ends above `addr` (`find_vma`).
    #[track_caller]
    #[must_use]
    pub fn find_vma(&self, addr: usize) -> Option<StableVma<'_>> {
        find_vma(self.mm, addr).map(StableVma::new)
    }

    /// Read-locks `vma`; its lock may outlive this guard. `None` when the count of readers is at
    /// its limit, and with a warning for a VMA of another address space.
    #[track_caller]
    #[must_use]
    pub fn start_read(&self, vma: StableVma<'_>) -> Option<VmaReadGuard<'mm>> {
        // Not `then`, whose closure would have a caller of its own.
        if check_is_in(self.mm, vma.as_raw()) && vma_start_read_locked(vma.as_raw()) {
            Some(VmaReadGuard::new(self.mm, vma.as_raw()))
        } else {
            None
        }
    }

    /// Lets any thread release the lock. Lockdep forgets that this task holds it.
    #[track_caller]
    pub fn into_non_owner(self) -> NonOwnerMmapRead<'mm> {
        let mm = self.mm;
        std::mem::forget(self);
        mmap_read_disown(mm);
        NonOwnerMmapRead { mm, made: Location::caller() }
    }
}

impl Drop for MmapReadGuard<'_> {
    fn drop(&mut self) {
        read_unlock(self.mm, Releaser::guard(self.made));
    }
}

impl Drop for NonOwnerMmapRead<'_> {
    fn drop(&mut self) {
        read_unlock_non_owner(self.mm, Releaser::guard(self.made));
    }
}
