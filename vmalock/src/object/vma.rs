//! The VMA: what a reader may look at without a lock, and what only a lock holder may read.
//!
//! Readers in an RCU section may read three members of a VMA that they have not locked: `vm_mm`,
//! `vm_lock_seq`, `vm_refcnt`. Everything else is in [`VmaFields`], which is reachable only through
//! a guard or a [`StableVma`].
//!
//! Freed VMAs are handed out again **at once**, last freed first, to any address space. That is the
//! point of the protocol: a reader with a stale pointer meets a different VMA, and has to notice.
//!
//! Source: `include/linux/mm_types.h`, `mm/vma_init.c` (v7.0).

use std::marker::PhantomData;
use std::ops::Deref;

use super::super::base::dep::{DepMap, DepSlot, is_on};
use super::super::base::refcnt::VmRefcnt;
use super::super::base::static_ref::StaticRef;
use super::super::base::sync::{AtomicU64, AtomicUsize, Ordering};
use super::super::base::warn::{WarningKind, warn_on};
use super::mm::Mm;

/// What `vm_start` and `vm_end` of a freed VMA read: garbage, as in the kernel, where the slab's
/// free pointer lies there.
pub const POISON: usize = 0x6b6b_6b6b_6b6b_6b6b;

/// A virtual memory area.
///
/// Its memory is never freed, so a stale `&'static Vma` is harmless; what it still stands for is
/// another question, which only a lock answers.
// One cache line: a reader writes the count anyway, so whatever lies beside it comes for free, and
// a walk over many VMAs touches as little memory as can be. The validator's part lies elsewhere
// (`DepSlot`).
// Kernel: the count has a line of its own, because others read the fields under the mmap lock
// without writing the count.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Vma {
    /// Attach count, readers, exclusion.
    pub(crate) vm_refcnt: VmRefcnt,
    /// Where the validator's part of the lock is.
    dep_slot: DepSlot,
    // INVARIANT: odd (stamps are taken while the sequence is odd). Written only under the mmap
    // write lock with the exclude flag set, or while the VMA is detached.
    vm_lock_seq: AtomicU64,
    // INVARIANT: constant from initialisation to free; rewritten by the next initialisation.
    vm_mm: StaticRef<Mm>,
    fields: VmaFields,
}

/// What a VMA says about its range. Stable while the VMA is locked, or the mmap lock is held.
///
/// The members are atomics only because stale readers of the *object* may exist; they are read and
/// written relaxed, and ordered by the locks.
#[derive(Debug)]
#[repr(C)]
pub struct VmaFields {
    vm_start: AtomicUsize,
    vm_end: AtomicUsize,
    vm_flags: AtomicUsize,
    vm_pgoff: AtomicUsize,
    anon_vma: AtomicUsize,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident, $set:ident;)*) => {
        impl VmaFields {
            $(
                $(#[$doc])*
                #[inline]
                #[must_use]
                pub fn $name(&self) -> usize {
                    // ORDERING: Relaxed; the lock under which the caller reads orders it (see the
                    // struct).
                    self.$name.load(Ordering::Relaxed)
                }

                #[inline]
                pub(crate) fn $set(&self, value: usize) {
                    // ORDERING: Relaxed; the lock under which the caller writes orders it (see the
                    // struct).
                    self.$name.store(value, Ordering::Relaxed);
                }
            )*
        }
    };
}

fields! {
    /// First address of the range.
    vm_start, set_vm_start;
    /// First address after the range.
    vm_end, set_vm_end;
    /// Permission and behaviour bits: see [`super::super::guard::mapping::flags`].
    vm_flags, set_vm_flags;
    /// Offset of the range in what it maps, in pages.
    vm_pgoff, set_vm_pgoff;
    /// What stands for the anonymous memory of the range; 0 until the first write fault prepared
    /// it.
    anon_vma, set_anon_vma;
}

impl VmaFields {
    fn new() -> Self {
        Self {
            vm_start: AtomicUsize::new(POISON),
            vm_end: AtomicUsize::new(POISON),
            vm_flags: AtomicUsize::new(0),
            vm_pgoff: AtomicUsize::new(0),
            anon_vma: AtomicUsize::new(0),
        }
    }

    /// Sets one flag without the write lock; the caller asserted that the VMA is stabilised.
    pub(crate) fn set_flag_atomic(&self, flag: usize) {
        // ORDERING: Relaxed; a single bit that others may set at the same time, hence the
        // read-modify-write.
        self.vm_flags.fetch_or(flag, Ordering::Relaxed);
    }

    /// Returns whether `addr` lies in the range.
    #[inline]
    #[must_use]
    pub fn contains(&self, addr: usize) -> bool {
        self.vm_start() <= addr && addr < self.vm_end()
    }
}

impl Vma {
    /// A VMA that is in no slab.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests and models"))]
    pub(crate) fn new() -> Self {
        Self::numbered(DepSlot::reserve(1))
    }

    /// A VMA with a number that no other one of the process has.
    pub(crate) fn numbered(number: u32) -> Self {
        Self {
            vm_refcnt: VmRefcnt::new(),
            dep_slot: DepSlot::numbered(number),
            vm_lock_seq: AtomicU64::new(u64::MAX),
            vm_mm: StaticRef::none(),
            fields: VmaFields::new(),
        }
    }

    /// The validator's part of the lock (`vmlock_dep_map`, `__vma_lockdep_map`).
    #[inline]
    pub(crate) fn vmlock_dep_map(&self) -> &'static DepMap {
        self.vmlock_dep_map_if(is_on())
    }

    /// The same for a caller that has asked whether validation is on.
    #[inline]
    pub(crate) fn vmlock_dep_map_if(&self, is_on: bool) -> &'static DepMap {
        self.dep_slot.map_if(is_on)
    }

    /// Its number: no two VMAs of the process have the same one, and it keeps it through all its
    /// lives.
    #[inline]
    pub(crate) fn number(&self) -> u32 {
        self.dep_slot.number()
    }

    /// Begins a new life of the object, in `mm` (`vma_init`, `vma_lock_init`). It is detached.
    ///
    /// A stale reader may watch; the count is 0 throughout, so it cannot get in.
    #[track_caller]
    pub(crate) fn init(&self, mm: &'static Mm) {
        if self.vm_refcnt.read() != 0 {
            // The holder of the reference would put it on a VMA of another owner.
            warn_on(WarningKind::VmaAttached, self.address());
        }
        self.vmlock_dep_map().init();
        self.vm_refcnt.reset();
        // ORDERING: Relaxed; the Release in `VmRefcnt::attach` publishes it together with the
        // fields.
        self.vm_lock_seq.store(u64::MAX, Ordering::Relaxed);
        // ORDERING: Relaxed; as above.
        self.vm_mm.store(Some(mm), Ordering::Relaxed);
        // No longer poisoned: a VMA that was never filled can be freed, too.
        self.fields.set_vm_start(0);
        self.fields.set_vm_end(0);
        self.fields.set_vm_flags(0);
        self.fields.set_vm_pgoff(0);
        self.fields.set_anon_vma(0);
    }

    /// Returns the address space that the VMA belongs to, or belonged to before it was freed.
    ///
    /// One of the three members that an unstable reader may look at; it may change until a
    /// reference is held.
    #[must_use]
    pub fn vm_mm(&self) -> Option<&'static Mm> {
        // ORDERING: Relaxed; before a reference is held it is a guess, afterwards the Acquire
        // increment ordered it.
        self.vm_mm.load(Ordering::Relaxed)
    }

    /// Returns the stamp of the last write lock. Reliable only with the mmap lock or a reference.
    #[inline]
    #[must_use]
    pub fn vm_lock_seq(&self) -> u64 {
        // ORDERING: Relaxed; the early check is a guess, the recheck is ordered by the Acquire
        // increment.
        self.vm_lock_seq.load(Ordering::Relaxed)
    }

    pub(crate) fn set_vm_lock_seq(&self, sequence: u64) {
        // ORDERING: Relaxed; published by the Release that drops the exclude flag, or that
        // attaches.
        self.vm_lock_seq.store(sequence, Ordering::Relaxed);
    }

    /// Returns the count word, for reports and tests.
    #[must_use]
    pub fn vm_refcnt(&self) -> &VmRefcnt {
        &self.vm_refcnt
    }

    /// Returns whether the VMA is in its address space (`vma_is_attached`): meaningful only under
    /// the mmap write lock.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.vm_refcnt.read() != 0
    }

    /// The fields; the caller knows what makes them stable.
    #[inline]
    pub(crate) fn fields(&self) -> &VmaFields {
        &self.fields
    }

    /// Returns the fields of a VMA that no other thread can reach yet, or of any VMA in a test.
    #[doc(hidden)]
    #[must_use]
    pub fn fields_unchecked(&self) -> &VmaFields {
        &self.fields
    }

    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Returns whether this is the same object as `other`, whatever life either is in.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// A VMA that cannot change or go away while `'g` lasts: what `'g` borrows from holds the mmap
/// lock.
#[derive(Clone, Copy, Debug)]
pub struct StableVma<'g> {
    vma: &'static Vma,
    _guard: PhantomData<&'g ()>,
}

impl StableVma<'_> {
    pub(crate) fn new(vma: &'static Vma) -> Self {
        Self { vma, _guard: PhantomData }
    }

    /// Returns the object, for the raw functions.
    #[must_use]
    pub fn as_raw(self) -> &'static Vma {
        self.vma
    }
}

impl Deref for StableVma<'_> {
    type Target = VmaFields;

    fn deref(&self) -> &VmaFields {
        self.vma.fields()
    }
}
