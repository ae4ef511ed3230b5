//! Every lockdep event of this crate leaves through here.
//!
//! There are two classes, as in the kernel: `mmap_lock` for all address spaces and `vm_lock` for
//! all VMAs. A held VMA *write* lock is not tracked (it is taken one by one and dropped all at
//! once); only the short window in which readers are excluded is. That window is a blocking
//! acquisition, so it makes `mmap_lock -> vm_lock`; a reader that then blocks on the mmap lock
//! makes `vm_lock -> mmap_lock`, and the forbidden order is reported without anybody having hung.
//!
//! | event | when |
//! |---|---|
//! | read lock | *after* the successful increment, as a try: it never blocks |
//! | read unlock | *before* the decrement |
//! | exclusion begins | *after* the flag was added, *before* the wait |
//! | exclusion ends | *after* the flag was subtracted, also when interrupted |
//! | mmap lock | *before* the attempt; a try, after its success; release and downgrade before the fact |
//!
//! Source: the `__vma_lockdep_*` wrappers of `include/linux/mmap_lock.h` (v7.0),
//! `kernel/locking/rwsem.c`.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use lockdep::LockClassKey;
use lockdep::hook::{AcquireOptions, LockInfo, LockMap, Verdict};
pub(crate) use lockdep::hook::{Held, Verdict as Entry, is_on};
use lockdep::{Mode, Subclass, Wait};

use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::record;
use super::super::probe::step::{Class, LockdepEvent, Step};

/// The class of every mmap lock.
static MMAP_LOCK: LockClassKey = LockClassKey::named("mmap_lock").kind("rwsem");
/// The class of every VMA's lock.
static VM_LOCK: LockClassKey = LockClassKey::named("vm_lock").kind("per-VMA lock");

const INFO: LockInfo = LockInfo::bare("vmalock").measured().publishes_waits();

/// What sits in a lock: 16 bytes with the validator linked, nothing under `--cfg lockdep_disabled`.
#[derive(Debug)]
pub(crate) struct DepMap {
    map: LockMap<&'static LockClassKey>,
    /// For the recording probe.
    class: Class,
}

const fn mode(shared: bool) -> Mode {
    if shared { Mode::Shared } else { Mode::Exclusive }
}

// Every method tells the recording probe first, the validator second.
impl DepMap {
    pub(crate) const fn mmap_lock() -> Self {
        Self { map: LockMap::with_key(&MMAP_LOCK), class: Class::MmapLock }
    }

    pub(crate) const fn vm_lock() -> Self {
        Self { map: LockMap::with_key(&VM_LOCK), class: Class::VmLock }
    }

    /// Announces a blocking acquisition. The caller handles [`Entry::SelfDeadlock`] as the
    /// validator asks: try the real lock, then [`stale_holder`](Self::stale_holder) or
    /// [`self_deadlock`](Self::self_deadlock).
    #[inline]
    #[track_caller]
    pub(crate) fn acquire(&self, shared: bool, subclass: u8) -> Entry {
        let is_try = self.class == Class::VmLock && seeded(Mutant::M27c);
        self.log(LockdepEvent::Acquire { shared, is_try, subclass });
        if is_try {
            self.map.try_acquired(&INFO, mode(shared));
            return Verdict::Proceed;
        }
        let subclass = if seeded(Mutant::M38) { 0 } else { subclass };
        if self.class == Class::VmLock && is_on() {
            // ORDERING: Relaxed; see `is_order_known`.
            IS_ORDER_KNOWN.store(true, Ordering::Relaxed);
        }
        if subclass == 0 {
            return self.map.acquire(&INFO, mode(shared), Wait::Blocking);
        }
        // A level that lockdep does not have is clamped to the deepest one: it only weakens the
        // check.
        let level = (0..=subclass).rev().find_map(Subclass::new).unwrap_or(Subclass::ZERO);
        self.map.acquire_with(&INFO, mode(shared), Wait::Blocking, &AcquireOptions::new().subclass(level))
    }

    /// Announces, once in the process, that readers of VMAs are waited for under the mmap lock: the
    /// write lock of a detached VMA has none to wait for, but is taken in that order all the same.
    // Kernel: learns the order when readers are first excluded; a breach before that is not seen.
    #[inline]
    #[track_caller]
    pub(crate) fn learn_order(&self) {
        // ORDERING: Relaxed; a second announcement adds nothing.
        if is_on() && !IS_ORDER_KNOWN.swap(true, Ordering::Relaxed) {
            self.map.might_acquire(&INFO, Mode::Exclusive);
        }
    }

    /// Announces that the caller may have to wait for the lock, whether it then does or not
    /// (`might_lock`): the order counts even if a try succeeds.
    #[inline]
    #[track_caller]
    pub(crate) fn might_acquire(&self, shared: bool) {
        self.log(LockdepEvent::MightAcquire { shared });
        self.map.might_acquire(&INFO, mode(shared));
    }

    #[inline]
    #[track_caller]
    pub(crate) fn try_acquired(&self, shared: bool) {
        self.log(LockdepEvent::Acquire { shared, is_try: true, subclass: 0 });
        if seeded(Mutant::M37) {
            let _ = self.map.acquire(&INFO, mode(shared), Wait::Blocking);
            return;
        }
        self.map.try_acquired(&INFO, mode(shared));
    }

    /// Waits by `wait` for what was announced, and says so to other threads meanwhile. `is_free`: a
    /// try that keeps the lock.
    #[cold]
    #[track_caller]
    pub(crate) fn wait_for<E>(
        &self,
        mut is_free: impl FnMut() -> bool,
        wait: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        self.map.wait_for(|| is_free().then_some(Ok(())), wait)
    }

    /// After [`Entry::Measure`]: the lock could not be had at once (`lock_contended`).
    #[cold]
    pub(crate) fn contended(&self) {
        self.map.contended();
    }

    /// After [`contended`](Self::contended): the lock was had (`lock_acquired`).
    #[cold]
    pub(crate) fn wait_ended(&self) {
        self.map.acquired();
    }

    /// The wait is over, if there was one.
    // Kernel: `lock_acquired` tells lock_stat here. That costs, so `wait_ended` reports it, and
    // only while contention is counted.
    #[inline]
    pub(crate) fn acquired(&self) {
        self.log(LockdepEvent::Acquired);
    }

    #[inline]
    #[track_caller]
    pub(crate) fn release(&self) {
        self.log(LockdepEvent::Release);
        self.map.release();
    }

    #[inline]
    pub(crate) fn release_of_guard(&self, made: &'static Location<'static>) {
        self.log(LockdepEvent::Release);
        self.map.release_of_guard(made);
    }

    #[inline]
    #[track_caller]
    pub(crate) fn downgrade(&self) {
        self.log(LockdepEvent::Downgrade);
        self.map.downgrade();
    }

    /// After [`Entry::SelfDeadlock`]: the lock was available all the same, since its holder had
    /// ended.
    #[cold]
    #[track_caller]
    pub(crate) fn stale_holder(&self) {
        self.map.stale_holder();
    }

    /// After [`Entry::SelfDeadlock`]: the lock could not be had, the task will wait for itself.
    ///
    /// # Panics
    ///
    /// Under `LOCKDEP_ON_DEADLOCK=panic`, the default with lockdep on; otherwise it aborts or
    /// returns.
    #[cold]
    #[track_caller]
    pub(crate) fn self_deadlock(&self) {
        self.map.self_deadlock();
    }

    /// The acquisition that `acquire` announced was interrupted.
    #[inline]
    pub(crate) fn acquire_failed(&self) {
        self.log(LockdepEvent::Release);
        self.map.acquire_failed();
    }

    /// The owner will not be the one who releases: the kernel's callers release the map by hand
    /// then.
    #[inline]
    pub(crate) fn disown(&self) {
        self.log(LockdepEvent::Release);
        if !seeded(Mutant::M39) {
            self.map.handed_over();
        }
    }

    /// The lock begins a new life (`lockdep_init_map`).
    #[inline]
    #[track_caller]
    pub(crate) fn init(&self) {
        if !seeded(Mutant::M40) {
            self.map.reinitialised();
        }
    }

    /// Reports that a task that must hold the lock (for writing, if `exclusive`) does not (LD0010).
    #[cold]
    #[track_caller]
    pub(crate) fn report_not_held(&self, exclusive: bool) {
        if exclusive {
            lockdep::assert_held_exclusive!(self.map);
        } else {
            lockdep::assert_held!(self.map);
        }
    }

    /// Reports that the end of a guard found its lock not held for writing.
    #[cold]
    pub(crate) fn report_guard_without_lock(&self, made: &'static Location<'static>) {
        self.map.assertion_broken(
            &INFO,
            "the lock of a write guard is not held for writing when the guard made here ends",
            "leave the lock to its guard, or forget the guard",
            made,
        );
    }

    #[inline]
    pub(crate) fn is_held(&self) -> Held {
        self.map.is_held()
    }

    #[inline]
    pub(crate) fn is_held_exclusive(&self) -> Held {
        self.map.is_held_exclusive()
    }

    #[inline]
    fn log(&self, event: LockdepEvent) {
        record(Step::Lockdep { class: self.class, event });
    }
}

/// Reports a broken rule that is not about what is held (LD0010), as one of `class`: which lock it
/// was does not matter to it.
#[cold]
pub(crate) fn report_broken(
    class: Class,
    message: &'static str,
    remedy: &'static str,
    at: &'static Location<'static>,
) {
    static MMAP: DepMap = DepMap::mmap_lock();
    static VM: DepMap = DepMap::vm_lock();
    let any = match class {
        Class::MmapLock => &MMAP,
        Class::VmLock => &VM,
    };
    any.map.assertion_broken(&INFO, message, remedy, at);
}

/// Whether a VMA was write-locked while the validator was on: it knows then that `mmap_lock` comes
/// before `vm_lock`.
static IS_ORDER_KNOWN: AtomicBool = AtomicBool::new(false);

/// See [`IS_ORDER_KNOWN`].
pub(crate) fn is_order_known() -> bool {
    // ORDERING: Relaxed; decides who tells of a breach.
    IS_ORDER_KNOWN.load(Ordering::Relaxed)
}

/// Whether the validator looks at this process; unlike [`is_on`] it decides now, if that is still
/// open.
#[cold]
pub(crate) fn is_validating() -> bool {
    lockdep::enabled()
}

/// The number of the [`DepMap`] of one VMA, which lies in a table of its own: a VMA is one cache
/// line without it, and a process that does not validate never makes the table.
#[derive(Debug)]
pub(crate) struct DepSlot(u32);

/// How many maps the first block of the table has; each further one has twice as many as the one
/// before.
const N_FIRST: u32 = 64;
/// Enough blocks for every number.
const N_BLOCKS: usize = 27;

static N_SLOTS: AtomicU32 = AtomicU32::new(0);
static MAPS: [OnceLock<Box<[DepMap]>>; N_BLOCKS] = [const { OnceLock::new() }; N_BLOCKS];

/// What every VMA has while validation is off: nothing is ever written to it.
static NO_MAP: DepMap = DepMap::vm_lock();

impl DepSlot {
    /// Reserves `n` numbers in a row that no other VMA of the process has; the first of them, a
    /// multiple of 64. VMAs are recycled, so there are as many as were live at once.
    pub(crate) fn reserve(n: u32) -> u32 {
        // ORDERING: Relaxed; only uniqueness matters.
        N_SLOTS.fetch_add(n.next_multiple_of(N_FIRST), Ordering::Relaxed)
    }

    pub(crate) fn numbered(number: u32) -> Self {
        Self(number)
    }

    #[inline]
    pub(crate) fn number(&self) -> u32 {
        self.0
    }

    /// The map, for a caller that has asked whether validation is on.
    #[inline]
    pub(crate) fn map_if(&self, is_on: bool) -> &'static DepMap {
        // Validation never begins again once it is off, so no event of one lock goes to two maps.
        if is_on { self.map_in_table() } else { &NO_MAP }
    }

    fn map_in_table(&self) -> &'static DepMap {
        // Block b begins at 64 * (2^b - 1).
        let block = (self.0 / N_FIRST + 1).ilog2();
        let first = N_FIRST * ((1 << block) - 1);
        let maps = MAPS[block as usize]
            .get_or_init(|| (0..(N_FIRST as usize) << block).map(|_| DepMap::vm_lock()).collect());
        &maps[(self.0 - first) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_map_of_its_own() {
        let mut seen: Vec<usize> =
            (0..1000).map(|slot| std::ptr::from_ref(DepSlot(slot).map_in_table()).addr()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1000);
    }
}
