//! Keeping readers out of one VMA: what a write lock and a detach have in common (`struct
//! vma_exclude_readers_state`).
//!
//! Start adds the flag, which refuses new readers, and waits for those inside; end subtracts it.
//! Between the two the caller is alone. At most one VMA of an address space is excluded at any
//! moment, because only the owner of the mmap write lock does it, one after the other.

use std::panic::Location;

use super::super::base::dep::{Entry, is_on};
use super::super::base::rcuwait::STALL;
use super::super::base::refcnt::{Added, VM_REFCNT_EXCLUDE_READERS_FLAG};
use super::super::base::task::TaskState;
use super::super::base::warn::{WarningKind, warn_at, warn_held};
use super::super::object::vma::Vma;
use super::super::probe::mutant::{Mutant, seeded};
use super::super::probe::step::{CountStep, Point, Step};
use super::super::probe::{reached, record};
use super::assert::mmap_assert_write_locked;
use super::held;

/// What the count is waited for to become, besides the flag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// A write lock: the attach reference stays.
    Attached,
    /// A detach: its reference was dropped already.
    Detaching,
}

impl Target {
    /// Returns the count at which the caller is alone.
    #[must_use]
    pub fn refcnt(self) -> u32 {
        let attached = match self {
            Self::Attached => u32::from(!seeded(Mutant::M10)),
            Self::Detaching => u32::from(seeded(Mutant::M11)),
        };
        attached | VM_REFCNT_EXCLUDE_READERS_FLAG
    }
}

/// The exclusion of readers was interrupted; the flag is gone again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExcludeInterrupted {
    /// The last reference went with the flag: the VMA lost its attach reference to a bug.
    pub is_detached: bool,
}

/// Readers of a VMA are excluded and gone.
///
/// To be [ended](Self::end): a drop lets readers in as well, but cannot say what the end finds out.
#[derive(Debug)]
#[must_use = "readers are let in again at once"]
pub struct ExcludeReaders {
    vma: &'static Vma,
    made: &'static Location<'static>,
    /// Whether lockdep knows of the acquisition.
    is_announced: bool,
}

impl ExcludeReaders {
    /// Excludes readers of `vma` and waits until they have left (`__vma_start_exclude_readers`).
    ///
    /// Requires the mmap write lock. `Ok(None)`: the VMA is detached, or its count is lost (which
    /// was warned about): no reader can get in, and there is none to exclude. No lockdep event.
    ///
    /// # Errors
    ///
    /// [`ExcludeInterrupted`] if `state` is killable and the task was killed while readers were
    /// inside.
    #[track_caller]
    pub fn start(
        vma: &'static Vma,
        target: Target,
        state: TaskState,
    ) -> Result<Option<Self>, ExcludeInterrupted> {
        let mm = vma.vm_mm();
        if let Some(mm) = mm {
            mmap_assert_write_locked(mm);
        }
        held::check_not_in_rcu(vma.address());
        reached(Point::BeforeFlagAdded);
        if vma.vm_refcnt.add_not_zero(VM_REFCNT_EXCLUDE_READERS_FLAG) != Added::Yes {
            return Ok(None);
        }
        record(Step::Count(CountStep::AddFlag));
        // From here on the flag is gone when this is dropped, also if the report of a self-deadlock
        // unwinds.
        let mut excluded = Self { vma, made: Location::caller(), is_announced: false };
        let target = target.refcnt();
        let verdict = vma.vmlock_dep_map().acquire(false, 0);
        let is_timed = verdict == Entry::Measure && vma.vm_refcnt.read_acquire() != target;
        match verdict {
            Entry::Measure if is_timed => vma.vmlock_dep_map().contended(),
            Entry::Proceed | Entry::Measure => {}
            // The task waits for a read lock of its own, unless that lock is gone without lockdep
            // having heard.
            Entry::SelfDeadlock if vma.vm_refcnt.read_acquire() == target => {
                vma.vmlock_dep_map().stale_holder()
            }
            Entry::SelfDeadlock => vma.vmlock_dep_map().self_deadlock(),
        }
        excluded.is_announced = true;
        reached(Point::AfterFlagAdded);
        let waited = match mm {
            Some(mm) if !seeded(Mutant::M12) => {
                let site = Location::caller();
                let is_alone = || vma.vm_refcnt.read_acquire() == target;
                let wait = || {
                    let warn =
                        || warn_held(WarningKind::WriterStalled, vma.address(), site, held::holder(vma));
                    mm.vma_writer_wait.wait_event_watched(is_alone, state, STALL, warn)
                };
                if is_on() && !is_alone() { vma.vmlock_dep_map().wait_for(is_alone, wait) } else { wait() }
            }
            _ => Ok(()),
        };
        match waited {
            Ok(()) => {
                vma.vmlock_dep_map().acquired();
                if is_timed {
                    vma.vmlock_dep_map().wait_ended();
                }
                Ok(Some(excluded))
            }
            Err(_) if seeded(Mutant::H1) => {
                vma.vmlock_dep_map().release();
                std::mem::forget(excluded);
                Err(ExcludeInterrupted { is_detached: false })
            }
            Err(_) => Err(ExcludeInterrupted { is_detached: excluded.end() }),
        }
    }

    /// Lets readers in again (`__vma_end_exclude_readers`); says whether the VMA is now detached.
    #[track_caller]
    #[must_use = "only the caller knows whether a detached VMA is what it wanted"]
    pub fn end(self) -> bool {
        let is_detached = self.subtract_flag(Location::caller());
        std::mem::forget(self);
        is_detached
    }

    fn subtract_flag(&self, at: &'static Location<'static>) -> bool {
        reached(Point::BeforeFlagSubtracted);
        if self.vma.vm_refcnt.read() & VM_REFCNT_EXCLUDE_READERS_FLAG == 0 {
            warn_at(WarningKind::ExcludeNotActive, self.vma.address(), at);
            return false;
        }
        let is_detached = self.vma.vm_refcnt.sub_and_test(VM_REFCNT_EXCLUDE_READERS_FLAG, at);
        record(Step::Count(CountStep::SubtractFlag));
        if self.is_announced {
            self.vma.vmlock_dep_map().release_of_guard(at);
        }
        is_detached
    }
}

impl Drop for ExcludeReaders {
    fn drop(&mut self) {
        self.subtract_flag(self.made);
    }
}
