//! Every lockdep event of this crate leaves through here.
//!
//! There are two classes, as in the kernel: `mmap_lock` for all address spaces and `vm_lock` for all VMAs. A held VMA
//! *write* lock is not tracked (it is taken one by one and dropped all at once); only the short window in which readers
//! are excluded is. That window is a blocking acquisition, so it makes `mmap_lock -> vm_lock`; a reader that then blocks
//! on the mmap lock makes `vm_lock -> mmap_lock`, and the forbidden order is reported without anybody having hung.
//!
//! | event | when |
//! |---|---|
//! | read lock | *after* the successful increment, as a try: it never blocks |
//! | read unlock | *before* the decrement |
//! | exclusion begins | *after* the flag was added, *before* the wait |
//! | exclusion ends | *after* the flag was subtracted, also when interrupted |
//! | mmap lock | *before* the attempt; a try, after its success; release and downgrade before the fact |
//!
//! Source: the `__vma_lockdep_*` wrappers of `include/linux/mmap_lock.h` (v7.0), `kernel/locking/rwsem.c`.

use super::fault::{Fault, seeded};
use super::probe::record;
use super::step::{Class, LockdepEvent, Step};

/// What is known about a lock and the calling task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Held {
    Yes,
    No,
    /// Nobody validates, or this lock cannot be tracked.
    Unknown,
}

/// What to do after an acquisition was announced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Entry {
    Proceed,
    /// The calling task holds the lock already, as far as the validator knows.
    SelfDeadlock,
}

/// What sits in a lock.
#[derive(Debug)]
pub(crate) struct DepMap {
    class: Class,
}

/// The lock's own event log; every method tells the recording probe first, the validator second.
impl DepMap {
    pub(crate) fn mmap_lock() -> Self {
        Self { class: Class::MmapLock }
    }

    pub(crate) fn vm_lock() -> Self {
        Self { class: Class::VmLock }
    }

    #[inline]
    #[track_caller]
    pub(crate) fn acquire(&self, shared: bool, subclass: u8) -> Entry {
        let is_try = self.class == Class::VmLock && seeded(Fault::M27c);
        self.log(LockdepEvent::Acquire { shared, is_try, subclass });
        Entry::Proceed
    }

    /// After [`Entry::SelfDeadlock`]: the lock could be had all the same, the holder was long gone.
    #[cold]
    #[track_caller]
    pub(crate) fn stale_holder(&self, _shared: bool) {}

    /// After [`Entry::SelfDeadlock`]: the lock could not be had, the task will wait for itself.
    #[cold]
    #[track_caller]
    pub(crate) fn self_deadlock(&self) {}

    #[inline]
    #[track_caller]
    pub(crate) fn try_acquired(&self, shared: bool) {
        self.log(LockdepEvent::Acquire { shared, is_try: true, subclass: 0 });
    }

    #[inline]
    pub(crate) fn acquired(&self) {
        self.log(LockdepEvent::Acquired);
    }

    #[inline]
    #[track_caller]
    pub(crate) fn release(&self) {
        self.log(LockdepEvent::Release);
    }

    #[inline]
    #[track_caller]
    pub(crate) fn downgrade(&self) {
        self.log(LockdepEvent::Downgrade);
    }

    /// The acquisition that `acquire` announced was interrupted.
    #[inline]
    #[track_caller]
    pub(crate) fn acquire_failed(&self) {
        self.log(LockdepEvent::Release);
    }

    /// The owner will not be the one who releases: the kernel's callers release the map by hand then.
    #[inline]
    #[track_caller]
    pub(crate) fn disown(&self) {
        self.log(LockdepEvent::Release);
    }

    /// The lock object ends.
    #[inline]
    pub(crate) fn dropped(&self) {}

    /// Reports that a task that must hold the lock (for writing, if `exclusive`) does not (LD0010).
    #[cold]
    #[track_caller]
    pub(crate) fn report_not_held(&self, exclusive: bool) {
        let _ = exclusive;
    }

    #[inline]
    pub(crate) fn is_held(&self) -> Held {
        Held::Unknown
    }

    #[inline]
    pub(crate) fn is_held_exclusive(&self) -> Held {
        Held::Unknown
    }

    #[inline]
    fn log(&self, event: LockdepEvent) {
        record(Step::Lockdep { class: self.class, event });
    }
}
