//! The address space on top of the locks: what it does, and that faults see each change whole or
//! not at all.

use std::sync::Arc;

use super::fixture::{RW, cache, page, raw_mm, space, space_in, vma_at};
use super::harness::{Stages, eventually, expect_warnings, hold_at, observe, once_at, spawn};
use crate::build::lookup::lock_vma_under_rcu;
use crate::build::mapping::{Access, SpaceError, flags};
use crate::build::probe::recorded;
use crate::build::space::AddressSpace;
use crate::build::step::{Point, RwsemStep, Step};
use crate::build::task::Task;
use crate::build::warn::WarningKind;

fn ranges(space: &AddressSpace) -> Vec<(usize, usize, usize)> {
    let in_pages = |mapping: &crate::build::mapping::Mapping| {
        assert_eq!(mapping.pgoff, mapping.start / page(1), "every page keeps its offset");
        (mapping.start / page(1), mapping.end / page(1), mapping.flags)
    };
    space.maps().unwrap().iter().map(in_pages).collect()
}

pub(crate) fn maps_splits_and_merges() {
    let space = space(&[(10, 20)]);
    assert_eq!(space.map(page(15), page(1), RW), Err(SpaceError::Occupied));
    assert_eq!(space.map(page(15) + 1, page(1), RW), Err(SpaceError::BadRange));
    assert_eq!(space.map(page(1), 0, RW), Err(SpaceError::BadRange));
    assert_eq!(space.map(page(1), usize::MAX - page(1) + 1, RW), Err(SpaceError::BadRange));
    assert_eq!(space.unmap(page(13), page(2)), Ok(1));
    assert_eq!(ranges(&space), [(10, 13, RW), (15, 20, RW)]);
    assert_eq!(space.protect(page(11), page(1), flags::READ), Ok(1));
    assert_eq!(ranges(&space), [(10, 11, RW), (11, 12, flags::READ), (12, 13, RW), (15, 20, RW)]);
    assert_eq!(space.map_count(), 4);
    assert_eq!(space.fault(page(11), Access::Write), Err(SpaceError::AccessDenied));
    assert_eq!(space.fault(page(11), Access::Read).unwrap().pgoff, 11);
    assert_eq!(space.fault(page(13), Access::Read), Err(SpaceError::NotMapped));
    assert_eq!(space.protect(page(10), page(10), RW), Ok(4));
    assert_eq!(ranges(&space), [(10, 13, RW), (15, 20, RW)], "what is alike again is one again");
    assert_eq!(space.protect(page(30), page(1), RW), Err(SpaceError::NotMapped));
    assert_eq!(space.unmap(0, page(100)), Ok(2));
    assert_eq!((space.map_count(), ranges(&space)), (0, vec![]));
}

/// Runs `change` on another thread while this one holds the read lock of the VMA at page `n`: it
/// must wait.
#[track_caller]
fn must_wait_for_reader(
    space: &Arc<AddressSpace>,
    n: usize,
    change: impl FnOnce(&AddressSpace) + Send + 'static,
) {
    let stages = Stages::new();
    let guard = lock_vma_under_rcu(space.mm(), page(n)).expect("no thread writes");
    let before = (guard.vm_start(), guard.vm_end(), guard.vm_flags());
    let writer = {
        let (space, stages) = (Arc::clone(space), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::BeforePark, 0, 1)]);
            change(&space);
        })
    };
    stages.wait_for(0);
    assert_eq!((guard.vm_start(), guard.vm_end(), guard.vm_flags()), before);
    drop(guard);
    stages.signal(1);
    writer.join();
}

pub(crate) fn protect_is_atomic_to_faults() {
    let space = space(&[(4, 8)]);
    must_wait_for_reader(&space, 4, |space| {
        space.protect(page(4), page(4), flags::READ).unwrap();
    });
    assert_eq!(ranges(&space), [(4, 8, flags::READ)]);
}

pub(crate) fn growth_is_atomic_to_faults() {
    let space = space(&[]);
    space.map(page(1000), page(4), RW | flags::GROWSDOWN).unwrap();
    must_wait_for_reader(&space, 1001, |space| {
        space.fault(page(990), Access::Read).unwrap();
    });
    assert_eq!(ranges(&space), [(990, 1004, RW | flags::GROWSDOWN)]);
}

pub(crate) fn fork_copies_what_stands_still() {
    let space = space(&[(4, 8), (12, 16)]);
    let (send, child) = std::sync::mpsc::channel();
    must_wait_for_reader(&space, 13, move |space| send.send(space.fork().unwrap()).unwrap());
    let child = child.recv().unwrap();
    assert_eq!(ranges(&child), ranges(&space));
    assert_eq!(child.map_count(), 2);
    child.unmap(page(4), page(4)).unwrap();
    assert_eq!(ranges(&space).len(), 2, "the parent keeps its own");
    // Killed while it waits for a reader of the parent: the half-made child is gone.
    let guard = lock_vma_under_rcu(space.mm(), page(13)).unwrap();
    let other = Arc::clone(&space);
    let killed = spawn(move || {
        Task::current().kill();
        other.fork().map(drop)
    });
    assert_eq!(killed.join(), Err(SpaceError::Interrupted));
    drop(guard);
}

/// The flags that decide are those of the locked VMA, not what was read on the way to it.
pub(crate) fn flags_are_read_under_the_lock() {
    let space = space(&[(4, 8)]);
    space.fault(page(4), Access::Write).unwrap();
    let stages = Stages::new();
    let faulter = {
        let (space, stages) = (Arc::clone(&space), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterLookup, 0, 1)]);
            space.fault(page(4), Access::Write).map(drop)
        })
    };
    stages.wait_for(0);
    space.protect(page(4), page(4), flags::READ).unwrap();
    stages.signal(1);
    assert_eq!(faulter.join(), Err(SpaceError::AccessDenied));
}

pub(crate) fn unmap_keeps_its_locks() {
    let space = space(&[(4, 8), (8, 12), (12, 16)]);
    let mm = raw_mm(&space);
    let stages = Stages::new();
    let unmapper = {
        let (space, stages) = (Arc::clone(&space), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::BetweenDetachAndClear, 0, 1)]);
            space.unmap(page(4), page(12)).unwrap()
        })
    };
    stages.wait_for(0);
    assert_eq!(mm.mm_lock_seq().read_relaxed() & 1, 1, "the section has not ended");
    stages.signal(1);
    assert_eq!(unmapper.join(), 3);
}

/// The fault path never takes the mmap lock while it holds it: a writer in between would hang both.
pub(crate) fn fault_takes_no_lock_twice() {
    let space = space(&[(4, 8)]);
    // Something that only the mmap path can answer.
    let (result, steps) = recorded(|| space.fault(page(100), Access::Read));
    assert_eq!(result, Err(SpaceError::NotMapped));
    let mut n_held = 0;
    for step in steps {
        match step {
            Step::Rwsem(RwsemStep::DownRead | RwsemStep::DownWrite) => n_held += 1,
            Step::Rwsem(RwsemStep::UpRead | RwsemStep::UpWrite) => n_held -= 1,
            _ => {}
        }
        assert!(n_held <= 1, "taken twice by one task");
    }
    assert_eq!(n_held, 0);
}

/// Every operation that waits for the mmap lock ends with the kill of its task, and has changed
/// nothing.
pub(crate) fn every_wait_ends_with_a_kill() {
    let space = space(&[(4, 8)]);
    let before = ranges(&space);
    let writer = space.mm().write();
    let other = Arc::clone(&space);
    let killed = spawn(move || {
        Task::current().kill();
        [
            other.map(page(20), page(1), RW),
            other.unmap(page(4), page(4)).map(drop),
            other.protect(page(4), page(4), flags::READ).map(drop),
            other.fork().map(drop),
            other.fault(page(20), Access::Read).map(drop),
        ]
    });
    let interrupted = Err(SpaceError::Interrupted);
    assert_eq!(killed.join(), [interrupted; 5]);
    drop(writer);
    assert!(!space.mm().mmap_lock.is_locked());
    assert_eq!((ranges(&space), space.mm().n_queued()), (before, 0));
}

/// The fault path holds nothing when it waits for the mmap lock: a writer that queued before it
/// must get through.
///
/// ```text
/// fault    (H10: read lock) |                  | waits behind the writer, who waits for the fault
/// writer                    | write lock: queues |
/// ```
pub(crate) fn fault_waits_behind_no_writer() {
    let space = space(&[(4, 8)]);
    let other = Arc::clone(&space);
    // Reached only where the fault path is about to ask for a second lock.
    once_at(Point::BetweenUpgradeLocks, move || {
        let (send, writer) = std::sync::mpsc::channel();
        let queued = Arc::clone(&other);
        std::thread::spawn(move || {
            drop(queued.mm().write());
            let _ = send.send(());
        });
        eventually("the writer's queueing", || other.mm().n_queued() == 1 || writer.try_recv().is_ok());
    });
    assert_eq!(space.fault(page(100), Access::Read), Err(SpaceError::NotMapped));
    // The same with a stack that grows, where it is reached, with nothing held.
    space.map(page(1000), page(4), RW | flags::GROWSDOWN).unwrap();
    assert_eq!(space.fault(page(990), Access::Read).map(|resolved| resolved.pgoff), Ok(990));
}

pub(crate) fn new_vma_is_locked_before_it_is_attached() {
    let space = space(&[]);
    let (result, steps) = recorded(|| space.map(page(4), page(4), RW));
    result.unwrap();
    let position = |wanted: &Step| steps.iter().position(|step| step == wanted);
    let attach = position(&Step::Count(crate::build::step::CountStep::Attach));
    assert!(position(&Step::Stamp) < attach, "stamped first: {steps:?}");
    assert!(position(&Step::Stamp).is_some());
}

/// I5 at rest: one for being attached, and nothing else, whatever lookups failed.
pub(crate) fn no_lookup_leaks() {
    let space = space(&[(4, 8)]);
    let vma = vma_at(&space, 4);
    // A tree that is wrong about the bounds: the lock succeeds, the bounds check fails.
    space.mm().mm_mt.edit(|edit| edit.store(page(4), page(9), vma));
    assert!(lock_vma_under_rcu(space.mm(), page(8)).is_none());
    assert_eq!(vma.vm_refcnt().read(), 1);
    assert!(lock_vma_under_rcu(space.mm(), page(4)).is_some());
    assert_eq!(vma.vm_refcnt().read(), 1);
}

pub(crate) fn leaked_guard_is_told() {
    let space = space(&[(4, 8), (12, 16)]);
    std::mem::forget(lock_vma_under_rcu(space.mm(), page(4)));
    expect_warnings(&[WarningKind::ReadLockLeaked], || drop(Arc::into_inner(space)));
}

/// One warning, at the line where the guard was taken.
pub(crate) fn a_guard_that_outlives_its_space_is_told_once() {
    let space = space(&[(4, 8), (12, 16)]);
    let mm = space.mm_ref();
    let (guard, line) = (lock_vma_under_rcu(&mm, page(4)).unwrap(), line!());
    let ((), warnings) = crate::build::warn::capture(|| drop(Arc::into_inner(space)));
    assert_eq!(
        warnings.iter().map(|warning| warning.kind).collect::<Vec<_>>(),
        [WarningKind::ReadLockLeaked]
    );
    if cfg!(debug_assertions) || lockdep::hook::is_on() {
        assert_eq!((warnings[0].site.line(), warnings[0].site.file()), (line, file!()));
        assert_eq!(warnings[0].holder.map(|holder| holder.task), Some(Task::current().id()));
    }
    assert_eq!(guard.vm_start(), page(4), "it is still what it was");
    drop(guard);
}

/// What only the raw functions can do: the VMA goes, and its entry in the tree stays.
fn leave_in_the_tree(space: &AddressSpace, n: usize) -> &'static crate::build::vma::Vma {
    let guard = space.mm().write();
    let vma = vma_at(space, n);
    crate::build::vma_lock::vma_start_write(vma);
    crate::build::attach::vma_mark_detached(vma);
    drop(guard);
    vma
}

pub(crate) fn freed_in_the_tree_is_told_once() {
    let space = space(&[(4, 8), (12, 16)]);
    space.cache.free(leave_in_the_tree(&space, 4));
    expect_warnings(&[WarningKind::TreeStale], || drop(Arc::into_inner(space)));
}

pub(crate) fn detached_in_the_tree_is_told_and_passed_over() {
    let space = space(&[(4, 8), (12, 16)]);
    leave_in_the_tree(&space, 4);
    let stale = &[WarningKind::TreeStale];
    let denied = expect_warnings(stale, || space.fault(page(5), Access::Read));
    assert_eq!(denied, Err(SpaceError::NotMapped));
    assert!(lock_vma_under_rcu(space.mm(), page(5)).is_none(), "take the mmap lock, which tells");
    assert_eq!(expect_warnings(stale, || ranges(&space)), [(12, 16, RW)]);
    let child = expect_warnings(stale, || space.fork().unwrap());
    assert_eq!(ranges(&child), [(12, 16, RW)]);
    assert_eq!(expect_warnings(stale, || space.unmap(page(4), page(12))), Ok(1));
    // It was told.
    drop(Arc::into_inner(space));
}

/// A stale lookup that is kept from running holds a reference for as long as that lasts: no leak,
/// whichever thread ends meanwhile.
///
/// ```text
/// reader   lookup in A, early check |                            | increment, held |                | put
/// test                              | A.unmap, B.map: same object |                | B ends: it waits |
/// ```
pub(crate) fn slow_reader_is_no_leak() {
    // The limit is a second of the clock, which is nothing to Miri.
    if cfg!(miri) {
        return;
    }
    let cache = cache();
    let (a, b) = (space_in(cache, &[(4, 8)]), space_in(cache, &[]));
    let stages = Stages::new();
    let reader = {
        let (a, stages) = (Arc::clone(&a), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterEarlyCheck, 0, 1), (Point::AfterIncrement, 2, 3)]);
            lock_vma_under_rcu(a.mm(), page(5)).is_some()
        })
    };
    stages.wait_for(0);
    a.unmap(page(4), page(4)).unwrap();
    b.map(page(4), page(4), RW).unwrap();
    stages.signal(1);
    stages.wait_for(2);
    let end = spawn(move || drop(Arc::into_inner(b)));
    // Long for a lookup, short for a thread that others keep from running. If the other has not
    // begun by then, nothing is tested.
    let since = std::time::Instant::now();
    while since.elapsed() < std::time::Duration::from_millis(100) {
        std::thread::yield_now();
    }
    stages.signal(3);
    assert!(!reader.join());
    end.join();
}

/// Sets the guard flag of the VMA at page 4 under its read lock, when `change` is about to
/// write-lock its `n`th VMA.
fn set_flag_before_write_lock(n: u32, space: &Arc<AddressSpace>, change: impl FnOnce(&AddressSpace)) {
    let (other, n_reached) = (Arc::clone(space), std::cell::Cell::new(0));
    observe(move |point| {
        n_reached.set(n_reached.get() + u32::from(point == Point::BeforeFlagAdded));
        if point != Point::BeforeFlagAdded || n_reached.get() != n {
            return;
        }
        let other = Arc::clone(&other);
        let set = spawn(move || {
            let guard = lock_vma_under_rcu(other.mm(), page(4)).expect("not write-locked yet");
            crate::build::vm_flags::vma_flag_set_atomic(guard.as_raw(), flags::MAYBE_GUARD)
        });
        assert!(set.join());
    });
    change(space);
}

pub(crate) fn split_keeps_a_flag_that_was_set_meanwhile() {
    let space = space(&[(4, 12)]);
    set_flag_before_write_lock(1, &space, |space| assert_eq!(space.unmap(page(8), page(1)), Ok(1)));
    let guarded = RW | flags::MAYBE_GUARD;
    assert_eq!(ranges(&space), [(4, 8, guarded), (9, 12, guarded)]);
    assert_eq!(space.protect(page(4), page(2), flags::READ), Ok(1));
    assert_eq!(ranges(&space)[0], (4, 6, flags::READ | flags::MAYBE_GUARD), "protect() leaves it alone");
}

pub(crate) fn merge_keeps_what_was_set_meanwhile() {
    let space = space(&[(4, 8), (8, 12)]);
    // Nothing is to be split. The first write lock is that of the upper half, which becomes like
    // the lower one; the second is the lower one's, for the merge.
    space.protect(page(8), page(4), flags::READ).unwrap();
    space.protect(page(4), page(4), flags::READ | flags::EXEC).unwrap();
    set_flag_before_write_lock(2, &space, |space| {
        assert_eq!(space.protect(page(8), page(4), flags::READ | flags::EXEC), Ok(1));
    });
    assert_eq!(
        ranges(&space),
        [(4, 8, flags::READ | flags::EXEC | flags::MAYBE_GUARD), (8, 12, flags::READ | flags::EXEC)]
    );
}

/// What was prepared in the child is not what was prepared in the parent, and neither is what they
/// had in common.
pub(crate) fn a_child_merges_what_its_parent_merges() {
    let space = space(&[(10, 11)]);
    space.fault(page(10), Access::Write).unwrap();
    let child = Arc::new(space.fork().unwrap());
    let run = |space: &Arc<AddressSpace>| {
        space.map(page(11), page(1), RW).unwrap();
        space.fault(page(11), Access::Write).unwrap();
        space.protect(page(10), page(2), RW | flags::EXEC).unwrap();
        ranges(space)
    };
    assert_eq!(run(&space), run(&child));
}

pub(crate) fn a_recycled_space_counts_from_zero() {
    for _ in 0..2 {
        let space = AddressSpace::new();
        for _ in 0..7 {
            assert!(lock_vma_under_rcu(space.mm(), page(5)).is_none());
        }
        let events = space.mm().vma_lock_events();
        assert_eq!((events.n_abort(), events.n_miss()), (7, 0));
    }
}
