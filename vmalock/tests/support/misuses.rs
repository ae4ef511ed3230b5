//! The ways to misuse the locks, and what each must lead to.

use std::mem::forget;

use vmalock::raw::{self, ExcludeReaders, Target};
use vmalock::{
    AddressSpace, FaultOrigin, Interrupted, MmRef, NextVmaError, PAGE_SIZE, SpaceError, Task, TaskState,
    VM_REFCNT_EXCLUDE_READERS_FLAG, VM_REFCNT_LIMIT, Vma, VmaCache, VmaIterator, flags, lock_mm_and_find_vma,
    lock_next_vma, lock_vma_under_rcu, rcu_read_lock,
};

/// One way.
pub(crate) struct Misuse {
    pub(crate) name: &'static str,
    /// Does it. What the specification gives as an error is asserted here.
    pub(crate) run: fn(),
    /// The warnings without the validator, in order.
    pub(crate) warnings: &'static [&'static str],
    /// The reports with it, in order.
    pub(crate) reports: &'static [&'static str],
    /// A piece of each line of this file that both must name.
    pub(crate) lines: &'static [&'static str],
}

pub(crate) const START: usize = 16 * PAGE_SIZE;
pub(crate) const RW: usize = flags::READ | flags::WRITE;

/// A space with one VMA.
pub(crate) fn space() -> AddressSpace {
    let space = AddressSpace::new();
    space.map(START, 4 * PAGE_SIZE, RW).expect("the space is empty");
    space
}

pub(crate) fn vma_of(space: &AddressSpace) -> &'static Vma {
    space.mm().read().vma_lookup(START).expect("mapped").as_raw()
}

/// Ends the program's interest in a space whose state a misuse left behind.
fn abandon(space: AddressSpace) {
    forget(space);
}

/// Runs `body` while another thread holds the mmap lock for writing, as a task that is killed.
fn killed_behind_a_writer(space: &AddressSpace, body: impl FnOnce() + Send) {
    let guard = space.mm().write();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            Task::current().kill();
            body();
        });
    });
    drop(guard);
    // Whatever the wait left behind would show here.
    drop(space.mm().write());
    drop(lock_vma_under_rcu(space.mm(), START).expect("no thread writes"));
}

pub(crate) const MISUSES: &[Misuse] = &[
    Misuse {
        name: "seqnum under nothing",
        run: || {
            let space = space();
            let _ = space.mm().raw_mm_seqnum();
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["let _ = space.mm().raw_mm_seqnum();"],
    },
    Misuse {
        name: "seqnum of a VMA under the read lock",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().read();
            let _ = raw::raw_mm_seqnum(vma);
            drop(guard);
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["let _ = raw::raw_mm_seqnum(vma);"],
    },
    Misuse {
        name: "seqnum under another space's lock",
        run: || {
            let (space, other) = (space(), AddressSpace::new());
            let guard = other.mm().write();
            let _ = raw::raw_mm_seqnum(vma_of(&space));
            drop(guard);
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["let _ = raw::raw_mm_seqnum(vma_of(&space));"],
    },
    Misuse {
        name: "start_write under nothing",
        run: || {
            let (space, vma) = space_and_vma();
            raw::vma_start_write(vma);
            drop(space);
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["raw::vma_start_write(vma);"],
    },
    Misuse {
        name: "start_write_killable under read",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().read();
            assert_eq!(raw::vma_start_write_killable(vma), Ok(()));
            drop(guard);
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["raw::vma_start_write_killable(vma), Ok(())"],
    },
    Misuse {
        name: "attach under nothing",
        run: || {
            let mm = MmRef::new();
            let vma = VmaCache::new().alloc(mm.as_raw());
            raw::vma_mark_attached(vma);
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["raw::vma_mark_attached(vma);"],
    },
    Misuse {
        name: "detach under the read lock",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().read();
            raw::vma_mark_detached(vma);
            drop(guard);
            abandon(space);
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["raw::vma_mark_detached(vma);"],
    },
    Misuse {
        name: "attach without start_write",
        run: || {
            let mm = MmRef::new();
            let vma = VmaCache::new().alloc(mm.as_raw());
            let guard = mm.write();
            raw::vma_mark_attached(vma);
            drop(guard);
        },
        warnings: &["VmaNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["raw::vma_mark_attached(vma);"],
    },
    Misuse {
        name: "attach twice",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().write();
            raw::vma_start_write(vma);
            raw::vma_mark_attached(vma);
            drop(guard);
            assert_eq!(vma.vm_refcnt().read(), 1, "it changes nothing");
        },
        warnings: &["VmaAttached"],
        reports: &["LD0010"],
        lines: &["raw::vma_mark_attached(vma);"],
    },
    Misuse {
        name: "detach twice",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().write();
            raw::vma_start_write(vma);
            raw::vma_mark_detached(vma);
            let again = vma;
            raw::vma_mark_detached(again);
            assert_eq!(vma.vm_refcnt().read(), 0, "it changes nothing");
            raw::vma_mark_attached(vma);
            drop(guard);
        },
        warnings: &["VmaDetached"],
        reports: &["LD0010"],
        lines: &["raw::vma_mark_detached(again);"],
    },
    Misuse {
        name: "end_write_all under nothing",
        run: || {
            let space = space();
            raw::vma_end_write_all(space.mm());
            assert!(space.mm().mm_lock_seq().speculate_try_begin().is_ok(), "it changes nothing");
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["raw::vma_end_write_all(space.mm());"],
    },
    Misuse {
        name: "exclude readers under nothing",
        run: || {
            let (space, vma) = space_and_vma();
            let excluded = ExcludeReaders::start(vma, Target::Attached, TaskState::Uninterruptible);
            let _ = excluded.expect("no kill is pending").expect("attached").end();
            drop(space);
        },
        warnings: &["MmapNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["let excluded = ExcludeReaders::start("],
    },
    Misuse {
        name: "exclude readers twice",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().write();
            let excluded = ExcludeReaders::start(vma, Target::Attached, TaskState::Uninterruptible);
            let again = ExcludeReaders::start(vma, Target::Attached, TaskState::Uninterruptible);
            assert!(
                again.expect("no kill is pending").is_none(),
                "the count is lost, there is nothing to wait for"
            );
            forget(excluded);
            raw::vma_start_write(vma);
            drop(guard);
            assert!(lock_vma_under_rcu(space.mm(), START).is_none(), "for good");
            abandon(space);
        },
        // The second write lock finds it pinned, and says so at its own place.
        warnings: &["RefcountOverflow", "RefcountOverflow"],
        reports: &["LD0010"],
        lines: &["let again = ExcludeReaders::start("],
    },
    Misuse {
        name: "read-locking under nothing",
        run: || {
            let (space, vma) = space_and_vma();
            assert!(raw::vma_start_read_locked(vma));
            raw::vma_end_read(vma);
            drop(space);
        },
        warnings: &["MmapNotLocked"],
        reports: &["LD0010"],
        lines: &["assert!(raw::vma_start_read_locked(vma));"],
    },
    Misuse {
        name: "VMA read lock released by hand too",
        run: || {
            let (space, vma) = space_and_vma();
            let kept = lock_vma_under_rcu(space.mm(), START).expect("no thread writes");
            let guard = lock_vma_under_rcu(space.mm(), START).expect("no thread writes, either");
            raw::vma_end_read(vma);
            drop(kept);
            drop(guard);
            abandon(space);
        },
        // The count is what it must not be, and no check has noticed yet: without the validator one
        // may not know.
        warnings: &[],
        reports: &["LD0007"],
        lines: &["expect(\"no thread writes, either\")"],
    },
    Misuse {
        name: "VMA read lock put below zero",
        run: || {
            let (space, vma) = space_and_vma();
            drop(lock_vma_under_rcu(space.mm(), START));
            let (once, again) = (vma, vma);
            // The reference of the VMA's being attached, which no reader may put …
            raw::vma_end_read(once);
            // … and one that does not exist.
            raw::vma_end_read(again);
            abandon(space);
        },
        warnings: &["RefcountUnderflow"],
        reports: &["LD0007", "LD0010"],
        lines: &["raw::vma_end_read(again);"],
    },
    Misuse {
        name: "mmap read lock released by hand too",
        run: || {
            let space = space();
            let guard = space.mm().read();
            raw::mmap_read_unlock(space.mm());
            drop(guard);
        },
        warnings: &["MmapLockUnbalanced"],
        reports: &["LD0007"],
        lines: &["let guard = space.mm().read();"],
    },
    Misuse {
        name: "mmap write lock released by hand too",
        run: || {
            let space = space();
            let guard = space.mm().write();
            raw::mmap_write_unlock(space.mm());
            drop(guard);
        },
        warnings: &["MmapNotWriteLocked", "MmapLockUnbalanced"],
        reports: &["LD0010", "LD0007"],
        lines: &["let guard = space.mm().write();"],
    },
    Misuse {
        name: "mmap write lock downgraded by hand",
        run: || {
            let space = space();
            let guard = space.mm().write();
            raw::mmap_write_downgrade(space.mm());
            drop(guard);
            // What the guard could not release.
            raw::mmap_read_unlock_non_owner(space.mm());
        },
        warnings: &["MmapNotWriteLocked", "MmapLockUnbalanced"],
        reports: &["LD0010"],
        lines: &["let guard = space.mm().write();"],
    },
    Misuse {
        name: "another task's write lock released",
        run: || {
            let space = space();
            let guard = space.mm().write();
            std::thread::scope(|scope| {
                scope.spawn(|| raw::mmap_write_unlock(space.mm()));
            });
            assert!(space.mm().try_read().is_none(), "it is still held");
            drop(guard);
        },
        warnings: &["MmapNotWriteLocked", "MmapLockUnbalanced"],
        reports: &["LD0010", "LD0007"],
        lines: &["scope.spawn(|| raw::mmap_write_unlock(space.mm()));"],
    },
    Misuse {
        name: "non-owner unlock without a lock",
        run: || {
            let space = space();
            raw::mmap_read_unlock_non_owner(space.mm());
        },
        warnings: &["MmapLockUnbalanced"],
        reports: &["LD0010"],
        lines: &["raw::mmap_read_unlock_non_owner(space.mm());"],
    },
    Misuse {
        name: "changing flags without start_write",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().write();
            raw::vm_flags_reset(vma, flags::READ);
            drop(guard);
        },
        warnings: &["VmaNotWriteLocked"],
        reports: &["LD0010"],
        lines: &["raw::vm_flags_reset(vma, flags::READ);"],
    },
    Misuse {
        name: "freeing an attached VMA",
        run: || {
            let (space, vma) = space_and_vma();
            VmaCache::new().free(vma);
            drop(space);
        },
        warnings: &["VmaAttached"],
        reports: &["LD0010"],
        lines: &["VmaCache::new().free(vma);"],
    },
    Misuse {
        name: "freeing a VMA twice",
        run: || {
            let (mm, cache) = (MmRef::new(), VmaCache::new());
            let vma = cache.alloc(mm.as_raw());
            cache.free(vma);
            let again = vma;
            cache.free(again);
        },
        warnings: &["VmaFreedTwice"],
        reports: &["LD0010"],
        lines: &["cache.free(again);"],
    },
    Misuse {
        name: "an iterator without set",
        run: || {
            let space = space();
            let mut iterator = VmaIterator::new(space.mm(), START);
            let _ = iterator.walk(&rcu_read_lock());
            assert!(iterator.walk(&rcu_read_lock()).is_some(), "it sets itself");
        },
        warnings: &["IteratorStale"],
        reports: &["LD0010"],
        lines: &["assert!(iterator.walk(&rcu_read_lock()).is_some()"],
    },
    Misuse {
        name: "VMA read lock leaked to thread exit",
        run: || {
            let space = space();
            let mm = space.mm_ref();
            let leaks = move || forget(lock_vma_under_rcu(&mm, START));
            std::thread::spawn(leaks).join().expect("it only forgets");
            abandon(space);
        },
        warnings: &[],
        reports: &["LD0009"],
        lines: &["forget(lock_vma_under_rcu(&mm, START))"],
    },
    Misuse {
        name: "VMA read lock leaked to the end",
        run: || {
            let space = AddressSpace::new();
            space.map(START, PAGE_SIZE, RW).expect("the space is empty");
            let mm = space.mm_ref();
            let leaks_to_the_end = move || forget(lock_vma_under_rcu(&mm, START));
            std::thread::spawn(leaks_to_the_end).join().expect("it only forgets");
            drop(space);
        },
        warnings: &["ReadLockLeaked"],
        reports: &["LD0009", "LD0010"],
        lines: &["let leaks_to_the_end = move || forget(lock_vma_under_rcu(&mm, START));"],
    },
    Misuse {
        name: "mmap lock leaked to thread exit",
        run: || {
            let space = space();
            let mm = space.mm_ref();
            std::thread::spawn(move || forget(mm.write())).join().expect("it only forgets");
            abandon(space);
        },
        warnings: &[],
        reports: &["LD0009"],
        lines: &["std::thread::spawn(move || forget(mm.write()))"],
    },
    Misuse {
        name: "mmap lock leaked to the end",
        run: || {
            let mm = MmRef::new();
            forget(mm.read().into_non_owner());
            drop(mm);
        },
        warnings: &["MmapLockUnbalanced"],
        reports: &["LD0010"],
        lines: &["let mm = MmRef::new();"],
    },
    Misuse {
        name: "count limit",
        run: || {
            let (space, vma) = space_and_vma();
            vma.vm_refcnt().preset(VM_REFCNT_LIMIT);
            assert!(lock_vma_under_rcu(space.mm(), START).is_none(), "take the mmap lock instead");
            let guard = space.mm().read();
            assert!(guard.start_read(guard.vma_lookup(START).expect("mapped")).is_none());
            drop(guard);
            let mut iterator = VmaIterator::new(space.mm(), 0);
            let (rcu, next) = lock_next_vma(rcu_read_lock(), &mut iterator, 0);
            assert_eq!(next.err(), Some(NextVmaError::Again));
            drop(rcu);
            assert_eq!(vma.vm_refcnt().read(), VM_REFCNT_LIMIT, "no reference was counted");
            assert_eq!(VM_REFCNT_LIMIT + 1, VM_REFCNT_EXCLUDE_READERS_FLAG, "and the flag stays clear");
            assert!(lock_mm_and_find_vma(space.mm(), START, FaultOrigin::User).is_some(), "it works on");
            vma.vm_refcnt().preset(1);
        },
        warnings: &[],
        reports: &[],
        lines: &[],
    },
    Misuse {
        name: "killed in every wait for the mmap lock",
        run: || {
            let space = space();
            let mm = space.mm();
            killed_behind_a_writer(&space, || {
                assert_eq!(raw::mmap_write_lock_killable(mm), Err(Interrupted));
                assert_eq!(raw::mmap_read_lock_killable(mm), Err(Interrupted));
                assert!(mm.write_killable().is_err() && mm.read_killable().is_err());
                assert!(lock_mm_and_find_vma(mm, START, FaultOrigin::User).is_none());
                assert_eq!(space.map(START, PAGE_SIZE, RW), Err(SpaceError::Interrupted));
                assert_eq!(space.unmap(START, PAGE_SIZE), Err(SpaceError::Interrupted));
                assert_eq!(space.protect(START, PAGE_SIZE, RW), Err(SpaceError::Interrupted));
                assert_eq!(space.fork().err(), Some(SpaceError::Interrupted));
            });
        },
        warnings: &[],
        reports: &[],
        lines: &[],
    },
    Misuse {
        name: "killed in every wait for a VMA",
        run: || {
            let (space, vma) = space_and_vma();
            let reader = lock_vma_under_rcu(space.mm(), START).expect("no thread writes");
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    Task::current().kill();
                    raw::mmap_write_lock(space.mm());
                    assert_eq!(raw::vma_start_write_killable(vma), Err(Interrupted));
                    let excluded = ExcludeReaders::start(vma, Target::Attached, TaskState::Killable);
                    assert!(excluded.is_err_and(|interrupted| !interrupted.is_detached));
                    // A lookup of a write-locked VMA falls back to the mmap lock.
                    raw::mmap_write_unlock(space.mm());
                    assert_eq!(space.fork().err(), Some(SpaceError::Interrupted));
                });
            });
            assert_eq!(vma.vm_refcnt().read(), 2, "attached, and the reader");
            drop(reader);
        },
        warnings: &[],
        reports: &[],
        lines: &[],
    },
    Misuse {
        name: "killed in the fallback of lock_next_vma",
        run: || {
            let (space, vma) = space_and_vma();
            let guard = space.mm().write();
            raw::vma_start_write(vma);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    Task::current().kill();
                    let mut iterator = VmaIterator::new(space.mm(), 0);
                    let (rcu, next) = lock_next_vma(rcu_read_lock(), &mut iterator, 0);
                    assert_eq!(next.err(), Some(NextVmaError::Interrupted));
                    drop(rcu);
                    assert_eq!(space.maps(), Err(SpaceError::Interrupted));
                });
            });
            drop(guard);
        },
        warnings: &[],
        reports: &[],
        lines: &[],
    },
];

pub(crate) fn space_and_vma() -> (AddressSpace, &'static Vma) {
    let space = space();
    let vma = vma_of(&space);
    (space, vma)
}
