//! The mmap lock: one fair reader-writer lock for each address space, and the sequence that it
//! drives.
//!
//! | kernel | here, raw | here, with a guard |
//! |---|---|---|
//! | `mmap_write_lock` | [`mmap_write_lock`] | [`Mm::write`] |
//! | `mmap_write_lock_nested` | [`mmap_write_lock_nested`] | [`Mm::write_nested`] |
//! | `mmap_write_lock_killable` | [`mmap_write_lock_killable`] | [`Mm::write_killable`] |
//! | `mmap_write_unlock` | [`mmap_write_unlock`] | drop [`MmapWriteGuard`](super::super::guard::mmap_guard::MmapWriteGuard) |
//! | `mmap_write_downgrade` | [`mmap_write_downgrade`] | [`MmapWriteGuard::downgrade`](super::super::guard::mmap_guard::MmapWriteGuard::downgrade) |
//! | `mmap_read_lock` | [`mmap_read_lock`] | [`Mm::read`] |
//! | `mmap_read_lock_killable` | [`mmap_read_lock_killable`] | [`Mm::read_killable`] |
//! | `mmap_read_trylock` | [`mmap_read_trylock`] | [`Mm::try_read`] |
//! | `mmap_read_unlock` | [`mmap_read_unlock`] | drop [`MmapReadGuard`](super::super::guard::mmap_guard::MmapReadGuard) |
//! | `mmap_read_unlock_non_owner` | [`mmap_read_unlock_non_owner`] | drop [`NonOwnerMmapRead`](super::super::guard::mmap_guard::NonOwnerMmapRead) |
//! | `mmap_lock_is_contended` | [`mmap_lock_is_contended`] | the same |
//! | `vma_end_write_all` | [`vma_end_write_all`] | part of unlock and downgrade |
//!
//! The raw functions are for ports of kernel code: they are memory-safe whatever the caller
//! does, but only warn about an unlock too many. The guards (in
//! [`super::super::guard::mmap_guard`]) cannot be misused.
//!
//! There is no upgrade, no write trylock and no interruptible variant, as in v7.1.

use std::panic::Location;

use super::super::base::dep::{DepMap, Entry, is_on, report_broken};
use super::super::base::task::{Interrupted, TaskState};
use super::super::base::trace;
use super::super::base::warn::{WarningKind, warn_at};
use super::super::object::mm::Mm;
use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::step::{Class, Point, RwsemStep, Step};
use super::super::probe::{reached, record};
use super::assert::{guard_assert_write_locked, mmap_assert_write_locked};
use super::held;

/// Takes the mmap lock for writing; waits as long as it takes.
#[track_caller]
pub fn mmap_write_lock(mm: &Mm) {
    write_lock(mm, 0, TaskState::Uninterruptible).expect("an uninterruptible wait is not interrupted");
}

/// Takes the mmap lock of a *second* address space for writing (fork: the child's, under the
/// parent's).
///
/// `subclass` is what lockdep knows the inner lock by; 1 is the kernel's `SINGLE_DEPTH_NESTING`.
#[track_caller]
pub fn mmap_write_lock_nested(mm: &Mm, subclass: u8) {
    write_lock(mm, subclass, TaskState::Uninterruptible).expect("an uninterruptible wait is not interrupted");
}

/// Takes the mmap lock for writing, unless the task is killed while it waits.
///
/// # Errors
///
/// [`Interrupted`]; the lock is not held and the sequence is untouched.
#[track_caller]
#[must_use = "the lock may not be held"]
pub fn mmap_write_lock_killable(mm: &Mm) -> Result<(), Interrupted> {
    write_lock(mm, 0, TaskState::Killable)
}

/// Has contention counted and the wait timed.
#[cold]
fn timed(mm: &Mm, down: impl FnOnce() -> Result<(), Interrupted>) -> Result<(), Interrupted> {
    mm.dep_map.contended();
    let result = down();
    if result.is_ok() {
        mm.dep_map.wait_ended();
    }
    result
}

/// Takes the mmap lock for writing, and says to other threads that this one waits for it.
#[cold]
#[track_caller]
fn wait_to_write(mm: &Mm, state: TaskState) -> Result<(), Interrupted> {
    if !is_on() {
        return mm.mmap_lock.down_write(state);
    }
    mm.dep_map.wait_for(|| mm.mmap_lock.try_write_as_owner(), || mm.mmap_lock.down_write(state))
}

/// The same for reading.
#[cold]
#[track_caller]
fn wait_to_read(mm: &Mm, state: TaskState) -> Result<(), Interrupted> {
    if !is_on() {
        return mm.mmap_lock.down_read(state);
    }
    mm.dep_map.wait_for(|| mm.mmap_lock.down_read_trylock(), || mm.mmap_lock.down_read(state))
}

#[track_caller]
fn write_lock(mm: &Mm, subclass: u8, state: TaskState) -> Result<(), Interrupted> {
    trace::start_locking(mm.id(), true);
    held::check_may_block(mm);
    let result = match mm.dep_map.acquire(false, subclass) {
        Entry::Proceed if !is_on() => mm.mmap_lock.down_write(state),
        Entry::Proceed | Entry::Measure if mm.mmap_lock.try_write_as_owner() => Ok(()),
        Entry::Proceed => wait_to_write(mm, state),
        Entry::Measure => timed(mm, || wait_to_write(mm, state)),
        Entry::SelfDeadlock => {
            // Only what the lock itself refuses is a deadlock: the validator may know a holder that
            // is gone.
            if mm.mmap_lock.try_write_as_owner() {
                mm.dep_map.stale_holder();
                Ok(())
            } else {
                mm.dep_map.self_deadlock();
                wait_to_write(mm, state)
            }
        }
    };
    if result.is_ok() {
        record(Step::Rwsem(RwsemStep::DownWrite));
        reached(Point::BeforeSeqBegin);
    } else {
        mm.dep_map.acquire_failed();
    }
    let is_killable = state == TaskState::Killable;
    let begins =
        if is_killable && seeded(Mutant::M17a) { false } else { result.is_ok() || seeded(Mutant::M17b) };
    if begins {
        mm.mm_lock_seq.begin();
    }
    trace::acquire_returned(mm.id(), true, result.is_ok());
    result
}

/// Who ends a hold: a call, or the end of a guard. A destructor has no caller but the drop glue of
/// the standard library, so reports and warnings about it name where the guard was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Releaser {
    pub(crate) at: &'static Location<'static>,
    pub(crate) is_guard: bool,
}

impl Releaser {
    /// The caller.
    #[track_caller]
    #[inline(always)]
    pub(crate) fn call() -> Self {
        Self { at: Location::caller(), is_guard: false }
    }

    /// The end of a guard.
    #[inline(always)]
    pub(crate) fn guard(made: &'static Location<'static>) -> Self {
        Self { at: made, is_guard: true }
    }

    /// Tells lockdep.
    #[track_caller]
    #[inline(always)]
    pub(crate) fn release(self, map: &DepMap) {
        if self.is_guard {
            map.release_of_guard(self.at);
        } else {
            map.release();
        }
    }
}

/// Warns unless the real lock could be released.
fn balanced(mm: &Mm, is_released: bool, by: Releaser) {
    if !is_released {
        warn_at(WarningKind::MmapLockUnbalanced, mm.address(), by.at);
    }
}

/// Ends the write section: all VMA write locks of the address space are dropped, then the lock is
/// released.
///
/// Warns and releases nothing if the calling task does not hold the lock for writing.
#[track_caller]
pub fn mmap_write_unlock(mm: &Mm) {
    write_unlock(mm, Releaser::call());
}

#[track_caller]
pub(crate) fn write_unlock(mm: &Mm, by: Releaser) {
    trace::released(mm.id(), true);
    if seeded(Mutant::M15) {
        up_write(mm, by);
        reached(Point::AfterSeqEnd);
        mm.mm_lock_seq.end();
        return;
    }
    if !seeded(Mutant::M16a) {
        end_write_all(mm, by);
    }
    reached(Point::AfterSeqEnd);
    up_write(mm, by);
}

#[track_caller]
fn up_write(mm: &Mm, by: Releaser) {
    by.release(&mm.dep_map);
    record(Step::Rwsem(RwsemStep::UpWrite));
    balanced(mm, mm.mmap_lock.up_write(), by);
}

/// Ends the write section and keeps the lock for reading, without a gap. All VMA write locks are
/// dropped.
///
/// Warns and changes nothing if the calling task does not hold the lock for writing.
#[track_caller]
pub fn mmap_write_downgrade(mm: &Mm) {
    trace::acquire_returned(mm.id(), false, true);
    if !seeded(Mutant::M31) {
        vma_end_write_all(mm);
    }
    mm.dep_map.downgrade();
    record(Step::Rwsem(RwsemStep::Downgrade));
    balanced(mm, mm.mmap_lock.downgrade(), Releaser::call());
}

/// Takes the mmap lock for reading; waits as long as it takes, behind writers that queue already.
#[track_caller]
pub fn mmap_read_lock(mm: &Mm) {
    read_lock(mm, TaskState::Uninterruptible).expect("an uninterruptible wait is not interrupted");
}

/// Takes the mmap lock for reading, unless the task is killed while it waits.
///
/// # Errors
///
/// [`Interrupted`]; the lock is not held.
#[track_caller]
#[must_use = "the lock may not be held"]
pub fn mmap_read_lock_killable(mm: &Mm) -> Result<(), Interrupted> {
    read_lock(mm, TaskState::Killable)
}

#[track_caller]
fn read_lock(mm: &Mm, state: TaskState) -> Result<(), Interrupted> {
    trace::start_locking(mm.id(), false);
    held::check_may_block(mm);
    let result = match mm.dep_map.acquire(true, 0) {
        Entry::Proceed if !is_on() => mm.mmap_lock.down_read(state),
        Entry::Proceed | Entry::Measure if mm.mmap_lock.down_read_trylock() => Ok(()),
        Entry::Proceed => wait_to_read(mm, state),
        Entry::Measure => timed(mm, || wait_to_read(mm, state)),
        Entry::SelfDeadlock => {
            if mm.mmap_lock.down_read_trylock() {
                mm.dep_map.stale_holder();
                Ok(())
            } else {
                mm.dep_map.self_deadlock();
                wait_to_read(mm, state)
            }
        }
    };
    if result.is_ok() {
        record(Step::Rwsem(RwsemStep::DownRead));
    } else {
        mm.dep_map.acquire_failed();
    }
    trace::acquire_returned(mm.id(), false, result.is_ok());
    result
}

/// Says that the caller may have to wait for the mmap lock for reading, whether a try will do or
/// not (`might_lock_read`).
#[track_caller]
pub(crate) fn mmap_might_read_lock(mm: &Mm) {
    held::check_may_block(mm);
    mm.dep_map.might_acquire(true);
}

/// Takes the mmap lock for reading if that needs no waiting; says whether it did.
///
/// The only way to take it while holding a VMA read lock of the same address space.
#[track_caller]
#[must_use = "the lock may not be held"]
pub fn mmap_read_trylock(mm: &Mm) -> bool {
    trace::start_locking(mm.id(), false);
    let is_taken = mm.mmap_lock.down_read_trylock();
    if is_taken {
        record(Step::Rwsem(RwsemStep::DownRead));
        mm.dep_map.try_acquired(true);
    }
    trace::acquire_returned(mm.id(), false, is_taken);
    is_taken
}

/// Releases the mmap lock that the caller took for reading.
///
/// Warns and releases nothing if no reader holds the lock.
#[track_caller]
pub fn mmap_read_unlock(mm: &Mm) {
    read_unlock(mm, Releaser::call());
}

#[track_caller]
pub(crate) fn read_unlock(mm: &Mm, by: Releaser) {
    trace::released(mm.id(), false);
    by.release(&mm.dep_map);
    record(Step::Rwsem(RwsemStep::UpRead));
    balanced(mm, mm.mmap_lock.up_read(), by);
}

/// Releases a read lock that another task took. That task told lockdep before
/// ([`mmap_read_disown`]).
///
/// Warns and releases nothing if no reader holds the lock.
#[track_caller]
pub fn mmap_read_unlock_non_owner(mm: &Mm) {
    read_unlock_non_owner(mm, Releaser::call());
}

pub(crate) fn read_unlock_non_owner(mm: &Mm, by: Releaser) {
    trace::released(mm.id(), false);
    record(Step::Rwsem(RwsemStep::UpRead));
    let is_released = mm.mmap_lock.up_read();
    if !is_released {
        // Lockdep hears of no release here, so it cannot find out.
        let (message, remedy) = WarningKind::MmapLockUnbalanced.parts();
        report_broken(Class::MmapLock, message, remedy, by.at);
    }
    balanced(mm, is_released, by);
}

/// Tells lockdep that another task will release the read lock of the caller (the kernel's
/// `rwsem_release` by hand).
#[track_caller]
pub fn mmap_read_disown(mm: &Mm) {
    mm.dep_map.disown();
}

/// Returns whether a thread queues for the lock: a hint for holders that could release it.
#[must_use]
pub fn mmap_lock_is_contended(mm: &Mm) -> bool {
    mm.mmap_lock.is_contended()
}

/// Drops all VMA write locks of the address space with one store.
///
/// Part of unlock and downgrade. Called by hand it also drops the locks of the callers further up:
/// Linux had that bug, 1235ccd05b6d. It also leaves the sequence even under a write owner.
///
/// Warns and changes nothing if the calling task does not hold the mmap lock for writing.
#[track_caller]
pub fn vma_end_write_all(mm: &Mm) {
    end_write_all(mm, Releaser::call());
}

#[track_caller]
fn end_write_all(mm: &Mm, by: Releaser) {
    let is_held =
        if by.is_guard { guard_assert_write_locked(mm, by.at) } else { mmap_assert_write_locked(mm) };
    // Kernel: steps the sequence all the same. It would be odd then while no thread writes, and
    // even while one does.
    if is_held {
        mm.mm_lock_seq.end();
    }
}

impl Mm {
    /// Returns the raw sequence number of the address space: what a VMA is stamped with when it is
    /// write-locked.
    ///
    /// Requires the mmap *write* lock, without which the number can change at any moment. Without
    /// it the call warns in every configuration, and lockdep reports LD0010 if it is on. See
    /// [`super::vma_lock::raw_mm_seqnum`].
    #[track_caller]
    #[must_use]
    pub fn raw_mm_seqnum(&self) -> u64 {
        mmap_assert_write_locked(self);
        self.mm_lock_seq.read_relaxed()
    }
}
