//! The fast halves of acquisition and release, as an embedder calls them.

use super::Bench;
use crate::base::event::{Acquire, OwnStack};
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::engine::NoStacks;
use crate::state::context::ContextAttributes;

#[test]
fn the_fast_release_takes_nothing_that_is_out_of_the_ordinary() {
    let mut bench = Bench::user();
    let context = bench.validator.register_context("signal", ContextAttributes::default()).expect("room");
    let [a, b, c] = [("A", 0x100), ("B", 0x200), ("C", 0x300)].map(|(name, address)| {
        let event = bench.event(name, Mode::Exclusive, Wait::Blocking);
        Acquire { address, ..event }
    });
    for _ in 0..2 {
        bench.send(&a);
        bench.send(&b);
        assert!(!bench.task.release_newest(0x100), "not the newest");
        assert!(bench.task.release_newest(0x200) && bench.task.release_newest(0x100));
        assert!(!bench.task.release_newest(0x100), "nothing is held");
    }
    // An interrupted context's lock is not the handler's to release.
    bench.send(&a);
    bench.validator.context_enter(&mut bench.task, context, None);
    assert!(!bench.task.release_newest(0x100));
    bench.send(&c);
    assert!(bench.task.release_newest(0x300));
    let left = bench.validator.context_exit(&mut bench.task, context, Site(1), &NoStacks);
    bench.take(left);
    // Pinned: a release of it has to be reported.
    let (cookie, pinned) = bench.validator.pin(&mut bench.task, a.lock, Site(1));
    bench.take(pinned);
    let cookie = cookie.expect("held");
    assert!(!bench.task.release_newest(0x100));
    bench.send(&b);
    assert!(!bench.task.release_below_newest(a.lock), "not hand over hand either");
    let released = bench.validator.release(&mut bench.task, b.lock, Site(1));
    bench.take(released);
    let unpinned = bench.validator.unpin(&mut bench.task, a.lock, cookie, Site(1));
    bench.take(unpinned);
    let released = bench.validator.release(&mut bench.task, a.lock, Site(1));
    bench.take(released);
    bench.send(&a);
    assert!(bench.task.release_newest(0x100), "nothing is rare any more");
    assert_eq!(bench.found(), []);
}

#[test]
fn what_was_validated_before_is_known_until_the_epoch_changes() {
    let mut bench = Bench::user();
    let [a, b] = ["A", "B"].map(|name| bench.event(name, Mode::Exclusive, Wait::Blocking));
    assert!(!bench.validator.acquire_known(&mut bench.task, &a), "new");
    bench.send(&a);
    bench.run("--");
    assert!(bench.validator.acquire_known(&mut bench.task, &a));
    assert!(!bench.validator.acquire_known(&mut bench.task, &b), "known alone is not known under A");
    bench.send(&b);
    bench.run("--");
    assert!(bench.validator.acquire_known(&mut bench.task, &a));
    assert!(bench.validator.acquire_known(&mut bench.task, &b));
    bench.run("--");
    bench.validator.suspect(b.lock.class());
    assert!(!bench.validator.acquire_known(&mut bench.task, &a), "an older epoch");
    bench.send(&a);
    bench.run("--");
    bench.task.look_again();
    assert!(!bench.validator.acquire_known(&mut bench.task, &a));
}

/// The cache of a task is direct-mapped, and keys of single locks depend on addresses. Two keys of
/// one slot must not push each other out for good, also not those of objects not yet published.
#[test]
fn orders_with_unpublished_objects_stay_known_when_the_cache_is_full() {
    let mut bench = Bench::user();
    let outer = Acquire { address: 0x10, ..bench.event("A", Mode::Exclusive, Wait::Blocking) };
    let own_stack = OwnStack { start: 0x10_0000, end: 0x20_0000 };
    // More locks than the cache has slots.
    let inner: Vec<Acquire> = (0..700)
        .map(|number| {
            let event = bench.event(&format!("B{number}"), Mode::Exclusive, Wait::Blocking);
            Acquire { address: 0x10_0000 + number * 0x40, is_first: true, own_stack, ..event }
        })
        .collect();
    let again = |event: &Acquire| Acquire { is_first: false, ..*event };
    bench.send(&outer);
    // The first order makes the class suspect, which begins an epoch: the second round counts.
    for event in inner.iter().copied().chain(inner.iter().map(again)) {
        bench.send(&event);
        assert!(bench.task.release_newest(event.address));
    }
    for event in inner.iter().map(again) {
        let is_known = bench.validator.acquire_known_instances(&mut bench.task, &event)
            || bench.validator.acquire_known(&mut bench.task, &event);
        assert!(is_known, "{event:?}");
        assert!(bench.task.release_newest(event.address));
    }
}
