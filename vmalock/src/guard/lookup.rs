//! Finding a VMA and locking it, without the mmap lock where that is possible.
//!
//! Source: `lock_vma_under_rcu`, `lock_next_vma` in `mm/mmap_lock.c` (v7.1).

use std::time::Instant;

use super::super::base::rcu::{RcuGuard, rcu_read_lock};
use super::super::base::sync::yield_now;
use super::super::base::task::Interrupted;
use super::super::lock::mmap_lock::{mmap_read_lock_killable, mmap_read_unlock};
use super::super::lock::vma_lock::{StartReadError, vma_start_read, vma_start_read_locked};
use super::super::object::mm::Mm;
use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::reached;
use super::super::probe::step::Point;
use super::iterator::VmaIterator;
use super::lookup_locked::find_vma;
use super::vma_guard::VmaReadGuard;

/// After this many detached VMAs in a row a lookup lets others run: the writer between its detach
/// and its tree edit may have been preempted.
// Kernel: spins. It cannot be preempted for long there; a user-space thread can.
const N_MISSES_BEFORE_YIELD: usize = 16;

/// Why [`lock_next_vma`] returned no VMA although there may be one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NextVmaError {
    /// The task was killed while it waited for the mmap lock (`-EINTR`).
    Interrupted,
    /// The VMA has as many readers as the count can hold (`-EAGAIN`).
    Again,
}

impl std::fmt::Display for NextVmaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Interrupted => "interrupted: the task was killed while it waited for the mmap lock",
            Self::Again => "the VMA has as many readers as its count can hold: try again later",
        })
    }
}

impl std::error::Error for NextVmaError {}

/// Read-locks the VMA that covers `addr`, without the mmap lock. Never blocks.
///
/// `None` does not mean that there is none: the VMA may be write-locked, or moved away at this
/// moment. The caller then takes the mmap lock ([`super::find::lock_mm_and_find_vma`]).
///
/// ```
/// use vmalock::{AddressSpace, flags, lock_vma_under_rcu};
/// let space = AddressSpace::new();
/// space.map(0x1000, 0x2000, flags::READ).unwrap();
/// let vma = lock_vma_under_rcu(space.mm(), 0x1800).expect("no thread writes");
/// assert_eq!(vma.vm_start(), 0x1000);
/// drop(vma);
/// assert!(lock_vma_under_rcu(space.mm(), 0x9000).is_none());
/// ```
#[track_caller]
#[must_use]
pub fn lock_vma_under_rcu(mm: &Mm, addr: usize) -> Option<VmaReadGuard<'_>> {
    let mut missed = None;
    let found = look_up_and_lock(mm, addr, &mut missed);
    if let Some(since) = missed {
        mm.events.after_miss.record(since.elapsed());
    }
    found
}

/// [`lock_vma_under_rcu`], which says when it first met a detached VMA.
#[track_caller]
#[inline]
fn look_up_and_lock<'mm>(
    mm: &'mm Mm,
    addr: usize,
    missed: &mut Option<Instant>,
) -> Option<VmaReadGuard<'mm>> {
    let mut iterator = VmaIterator::new(mm, addr);
    let mut n_misses = 0;
    // Taken after the first miss: nothing is added to a lookup that succeeds.
    let mut sample = None;
    loop {
        let rcu = rcu_read_lock();
        let Some(vma) = iterator.walk(&rcu) else {
            mm.events.abort();
            return None;
        };
        reached(Point::AfterLookup);
        if seeded(Mutant::H5) && !vma.fields().contains(addr) {
            mm.events.abort();
            return None;
        }
        match vma_start_read(rcu, mm, vma) {
            Ok(rcu) => {
                // The bounds are stable from here on, but the VMA may be another one than the tree
                // said.
                drop(rcu);
                let guard = VmaReadGuard::new(mm, vma);
                if guard.contains(addr) || seeded(Mutant::H5) {
                    return Some(guard);
                }
                if seeded(Mutant::H15) {
                    std::mem::forget(guard);
                }
                mm.events.abort();
                return None;
            }
            Err(StartReadError::Locked) => {
                mm.events.abort();
                return None;
            }
            Err(StartReadError::Detached) => {
                mm.events.miss();
                missed.get_or_insert_with(Instant::now);
                if is_left_behind(mm, sample) {
                    // The mmap lock's way tells of it.
                    mm.events.abort();
                    return None;
                }
                sample = mm.mm_lock_seq.speculate_try_begin().ok();
                if !seeded(Mutant::H3) {
                    // The section ended, and with it the snapshot of the iterator.
                    iterator.set(addr);
                }
                n_misses += 1;
                if n_misses % N_MISSES_BEFORE_YIELD == 0 {
                    yield_now();
                }
            }
        }
    }
}

/// Whether a VMA that was found in the tree, and is detached, will stay there: no thread has
/// written since `sample`, which is older than the tree that was searched, so no thread is about to
/// clear it.
// Kernel: looks again forever.
fn is_left_behind(mm: &Mm, sample: Option<u64>) -> bool {
    sample.is_some_and(|sample| !mm.mm_lock_seq.speculate_retry(sample))
}

/// Read-locks the first VMA that ends above `from_addr`, mostly without the mmap lock; `Ok(None)`
/// if there is none.
///
/// For walking an address space in order (`/proc/<pid>/maps`). The RCU section goes in and *always*
/// comes out, but it may have been interrupted in between: other pointers that the caller got under
/// it are stale then. Never reports a gap that was not there at some moment, as long as no single
/// edit of the tree shows one.
///
/// Where the iterator stood does not matter. On return it stands at the end of the VMA, for callers
/// that go on with [`VmaIterator::next`]; those must [set](VmaIterator::set) it when they have left
/// the RCU section.
///
/// # Errors
///
/// [`NextVmaError`]; the iterator stands at `from_addr`.
#[track_caller]
pub fn lock_next_vma<'mm>(
    mut rcu: RcuGuard,
    iterator: &mut VmaIterator<'mm>,
    from_addr: usize,
) -> (RcuGuard, Result<Option<VmaReadGuard<'mm>>, NextVmaError>) {
    let mm = iterator.mm();
    loop {
        // Sampled before the walk: whatever changes after this line makes the retry below say so.
        let mut sample = mm.mm_lock_seq.speculate_try_begin().ok();
        reached(Point::AfterSpeculateBegin);
        // Always a snapshot that is younger than the sample, searched from the caller's address. An
        // older snapshot may lack what a split made since; the end that the tree names may lie
        // behind the end of what was locked.
        // Kernel: goes on where the last call left the iterator: at the end that the tree had for
        // the VMA before it was locked. A split in between hides the upper half, and no writer is
        // active when the next call takes its sample (by reading `lock_next_vma` in mm/mmap_lock.c
        // and `mas_find` in lib/maple_tree.c of v7.1; not reproduced there).
        if !seeded(Mutant::M34) {
            iterator.set(from_addr);
        }
        let Some(vma) = iterator.next(&rcu) else { return (rcu, Ok(None)) };
        reached(Point::AfterLookup);
        if seeded(Mutant::H11b) {
            sample = mm.mm_lock_seq.speculate_try_begin().ok();
        }
        rcu = match vma_start_read(rcu, mm, vma) {
            Ok(rcu) => rcu,
            Err(StartReadError::Detached) if is_left_behind(mm, sample) => {
                return fall_back(iterator, from_addr);
            }
            Err(StartReadError::Detached) => {
                rcu = rcu_read_lock();
                if seeded(Mutant::M34) {
                    iterator.set(from_addr);
                }
                continue;
            }
            Err(StartReadError::Locked) => return fall_back(iterator, from_addr),
        };
        let guard = VmaReadGuard::new(mm, vma);
        let is_same = if from_addr >= guard.vm_end() {
            // It moved behind us.
            false
        } else if from_addr < guard.vm_start() && !seeded(Mutant::H11a) {
            // A gap, or is it? It may have been shrunk from below after the walk, and another VMA
            // stored there.
            let is_unchanged = sample.is_some_and(|sample| !mm.mm_lock_seq.speculate_retry(sample));
            is_unchanged || {
                iterator.set(from_addr);
                iterator.next(&rcu).is_some_and(|again| again.is_same(vma))
            }
        } else {
            true
        };
        if is_same {
            if !seeded(Mutant::M34) {
                iterator.move_to(guard.vm_end());
            }
            return (rcu, Ok(Some(guard)));
        }
        drop(rcu);
        drop(guard);
        return fall_back(iterator, from_addr);
    }
}

/// The slow path of [`lock_next_vma`]: under the mmap lock, and back into an RCU section.
#[cold]
#[track_caller]
fn fall_back<'mm>(
    iterator: &mut VmaIterator<'mm>,
    from_addr: usize,
) -> (RcuGuard, Result<Option<VmaReadGuard<'mm>>, NextVmaError>) {
    let result = lock_next_vma_under_mmap_lock(iterator.mm(), from_addr);
    let rcu = rcu_read_lock();
    if !seeded(Mutant::M25) {
        iterator.set(match &result {
            Ok(Some(guard)) => guard.vm_end(),
            _ => from_addr,
        });
    }
    (rcu, result)
}

#[track_caller]
fn lock_next_vma_under_mmap_lock(
    mm: &Mm,
    from_addr: usize,
) -> Result<Option<VmaReadGuard<'_>>, NextVmaError> {
    mmap_read_lock_killable(mm).map_err(|Interrupted| NextVmaError::Interrupted)?;
    let result = match find_vma(mm, from_addr) {
        None => Ok(None),
        Some(vma) if vma_start_read_locked(vma) => Ok(Some(VmaReadGuard::new(mm, vma))),
        Some(_) => Err(NextVmaError::Again),
    };
    mmap_read_unlock(mm);
    result
}
