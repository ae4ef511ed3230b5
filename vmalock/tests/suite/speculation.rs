//! Group 14: the sequence, for speculation and as the parity of the write lock.

use super::fixture::{lone_vma, space};
use super::harness::{once_at, spawn};
use crate::build::mm::MmRef;
use crate::build::step::Point;
use crate::build::task::Task;
use crate::build::vma_lock::{is_vma_write_locked, vma_start_write};

pub(crate) fn sees_every_write_section() {
    let mm = MmRef::new();
    let seq = mm.mm_lock_seq();
    let sample = seq.speculate_try_begin().expect("no thread writes");
    drop(mm.read());
    assert!(!seq.speculate_retry(sample), "read sections do not matter");
    let guard = mm.write();
    assert!(seq.speculate_retry(sample), "a writer is in");
    assert!(seq.speculate_try_begin().is_err());
    let guard = guard.downgrade();
    assert!(seq.speculate_try_begin().is_ok(), "downgraded, it is a reader");
    drop(guard);
    assert!(seq.speculate_retry(sample), "a section that changed nothing counts");
    // The killable lock is no exception, whether it succeeds …
    let sample = seq.speculate_try_begin().unwrap();
    let guard = mm.write_killable().unwrap();
    assert!(seq.speculate_retry(sample));
    drop(guard);
    // … or fails.
    let sample = seq.speculate_try_begin().unwrap();
    let reader = mm.read();
    let other = mm.clone();
    let killed = spawn(move || {
        Task::current().kill();
        other.write_killable().is_err()
    });
    assert!(killed.join());
    assert!(!seq.speculate_retry(sample), "a lock that was not had changes nothing");
    drop(reader);
}

/// Between the rwsem and the sequence nothing has been modified: a begin may succeed, and its retry
/// must fail.
pub(crate) fn may_begin_before_the_sequence_does() {
    let mm = MmRef::new();
    let seen = std::rc::Rc::new(std::cell::Cell::new(None));
    {
        let (mm, seen) = (mm.clone(), std::rc::Rc::clone(&seen));
        once_at(Point::BeforeSeqBegin, move || seen.set(mm.mm_lock_seq().speculate_try_begin().ok()));
    }
    let guard = mm.write();
    let sample = seen.get().expect("begun between the lock and the sequence");
    assert!(mm.mm_lock_seq().speculate_retry(sample));
    drop(guard);
    assert!(mm.mm_lock_seq().speculate_retry(sample));
}

/// I1: odd exactly while held for writing.
pub(crate) fn parity_is_the_writers() {
    let space = space(&[(4, 8)]);
    let mm = space.mm();
    let is_odd = || mm.mm_lock_seq().read_relaxed() & 1 == 1;
    for _ in 0..3 {
        assert!(!is_odd());
        let guard = mm.write();
        assert!(is_odd());
        let guard = guard.downgrade();
        assert!(!is_odd());
        drop(guard);
        let guard = mm.write_killable().unwrap();
        assert!(is_odd());
        let other = space.mm_ref();
        once_at(Point::AfterSeqEnd, move || {
            assert!(other.mmap_lock.is_locked(), "the sequence ends before the lock does");
            assert_eq!(other.mm_lock_seq().read_relaxed() & 1, 0);
        });
        drop(guard);
    }
    let nested = MmRef::new();
    drop(nested.write_nested(1));
    assert_eq!(nested.mm_lock_seq().read_relaxed(), 2);
}

/// A VMA stamped long ago never looks write-locked, to the writer least of all.
pub(crate) fn the_sequence_does_not_wrap() {
    let (mm, vma) = lone_vma();
    for n in 1..=64 {
        let guard = mm.write();
        assert!(!is_vma_write_locked(vma), "after {n} sections an old stamp looks new");
        drop(guard);
    }
    let guard = mm.write();
    vma_start_write(vma);
    assert!(is_vma_write_locked(vma));
    drop(guard);
}
