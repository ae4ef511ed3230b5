//! Operations that become one write section, with hooks inside it; faults with a handler; names.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use vmalock::{
    Access, AddressSpace, Mapping, PAGE_SIZE, Retry, Shared, SpaceError, Task, flags, lock_vma_under_rcu,
    raw, warn,
};

const RW: usize = flags::READ | flags::WRITE;
const P: usize = PAGE_SIZE;

fn ranges(mappings: &[Mapping]) -> Vec<(usize, usize, usize)> {
    mappings.iter().map(|mapping| (mapping.start / P, mapping.end / P, mapping.flags)).collect()
}

/// A reader that faults on two pages must see both before the section or both after it.
#[test]
fn a_section_of_several_operations_is_one_step_for_faults() {
    let space = AddressSpace::<Shared<u32>>::with_payloads();
    space.map(16 * P, 16 * P, RW).expect("free");
    let is_over = AtomicBool::new(false);
    let n_seen = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // ORDERING: Relaxed, here and below; a flag that ends a loop, and a count that is
                // read after the join.
                while !is_over.load(Ordering::Relaxed) {
                    // The lower one is looked at under its own lock and the mmap lock of the
                    // fallback: no step in between.
                    let (mut lower, mut upper) = (None, None);
                    let guard = space.mm().read();
                    if let Some(vma) = guard.vma_lookup(20 * P) {
                        lower = Some(vma.vm_flags());
                    }
                    if let Some(vma) = guard.vma_lookup(28 * P) {
                        upper = Some(vma.vm_flags());
                    }
                    drop(guard);
                    assert!(lower == upper, "half of a section: {lower:?} {upper:?}");
                    // And by faults: the page between is mapped at every moment, whatever happens
                    // around it.
                    assert_eq!(space.fault_with(24 * P, Access::Read, |vma| vma.pgoff_of(24 * P)), Ok(24));
                    n_seen.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for n in 0..400 {
            let mut guard = space.write();
            guard.unmap(20 * P, P).expect("a good range");
            std::thread::yield_now();
            guard.unmap(28 * P, P).expect("a good range");
            drop(guard);
            let mut guard = space.write();
            guard.map_with(20 * P, P, RW, |vma| vma.payload().set(Some(n.into()))).expect("free");
            guard.protect(24 * P, P, [RW, flags::READ][n as usize % 2]).expect("mapped");
            guard.map(28 * P, P, RW).expect("free");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(n_seen.load(Ordering::Relaxed) > 0);
}

#[test]
fn hooks_see_what_changes_under_its_write_lock() {
    let space = AddressSpace::new();
    space.map(10 * P, 10 * P, RW).expect("free");
    let mut guard = space.write();
    let mut gone = Vec::new();
    let ((), warnings) = warn::capture(|| {
        guard
            .unmap_with(12 * P, 2 * P, |vma| {
                assert!(raw::vma_assert_write_locked(vma.as_raw()) && raw::vma_assert_attached(vma.as_raw()));
                gone.push(vma.mapping());
            })
            .expect("a good range");
        guard
            .protect_with(15 * P, 20 * P, flags::READ, |vma, old| {
                assert!(raw::vma_assert_write_locked(vma.as_raw()));
                assert_eq!((vma.vm_flags(), old, vma.vm_start()), (flags::READ, RW, 15 * P));
            })
            .expect("something is mapped");
        guard
            .map_with(12 * P, P, RW, |vma| {
                assert!(raw::vma_assert_detached(vma.as_raw()) && vma.contains(12 * P));
            })
            .expect("free");
        let mut pairs = Vec::new();
        let child = guard.fork_with(|parent, child| {
            assert!(raw::vma_assert_write_locked(parent.as_raw()));
            assert!(raw::vma_assert_detached(child.as_raw()) && parent.mapping() == child.mapping());
            pairs.push(child.mapping());
        });
        drop(guard);
        assert_eq!(pairs, child.expect("no kill is pending").maps().expect("no kill is pending"));
    });
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(ranges(&gone), [(12, 14, RW)]);
    assert_eq!(
        ranges(&space.maps().expect("no kill is pending")),
        [(10, 12, RW), (12, 13, RW), (14, 15, RW), (15, 20, flags::READ)]
    );
}

/// A killed task changes nothing, whichever VMA of the range it had to wait for.
#[test]
fn a_kill_leaves_a_range_as_it_was() {
    let space = AddressSpace::new();
    space.map(10 * P, 4 * P, RW).expect("free");
    space.map(20 * P, 4 * P, RW).expect("free");
    let before = space.maps().expect("no kill is pending");
    let reader = lock_vma_under_rcu(space.mm(), 20 * P).expect("no thread writes");
    std::thread::scope(|scope| {
        let killed = |change: fn(&AddressSpace) -> Result<usize, SpaceError>| {
            let space = &space;
            let thread = scope.spawn(move || {
                Task::current().kill();
                // Its hooks must not run.
                change(space)
            });
            thread.join().expect("no panics")
        };
        let interrupted = Err(SpaceError::Interrupted);
        assert_eq!(killed(|space| space.unmap(12 * P, 10 * P)), interrupted);
        assert_eq!(killed(|space| space.protect(12 * P, 10 * P, flags::READ)), interrupted);
        assert_eq!(
            killed(|space| space.write().unmap_with(12 * P, 10 * P, |_| panic!("nothing goes"))),
            interrupted
        );
        assert_eq!(killed(|space| space.write().set_name(12 * P, 10 * P, Some("heap"))), interrupted);
        assert_eq!(killed(|space| space.write().fork().map(|child| child.map_count())), interrupted);
    });
    drop(reader);
    assert_eq!((space.maps().expect("no kill is pending"), space.map_count()), (before, 2));
    assert_eq!(space.unmap(12 * P, 10 * P), Ok(2), "and goes on");
}

#[test]
fn a_handler_that_asks_for_it_is_called_again_under_the_mmap_lock() {
    let space = AddressSpace::new();
    space.map(10 * P, 4 * P, RW).expect("free");
    let mut calls = Vec::new();
    let done = space.fault_or_retry_with(11 * P, Access::Read, |vma| {
        let resolved = vma.resolved();
        calls.push(resolved.under_vma_lock);
        // Under the mmap lock no lock of this VMA is held, so its own would be free for a writer.
        assert_eq!(vma.as_raw().vm_refcnt().read() > 1, resolved.under_vma_lock);
        if resolved.under_vma_lock { Err(Retry) } else { Ok(resolved.pgoff) }
    });
    assert_eq!((done, calls), (Ok(11), vec![true, false]));
    let never = |_: &vmalock::FaultVma<'_>| panic!("not allowed");
    assert_eq!(space.fault_with(14 * P, Access::Read, never), Err(SpaceError::NotMapped));
    space.protect(10 * P, 4 * P, flags::READ).expect("mapped");
    assert_eq!(space.fault_with(10 * P, Access::Write, never), Err(SpaceError::AccessDenied));
}

#[test]
fn a_range_is_visited_under_one_vma_lock_or_the_mmap_lock() {
    let space = AddressSpace::new();
    space.map(10 * P, 4 * P, RW).expect("free");
    space.map(14 * P, 4 * P, flags::READ).expect("free");
    let visit = |start: usize, len: usize| {
        let mut parts = Vec::new();
        let result = space.advise_with(start * P, len * P, |vma, part| {
            assert!(vma.contains(part.start) && part.end <= vma.vm_end());
            parts.push((part.start / P, part.end / P, vma.as_raw().vm_refcnt().read() > 1));
        });
        (result, parts)
    };
    assert_eq!(visit(11, 2), (Ok(()), vec![(11, 13, true)]));
    assert_eq!(visit(11, 5), (Ok(()), vec![(11, 14, false), (14, 16, false)]));
    assert_eq!(visit(8, 4), (Err(SpaceError::NotMapped), vec![(10, 12, false)]));
    assert_eq!(visit(16, 4), (Err(SpaceError::NotMapped), vec![(16, 18, false)]));
    space.install_guards_with(15 * P, P, |_, _| {}).expect("mapped");
    assert_eq!(
        ranges(&space.maps().expect("no kill is pending")),
        [(10, 14, RW), (14, 18, flags::READ | flags::MAYBE_GUARD)]
    );
}

#[test]
fn names_split_and_keep_apart() {
    let space = AddressSpace::new();
    space.map(10 * P, 8 * P, RW).expect("free");
    assert_eq!(space.write().set_name(12 * P, 2 * P, Some("heap")), Ok(1));
    let name = |space: &AddressSpace, n: usize| {
        let vma = lock_vma_under_rcu(space.mm(), n * P).expect("no thread writes");
        raw::anon_vma_name(vma.as_raw()).as_deref().map(str::to_owned)
    };
    let names = |space: &AddressSpace| [11, 12, 14].map(|n| name(space, n));
    assert_eq!(names(&space), [None, Some("heap".to_owned()), None]);
    assert_eq!(space.protect(13 * P, P, flags::READ), Ok(1));
    assert_eq!((name(&space, 13).as_deref(), space.map_count()), (Some("heap"), 4));
    let child = space.fork().expect("no kill is pending");
    assert_eq!(names(&child), names(&space));
    assert_eq!(space.protect(13 * P, P, RW), Ok(1));
    assert_eq!(space.map_count(), 3, "the name keeps them apart");
    assert_eq!(space.write().set_name(12 * P, 2 * P, None), Ok(1));
    assert_eq!(space.map_count(), 1, "and nothing else did");
    // The object is used again, without its old name.
    drop(child);
    let next = AddressSpace::new();
    (0..8).for_each(|n| next.map(2 * n * P, P, RW).expect("free"));
    assert!((0..8).all(|n| name(&next, 2 * n).is_none()));
}

/// Reading a name is the other user of the assertion that a VMA is stabilised.
#[test]
fn a_name_is_read_under_a_lock() {
    let space = AddressSpace::new();
    space.map(10 * P, 8 * P, RW).expect("free");
    let vma = space.mm().read().vma_lookup(10 * P).expect("mapped").as_raw();
    let (_, warnings) = warn::capture(|| raw::anon_vma_name(vma));
    assert_eq!(
        warnings.iter().map(|warning| warning.kind).collect::<Vec<_>>(),
        [warn::WarningKind::VmaNotLocked]
    );
    let guard = space.mm().read();
    let (_, warnings) = warn::capture(|| (raw::anon_vma_name(vma), raw::replace_anon_vma_name(vma, None)));
    assert_eq!(
        warnings.iter().map(|warning| warning.kind).collect::<Vec<_>>(),
        [warn::WarningKind::MmapNotWriteLocked]
    );
    drop(guard);
}

/// A payload hook, a handler, a visitor that panics leaves no lock behind.
#[test]
fn a_panic_of_the_program_leaves_no_lock() {
    let space = AddressSpace::new();
    space.map(10 * P, 8 * P, RW).expect("free");
    let caught = |action: &dyn Fn()| {
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(action)).is_err());
    };
    caught(&|| {
        let _ = space.write().unmap_with(12 * P, P, |_| panic!("on purpose"));
    });
    caught(&|| {
        let _ = space.fault_with(12 * P, Access::Read, |_| panic!("on purpose"));
    });
    caught(&|| {
        let _ = space.advise_with(12 * P, P, |_, _| panic!("on purpose"));
    });
    caught(&|| {
        let _ = space.write().fork_with(|_, _| panic!("on purpose"));
    });
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(space.unmap(0, 100 * P)).expect("a receiver exists"));
        let n_gone = receiver.recv_timeout(std::time::Duration::from_secs(60)).expect("no lock is left");
        assert_eq!(n_gone, Ok(3));
    });
}

/// Each way of a fault is counted, and so are the waits that slept.
#[test]
fn faults_and_waits_are_counted() {
    let space = AddressSpace::new();
    space.map(10 * P, 4 * P, RW).expect("free");
    let mm = space.mm();
    let counts = || {
        let events = mm.vma_lock_events();
        (events.n_success(), events.n_retry(), events.n_abort(), events.n_miss())
    };
    (0..5).for_each(|_| assert!(space.fault(10 * P, Access::Read).is_ok()));
    assert_eq!(counts(), (5, 0, 0, 0));
    assert_eq!(space.fault(20 * P, Access::Read).map(drop), Err(SpaceError::NotMapped));
    assert_eq!(counts(), (5, 0, 1, 0));
    space
        .fault_or_retry_with(10 * P, Access::Read, |vma| {
            if vma.resolved().under_vma_lock { Err(Retry) } else { Ok(()) }
        })
        .expect("mapped");
    assert_eq!(counts(), (5, 1, 1, 0));
    let n = |kind| mm.wait_times(kind).n();
    use vmalock::WaitKind as K;
    assert_eq!(K::ALL.map(n), [0, 0, 0, 1, 1, 0]);
    // A writer that sleeps until a reader of the VMA leaves, and a reader that sleeps until it is
    // done.
    let guard = lock_vma_under_rcu(mm, 10 * P).expect("no thread writes");
    std::thread::scope(|scope| {
        scope.spawn(|| space.unmap(10 * P, P).expect("a good range"));
        // It is in the mmap lock and waits for us.
        while !mm.has_waiting_writer() {
            std::thread::yield_now();
        }
        scope.spawn(|| drop(mm.read()));
        while mm.n_queued() == 0 {
            std::thread::yield_now();
        }
        // Until the writer has been asleep for longer than it spins: the clock says so, nothing
        // else does.
        std::thread::sleep(std::time::Duration::from_millis(20));
        drop(guard);
    });
    assert_eq!([K::MmapRead, K::MmapWrite, K::VmaWrite].map(n), [1, 0, 1]);
    assert!(mm.wait_times(K::VmaWrite).percentile(100).is_some_and(|most| most.as_micros() > 1000));
}

/// What the documentation shows is a program that compiles.
#[test]
fn the_page_shows_the_example() {
    let page = include_str!("../../docs/src/vmalock.md");
    assert!(
        page.contains(include_str!("../examples/first_steps.rs")),
        "docs/src/vmalock.md: copy first_steps.rs into it"
    );
}
