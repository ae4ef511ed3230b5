//! Group 10: `lock_next_vma`, and what changes between its steps.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::fixture::{RW, cache, page, space, space_in, vma_at};
use super::harness::{observe, spawn};
use crate::build::iterator::VmaIterator;
use crate::build::lookup::{NextVmaError, lock_next_vma};
use crate::build::mapping::flags;
use crate::build::probe::{on_points, recorded};
use crate::build::rcu::{rcu_read_lock, rcu_read_lock_held};
use crate::build::space::AddressSpace;
use crate::build::step::{Point, Step};
use crate::build::task::Task;

/// What one call did.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Range of the VMA in pages.
    range: Option<(usize, usize)>,
    n_walks: u32,
    fell_back: bool,
}

/// Calls `lock_next_vma` from page `from`, running `action` when the call first reaches `point`.
fn next(space: &AddressSpace, from: usize, point: Point, action: impl Fn() + Send + Sync + 'static) -> Seen {
    let n_walks = Rc::new(Cell::new(0));
    let counted = Rc::clone(&n_walks);
    let is_done = Cell::new(false);
    let action = Arc::new(action);
    observe(move |reached| {
        if reached == Point::TreeWalk {
            counted.set(counted.get() + 1);
        }
        if reached == point && !is_done.replace(true) {
            // Others do it: the caller is in an RCU section.
            let action = Arc::clone(&action);
            spawn(move || action()).join();
        }
    });
    let mut iterator = VmaIterator::new(space.mm(), page(from));
    let ((rcu, result), steps) = recorded(|| lock_next_vma(rcu_read_lock(), &mut iterator, page(from)));
    on_points(None);
    assert!(rcu_read_lock_held(), "the RCU section is open on every return");
    drop(rcu);
    let range =
        result.expect("no thread was killed").map(|vma| (vma.vm_start() / page(1), vma.vm_end() / page(1)));
    let fell_back = steps.contains(&Step::StartLocking { write: false });
    Seen { range, n_walks: n_walks.get(), fell_back }
}

pub(crate) fn gap_without_a_writer_is_one_walk() {
    let space = space(&[(4, 8)]);
    let seen = next(&space, 0, Point::AfterLookup, || {});
    assert_eq!(seen, Seen { range: Some((4, 8)), n_walks: 1, fell_back: false });
    // No gap, no recheck, whatever writers do.
    let other = Arc::clone(&space);
    let seen = next(&space, 5, Point::AfterLookup, move || drop(other.mm().write()));
    assert_eq!(seen, Seen { range: Some((4, 8)), n_walks: 1, fell_back: false });
}

pub(crate) fn gap_with_an_unrelated_writer_is_accepted() {
    let space = space(&[(4, 8)]);
    let other = Arc::clone(&space);
    let seen = next(&space, 0, Point::AfterLookup, move || drop(other.mm().write()));
    assert_eq!(seen, Seen { range: Some((4, 8)), n_walks: 2, fell_back: false });
}

/// Something is mapped into the gap after the walk: it must not be skipped.
pub(crate) fn gap_that_was_filled_is_not_reported() {
    let space = space(&[(8, 12)]);
    let other = Arc::clone(&space);
    let seen = next(&space, 0, Point::AfterEarlyCheck, move || other.map(page(4), page(2), RW).unwrap());
    assert_eq!(seen, Seen { range: Some((4, 6)), n_walks: 2, fell_back: true });
}

pub(crate) fn gap_filled_between_sample_and_walk() {
    let space = space(&[(8, 12)]);
    let other = Arc::clone(&space);
    // Right after the walk; a sample that is taken only then would not know.
    let seen = next(&space, 0, Point::AfterLookup, move || other.map(page(4), page(2), RW).unwrap());
    assert_eq!(seen, Seen { range: Some((4, 6)), n_walks: 2, fell_back: true });
    // While a writer is active there is nothing to compare with later.
    let other = Arc::clone(&space);
    let seen = next(&space, 6, Point::AfterSpeculateBegin, move || drop(other.mm().write()));
    assert_eq!(seen, Seen { range: Some((8, 12)), n_walks: 2, fell_back: false });
}

/// The VMA that was found is recycled, below where the caller is.
pub(crate) fn moved_behind_falls_back() {
    let space = space_in(cache(), &[(8, 12), (20, 24)]);
    let vma = vma_at(&space, 8);
    let other = Arc::clone(&space);
    let seen = next(&space, 5, Point::AfterEarlyCheck, move || {
        other.unmap(page(8), page(4)).unwrap();
        other.map(page(1), page(2), RW).unwrap();
        assert!(vma_at(&other, 1).is_same(vma));
    });
    assert_eq!(seen, Seen { range: Some((20, 24)), n_walks: 1, fell_back: true });
    assert_eq!(vma.vm_refcnt().read(), 1);
}

pub(crate) fn end_and_order() {
    let space = space(&[(4, 8), (8, 9), (20, 30)]);
    let mut iterator = VmaIterator::new(space.mm(), 0);
    let mut rcu = rcu_read_lock();
    let mut from = 0;
    let mut ends = Vec::new();
    loop {
        let next;
        (rcu, next) = lock_next_vma(rcu, &mut iterator, from);
        let Some(vma) = next.expect("no thread was killed") else { break };
        from = vma.vm_end();
        ends.push(from / page(1));
    }
    assert_eq!(ends, [8, 9, 30]);
    assert!(rcu_read_lock_held());
    drop(rcu);
    assert!(!rcu_read_lock_held());
}

/// The mmap lock is held for writing and the VMA write-locked; the walker is killed while it waits.
pub(crate) fn killed_in_the_fallback() {
    let space = space(&[(4, 8)]);
    let guard = space.mm().write();
    guard.start_write(guard.vma_lookup(page(4)).unwrap());
    let walker = {
        let space = Arc::clone(&space);
        spawn(move || {
            Task::current().kill();
            let mut iterator = VmaIterator::new(space.mm(), 0);
            let (rcu, result) = lock_next_vma(rcu_read_lock(), &mut iterator, 0);
            let is_in_section = rcu_read_lock_held();
            drop(rcu);
            (result.map(drop), is_in_section, rcu_read_lock_held())
        })
    };
    assert_eq!(walker.join(), (Err(NextVmaError::Interrupted), true, false));
    drop(guard);
}

/// A walk over a write-locked VMA waits for the writer, and continues with the same iterator.
pub(crate) fn write_locked_falls_back_and_goes_on() {
    let space = space(&[(4, 8), (12, 16)]);
    let guard = space.mm().write();
    guard.start_write(guard.vma_lookup(page(4)).unwrap());
    let walker = {
        let space = Arc::clone(&space);
        spawn(move || {
            let mut iterator = VmaIterator::new(space.mm(), 0);
            let (rcu, first) = lock_next_vma(rcu_read_lock(), &mut iterator, 0);
            let first = first.unwrap().unwrap().vm_end();
            // Also for those who go on by hand.
            assert_eq!(iterator.next(&rcu).map(|vma| vma.fields_unchecked().vm_start()), Some(page(12)));
            let (rcu, second) = lock_next_vma(rcu, &mut iterator, first);
            let second = second.unwrap().unwrap().vm_end();
            drop(rcu);
            (first / page(1), second / page(1))
        })
    };
    super::harness::eventually("the walker's wait", || {
        crate::build::mmap_lock::mmap_lock_is_contended(space.mm())
    });
    drop(guard);
    assert_eq!(walker.join(), (8, 16));
}

/// The lower half of [4, 12) is returned; the upper one is split off after that, or before the
/// lower one was locked. From page 8 on the walker must find it: nothing of the range was unmapped
/// at any moment.
fn second_half_is_found(point: Point) {
    let space = space(&[(4, 12), (20, 21)]);
    let mut iterator = VmaIterator::new(space.mm(), page(4));
    let (other, is_done) = (Arc::clone(&space), Cell::new(false));
    let split = move || {
        let other = Arc::clone(&other);
        assert_eq!(spawn(move || other.protect(page(8), page(4), flags::READ)).join(), Ok(1));
    };
    observe(move |reached| {
        if reached == point && !is_done.replace(true) {
            split();
        }
    });
    let (rcu, first) = lock_next_vma(rcu_read_lock(), &mut iterator, page(4));
    on_points(None);
    let first = first.expect("no thread was killed").expect("mapped");
    assert_eq!(first.vm_end(), page(8), "the split was in time");
    drop(first);
    let (rcu, second) = lock_next_vma(rcu, &mut iterator, page(8));
    let second = second.expect("no thread was killed").expect("mapped");
    assert_eq!((second.vm_start(), second.vm_end()), (page(8), page(12)), "the upper half was skipped");
    drop(second);
    // The iterator itself stands behind what was returned, also for those who go on by hand.
    assert!(iterator.next(&rcu).is_some_and(|vma| vma.is_same(vma_at(&space, 20))));
}

/// Between the walk and the lock: what is locked ends before the place that the tree named.
pub(crate) fn split_between_walk_and_lock_skips_nothing() {
    second_half_is_found(Point::AfterLookup);
}

/// Between two calls in one RCU section: the snapshot of the first call is older than the sample of
/// the second.
pub(crate) fn stale_snapshot_skips_nothing() {
    let space = space(&[(1, 2), (4, 12), (20, 21)]);
    let mut iterator = VmaIterator::new(space.mm(), 0);
    let mut rcu = rcu_read_lock();
    let (mut from, mut seen) = (0, Vec::new());
    loop {
        let next;
        (rcu, next) = lock_next_vma(rcu, &mut iterator, from);
        let Some(vma) = next.expect("no thread was killed") else { break };
        seen.push((vma.vm_start() / page(1), vma.vm_end() / page(1)));
        from = vma.vm_end();
        drop(vma);
        if seen.len() == 1 {
            let other = Arc::clone(&space);
            assert_eq!(spawn(move || other.protect(page(8), page(4), flags::READ)).join(), Ok(1));
        }
    }
    assert_eq!(seen, [(1, 2), (4, 8), (8, 12), (20, 21)]);
}
