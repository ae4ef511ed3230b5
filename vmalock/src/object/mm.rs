//! The address space as the locks see it (`struct mm_struct`): the mmap lock, the sequence, the
//! writer's wait, the tree.
//!
//! Two counts keep it, as in the kernel: its *users* keep what is mapped
//! ([`super::super::space::address_space::AddressSpace`] is the users' handle), its *references*
//! ([`MmRef`], `mmgrab`/`mmdrop`) keep only this structure. A reader that met a recycled VMA must
//! pin the stranger's address space before it puts its reference, because the stranger may be gone
//! the moment after.

use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::super::base::dep::{DepMap, report_broken};
use super::super::base::events::{VmaLockEvents, WaitKind, WaitTimes};
use super::super::base::rcuwait::RcuWait;
use super::super::base::rwsem::{Rwsem, RwsemMode};
use super::super::base::seq::MmLockSeq;
use super::super::base::static_ref::StaticRef;
use super::super::base::sync::{AtomicU32, Ordering, RECYCLES};
use super::super::base::warn::{WarningKind, warn_at, warn_on};
use super::super::probe::reached;
use super::super::probe::step::{Class, Point};
use super::tree::VmaTree;

/// An address space. Obtained through [`MmRef`].
// What a lookup reads lies apart from what only takers of the mmap lock write: a reader that falls
// back to the mmap lock, or a failing lookup that counts itself, does not slow down those that need
// neither.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Mm {
    pub(crate) mm_lock_seq: MmLockSeq,
    pub(crate) mm_mt: VmaTree,
    id: AtomicU64,
    _apart: Apart,
    /// The tree was found to name VMAs that are not the space's.
    is_tree_stale: AtomicBool,
    /// Where the address space was made: the place of what is found out when it ends.
    made: StaticRef<Location<'static>>,
    // INVARIANT: 0 exactly while the structure lies in the pool.
    mm_count: AtomicU32,
    pub(crate) mmap_lock: Rwsem,
    pub(crate) dep_map: DepMap,
    // INVARIANT: has a waiter only while that waiter owns the mmap write lock.
    pub(crate) vma_writer_wait: RcuWait,
    pub(crate) events: VmaLockEvents,
}

/// Begins new cache lines; two, because adjacent ones are fetched together.
#[derive(Debug)]
#[repr(align(128))]
struct Apart;

/// Added to the count of a structure that was used after its end.
const LEAKED: u32 = 1 << 30;

// Not the mutex of `sync`: the pool is not part of the protocol that is model-checked.
static POOL: std::sync::Mutex<Vec<&'static Mm>> = std::sync::Mutex::new(Vec::new());
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Mm {
    fn fresh() -> Self {
        Self {
            mm_lock_seq: MmLockSeq::new(),
            mm_mt: VmaTree::new(),
            id: AtomicU64::new(0),
            _apart: Apart,
            is_tree_stale: AtomicBool::new(false),
            made: StaticRef::none(),
            mm_count: AtomicU32::new(0),
            mmap_lock: Rwsem::new(),
            dep_map: DepMap::mmap_lock(),
            vma_writer_wait: RcuWait::new(),
            events: VmaLockEvents::default(),
        }
    }

    /// Returns a number that no other address space has or had; for traces.
    #[must_use]
    pub fn id(&self) -> u64 {
        // ORDERING: Relaxed; written before the first reference is handed out.
        self.id.load(Ordering::Relaxed)
    }

    /// Returns how many references there are (`mm_count`).
    #[must_use]
    pub fn n_references(&self) -> u32 {
        // ORDERING: Relaxed; for assertions and tests.
        self.mm_count.load(Ordering::Relaxed)
    }

    /// Returns how often the VMA locks of this address space could not be used.
    #[must_use]
    pub fn vma_lock_events(&self) -> &VmaLockEvents {
        &self.events
    }

    /// Returns how long waits in this address space took.
    #[must_use]
    pub fn wait_times(&self, kind: WaitKind) -> WaitTimes {
        let waits = match kind {
            WaitKind::MmapRead => self.mmap_lock.waits(RwsemMode::Read),
            WaitKind::MmapWrite => self.mmap_lock.waits(RwsemMode::Write),
            WaitKind::VmaWrite => &self.vma_writer_wait.waits,
            WaitKind::AfterAbort => &self.events.after_abort,
            WaitKind::AfterRetry => &self.events.after_retry,
            WaitKind::AfterMiss => &self.events.after_miss,
        };
        waits.times()
    }

    /// Returns how many tasks queue for the mmap lock; for reports and tests.
    #[must_use]
    pub fn n_queued(&self) -> usize {
        self.mmap_lock.n_queued()
    }

    /// Returns whether a writer waits for readers of one of the VMAs to leave.
    #[must_use]
    pub fn has_waiting_writer(&self) -> bool {
        self.vma_writer_wait.is_active()
    }

    /// Returns the sequence for speculation: see [`MmLockSeq::speculate_try_begin`].
    #[must_use]
    pub fn mm_lock_seq(&self) -> &MmLockSeq {
        &self.mm_lock_seq
    }

    /// Whether the tree was found to name VMAs that are not the space's.
    pub(crate) fn is_tree_stale(&self) -> bool {
        // ORDERING: Relaxed; set and read under the mmap lock.
        self.is_tree_stale.load(Ordering::Relaxed)
    }

    pub(crate) fn set_tree_stale(&self) {
        // ORDERING: Relaxed; as above.
        self.is_tree_stale.store(true, Ordering::Relaxed);
    }

    /// Where the address space was made.
    pub(crate) fn made(&self) -> &'static Location<'static> {
        // ORDERING: Relaxed; written before the first reference is handed out.
        self.made.load(Ordering::Relaxed).unwrap_or_else(|| Location::caller())
    }

    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Wakes the writer that waits for readers of one of the VMAs.
    ///
    /// Warns if no reference keeps the address space any more: the wake would touch freed memory in
    /// the kernel (fixed there by 9bbffee67ffd).
    pub(crate) fn wake_vma_writer(&self, at: &'static Location<'static>) {
        reached(Point::WakeWriter);
        if self.n_references() == 0 {
            warn_at(WarningKind::MmUsedAfterFree, self.address(), at);
        }
        self.vma_writer_wait.wake_up();
    }
}

/// A counted reference to an address space: keeps the structure, not what is mapped.
#[derive(Debug)]
pub struct MmRef(&'static Mm);

impl MmRef {
    /// Makes an empty address space.
    #[track_caller]
    #[must_use]
    pub fn new() -> Self {
        let recycled = POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        let mm = recycled.unwrap_or_else(|| Box::leak(Box::new(Mm::fresh())));
        mm.dep_map.init();
        mm.mm_lock_seq.reset();
        mm.events.reset();
        mm.mmap_lock.reset_waits();
        mm.vma_writer_wait.waits.reset();
        // ORDERING: Relaxed; as the rest, published together with the reference.
        mm.is_tree_stale.store(false, Ordering::Relaxed);
        // ORDERING: Relaxed; only uniqueness matters.
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        // ORDERING: Relaxed; published together with the reference, by whatever hands that to other
        // threads.
        mm.id.store(id, Ordering::Relaxed);
        // ORDERING: Relaxed; as above.
        mm.made.store(Some(Location::caller()), Ordering::Relaxed);
        // ORDERING: Relaxed; as above.
        mm.mm_count.store(1, Ordering::Relaxed);
        Self(mm)
    }

    /// Returns the address space with the lifetime of the pool: for the raw functions, whose
    /// callers keep a reference.
    #[must_use]
    pub fn as_raw(&self) -> &'static Mm {
        self.0
    }
}

impl Default for MmRef {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// Takes (`mmgrab`) one more reference. The caller must know that there is one already.
#[track_caller]
#[must_use]
pub fn mmgrab(mm: &'static Mm) -> MmRef {
    // ORDERING: Relaxed; as for any reference count, the reference that exists already orders the
    // rest.
    let old = mm.mm_count.fetch_add(1, Ordering::Relaxed);
    if old == 0 {
        warn_on(WarningKind::MmUsedAfterFree, mm.address());
        // ORDERING: Relaxed; the count is lost. The structure is never freed again, so that it
        // cannot be freed twice.
        mm.mm_count.fetch_add(LEAKED, Ordering::Relaxed);
    }
    MmRef(mm)
}

impl Clone for MmRef {
    fn clone(&self) -> Self {
        mmgrab(self.0)
    }
}

/// `mmdrop`.
impl Drop for MmRef {
    fn drop(&mut self) {
        // ORDERING: AcqRel; Release so that the last one sees all use, Acquire so that the last one
        // does.
        if self.0.mm_count.fetch_sub(1, Ordering::AcqRel) == 1 {
            free_mm(self.0);
        }
    }
}

#[cold]
fn free_mm(mm: &'static Mm) {
    mm.mm_mt.clear_all();
    if mm.mmap_lock.is_locked() {
        // The program leaked a guard. The structure is not reused, or the next owner would inherit
        // a held lock.
        let (_, remedy) = WarningKind::MmapLockUnbalanced.parts();
        report_broken(
            Class::MmapLock,
            "the address space made here ends while its mmap lock is held",
            remedy,
            mm.made(),
        );
        warn_at(WarningKind::MmapLockUnbalanced, mm.address(), mm.made());
        return;
    }
    if RECYCLES {
        POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(mm);
    }
}

impl Deref for MmRef {
    type Target = Mm;

    fn deref(&self) -> &Mm {
        self.0
    }
}
