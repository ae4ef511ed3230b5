//! `vm_refcnt`: the attach count, the readers, and the flag that keeps readers out, in one 32-bit
//! word.
//!
//! | value | meaning | how it can change |
//! |---|---|---|
//! | 0 | detached; readers must not increment | only attach: set to 1 |
//! | 1 | attached; unlocked **or** write-locked (distinguished by `vm_lock_seq == mm_lock_seq`) | reader +1; writer +FLAG; detacher −1 |
//! | 2 ..= LIMIT | attached with *value* − 1 readers; or write-locked with transient readers that have not noticed yet; or just detached with *value* transient readers left | readers ±1; writer or detacher +FLAG |
//! | FLAG | detaching, all readers gone, the flag not yet subtracted; no reader can increment | excluder −FLAG → 0 |
//! | FLAG + 1 | a writer that excluded all readers; or a detacher that waits for one last transient reader | −FLAG → 1; or reader −1 → FLAG |
//! | > FLAG + 1 | a writer or detacher that waits for readers | readers −1 only |
//! | ≥ 2³¹ | corruption: pinned at [`REFCOUNT_SATURATED`] | no thread: warned about once per site |
//!
//! A reader's increment succeeds only from 1 ..= LIMIT − 1. Only the owner of the mmap *write* lock
//! sets the flag, so at most one VMA of an address space carries it, and no holder of the mmap
//! *read* lock can see it.
//!
//! Source: `include/linux/mm_types.h` (v7.0), `include/linux/refcount.h`, `mm/mmap_lock.c` (v7.1).

use std::panic::Location;

use super::super::probe::mutant::{Mutant, seeded};
use super::sync::{AtomicU32, Ordering, fence};
use super::warn::{WarningKind, warn_at};

/// Bit number of [`VM_REFCNT_EXCLUDE_READERS_FLAG`].
pub const VM_REFCNT_EXCLUDE_READERS_BIT: u32 = 30;

/// Set while a writer or detacher waits for readers to leave; no reader can increment meanwhile.
pub const VM_REFCNT_EXCLUDE_READERS_FLAG: u32 = 1 << VM_REFCNT_EXCLUDE_READERS_BIT;

/// The largest count without the flag: one for being attached and 0x3fff_fffe readers.
pub const VM_REFCNT_LIMIT: u32 = VM_REFCNT_EXCLUDE_READERS_FLAG - 1;

/// Where an overflown or underflown count is pinned: half of the most negative `i32`.
pub const REFCOUNT_SATURATED: u32 = 0xC000_0000;

/// The count word of a VMA.
#[derive(Debug)]
pub struct VmRefcnt {
    // INVARIANT: the values of the table above, and no others.
    count: AtomicU32,
}

/// Why a reader got no reference: the value that forbade it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// 0: the VMA is detached. Anything else: the flag is set, or the limit is reached.
    pub count: u32,
}

/// What an addition came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Added {
    /// It was added.
    Yes,
    /// The count was 0 and still is: the VMA is detached.
    Zero,
    /// The count overflowed, now or before, and is pinned.
    Pinned,
}

impl VmRefcnt {
    /// Makes a count of 0: detached.
    #[must_use]
    pub fn new() -> Self {
        Self { count: AtomicU32::new(0) }
    }

    /// Reads the count, without any ordering.
    #[must_use]
    pub fn read(&self) -> u32 {
        // ORDERING: Relaxed; for assertions and reports, nothing is inferred about other memory.
        self.count.load(Ordering::Relaxed)
    }

    /// Reads the count; what readers did before they left is visible if the value says that they
    /// left.
    #[must_use]
    pub(crate) fn read_acquire(&self) -> u32 {
        if seeded(Mutant::M20) {
            // ORDERING: Relaxed is the mutant.
            return self.count.load(Ordering::Relaxed);
        }
        // ORDERING: Acquire; pairs with the Release decrement in `dec_return`. Weaker, and the
        // writer could read memory that the last reader was still writing.
        // Kernel: its wait condition is a plain load followed by a control dependency, which orders
        // stores only.
        self.count.load(Ordering::Acquire)
    }

    /// Resets the count to 0 when the object is initialised for a new life.
    pub(crate) fn reset(&self) {
        let fresh = u32::from(seeded(Mutant::H13));
        // ORDERING: Relaxed; the value was 0 when the object was freed, so a racing reader sees 0
        // either way.
        self.count.store(fresh, Ordering::Relaxed);
    }

    /// Publishes the object: 0 → 1 (`refcount_set_release`).
    pub(crate) fn attach(&self) {
        if seeded(Mutant::M18b) {
            // ORDERING: Relaxed is the mutant.
            self.count.store(1, Ordering::Relaxed);
            return;
        }
        // ORDERING: Release; pairs with the Acquire increment of a reader that still has a stale
        // pointer to the recycled object: it must see the new fields, or it would compare the old
        // `vm_mm` and bounds.
        self.count.store(1, Ordering::Release);
    }

    /// Takes a reader's reference, unless the VMA is detached, excluded or full
    /// (`__refcount_inc_not_zero_limited_acquire`).
    ///
    /// # Errors
    ///
    /// [`Refused`] with the count that forbade it; nothing was changed.
    #[inline]
    pub fn inc_not_zero_limited_acquire(&self, limit: u32) -> Result<u32, Refused> {
        // ORDERING: Relaxed; only a guess for the compare-exchange below.
        let mut old = self.count.load(Ordering::Relaxed);
        loop {
            // Values ≥ 2³¹ (saturated) are above every legal limit as well.
            let refused = (old == 0 && !seeded(Mutant::M4)) || (old >= limit && !seeded(Mutant::M3));
            if refused {
                return Err(Refused { count: old });
            }
            // ORDERING: Acquire on success; pairs with `attach` (new fields of a recycled object)
            // and with the Release in `sub_and_test` (the stamp of the writer that just let readers
            // in again). Relaxed on failure: only the value is used.
            let order = if seeded(Mutant::M19a) { Ordering::Relaxed } else { Ordering::Acquire };
            match self.count.compare_exchange_weak(old, old.wrapping_add(1), order, Ordering::Relaxed) {
                Ok(_) => return Ok(old),
                Err(now) => old = now,
            }
        }
    }

    /// Adds `n` unless the count is 0 (`refcount_add_not_zero`).
    // Kernel: says true for a count that it pinned, and the excluder then waits for a value that
    // cannot come.
    #[track_caller]
    pub(crate) fn add_not_zero(&self, n: u32) -> Added {
        // ORDERING: Relaxed; only a guess for the compare-exchange below.
        let mut old = self.count.load(Ordering::Relaxed);
        loop {
            if old == 0 {
                return Added::Zero;
            }
            let new = old.wrapping_add(n);
            // ORDERING: Relaxed as in the kernel: the flag excludes by the order of the
            // modifications of this one word; what the excluder does next is ordered by the full
            // fence of its wait.
            match self.count.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    if is_negative(old) || is_negative(new) {
                        self.saturate(WarningKind::RefcountOverflow, Location::caller());
                        return Added::Pinned;
                    }
                    return Added::Yes;
                }
                Err(now) => old = now,
            }
        }
    }

    /// Subtracts `n`; says whether the count became 0 (`refcount_sub_and_test`). A warning names
    /// the place `at`.
    #[must_use]
    pub(crate) fn sub_and_test(&self, n: u32, at: &'static Location<'static>) -> bool {
        let relaxed = seeded(Mutant::M19b);
        self.sub(n, relaxed, at) == n
    }

    /// Drops one reference and returns what is left; 0 means that the VMA is now detached
    /// (`__vma_refcount_put_return`). A warning names the place `at`.
    #[must_use]
    #[inline]
    pub(crate) fn dec_return(&self, at: &'static Location<'static>) -> u32 {
        self.sub(1, seeded(Mutant::M19c), at).wrapping_sub(1)
    }

    /// Subtracts `n` and returns the old value.
    #[inline]
    fn sub(&self, n: u32, relaxed: bool, at: &'static Location<'static>) -> u32 {
        // ORDERING: Release; pairs with `read_acquire` of the excluder and the Acquire fence below:
        // everything a reader did under its reference happens before the reference is gone. Relaxed
        // only as a mutant.
        let order = if relaxed { Ordering::Relaxed } else { Ordering::Release };
        let old = self.count.fetch_sub(n, order);
        if old == n {
            // ORDERING: Acquire; pairs with the Release decrements of all the others: who brings
            // the count to 0 may free the object and must see what they did to it.
            fence(Ordering::Acquire);
        } else if is_negative(old) || old < n {
            self.saturate(WarningKind::RefcountUnderflow, at);
        }
        old
    }

    #[cold]
    fn saturate(&self, kind: WarningKind, at: &'static Location<'static>) {
        // ORDERING: Relaxed; the count is lost, pinning it only keeps it from ever reaching a legal
        // value again.
        self.count.store(REFCOUNT_SATURATED, Ordering::Relaxed);
        warn_at(kind, std::ptr::from_ref(self).addr(), at);
    }

    /// Sets any value: for tests of the limits.
    #[doc(hidden)]
    pub fn preset(&self, count: u32) {
        // ORDERING: Relaxed; tests preset counts before other threads see the object.
        self.count.store(count, Ordering::Relaxed);
    }
}

impl Default for VmRefcnt {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the kernel's signed `refcount_t` would be negative.
const fn is_negative(count: u32) -> bool {
    count > i32::MAX as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's numbers (`include/linux/mm_types.h`, `include/linux/refcount.h`): what its own
    /// tools print.
    #[test]
    fn the_numbers_are_the_kernels() {
        assert_eq!(VM_REFCNT_EXCLUDE_READERS_BIT, 30);
        assert_eq!(VM_REFCNT_EXCLUDE_READERS_FLAG, 0x4000_0000);
        assert_eq!(VM_REFCNT_LIMIT, 0x3fff_ffff);
        assert_eq!(REFCOUNT_SATURATED.cast_signed(), i32::MIN / 2);
    }

    #[test]
    fn increments_only_between_attached_and_the_limit() {
        let count = VmRefcnt::new();
        assert_eq!(count.inc_not_zero_limited_acquire(VM_REFCNT_LIMIT), Err(Refused { count: 0 }));
        count.attach();
        assert_eq!(count.inc_not_zero_limited_acquire(VM_REFCNT_LIMIT), Ok(1));
        count.preset(VM_REFCNT_LIMIT - 1);
        assert_eq!(count.inc_not_zero_limited_acquire(VM_REFCNT_LIMIT), Ok(VM_REFCNT_LIMIT - 1));
        assert_eq!(
            count.inc_not_zero_limited_acquire(VM_REFCNT_LIMIT),
            Err(Refused { count: VM_REFCNT_LIMIT })
        );
    }

    #[test]
    fn a_second_flag_saturates_and_stays() {
        let count = VmRefcnt::new();
        count.attach();
        let (added, warnings) = super::super::warn::capture(|| {
            assert_eq!(count.add_not_zero(VM_REFCNT_EXCLUDE_READERS_FLAG), Added::Yes);
            count.add_not_zero(VM_REFCNT_EXCLUDE_READERS_FLAG)
        });
        assert_eq!(added, Added::Pinned);
        assert_eq!(count.read(), REFCOUNT_SATURATED);
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].kind, WarningKind::RefcountOverflow);
    }

    #[test]
    fn one_put_too_many_saturates() {
        let count = VmRefcnt::new();
        count.attach();
        let here = Location::caller();
        assert_eq!(count.dec_return(here), 0);
        let (_, warnings) = super::super::warn::capture(|| count.dec_return(here));
        assert_eq!(count.read(), REFCOUNT_SATURATED);
        assert_eq!(warnings[0].kind, WarningKind::RefcountUnderflow);
    }
}
