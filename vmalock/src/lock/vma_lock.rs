//! The per-VMA lock: `vma_start_read` and `vma_start_write`, with everything that they consist of.
//!
//! A reader needs no lock of the address space. It finds the VMA under RCU, takes a reference, and
//! then checks that what it took is what it looked for: not detached (the increment refuses 0), of
//! the right address space, and not write-locked. A writer holds the mmap write lock, keeps new
//! readers out with a flag in the count, waits for those inside, stamps the VMA with the current
//! sequence, and lets the flag go: from then on the *stamp* turns readers away, until the sequence
//! moves on.
//!
//! Why a reader cannot overlook a writer: an increment ordered before the flag is waited for; one
//! ordered after it was dropped acquires, hence sees the stamp, and passes only if the sequence has
//! moved on since, hence sees all that the writer stored.
//!
//! Source: `mm/mmap_lock.c`, `include/linux/mmap_lock.h` (v7.1).

use super::super::base::dep::is_on;
use super::super::base::rcu::RcuGuard;
use super::super::base::refcnt::{VM_REFCNT_EXCLUDE_READERS_FLAG, VM_REFCNT_LIMIT};
use super::super::base::task::{Interrupted, TaskState};
use super::super::base::warn::{WarningKind, warn_on};
use super::super::object::mm::{Mm, mmgrab};
use super::super::object::vma::Vma;
use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::step::{CountStep, Point, Step};
use super::super::probe::{reached, record};
use super::assert::{mmap_assert_locked, mmap_assert_write_locked};
use super::exclude::{ExcludeReaders, Target};
use super::held;
use super::mmap_lock::Releaser;

/// Why `vma_start_read` got no lock. The RCU section has ended: the VMA must not be touched again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartReadError {
    /// Write-locked, excluded, full, or of another address space (the kernel's `NULL`): take the
    /// mmap lock instead.
    Locked,
    /// Detached (the kernel's `-EAGAIN`): look it up again.
    Detached,
}

/// Tries to read-lock `vma`, which an RCU lookup in `mm` found. Never waits.
///
/// The RCU section goes in and comes out: on success it is still open. On failure this function has
/// ended it, because the failure path may have to put the last reference of a stranger. On success
/// the caller owes a [`vma_end_read`].
///
/// False "locked" is allowed; false "unlocked" is not.
///
/// # Errors
///
/// [`StartReadError`]; no reference is held.
#[track_caller]
#[inline]
pub fn vma_start_read(rcu: RcuGuard, mm: &Mm, vma: &'static Vma) -> Result<RcuGuard, StartReadError> {
    // 1. A guess that saves the write to the count. Removing it changes nothing but speed (mutant
    //    M2).
    if !seeded(Mutant::M2) && vma.vm_lock_seq() == mm.mm_lock_seq.read_relaxed() {
        return Err(fail(rcu, StartReadError::Locked));
    }
    reached(Point::AfterEarlyCheck);
    if seeded(Mutant::M27b) {
        read_acquired(mm, vma);
    }
    // 2. The reference.
    if let Err(refused) = vma.vm_refcnt.inc_not_zero_limited_acquire(VM_REFCNT_LIMIT) {
        return Err(fail(rcu, refusal(refused.count)));
    }
    record(Step::Count(CountStep::Increment));
    // 3. Lockdep hears of it after the fact: a try creates no order towards this lock.
    if !seeded(Mutant::M27b) {
        read_acquired(mm, vma);
    }
    reached(Point::AfterIncrement);
    // 4. The right address space? Only meaningful with the reference: before, `vm_mm` could change.
    //    And it comes
    // before the recheck, which would compare with the wrong address space otherwise.
    if !seeded(Mutant::H2b) && !vma.vm_mm().is_some_and(|owner| std::ptr::eq(owner, mm)) {
        put_foreign(rcu, vma);
        return Err(StartReadError::Locked);
    }
    // 5. Write-locked meanwhile? The Acquire load also makes all that finished write sections
    //    stored visible.
    if !seeded(Mutant::M1) && vma.vm_lock_seq() == mm.mm_lock_seq.raw_read() {
        if !seeded(Mutant::M5) {
            vma_refcount_put(vma, Releaser::call());
        }
        return Err(fail(rcu, StartReadError::Locked));
    }
    Ok(rcu)
}

/// Tells lockdep of a read lock that was just taken, and the list of what is held.
#[track_caller]
#[inline(always)]
fn read_acquired(mm: &Mm, vma: &'static Vma) {
    let is_on = is_on();
    vma.vmlock_dep_map_if(is_on).try_acquired(true);
    held::acquired(mm, vma, is_on);
}

/// What a refused increment means.
fn refusal(count: u32) -> StartReadError {
    if seeded(Mutant::M23a) {
        StartReadError::Locked
    } else if seeded(Mutant::M23b) || count == 0 {
        StartReadError::Detached
    } else {
        StartReadError::Locked
    }
}

/// Ends the RCU section of a failed attempt.
#[inline]
fn fail(rcu: RcuGuard, error: StartReadError) -> StartReadError {
    if seeded(Mutant::M24) {
        std::mem::forget(rcu);
    } else {
        drop(rcu);
    }
    error
}

/// Puts the reference on a VMA that turned out to belong to another address space.
///
/// The reference is what keeps the stranger alive: it cannot finish detaching this VMA before we
/// put. Once we have, it may be gone, and the wake-up that follows would touch it; hence the pin
/// (Linux fixed that in 9bbffee67ffd). The pin is dropped outside the RCU section, because the last
/// drop is heavy.
#[cold]
#[track_caller]
fn put_foreign(rcu: RcuGuard, vma: &'static Vma) {
    let other = vma.vm_mm();
    drop(rcu);
    let pin = if seeded(Mutant::H2) { None } else { other.map(mmgrab) };
    vma_refcount_put(vma, Releaser::call());
    drop(pin);
}

/// Read-locks `vma` under the mmap lock; says whether it did.
///
/// Fails only when the count of readers is at its limit (or for a detached VMA, passed by mistake).
/// No writer can be write-locking it, so no sequence is compared. The lock may be kept after the
/// mmap lock was dropped.
#[track_caller]
#[must_use = "the lock may not be held"]
pub fn vma_start_read_locked(vma: &'static Vma) -> bool {
    vma_start_read_locked_nested(vma, 0)
}

/// Does the same as [`vma_start_read_locked`].
///
/// `subclass` is accepted and not used, as in v7.1: a try needs no nesting annotation.
#[track_caller]
#[must_use = "the lock may not be held"]
pub fn vma_start_read_locked_nested(vma: &'static Vma, subclass: u8) -> bool {
    let _ = subclass;
    if let Some(mm) = vma.vm_mm() {
        mmap_assert_locked(mm);
    }
    if vma.vm_refcnt.inc_not_zero_limited_acquire(VM_REFCNT_LIMIT).is_err() {
        return false;
    }
    record(Step::Count(CountStep::Increment));
    if let Some(mm) = vma.vm_mm() {
        read_acquired(mm, vma);
    }
    true
}

/// Releases a read lock.
///
/// One release too many would drop the attach reference of the VMA, or a reader's: a guard
/// ([`crate::VmaReadGuard`]) cannot do that.
#[track_caller]
#[inline]
pub fn vma_end_read(vma: &'static Vma) {
    vma_refcount_put(vma, Releaser::call());
}

/// Drops one reference and wakes the writer that waits for it, if any.
#[track_caller]
#[inline]
pub(crate) fn vma_refcount_put(vma: &'static Vma, by: Releaser) {
    // Copied before the decrement: the VMA may belong to another the instant after.
    let mm = vma.vm_mm();
    let is_on = is_on();
    if !seeded(Mutant::M27a) {
        by.release(vma.vmlock_dep_map_if(is_on));
    }
    held::released(vma, is_on);
    let left = vma.vm_refcnt.dec_return(by.at);
    record(Step::Count(CountStep::Decrement));
    if seeded(Mutant::M27a) {
        by.release(vma.vmlock_dep_map_if(is_on));
    }
    reached(Point::BetweenPutAndWake);
    if left == 0 || !wakes(left) || seeded(Mutant::M6) {
        // 0: a detacher finds out by itself, its next step fails.
        return;
    }
    let mm = if seeded(Mutant::M26) { vma.vm_mm() } else { mm };
    if let Some(mm) = mm {
        mm.wake_vma_writer(by.at);
    }
}

/// Whether `count`, seen after a decrement, may be what an excluder waits for.
///
/// For an attached VMA this is exact. A detacher waits for one less, so it is woken once for
/// nothing and tests again.
fn wakes(count: u32) -> bool {
    if seeded(Mutant::M7) {
        return count == VM_REFCNT_EXCLUDE_READERS_FLAG + 1;
    }
    if seeded(Mutant::M8) {
        return count & VM_REFCNT_EXCLUDE_READERS_FLAG != 0;
    }
    are_readers_excluded(count)
}

/// Returns whether the flag is set and no reader beyond a detacher's last is left
/// (`__vma_are_readers_excluded`).
#[must_use]
pub const fn are_readers_excluded(count: u32) -> bool {
    count & VM_REFCNT_EXCLUDE_READERS_FLAG != 0 && count <= VM_REFCNT_EXCLUDE_READERS_FLAG + 1
}

/// Returns the sequence that `vma` would be stamped with (`__vma_raw_mm_seqnum`).
///
/// Requires the mmap **write** lock of its address space: the owner is the only one for whom the
/// number stands still. Without it the call warns in every configuration, and lockdep reports
/// LD0010 if it is on. Nothing panics; the value returned then means nothing.
#[track_caller]
#[must_use]
pub fn raw_mm_seqnum(vma: &Vma) -> u64 {
    let Some(mm) = vma.vm_mm() else {
        warn_on(WarningKind::VmaDetached, vma.address());
        return 0;
    };
    mmap_assert_write_locked(mm);
    mm.mm_lock_seq.read_relaxed()
}

/// Returns whether the calling task has write-locked `vma` (`__is_vma_write_locked`); requires the
/// mmap write lock.
#[track_caller]
#[must_use]
pub fn is_vma_write_locked(vma: &Vma) -> bool {
    if seeded(Mutant::M41) {
        return vma.vm_mm().is_some_and(|mm| mm.mm_lock_seq.read_relaxed() == vma.vm_lock_seq());
    }
    vma.vm_lock_seq() == raw_mm_seqnum(vma)
}

/// Write-locks `vma` until the mmap write lock is released or downgraded; waits for its readers.
///
/// Requires the mmap write lock. Locking it twice is the same as once. There is no unlock of one
/// VMA.
#[track_caller]
pub fn vma_start_write(vma: &'static Vma) {
    if !seeded(Mutant::M28) && is_vma_write_locked(vma) {
        return;
    }
    start_write(vma, TaskState::Uninterruptible).expect("an uninterruptible wait is not interrupted");
}

/// Write-locks `vma`, unless the task is killed while it waits for readers.
///
/// A killed task still succeeds if there is nothing to wait for: the VMA is write-locked already,
/// has no readers, or is detached.
///
/// # Errors
///
/// [`Interrupted`]; the VMA is as it was, the mmap write lock is still held, and so are VMAs locked
/// before.
#[track_caller]
#[must_use = "the VMA may not be locked"]
pub fn vma_start_write_killable(vma: &'static Vma) -> Result<(), Interrupted> {
    if !seeded(Mutant::M28) && is_vma_write_locked(vma) {
        return Ok(());
    }
    start_write(vma, TaskState::Killable)
}

/// `__vma_start_write`.
#[track_caller]
fn start_write(vma: &'static Vma, state: TaskState) -> Result<(), Interrupted> {
    let sequence = raw_mm_seqnum(vma);
    let excluded = match ExcludeReaders::start(vma, Target::Attached, state) {
        Ok(excluded) => excluded,
        Err(interrupted) => {
            if interrupted.is_detached && !seeded(Mutant::M42) {
                warn_on(WarningKind::AttachReferenceLost, vma.address());
            }
            return Err(Interrupted);
        }
    };
    if !seeded(Mutant::M13) {
        stamp(vma, sequence);
    }
    // A detached VMA is stamped as well: no thread can read-lock it, and it will be attached in
    // this section.
    if excluded.is_none() {
        vma.vmlock_dep_map().learn_order();
    }
    if let Some(excluded) = excluded {
        if seeded(Mutant::M14) {
            std::mem::forget(excluded);
        } else if excluded.end() && !seeded(Mutant::M43) {
            warn_on(WarningKind::AttachReferenceLost, vma.address());
        }
    }
    if seeded(Mutant::M13) {
        reached(Point::AfterFlagAdded);
        stamp(vma, sequence);
    }
    Ok(())
}

fn stamp(vma: &Vma, sequence: u64) {
    vma.set_vm_lock_seq(sequence);
    record(Step::Stamp);
}
