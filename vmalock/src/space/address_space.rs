//! An address space that does work, on these locks only: what it is, how it begins, how it ends.
//!
//! It is what the locks are for, cut down to what exercises them: no page tables, no files, no
//! reverse map. Every function follows the kernel's order of locks and steps.

use std::sync::atomic::AtomicUsize;

use super::super::base::rcu::rcu_read_lock;
use super::super::base::sync::{Ordering, yield_now};
use super::super::guard::iterator::VmaIterator;
use super::super::guard::locked_vma::LockedVma;
use super::super::guard::lookup::{NextVmaError, lock_next_vma};
use super::super::guard::mapping::{Mapping, SpaceError};
use super::super::guard::mmap_guard::MmapWriteGuard;
use super::super::guard::payload::VmaPayload;
use super::super::guard::vma_guard::VmaReadGuard;
use super::super::lock::assert::vma_assert_write_locked;
use super::super::lock::attach::{vma_mark_attached, vma_mark_detached};
use super::super::lock::vma_lock::{vma_start_write, vma_start_write_killable};
use super::super::object::mm::{Mm, MmRef};
use super::super::object::vma::{StableVma, Vma, VmaFields};
use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::reached;
use super::super::probe::step::Point;
use super::cache::VmaCache;
use super::names;

/// The users' handle of an address space: what is mapped ends with it (`mm_users`).
///
/// `P` is what the program keeps with each VMA ([`VmaPayload`]); nothing, by default.
#[derive(Debug)]
pub struct AddressSpace<P: VmaPayload = ()> {
    pub(crate) mm: MmRef,
    pub(crate) cache: &'static VmaCache<P>,
    // INVARIANT: number of attached VMAs; changed under the mmap write lock.
    pub(crate) map_count: AtomicUsize,
    // INVARIANT: 0, or where the heap begins and ends; changed under the mmap write lock.
    pub(crate) heap_start: AtomicUsize,
    pub(crate) heap_end: AtomicUsize,
    /// Ends under the lock of another address space: a child of a fork that failed.
    pub(crate) ends_nested: bool,
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
    /// Makes an empty address space whose VMAs have payloads, from the slab of the process for that
    /// type.
    #[track_caller]
    #[must_use]
    pub fn with_payloads() -> Self {
        Self::with_cache(VmaCache::shared())
    }

    /// Makes an empty address space with VMAs from `cache`, so that a test can decide who reuses
    /// whose.
    #[track_caller]
    #[must_use]
    pub fn with_cache(cache: &'static VmaCache<P>) -> Self {
        Self {
            mm: MmRef::new(),
            cache,
            map_count: AtomicUsize::new(0),
            heap_start: AtomicUsize::new(0),
            heap_end: AtomicUsize::new(0),
            ends_nested: false,
        }
    }

    /// Returns the address space as the locks see it.
    #[must_use]
    pub fn mm(&self) -> &Mm {
        &self.mm
    }

    /// Returns a counted reference to it: outlives the users.
    #[must_use]
    pub fn mm_ref(&self) -> MmRef {
        self.mm.clone()
    }

    /// Returns how many VMAs there are.
    #[must_use]
    pub fn map_count(&self) -> usize {
        // ORDERING: Relaxed; a statistic, exact under the mmap lock.
        self.map_count.load(Ordering::Relaxed)
    }

    /// Returns what the program keeps with `vma`, as long as that is locked.
    #[inline]
    #[must_use]
    pub fn payload<'v>(&'v self, vma: &'v VmaReadGuard<'_>) -> &'v P {
        self.cache.payload(vma.as_raw())
    }

    /// Makes an attached, write-locked VMA that is not in the tree yet; `hook` fills what the
    /// program keeps with it.
    #[track_caller]
    pub(crate) fn new_vma(
        &self,
        guard: &MmapWriteGuard<'_>,
        mapping: Mapping,
        hook: impl FnOnce(&LockedVma<'_, P>),
    ) -> &'static Vma {
        let vma = self.fill_vma(mapping, hook);
        self.publish(guard, vma);
        vma
    }

    /// Makes a VMA that no other thread knows, to be [published](Self::publish); `hook` fills what
    /// the program keeps with it.
    #[track_caller]
    pub(crate) fn fill_vma(&self, mapping: Mapping, hook: impl FnOnce(&LockedVma<'_, P>)) -> &'static Vma {
        let unpublished = Unpublished { cache: self.cache, vma: self.cache.alloc(self.mm.as_raw()) };
        fill(unpublished.vma.fields(), mapping);
        hook(&self.locked(unpublished.vma));
        let vma = unpublished.vma;
        std::mem::forget(unpublished);
        vma
    }

    /// Write-locks (stamps) and attaches a filled VMA. The stamp turns readers away until the
    /// section ends.
    #[track_caller]
    pub(crate) fn publish(&self, _guard: &MmapWriteGuard<'_>, vma: &'static Vma) {
        if seeded(Mutant::M18a) {
            vma_mark_attached(vma);
            vma_start_write(vma);
        } else {
            if !seeded(Mutant::H7d) {
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

    /// The VMA with its payload; the caller knows what keeps it.
    #[inline]
    pub(crate) fn locked(&self, vma: &'static Vma) -> LockedVma<'_, P> {
        LockedVma::new(vma, self.cache.payload(vma))
    }

    /// An empty address space for [`copy_from`](Self::copy_from).
    #[track_caller]
    pub(crate) fn empty_child(&self) -> Self {
        Self::with_cache(self.cache)
    }

    /// `dup_mmap`: the child's mmap lock nests in the parent's, and every VMA of the parent is
    /// write-locked, killably.
    #[track_caller]
    pub(crate) fn copy_from(
        &self,
        parent: &Self,
        parent_guard: &MmapWriteGuard<'_>,
        hook: &mut dyn FnMut(&LockedVma<'_, P>, &LockedVma<'_, P>),
    ) -> Result<(), SpaceError> {
        let guard = self.mm.write_nested(1);
        let mut from = 0;
        while let Some(vma) = parent_guard.find_vma(from).map(StableVma::as_raw) {
            if !seeded(Mutant::H7c) {
                vma_start_write_killable(vma)?;
            }
            // Kernel: asserts nothing here, and a fork that forgot the write lock (fb49c455323f)
            // went unnoticed.
            vma_assert_write_locked(vma);
            let mapping = Mapping::of(vma.fields());
            let copy = self.new_vma(&guard, mapping, |copy| {
                names::copy(vma, copy.as_raw());
                copy.set_anon_vma(vma.fields().anon_vma());
                let original = parent.locked(vma);
                original.payload().fork(copy.payload(), mapping);
                hook(&original, copy);
            });
            self.mm.mm_mt.edit(|edit| edit.store(mapping.start, mapping.end, copy));
            from = mapping.end;
        }
        // ORDERING: Relaxed; under the write locks of both.
        self.heap_start.store(parent.heap_start.load(Ordering::Relaxed), Ordering::Relaxed);
        self.heap_end.store(parent.heap_end.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }
}

impl<P: VmaPayload> Default for AddressSpace<P> {
    #[track_caller]
    fn default() -> Self {
        Self::with_payloads()
    }
}

/// A new VMA while the program's code fills it: freed if that panics.
struct Unpublished<P: VmaPayload> {
    cache: &'static VmaCache<P>,
    vma: &'static Vma,
}

impl<P: VmaPayload> Drop for Unpublished<P> {
    fn drop(&mut self) {
        self.cache.free(self.vma);
    }
}

fn fill(fields: &VmaFields, mapping: Mapping) {
    fields.set_vm_start(mapping.start);
    fields.set_vm_end(mapping.end);
    fields.set_vm_flags(mapping.flags);
    fields.set_vm_pgoff(mapping.pgoff);
}
