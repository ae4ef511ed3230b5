//! Groups 1, 2 and 9: what the count says, its limit, and detaching.

use super::fixture::{cache, lone_vma, page, raw_mm, space, try_read, vma_at};
use super::harness::{Stages, eventually, hold_at, once_at, spawn};
use crate::build::attach::{vma_mark_attached, vma_mark_detached};
use crate::build::iterator::VmaIterator;
use crate::build::lookup::{NextVmaError, lock_next_vma, lock_vma_under_rcu};
use crate::build::mm::{Mm, MmRef};
use crate::build::rcu::{rcu_read_lock, rcu_read_lock_held};
use crate::build::refcnt::{VM_REFCNT_EXCLUDE_READERS_FLAG as FLAG, VM_REFCNT_LIMIT};
use crate::build::step::Point;
use crate::build::task::Task;
use crate::build::vma::Vma;
use crate::build::vma_lock::{StartReadError, vma_end_read, vma_start_read_locked, vma_start_write};
use crate::build::warn::WarningKind;

/// The whole life of a count, with an attempt to read at each stage.
///
/// ```text
/// test    alloc 0 | attach 1 | readers 1+3 |            | FLAG+1+3 … FLAG+1 |       | 1, stamped |      0
/// writer                                   | +FLAG, parks                   | wakes            | detach
/// ```
pub(crate) fn walk() {
    let mm = MmRef::new();
    let vma = cache().alloc(mm.as_raw());
    let read = |mm: &MmRef| try_read(mm.as_raw(), vma).map(drop);
    assert_eq!(vma.vm_refcnt().read(), 0);
    assert_eq!(read(&mm), Err(StartReadError::Detached));
    assert!(!rcu_read_lock_held(), "a failed attempt ends the RCU section");

    let guard = mm.write();
    vma_start_write(vma);
    assert_eq!(vma.vm_refcnt().read(), 0, "write-locking a detached VMA only stamps it");
    vma_mark_attached(vma);
    assert_eq!(vma.vm_refcnt().read(), 1);
    assert_eq!(read(&mm), Err(StartReadError::Locked));
    drop(guard);

    for n in 1..=3 {
        assert_eq!(read(&mm), Ok(()));
        assert_eq!(vma.vm_refcnt().read(), 1 + n);
    }
    let stages = Stages::new();
    let writer = {
        let (mm, stages) = (mm.clone(), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::BeforePark, 0, 1)]);
            let guard = mm.write();
            vma_start_write(vma);
            stages.signal(2);
            stages.wait_for(3);
            vma_mark_detached(vma);
            drop(guard);
        })
    };
    stages.wait_for(0);
    assert_eq!(vma.vm_refcnt().read(), FLAG + 1 + 3);
    assert_eq!(read(&mm), Err(StartReadError::Locked), "the flag refuses, and does not say detached");
    for left in (0..3).rev() {
        vma_end_read(vma);
        assert_eq!(vma.vm_refcnt().read(), FLAG + 1 + left);
    }
    stages.signal(1);
    stages.wait_for(2);
    assert_eq!(vma.vm_refcnt().read(), 1, "write-locked: only the stamp tells");
    assert_eq!(read(&mm), Err(StartReadError::Locked));
    stages.signal(3);
    writer.join();
    assert_eq!(vma.vm_refcnt().read(), 0);
    assert_eq!(read(&mm), Err(StartReadError::Detached));
}

pub(crate) fn limit() {
    let (mm, vma) = lone_vma();
    vma.vm_refcnt().preset(VM_REFCNT_LIMIT - 1);
    assert!(try_read(mm.as_raw(), vma).is_ok());
    assert_eq!(vma.vm_refcnt().read(), VM_REFCNT_LIMIT);
    assert_eq!(try_read(mm.as_raw(), vma).map(drop), Err(StartReadError::Locked));
    let mmap = mm.try_read().expect("no thread writes");
    assert!(!vma_start_read_locked(vma));
    assert_eq!(vma.vm_refcnt().read(), VM_REFCNT_LIMIT, "a refused reader changes nothing");
    vma_end_read(vma);
    assert!(vma_start_read_locked(vma));
    vma_end_read(vma);
    drop(mmap);
    vma.vm_refcnt().preset(1);
}

pub(crate) fn limit_of_lock_next_vma() {
    let space = space(&[(4, 8)]);
    let vma = vma_at(&space, 4);
    vma.vm_refcnt().preset(VM_REFCNT_LIMIT);
    let mut iterator = VmaIterator::new(space.mm(), 0);
    let (rcu, next) = lock_next_vma(rcu_read_lock(), &mut iterator, 0);
    assert_eq!(next.map(drop), Err(NextVmaError::Again));
    assert!(rcu_read_lock_held());
    vma.vm_refcnt().preset(1);
    let (rcu, next) = lock_next_vma(rcu, &mut iterator, 0);
    assert!(next.expect("there is room again").is_some());
    drop(rcu);
}

/// A reader that passed its early check before the write lock, increments after it, and is held
/// there.
///
/// ```text
/// reader   early check |              | increment, held |        | recheck fails, put, wake
/// writer               | start_write  |                 | detach: FLAG+1, parks        | FLAG -> 0
/// ```
fn with_transient_reader(detach: impl FnOnce(&'static Mm, &'static Vma, &Stages)) {
    let (mm, vma) = lone_vma();
    let stages = Stages::new();
    let reader = {
        let (mm, stages) = (mm.clone(), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterEarlyCheck, 0, 1), (Point::AfterIncrement, 2, 3)]);
            try_read(mm.as_raw(), vma).map(drop)
        })
    };
    stages.wait_for(0);
    let guard = mm.write();
    vma_start_write(vma);
    stages.signal(1);
    stages.wait_for(2);
    assert_eq!(vma.vm_refcnt().read(), 2);
    detach(mm.as_raw(), vma, &stages);
    assert_eq!(vma.vm_refcnt().read(), 0, "after a detach no thread holds it");
    drop(guard);
    assert_eq!(reader.join(), Err(StartReadError::Locked));
    assert_eq!(vma.vm_refcnt().read(), 0);
}

pub(crate) fn detach_waits_for_a_transient_reader() {
    with_transient_reader(|_, vma, stages| {
        let stages = stages.clone();
        once_at(Point::BeforePark, move || {
            assert_eq!(vma.vm_refcnt().read(), FLAG + 1);
            stages.signal(3);
        });
        vma_mark_detached(vma);
    });
}

pub(crate) fn detach_finds_the_reader_gone() {
    with_transient_reader(|_, vma, stages| {
        let (stages, steps) = (stages.clone(), std::rc::Rc::new(std::cell::Cell::new(0)));
        let counted = std::rc::Rc::clone(&steps);
        super::harness::observe(move |point| match point {
            // The slow path has begun; the reader leaves before the flag is added.
            Point::BeforeFlagAdded => {
                stages.signal(3);
                eventually("the reader's put", || vma.vm_refcnt().read() == 0);
            }
            Point::AfterFlagAdded => counted.set(counted.get() + 1),
            _ => {}
        });
        vma_mark_detached(vma);
        assert_eq!(steps.get(), 0, "there was no reader to exclude");
    });
}

pub(crate) fn detach_ignores_a_kill() {
    with_transient_reader(|_, vma, stages| {
        let stages = stages.clone();
        Task::current().kill();
        once_at(Point::BeforePark, move || stages.signal(3));
        vma_mark_detached(vma);
        Task::current().revive();
    });
}

/// A VMA that is detached and still in the tree makes lookups look again, until the writer has
/// cleared it.
pub(crate) fn detached_in_the_tree_is_looked_up_again() {
    let space = space(&[(4, 8)]);
    let stages = Stages::new();
    let reader = {
        let (space, stages) = (std::sync::Arc::clone(&space), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterEarlyCheck, 0, 1)]);
            let found = lock_vma_under_rcu(space.mm(), page(5)).is_some();
            (found, rcu_read_lock_held())
        })
    };
    stages.wait_for(0);
    let mm = raw_mm(&space);
    {
        once_at(Point::BetweenDetachAndClear, move || {
            stages.signal(1);
            eventually("a lookup that misses", || mm.vma_lock_events().n_miss() > 0);
        });
    }
    space.unmap(page(4), page(4)).unwrap();
    assert_eq!(reader.join(), (false, false));
}

pub(crate) fn recheck_failure_puts_its_reference() {
    with_transient_reader(|mm, vma, stages| {
        stages.signal(3);
        eventually("the reader's put", || vma.vm_refcnt().read() == 1);
        assert_eq!(try_read(mm, vma).map(drop), Err(StartReadError::Locked));
        vma_mark_detached(vma);
    });
}

/// A thread takes a reference on a VMA that is being detached, past all rules: the detach ends with
/// one left, and says so.
pub(crate) fn a_detach_with_references_left_is_told() {
    with_transient_reader(|_, vma, stages| {
        let stages = stages.clone();
        super::harness::observe(move |point| match point {
            Point::BeforePark if !stages.is_signalled(3) => stages.signal(3),
            Point::BeforeFlagSubtracted => vma.vm_refcnt().preset(FLAG + 1),
            _ => {}
        });
        super::harness::expect_warnings(&[WarningKind::VmaNotDetached], || vma_mark_detached(vma));
        vma.vm_refcnt().preset(0);
    });
}

/// Each way for a lookup to give up is one (`VMA_LOCK_ABORT`), and success is none.
pub(crate) fn lookups_that_give_up_are_counted() {
    let space = space(&[(4, 8)]);
    let mm = raw_mm(&space);
    let n_aborts = || mm.vma_lock_events().n_abort();
    drop(lock_vma_under_rcu(mm, page(4)).unwrap());
    assert_eq!(n_aborts(), 0);
    assert!(lock_vma_under_rcu(mm, page(20)).is_none(), "nothing is mapped there");
    assert_eq!(n_aborts(), 1);
    let guard = space.mm().write();
    vma_start_write(vma_at(&space, 4));
    assert!(lock_vma_under_rcu(mm, page(4)).is_none(), "write-locked");
    assert_eq!(n_aborts(), 2);
    drop(guard);
    mm.mm_mt.edit(|edit| edit.store(page(4), page(9), vma_at(&space, 4)));
    assert!(lock_vma_under_rcu(mm, page(8)).is_none(), "its bounds do not fit");
    assert_eq!((n_aborts(), mm.vma_lock_events().n_miss()), (3, 0));
}
