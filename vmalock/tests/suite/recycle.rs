//! Groups 7 and 8: a VMA that becomes another one while a reader is on its way.

use std::sync::Arc;

use super::fixture::{cache, page, raw_mm, space_in, try_read, vma_at};
use super::harness::{Stages, expect_warnings, hold_at, spawn};
use crate::build::lookup::lock_vma_under_rcu;
use crate::build::mm::MmRef;
use crate::build::rcu::rcu_read_lock_held;
use crate::build::step::Point;
use crate::build::vma::POISON;
use crate::build::vma_lock::{vma_end_read, vma_start_write};
use crate::build::warn::WarningKind;

/// A lookup in A meets its VMA in B: it gives up, and B does not notice.
///
/// ```text
/// reader   lookup in A, early check |                            | increment, wrong mm, put
/// test                              | A.unmap, B.map: same object |
/// ```
pub(crate) fn into_another_mm() {
    let cache = cache();
    let a = space_in(cache, &[(4, 8)]);
    let b = space_in(cache, &[]);
    let vma = vma_at(&a, 4);
    let stages = Stages::new();
    let reader = {
        let (a, stages) = (Arc::clone(&a), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterEarlyCheck, 0, 1)]);
            let found = lock_vma_under_rcu(a.mm(), page(5)).is_some();
            (found, rcu_read_lock_held())
        })
    };
    stages.wait_for(0);
    a.unmap(page(4), page(4)).unwrap();
    b.map(page(4), page(4), super::fixture::RW).unwrap();
    assert!(vma_at(&b, 4).is_same(vma), "the slab hands out what was freed last");
    let n_references = raw_mm(&b).n_references();
    stages.signal(1);
    assert_eq!(reader.join(), (false, false));
    assert_eq!(vma.vm_refcnt().read(), 1);
    assert_eq!(raw_mm(&b).n_references(), n_references, "the pin is gone again");
}

/// As above, and B is gone before the reader has looked for B's waiter (Linux: 9bbffee67ffd).
///
/// ```text
/// reader   … | increment, held |                            | put, held |             | wake, unpin
/// stranger   |                 | B.unmap: +FLAG, held       |           | alone: goes on; B ends
/// ```
pub(crate) fn stranger_exits_during_the_put() {
    let cache = cache();
    let a = space_in(cache, &[(4, 8)]);
    let b = space_in(cache, &[]);
    let vma = vma_at(&a, 4);
    let stages = Stages::new();
    let reader = {
        let (a, stages) = (Arc::clone(&a), stages.clone());
        spawn(move || {
            hold_at(
                &stages,
                &[
                    (Point::AfterEarlyCheck, 0, 1),
                    (Point::AfterIncrement, 2, 3),
                    (Point::BetweenPutAndWake, 4, 5),
                ],
            );
            lock_vma_under_rcu(a.mm(), page(5)).is_some()
        })
    };
    stages.wait_for(0);
    a.unmap(page(4), page(4)).unwrap();
    b.map(page(4), page(4), super::fixture::RW).unwrap();
    assert!(vma_at(&b, 4).is_same(vma));
    stages.signal(1);
    stages.wait_for(2);
    let stranger = {
        let stages = stages.clone();
        spawn(move || {
            hold_at(&stages, &[(Point::AfterFlagAdded, 6, 7)]);
            b.unmap(page(4), page(4)).unwrap();
            drop(Arc::into_inner(b));
        })
    };
    stages.wait_for(6);
    stages.signal(3);
    stages.wait_for(4);
    stages.signal(7);
    stranger.join();
    stages.signal(5);
    assert!(!reader.join());
}

/// The put wakes the waiter of the address space that the VMA had *before* the decrement.
///
/// ```text
/// reader   holds A's VMA |                    | decrement, held |                          | wakes A
/// test                   | A.unmap: +FLAG, held                 | alone; freed, B.map      |
/// ```
pub(crate) fn own_mm_exits_after_the_put() {
    let cache = cache();
    let a = space_in(cache, &[(4, 8)]);
    let b = space_in(cache, &[]);
    let vma = vma_at(&a, 4);
    let stages = Stages::new();
    let reader = {
        let (a, stages) = (Arc::clone(&a), stages.clone());
        spawn(move || {
            let guard = lock_vma_under_rcu(a.mm(), page(5)).expect("no thread writes");
            stages.signal(0);
            stages.wait_for(1);
            hold_at(&stages, &[(Point::BetweenPutAndWake, 2, 3)]);
            drop(guard);
        })
    };
    stages.wait_for(0);
    let writer = {
        let (a, stages) = (Arc::clone(&a), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterFlagAdded, 4, 5)]);
            a.unmap(page(4), page(4)).unwrap();
        })
    };
    stages.wait_for(4);
    stages.signal(1);
    stages.wait_for(2);
    stages.signal(5);
    writer.join();
    b.map(page(4), page(4), super::fixture::RW).unwrap();
    assert!(vma_at(&b, 4).is_same(vma));
    let b_mm = b.mm_ref();
    drop(Arc::into_inner(b));
    // B's structure ends with this reference: a thread that wakes it now uses it after its end.
    drop(b_mm);
    stages.signal(3);
    reader.join();
}

pub(crate) fn into_the_same_mm_elsewhere() {
    let cache = cache();
    let space = space_in(cache, &[(4, 8)]);
    let vma = vma_at(&space, 4);
    let stages = Stages::new();
    let reader = {
        let (space, stages) = (Arc::clone(&space), stages.clone());
        spawn(move || {
            hold_at(&stages, &[(Point::AfterEarlyCheck, 0, 1)]);
            lock_vma_under_rcu(space.mm(), page(5)).map(|guard| (guard.vm_start(), guard.vm_end()))
        })
    };
    stages.wait_for(0);
    space.unmap(page(4), page(4)).unwrap();
    space.map(page(20), page(4), super::fixture::RW).unwrap();
    assert!(vma_at(&space, 20).is_same(vma));
    stages.signal(1);
    assert_eq!(reader.join(), None, "it locked a VMA that does not cover the address");
    assert_eq!(vma.vm_refcnt().read(), 1);
}

pub(crate) fn init_resets_to_detached() {
    let cache = cache();
    let (a, b) = (MmRef::new(), MmRef::new());
    let vma = cache.alloc(a.as_raw());
    assert_eq!((vma.vm_refcnt().read(), vma.vm_lock_seq()), (0, u64::MAX));
    vma.fields_unchecked().set_vm_start(page(1));
    vma.fields_unchecked().set_vm_end(page(2));
    cache.free(vma);
    assert_eq!(vma.fields_unchecked().vm_start(), POISON);
    expect_warnings(&[WarningKind::VmaFreedTwice], || cache.free(vma));
    let again = cache.alloc(b.as_raw());
    assert!(again.is_same(vma));
    assert_eq!((vma.vm_refcnt().read(), vma.vm_lock_seq()), (0, u64::MAX));
    assert!(std::ptr::eq(vma.vm_mm().unwrap(), b.as_raw()));
    // An attached VMA is not freed.
    again.fields_unchecked().set_vm_start(page(1));
    again.fields_unchecked().set_vm_end(page(2));
    let guard = b.write();
    vma_start_write(again);
    crate::build::attach::vma_mark_attached(again);
    expect_warnings(&[WarningKind::VmaAttached], || cache.free(again));
    drop(guard);
    assert!(try_read(b.as_raw(), again).is_ok());
    vma_end_read(again);
    // Initialising an object that a thread holds is reported.
    let third = cache.alloc(a.as_raw());
    third.vm_refcnt().preset(2);
    expect_warnings(&[WarningKind::VmaAttached], || third.init(b.as_raw()));
}
