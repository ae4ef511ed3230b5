//! One entry of the held stack.

use crate::base::dependency::NewDependency;
use crate::base::event::AcquireFlags;
use crate::base::id::{ClassId, LockId, StackId, Subclass};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;

/// A lock that a task holds. Small and plain: one is written on every acquisition.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct HeldLock {
    /// The lock object.
    pub(crate) lock: LockId,
    /// Its address, or zero.
    pub(crate) address: usize,
    /// Where it was acquired.
    pub(crate) site: Site,
    /// The chain key before it was acquired; restored by its release.
    pub(crate) previous_chain: u64,
    /// How it is held.
    pub(crate) mode: Mode,
    /// How its caller waited.
    pub(crate) wait: Wait,
    /// The nesting level.
    pub(crate) subclass: Subclass,
    /// Properties of the acquisition.
    pub(crate) flags: AcquireFlags,
    /// INVARIANT: true exactly if the task's table of rare properties has an entry for this lock.
    pub(crate) is_rare: bool,
    /// Whether its chain had never been seen before: the stack remembered for the chain is its own.
    pub(crate) is_first_sighting: bool,
    /// INVARIANT: zero. Here so that the bytes above, mostly constants, are stored as one word.
    pub(crate) padding: [u8; 2],
}

/// What few held locks have: kept aside, so that the others stay small.
#[derive(Clone, Debug)]
pub(crate) struct Rare {
    /// The held lock it belongs to; index into the held stack.
    pub(crate) index: usize,
    /// The lock that serialises it.
    pub(crate) nest: Option<LockId>,
    /// How many acquisitions were merged into one entry; zero if none were.
    pub(crate) references: u32,
    /// The cookies of its pins, and where each was made, newest last.
    pub(crate) pins: Vec<(u64, Site)>,
    /// The stack of this very acquisition, for a class of which each is recorded.
    pub(crate) stack: Option<StackId>,
    /// Whether it became exclusive after later ones had been acquired: these know it as a reader's.
    pub(crate) is_upgraded: bool,
    /// What was recorded under it and counts fully only once this task releases it itself.
    pub(crate) unsure: Vec<Unsure>,
}

/// A dependency on a held lock whose guard may have left the task: whether it had is known when the
/// lock is released.
#[derive(Clone, Debug)]
pub(crate) struct Unsure {
    pub(crate) order: Order,
    /// What a run record is to list once the order is sure.
    pub(crate) listed: Option<NewDependency>,
}

/// An order between two classes, or between two single locks, or a lock of a class taken again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Order {
    Classes(ClassId, ClassId),
    Locks(LockId, LockId),
    Again(ClassId),
}

impl Rare {
    /// An entry about the held lock at `index` that says nothing yet.
    pub(crate) fn at(index: usize) -> Self {
        let (pins, unsure) = (Vec::new(), Vec::new());
        Self { index, nest: None, references: 0, pins, stack: None, is_upgraded: false, unsure }
    }
}

impl HeldLock {
    /// Whether it takes part in ordering.
    pub(crate) fn is_checked(&self) -> bool {
        !self.flags.contains(AcquireFlags::UNCHECKED)
    }

    /// Its class before subclasses.
    pub(crate) fn base_class(&self) -> ClassId {
        self.lock.class()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stays_small() {
        assert!(size_of::<HeldLock>() == 40, "{}", size_of::<HeldLock>());
    }
}
