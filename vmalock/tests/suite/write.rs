//! Groups 3 to 6: write locks, their interruption, and how they end.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;

use super::fixture::{cache, lone_vma, page, raw_mm, space, try_read, vma_at};
use super::harness::{Stages, expect_warnings, hold_at, observe, once_at, spawn};
use crate::build::lookup::lock_vma_under_rcu;
use crate::build::mm::MmRef;
use crate::build::probe::{on_points, recorded};
use crate::build::rcu::rcu_read_lock_held;
use crate::build::refcnt::VM_REFCNT_EXCLUDE_READERS_FLAG as FLAG;
use crate::build::step::{Class, LockdepEvent, Point, Step};
use crate::build::task::{Interrupted, Task};
use crate::build::vma_lock::{
    StartReadError, is_vma_write_locked, vma_end_read, vma_start_write, vma_start_write_killable,
};
use crate::build::warn::WarningKind;

/// The writer is killed while a reader is inside; everything is as before, and the next attempt
/// succeeds.
pub(crate) fn interrupted_restores_everything() {
    let (mm, vma) = lone_vma();
    assert!(try_read(mm.as_raw(), vma).is_ok());
    let stamp = vma.vm_lock_seq();
    let (send_task, task) = mpsc::channel();
    let stages = Stages::new();
    let writer = {
        let (mm, stages) = (mm.clone(), stages.clone());
        spawn(move || {
            let guard = mm.write();
            send_task.send(Task::current()).unwrap();
            hold_at(&stages, &[(Point::BeforePark, 0, 1)]);
            let first = vma_start_write_killable(vma);
            Task::current().revive();
            on_points(None);
            stages.signal(2);
            stages.wait_for(3);
            let is_still_held = mm.mmap_lock.is_write_locked_by_me();
            let second = vma_start_write_killable(vma);
            let is_locked = is_vma_write_locked(vma);
            drop(guard);
            (first, second, is_still_held, is_locked)
        })
    };
    stages.wait_for(0);
    assert_eq!(vma.vm_refcnt().read(), FLAG + 2);
    task.recv().unwrap().kill();
    stages.signal(1);
    stages.wait_for(2);
    // The flag is gone, the stamp is the old one, and a new reader gets in although the sequence is
    // odd.
    assert_eq!(vma.vm_refcnt().read(), 2);
    assert_eq!(vma.vm_lock_seq(), stamp);
    assert_eq!(mm.mm_lock_seq().read_relaxed() & 1, 1);
    assert!(try_read(mm.as_raw(), vma).is_ok());
    vma_end_read(vma);
    vma_end_read(vma);
    stages.signal(3);
    assert_eq!(writer.join(), (Err(Interrupted), Ok(()), true, true));
    assert_eq!(vma.vm_refcnt().read(), 1);
}

pub(crate) fn kill_pending_without_readers() {
    let (mm, vma) = lone_vma();
    let guard = mm.write();
    Task::current().kill();
    assert_eq!(vma_start_write_killable(vma), Ok(()));
    assert!(is_vma_write_locked(vma));
    Task::current().revive();
    drop(guard);
}

pub(crate) fn kill_pending_already_locked() {
    let (mm, vma) = lone_vma();
    let guard = mm.write();
    vma_start_write(vma);
    // A transient reader would make a second wait fail; the shortcut must not wait.
    vma.vm_refcnt().preset(2);
    Task::current().kill();
    assert_eq!(vma_start_write_killable(vma), Ok(()));
    Task::current().revive();
    vma.vm_refcnt().preset(1);
    drop(guard);
}

pub(crate) fn kill_pending_detached() {
    let mm = MmRef::new();
    let vma = cache().alloc(mm.as_raw());
    let guard = mm.write();
    Task::current().kill();
    assert_eq!(vma_start_write_killable(vma), Ok(()));
    Task::current().revive();
    assert_eq!(vma.vm_lock_seq(), mm.raw_mm_seqnum(), "a detached VMA is stamped as well");
    assert_eq!(vma.vm_refcnt().read(), 0);
    drop(guard);
}

pub(crate) fn twice_is_once() {
    let (mm, vma) = lone_vma();
    let guard = mm.write();
    let (_, steps) = recorded(|| {
        vma_start_write(vma);
        vma_start_write(vma);
    });
    let n_exclusive = steps
        .iter()
        .filter(|step| {
            matches!(
                step,
                Step::Lockdep { class: Class::VmLock, event: LockdepEvent::Acquire { shared: false, .. } }
            )
        })
        .count();
    assert_eq!(n_exclusive, 1);
    assert_eq!(vma.vm_refcnt().read(), 1);
    drop(guard);
}

pub(crate) fn unlock_and_downgrade_end_it() {
    let (mm, vma) = lone_vma();
    let guard = mm.write();
    vma_start_write(vma);
    assert!(is_vma_write_locked(vma));
    drop(guard);
    let guard = mm.write();
    assert!(!is_vma_write_locked(vma), "an unlock ends all VMA write locks");
    vma_start_write(vma);
    let read = guard.downgrade();
    assert_eq!(mm.mm_lock_seq().read_relaxed() & 1, 0);
    assert!(try_read(mm.as_raw(), vma).is_ok(), "a downgrade ends all VMA write locks");
    vma_end_read(vma);
    drop(read);
    let guard = mm.write();
    assert!(!is_vma_write_locked(vma));
    drop(guard);
}

pub(crate) fn others_stay_readable() {
    let space = space(&[(4, 8), (12, 16)]);
    let guard = space.mm().write();
    let first = guard.vma_lookup(page(4)).unwrap();
    guard.start_write(first);
    assert!(lock_vma_under_rcu(space.mm(), page(13)).is_some(), "the other VMA is not locked");
    assert!(lock_vma_under_rcu(space.mm(), page(5)).is_none());
    assert!(!rcu_read_lock_held());
    let read = guard.downgrade();
    assert!(lock_vma_under_rcu(space.mm(), page(5)).is_some(), "readable again under the downgraded lock");
    drop(read);
}

/// A reader that passed its early check before the write lock must notice the stamp afterwards.
pub(crate) fn readers_are_turned_away_by_the_stamp() {
    let (mm, vma) = lone_vma();
    let stages = Stages::new();
    let reader = {
        let (mm, stages) = (mm.clone(), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterEarlyCheck, 0, 1)]);
            try_read(mm.as_raw(), vma).map(drop)
        })
    };
    stages.wait_for(0);
    let guard = mm.write();
    vma_start_write(vma);
    stages.signal(1);
    assert_eq!(reader.join(), Err(StartReadError::Locked));
    assert_eq!(vma.vm_refcnt().read(), 1);
    drop(guard);
}

/// The writer gets its lock after the reader has left, not before.
pub(crate) fn waits_for_the_reader_inside() {
    let (mm, vma) = lone_vma();
    assert!(try_read(mm.as_raw(), vma).is_ok());
    let stages = Stages::new();
    let writer = {
        let (mm, stages) = (mm.clone(), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterFlagAdded, 0, 1)]);
            let guard = mm.write();
            vma_start_write(vma);
            stages.signal(2);
            drop(guard);
        })
    };
    stages.wait_for(0);
    stages.signal(1);
    super::harness::eventually("the writer's registration", || mm.has_waiting_writer());
    assert!(!stages.is_signalled(2), "the writer is in while the reader is");
    vma_end_read(vma);
    writer.join();
}

/// From the flag to the stamp there is no moment at which a reader gets in.
pub(crate) fn flag_keeps_readers_out_until_the_stamp() {
    let (mm, vma) = lone_vma();
    let attempts = Rc::new(RefCell::new(Vec::new()));
    let guard = mm.write();
    {
        let (mm, attempts) = (mm.clone(), Rc::clone(&attempts));
        observe(move |point| {
            if point == Point::AfterFlagAdded {
                attempts.borrow_mut().push(try_read(mm.as_raw(), vma).map(drop));
            }
        });
    }
    vma_start_write(vma);
    on_points(None);
    assert!(attempts.borrow().iter().all(|attempt| *attempt == Err(StartReadError::Locked)));
    assert!(!attempts.borrow().is_empty());
    assert_eq!(try_read(mm.as_raw(), vma).map(drop), Err(StartReadError::Locked));
    drop(guard);
}

/// Of three readers that leave, only the last one looks for the writer.
pub(crate) fn wakes_exactly_once() {
    let space = space(&[(4, 8)]);
    let (mm, vma) = (raw_mm(&space), vma_at(&space, 4));
    for _ in 0..3 {
        assert!(try_read(mm, vma).is_ok());
    }
    let stages = Stages::new();
    let writer = {
        let stages = stages.clone();
        spawn(move || {
            hold_at(&stages, &[(Point::BeforePark, 0, 1)]);
            let guard = mm.write();
            vma_start_write(vma);
            drop(guard);
        })
    };
    stages.wait_for(0);
    let n_wakes = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..3 {
        let count = Rc::new(RefCell::new(0));
        let counted = Rc::clone(&count);
        observe(move |point| *counted.borrow_mut() += u32::from(point == Point::WakeWriter));
        vma_end_read(vma);
        n_wakes.borrow_mut().push(*count.borrow());
    }
    on_points(None);
    stages.signal(1);
    writer.join();
    assert_eq!(*n_wakes.borrow(), [0, 0, 1]);
}

/// However many VMAs are write-locked, the unlock touches one word of the sequence and none of
/// theirs.
pub(crate) fn releasing_many_is_one_store() {
    let ranges: Vec<_> = (0..100).map(|n| (10 * n + 1, 10 * n + 3)).collect();
    let space = space(&ranges);
    let guard = space.mm().write();
    for &(start, _) in &ranges {
        guard.start_write(guard.vma_lookup(page(start)).unwrap());
    }
    let ((), steps) = recorded(|| drop(guard));
    let n_stores =
        steps.iter().filter(|step| matches!(step, Step::SeqEnd | Step::Stamp | Step::Count(_))).count();
    assert_eq!((n_stores, steps.len()), (1, 4), "released, seq end, lockdep, up_write: {steps:?}");
    assert!(lock_vma_under_rcu(space.mm(), page(1)).is_some(), "and all of them are released");
    assert!(lock_vma_under_rcu(space.mm(), page(991)).is_some());
}

/// A token that the program sent to a thread, while that waits inside a lock, is the program's.
pub(crate) fn a_wait_leaves_the_programs_park_token() {
    let (mm, vma) = lone_vma();
    assert!(try_read(mm.as_raw(), vma).is_ok());
    let (stages, other) = (Stages::new(), mm);
    let staged = stages.clone();
    let (send, thread) = mpsc::channel();
    let writer = spawn(move || {
        send.send(std::thread::current()).unwrap();
        hold_at(&staged, &[(Point::BeforePark, 0, 1)]);
        let guard = other.write();
        vma_start_write(vma);
        drop(guard);
        // The token is there: the park returns at once, long before its limit.
        let since = std::time::Instant::now();
        std::thread::park_timeout(super::harness::DEADLINE * 2);
        since.elapsed() < super::harness::DEADLINE
    });
    stages.wait_for(0);
    thread.recv().unwrap().unpark();
    vma_end_read(vma);
    stages.signal(1);
    assert!(writer.join());
}

/// A thread puts a reference too many while the VMA is being write-locked: it ends detached, and
/// says so.
pub(crate) fn a_lost_attach_reference_is_told() {
    let (mm, vma) = lone_vma();
    let guard = mm.write();
    once_at(Point::BeforeFlagSubtracted, move || vma_end_read(vma));
    expect_warnings(&[WarningKind::AttachReferenceLost], || vma_start_write(vma));
    assert_eq!(vma.vm_refcnt().read(), 0);
    drop(guard);
    // The same in a wait that is interrupted: the reader's reference and the VMA's own, before the
    // writer looks again.
    let (mm, vma) = lone_vma();
    let other = mm.clone();
    spawn(move || assert!(try_read(other.as_raw(), vma).is_ok())).join();
    let guard = mm.write();
    once_at(Point::BeforePark, move || {
        vma_end_read(vma);
        vma_end_read(vma);
        Task::current().kill();
    });
    let result = expect_warnings(&[WarningKind::AttachReferenceLost], || vma_start_write_killable(vma));
    Task::current().revive();
    assert_eq!((result, vma.vm_refcnt().read()), (Err(Interrupted), 0));
    drop(guard);
}
