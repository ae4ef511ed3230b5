//! Switches that break one rule of the engine each, so that a test can show that the break is
//! noticed.
//!
//! Without `--cfg engine_mutants` every switch is a constant `false` and leaves no trace in the
//! code.

macro_rules! mutants {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// One rule that can be broken on purpose.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Mutant {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Mutant {
            /// Every mutant, in the order of the rules.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

mutants! {
    /// The chain key ignores the mode of an acquisition.
    ChainKeyIgnoresMode,
    /// The chain key ignores how an acquisition waited.
    ChainKeyIgnoresWait,
    /// The chain key ignores the nesting level of an acquisition.
    ChainKeyIgnoresSubclass,
    /// The chain key ignores whether an acquisition is only a wait, or unchecked.
    ChainKeyIgnoresFlags,
    /// The chain key ignores which contexts are masked.
    ChainKeyIgnoresMasks,
    /// What lies above an upgraded lock hides it.
    UpgradeHidden,
    /// A context's locks depend on what it interrupted.
    ContextNotSplit,
    /// A lock that readers and a writer held is not a gate.
    SharedGateIgnored,
    /// A class is suspect without its levels.
    SuspectWithoutLevels,
    /// The chain key ignores the nest lock of an acquisition.
    ChainKeyIgnoresNest,
    /// The chain key of a context ignores what it interrupted.
    ChainKeyIgnoresInterrupted,
    /// Every dependency counts as exclusive holder, exclusive acquisition.
    AllExclusive,
    /// A recursive reader counts as a fair one.
    RecursiveIsFair,
    /// A fair reader counts as a recursive one.
    FairIsRecursive,
    /// Nesting two locks of one class is not looked at.
    NoSameClass,
    /// The same lock taken again is not looked at.
    NoRecursion,
    /// A nest lock is ignored.
    NestIgnored,
    /// A nest acquisition adds dependencies all the same.
    NestAddsDependencies,
    /// A nest lock need not be held.
    NestNeedNotBeHeld,
    /// References are not merged.
    NoReferenceMerge,
    /// A try counts as a blocking acquisition.
    TryBlocks,
    /// The walk over holders stops at a try.
    WalkStopsAtTry,
    /// The walk over holders stops at a recursive reader (the kernel's second hole).
    WalkStopsAtRecursiveReader,
    /// The walk over holders stops at a writer (the kernel's, which knows no gates).
    WalkStopsAtWriter,
    /// A new dependency is not searched for cycles.
    NoCircular,
    /// A new kind on a known dependency is not searched.
    NewKindNotSearched,
    /// A new dependency is not searched for context inversions.
    NoContextOnDependency,
    /// A new usage is not searched through the graph.
    NoContextOnUsage,
    /// A new usage is not compared with the other usages of its class.
    NoInconsistentContext,
    /// Usages by readers are ignored in searches.
    ReadUsageIgnored,
    /// Two usages by readers conflict.
    ReadUsageConflicts,
    /// Unmasking a context does not mark what is held.
    UnmaskDoesNotMark,
    /// A per-CPU class ends inversions like any other.
    PerCpuCarriesInversion,
    /// Wait types are not checked.
    NoWaitTypes,
    /// The outer wait type is ignored.
    OuterWaitTypeIgnored,
    /// Only the newest held lock limits what may wait.
    WaitTypeNewestOnly,
    /// A wait override does not override.
    WaitOverrideIgnored,
    /// A release of a lock that is not held is accepted.
    BadReleaseAccepted,
    /// Releasing an older lock releases the newest.
    ReleasesNewest,
    /// Freeing a held lock is accepted.
    FreedAccepted,
    /// A thread may end holding locks.
    ExitAccepted,
    /// Assertions never fire.
    AssertionsAccepted,
    /// A pinned lock may be released.
    PinsIgnored,
    /// The wound/wait protocol is not checked.
    NoWoundWait,
    /// Waiting for other sections of a lock is not checked.
    SyncUnchecked,
    /// A downgrade keeps the exclusive mode.
    DowngradeIgnored,
    /// A removed class takes what ran through it along.
    RemovalForgets,
    /// Subclasses are not distinguished.
    SubclassIgnored,
    /// Order functions are not asked.
    OrderFunctionIgnored,
    /// A recursive fair read is not looked at.
    NoRecursiveFairRead,
    /// A chain is remembered although it was found faulty or was never validated.
    ChainCachedEarly,
    /// Suspect classes are not recorded by instance.
    NoInstances,
    /// A gate lock never lowers a level.
    NoGates,
    /// A gate counts although its class has several instances.
    GateManyInstances,
    /// What writers hold lowers nothing.
    NoWriterGates,
    /// What the first writer held counts for all.
    FirstWriterOnly,
    /// A timed acquisition counts as one that can hang.
    TimedBlocks,
    /// The first writer of a class raises nothing.
    WriterRaisesNothing,
    /// A violation is reported each time.
    NoReportOnce,
    /// A search visits each class once (the kernel's first hole).
    SearchShadows,
    /// An order onto an object that no other thread can have counts as any other.
    UnpublishedCounts,
    /// Another thread at an unpublished object takes nothing back.
    TakenBackIgnored,
    /// An unpublished object that lies elsewhere counts as if it had not moved.
    MoveIgnored,
    /// An order that was seen on unpublished objects stays so when it is seen on another.
    PublishingIgnored,
    /// The class of an unpublished object is not watched.
    UnpublishedUnwatched,
    /// An order on objects that two tasks have is not kept beside the one that was seen first.
    SharedIgnored,
    /// A chain that was validated is not looked at again when another task comes.
    NoSecondLook,
    /// A lock held while its task waits for the end of another one is not looked at.
    NoWaitHoldingLock,
    /// A message orders nothing.
    MessagesDoNotOrder,
    /// What is ordered before a wait counts as if it could run beside it.
    WaitOrderIgnored,
    /// A wait whose order is not known orders nothing.
    UnknownWaitsDoNotOrder,
    /// A task that let time pass looked at no flag.
    IdleOrdersNothing,
    /// A wait counts as one by chance although its task did not sleep.
    SleepNotNeeded,
    /// A join or a message of a third task orders nothing unseen.
    OtherOrdersIgnored,
    /// Room that a receiver has made orders nothing.
    RoomOrdersNothing,
    /// A flag under a lock orders nothing.
    HandOversIgnored,
    /// Another task that may bring what is awaited is not asked for.
    OtherProvidersIgnored,
    /// A send into a full channel is not looked at.
    NoRoomUnderLock,
    /// A send that could not come to wait in a full channel counts as one that can.
    CapacityIgnored,
    /// A send that was never seen to wait counts as one that was.
    UnseenFillCounts,
    /// A channel of several receivers or senders counts as one with one of each.
    SeveralEndsIgnored,
}

/// Returns whether `mutant` is switched on.
#[cfg(not(engine_mutants))]
#[inline(always)]
pub const fn is(_fault: Mutant) -> bool {
    false
}

#[cfg(engine_mutants)]
mod switch {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Mutant;

    /// One bit for each mutant.
    static CURRENT: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    const _: () = assert!(Mutant::ALL.len() <= 2 * u64::BITS as usize, "a bit for each mutant");

    /// Switches these mutants on and every other off.
    pub fn set(mutants: &[Mutant]) {
        let bits = mutants.iter().fold(0_u128, |bits, mutant| bits | 1 << *mutant as u8);
        for (index, word) in CURRENT.iter().enumerate() {
            // ORDERING: Relaxed: a test switches before it starts the engine, or the threads that
            // run it; nothing is published by it.
            word.store((bits >> (64 * index)) as u64, Ordering::Relaxed);
        }
    }

    /// Returns whether `mutant` is switched on.
    pub fn is(mutant: Mutant) -> bool {
        let number = mutant as usize;
        // ORDERING: Relaxed: see `set`.
        CURRENT[number / 64].load(Ordering::Relaxed) >> (number % 64) & 1 != 0
    }
}

#[cfg(engine_mutants)]
pub use switch::{is, set};
