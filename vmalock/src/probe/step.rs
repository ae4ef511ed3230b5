//! The words in which the tests speak about the protocol: places where a thread can be held, and
//! steps it makes.

/// A place between two steps where a test can hold a thread.
///
/// They are the windows in which the historical races happened (see `docs/src/vmalock-mutants.md`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Point {
    /// An RCU lookup found a VMA; no reference is held.
    AfterLookup,
    /// The reader saw no write lock; it has not incremented.
    AfterEarlyCheck,
    /// The reader's increment succeeded; nothing was rechecked.
    AfterIncrement,
    /// The count was decremented; the waiter was not yet looked for.
    BetweenPutAndWake,
    /// A writer or detacher is about to add the exclude flag.
    BeforeFlagAdded,
    /// A thread looks for the writer that waits, to wake it.
    WakeWriter,
    /// The exclude flag was added; the wait has not begun.
    AfterFlagAdded,
    /// An exclusion is about to end: the flag is still there.
    BeforeFlagSubtracted,
    /// A wait is about to sleep: its condition was tested and does not hold.
    BeforePark,
    /// A VMA was detached and is still in the tree.
    BetweenDetachAndClear,
    /// `lock_next_vma` sampled the sequence; it has not walked.
    AfterSpeculateBegin,
    /// `lock_mm_and_find_vma` dropped the read lock; it has not asked for the write lock.
    BetweenUpgradeLocks,
    /// The rwsem is held for writing; the sequence has not begun.
    BeforeSeqBegin,
    /// The sequence ended; the rwsem is still held for writing.
    AfterSeqEnd,
    /// The iterator walks the tree from the root.
    TreeWalk,
}

/// One step of the protocol, recorded in program order by the instrumented build.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// `mmap_lock_start_locking`.
    StartLocking { write: bool },
    /// `mmap_lock_acquire_returned`.
    AcquireReturned { write: bool, success: bool },
    /// `mmap_lock_released`.
    Released { write: bool },
    /// The sequence became odd.
    SeqBegin,
    /// The sequence became even.
    SeqEnd,
    /// The rwsem was acquired, downgraded or released.
    Rwsem(RwsemStep),
    /// `vm_refcnt` changed.
    Count(CountStep),
    /// `vm_lock_seq` was written.
    Stamp,
    /// A lockdep event was sent.
    Lockdep { class: Class, event: LockdepEvent },
}

/// What happened to the rwsem.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RwsemStep {
    DownRead,
    DownWrite,
    UpRead,
    UpWrite,
    Downgrade,
}

/// What happened to `vm_refcnt`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CountStep {
    Increment,
    Decrement,
    AddFlag,
    SubtractFlag,
    Attach,
}

/// The two lock classes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Class {
    MmapLock,
    VmLock,
}

/// One lockdep event, as the kernel's `lock_acquire` and friends see it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LockdepEvent {
    Acquire { shared: bool, is_try: bool, subclass: u8 },
    MightAcquire { shared: bool },
    Acquired,
    Release,
    Downgrade,
}
