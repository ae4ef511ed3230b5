//! Group 11: `lock_mm_and_find_vma`; and the mmap lock's own queue.

use std::cell::RefCell;
use std::sync::{Arc, mpsc};

use super::fixture::{RW, page, raw_mm, space, vma_at};
use super::harness::{Stages, eventually, expect_warnings, hold_at, once_at, spawn};
use crate::build::find::{FaultOrigin, lock_mm_and_find_vma};
use crate::build::mapping::{STACK_GUARD_GAP, flags};
use crate::build::mm::MmRef;
use crate::build::mmap_lock::{
    mmap_lock_is_contended, mmap_read_lock, mmap_read_trylock, mmap_read_unlock, mmap_read_unlock_non_owner,
    mmap_write_unlock,
};
use crate::build::space::AddressSpace;
use crate::build::step::Point;
use crate::build::task::{Interrupted, Task};
use crate::build::warn::{Warning, WarningKind, capture};

const STACK: usize = RW | flags::GROWSDOWN;

/// Whether the mmap lock is free, as every failure must leave it.
fn is_unlocked(space: &AddressSpace) -> bool {
    !space.mm().mmap_lock.is_locked()
}

/// The page range of what was found at page `n`, under a read lock that is gone afterwards.
fn find(space: &AddressSpace, n: usize) -> Option<(usize, usize)> {
    let found = lock_mm_and_find_vma(space.mm(), page(n), FaultOrigin::User)?;
    assert!(space.mm().mmap_lock.is_locked(), "locked");
    drop(space.mm().try_read().expect("for reading"));
    Some((found.vma().vm_start() / page(1), found.vma().vm_end() / page(1)))
}

pub(crate) fn hit_and_miss() {
    let space = space(&[(4, 8)]);
    assert_eq!(find(&space, 4), Some((4, 8)));
    assert!(is_unlocked(&space));
    assert_eq!(find(&space, 8), None, "behind it");
    assert!(is_unlocked(&space));
    assert_eq!(find(&space, 3), None, "below it, and it is no stack");
    assert!(is_unlocked(&space));
}

pub(crate) fn grows_a_stack() {
    let space = space(&[]);
    space.map(page(1000), page(4), STACK).unwrap();
    assert_eq!(find(&space, 990), Some((990, 1004)));
    assert!(is_unlocked(&space));
    assert_eq!(space.fault(page(990), crate::build::mapping::Access::Write).unwrap().pgoff, 990);
    assert_eq!(space.map_count(), 1);
}

pub(crate) fn refuses_to_grow_into_a_neighbour() {
    let space = space(&[(900, 910)]);
    space.map(page(1000), page(4), STACK).unwrap();
    let gap = STACK_GUARD_GAP / page(1);
    assert_eq!(find(&space, 910 + gap - 1), None, "too near to what is below");
    assert!(is_unlocked(&space));
    assert_eq!(find(&space, 910 + gap), Some((910 + gap, 1004)));
    assert!(is_unlocked(&space));
}

pub(crate) fn without_fixup_it_does_not_wait() {
    let space = space(&[(4, 8)]);
    let guard = space.mm().write();
    let prober = {
        let space = Arc::clone(&space);
        spawn(move || lock_mm_and_find_vma(space.mm(), page(4), FaultOrigin::KernelWithoutFixup).is_some())
    };
    assert!(!prober.join(), "the lock is contended and the fault must not wait");
    drop(guard);
    let found = lock_mm_and_find_vma(space.mm(), page(4), FaultOrigin::KernelWithoutFixup);
    assert!(found.is_some(), "uncontended it need not wait");
    drop(found);
    space.map(page(1000), page(4), STACK).unwrap();
    let found = lock_mm_and_find_vma(space.mm(), page(990), FaultOrigin::KernelWithoutFixup);
    assert!(found.is_none(), "growing takes the write lock, for which it must not wait");
    assert!(is_unlocked(&space));
    assert!(lock_mm_and_find_vma(space.mm(), page(990), FaultOrigin::KernelWithFixup).is_some());
    assert!(is_unlocked(&space));
}

pub(crate) fn killed_it_holds_nothing() {
    let space = space(&[(4, 8)]);
    let guard = space.mm().write();
    let prober = {
        let space = Arc::clone(&space);
        spawn(move || {
            Task::current().kill();
            lock_mm_and_find_vma(space.mm(), page(4), FaultOrigin::User).is_some()
        })
    };
    assert!(!prober.join());
    drop(guard);
    assert!(is_unlocked(&space));
}

/// Killed where it waits for its second lock, which a reader keeps from it.
pub(crate) fn killed_during_the_upgrade() {
    let space = space(&[]);
    space.map(page(1000), page(4), STACK).unwrap();
    let guard = space.mm().read();
    let prober = {
        let space = Arc::clone(&space);
        spawn(move || {
            once_at(Point::BetweenUpgradeLocks, || Task::current().kill());
            lock_mm_and_find_vma(space.mm(), page(990), FaultOrigin::User).is_some()
        })
    };
    assert!(!prober.join());
    drop(guard);
    assert!(is_unlocked(&space));
    assert_eq!(space.mm().n_queued(), 0);
    assert_eq!(vma_at(&space, 1000).fields_unchecked().vm_start(), page(1000), "it did not grow");
}

/// Between its two locks the stack is unmapped: it must not be grown.
pub(crate) fn unmapped_during_the_upgrade() {
    let space = space(&[]);
    space.map(page(1000), page(4), STACK).unwrap();
    let other = Arc::clone(&space);
    once_at(Point::BetweenUpgradeLocks, move || {
        other.unmap(page(1000), page(4)).unwrap();
    });
    assert_eq!(find(&space, 990), None);
    assert!(is_unlocked(&space));
    assert_eq!(space.map_count(), 0);
    assert!(space.mm().mm_mt.ending_above(0).is_none(), "nothing came back into the tree");
    // The same, and the object becomes something else, below.
    space.map(page(1000), page(4), STACK).unwrap();
    let stack = vma_at(&space, 1000);
    let other = Arc::clone(&space);
    once_at(Point::BetweenUpgradeLocks, move || {
        other.unmap(page(1000), page(4)).unwrap();
        other.map(page(100), page(4), RW).unwrap();
        assert!(vma_at(&other, 100).is_same(stack));
    });
    assert_eq!(find(&space, 990), None, "what was seen under the first lock is another VMA now");
    assert!(is_unlocked(&space));
}

/// A reader that comes after a writer queues behind it, though other readers are inside.
pub(crate) fn readers_queue_behind_a_writer() {
    let mm = MmRef::new();
    let first = mm.read();
    assert!(!mmap_lock_is_contended(&mm));
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let writer = {
        let (mm, order) = (mm.clone(), Arc::clone(&order));
        spawn(move || {
            let guard = mm.write();
            order.lock().unwrap().push("writer");
            drop(guard);
        })
    };
    eventually("the writer's queueing", || mmap_lock_is_contended(&mm));
    assert!(!mmap_read_trylock(&mm), "a try does not pass the queue");
    let reader = {
        let (mm, order) = (mm.clone(), Arc::clone(&order));
        spawn(move || {
            let guard = mm.read();
            order.lock().unwrap().push("reader");
            drop(guard);
        })
    };
    eventually("the reader's queueing", || mm.n_queued() == 2);
    assert!(order.lock().unwrap().is_empty(), "the reader joined the first one past the queue");
    drop(first);
    writer.join();
    reader.join();
    assert_eq!(*order.lock().unwrap(), ["writer", "reader"]);
    assert!(!mmap_lock_is_contended(&mm));
}

pub(crate) fn a_killed_writer_lets_the_readers_in() {
    let mm = MmRef::new();
    let first = mm.read();
    let (send_task, task) = mpsc::channel();
    let writer = {
        let mm = mm.clone();
        spawn(move || {
            send_task.send(Task::current()).unwrap();
            mm.write_killable().map(drop)
        })
    };
    let task = task.recv().unwrap();
    eventually("the writer's queueing", || mmap_lock_is_contended(&mm));
    let reader = {
        let mm = mm.clone();
        spawn(move || drop(mm.read()))
    };
    task.kill();
    assert_eq!(writer.join(), Err(Interrupted));
    reader.join();
    drop(first);
    assert!(!mm.mmap_lock.is_locked());
    assert_eq!(mm.mm_lock_seq().read_relaxed(), 0, "a failed write lock leaves the sequence alone");
}

pub(crate) fn non_owner_unlock() {
    let mm = MmRef::new();
    mmap_read_lock(&mm);
    crate::build::mmap_lock::mmap_read_disown(&mm);
    let other = {
        let mm = mm.clone();
        spawn(move || mmap_read_unlock_non_owner(&mm))
    };
    other.join();
    assert!(!mm.mmap_lock.is_locked());
    let guard = mm.read().into_non_owner();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(guard));
    });
    assert!(!mm.mmap_lock.is_locked());
}

pub(crate) fn release_too_many_is_refused() {
    let space = space(&[(4, 8)]);
    let mm = space.mm();
    expect_warnings(&[WarningKind::MmapLockUnbalanced], || mmap_read_unlock(mm));
    let guard = mm.read();
    expect_warnings(&[WarningKind::MmapNotWriteLocked, WarningKind::MmapLockUnbalanced], || {
        mmap_write_unlock(mm);
    });
    drop(guard);
    assert!(is_unlocked(&space));
    let stages = Stages::new();
    hold_at(&stages, &[]);
    assert!(vma_at(&space, 4).is_attached());
}

/// A destructor that runs after that of the task is one task still: what it locks it can unlock.
pub(crate) fn a_late_destructor_owns_its_lock() {
    struct Late(RefCell<Option<(Arc<AddressSpace>, mpsc::Sender<usize>)>>);
    impl Drop for Late {
        fn drop(&mut self) {
            if let Some((space, sender)) = self.0.take() {
                let ((), warnings) = capture(|| drop(space.mm().write()));
                sender.send(warnings.len()).unwrap();
            }
        }
    }
    thread_local! {
        static LATE: Late = const { Late(RefCell::new(None)) };
    }
    let space = space(&[(4, 8)]);
    let (sender, receiver) = mpsc::channel();
    let other = Arc::clone(&space);
    std::thread::spawn(move || {
        // What is used first is destroyed last.
        LATE.with(|late| late.0.replace(Some((Arc::clone(&other), sender))));
        drop(other.mm().write());
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv(), Ok(0));
    assert!(is_unlocked(&space));
}

/// A guard that was taken while the thread's task existed, and is dropped after that is gone.
pub(crate) fn a_late_destructor_releases_what_the_thread_took() {
    struct Late(RefCell<Option<(crate::build::mmap_guard::MmapWriteGuard<'static>, mpsc::Sender<usize>)>>);
    impl Drop for Late {
        fn drop(&mut self) {
            if let Some((guard, sender)) = self.0.take() {
                let ((), warnings) = capture(|| drop(guard));
                sender.send(warnings.len()).unwrap();
            }
        }
    }
    thread_local! {
        static LATE: Late = const { Late(RefCell::new(None)) };
    }
    let space = space(&[(4, 8)]);
    let mm = raw_mm(&space);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // What is used first is destroyed last.
        LATE.with(|late| drop(late.0.take()));
        let guard = mm.write();
        LATE.with(|late| late.0.replace(Some((guard, sender))));
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv(), Ok(0));
    assert!(is_unlocked(&space));
}

/// The structure of a thread that ended goes to the next thread; the kill of the first does not.
pub(crate) fn a_kept_task_kills_no_successor() {
    let space = space(&[(4, 8)]);
    let old = std::thread::spawn(Task::current).join().unwrap();
    let writer = space.mm().write();
    let other = Arc::clone(&space);
    let (send, task) = mpsc::channel();
    let waiter = spawn(move || {
        send.send(Task::current()).unwrap();
        other.mm().write_killable().map(drop)
    });
    let task = task.recv().unwrap();
    assert_ne!(old.id(), task.id());
    eventually("the wait", || space.mm().n_queued() == 1);
    old.kill();
    assert!(!old.is_killed() && !task.is_killed());
    drop(writer);
    assert_eq!(waiter.join(), Ok(()));
}

/// While one thread releases a read lock that it does not hold, again and again, readers come and
/// go as ever.
pub(crate) fn a_release_too_many_harms_no_reader() {
    let space = space(&[(4, 8)]);
    let n_ops = if cfg!(miri) { 100 } else { 5_000 };
    let other = Arc::clone(&space);
    let breaker = spawn(move || {
        let ((), warnings) = capture(|| {
            (0..n_ops).for_each(|_| mmap_read_unlock(other.mm()));
        });
        warnings.len()
    });
    // A lock that is counted too low for a moment may be taken for one that is held, never for one
    // that is free. A reader's own hold may be what was released: then its release is the one too
    // many.
    let (_, warnings) = capture(|| {
        for _ in 0..n_ops {
            drop(space.mm().try_read());
            drop(space.mm().read());
        }
    });
    let kinds = |kind| warnings.iter().all(|warning: &Warning| warning.kind == kind);
    assert!(kinds(WarningKind::MmapLockUnbalanced));
    assert_eq!(breaker.join() + warnings.len(), n_ops, "one for each release too many");
    assert!(!space.mm().mmap_lock.is_locked());
}
