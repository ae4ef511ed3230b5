//! Guards of the per-VMA lock.

use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;

use super::super::lock::assert::vma_assert_write_locked;
use super::super::lock::mmap_lock::Releaser;
use super::super::lock::vma_lock::vma_refcount_put;
use super::super::object::mm::Mm;
use super::super::object::vma::{StableVma, Vma, VmaFields};

/// A VMA, read-locked: it cannot change, be detached, or be freed, while this lives.
///
/// Must not be kept while *blocking* on the mmap lock of the same address space: the owner may be
/// waiting for it. Debug builds warn about that; lockdep reports it.
#[derive(Debug)]
#[must_use = "the lock is released at once"]
pub struct VmaReadGuard<'mm> {
    vma: &'static Vma,
    mm: &'mm Mm,
    made: &'static Location<'static>,
    _not_send: PhantomData<*const ()>,
}

impl<'mm> VmaReadGuard<'mm> {
    /// Takes over the reference that the caller got from `vma_start_read`.
    #[track_caller]
    #[inline]
    pub(crate) fn new(mm: &'mm Mm, vma: &'static Vma) -> Self {
        Self { vma, mm, made: Location::caller(), _not_send: PhantomData }
    }

    /// Returns the address space.
    #[must_use]
    pub fn mm(&self) -> &'mm Mm {
        self.mm
    }

    /// Returns the object, for the raw functions.
    #[must_use]
    pub fn as_raw(&self) -> &'static Vma {
        self.vma
    }
}

impl Deref for VmaReadGuard<'_> {
    type Target = VmaFields;

    #[inline]
    fn deref(&self) -> &VmaFields {
        self.vma.fields()
    }
}

impl Drop for VmaReadGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        vma_refcount_put(self.vma, Releaser::guard(self.made));
    }
}

/// A VMA, write-locked until the mmap write guard that it borrows from ends. There is nothing to
/// release.
#[derive(Clone, Copy, Debug)]
pub struct VmaWrite<'g> {
    vma: StableVma<'g>,
    /// Whether the guard was of the VMA's own address space. If not, that was told, and nothing is
    /// changed.
    is_mine: bool,
}

impl<'g> VmaWrite<'g> {
    pub(crate) fn new(vma: StableVma<'g>, is_mine: bool) -> Self {
        Self { vma, is_mine }
    }

    /// Returns the object, for the raw functions.
    #[must_use]
    pub fn as_raw(self) -> &'static Vma {
        self.vma.as_raw()
    }

    /// Returns the VMA, readable as long as the mmap lock is held.
    #[must_use]
    pub fn stable(self) -> StableVma<'g> {
        self.vma
    }

    /// Sets the flags (`vm_flags_reset`).
    #[track_caller]
    pub fn set_vm_flags(self, flags: usize) {
        if let Some(fields) = self.checked() {
            fields.set_vm_flags(flags);
        }
    }

    /// Sets the range (`vma_set_range`). The tree is the caller's business.
    #[track_caller]
    pub(crate) fn set_range(self, start: usize, end: usize, pgoff: usize) {
        let Some(fields) = self.checked() else { return };
        fields.set_vm_start(start);
        fields.set_vm_end(end);
        fields.set_vm_pgoff(pgoff);
    }

    /// Sets what stands for the anonymous memory.
    #[track_caller]
    pub(crate) fn set_anon_vma(self, anon_vma: usize) {
        if let Some(fields) = self.checked() {
            fields.set_anon_vma(anon_vma);
        }
    }

    /// The fields, with the assertion that every setter of the kernel makes: other code may have
    /// ended all write locks. `None` for a VMA of another address space than the guard's, which was
    /// told.
    #[track_caller]
    fn checked(self) -> Option<&'static VmaFields> {
        if !self.is_mine {
            return None;
        }
        vma_assert_write_locked(self.vma.as_raw());
        Some(self.vma.as_raw().fields())
    }
}

impl Deref for VmaWrite<'_> {
    type Target = VmaFields;

    fn deref(&self) -> &VmaFields {
        self.vma.as_raw().fields()
    }
}
