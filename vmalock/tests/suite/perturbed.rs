//! Larger mixes than a model can hold, with the schedule disturbed where the historical races were:
//! at the points of the protocol a thread gives way, or not, as its seed says. Bounded in
//! operations; every seed is a run of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use super::fixture::{RW, cache, page, space_in};
use super::harness::{Helper, Stages, observe, spawn, step_ended};
use super::stress::{Random, check_at_rest};
use crate::build::iterator::VmaIterator;
use crate::build::lookup::{NextVmaError, lock_next_vma, lock_vma_under_rcu};
use crate::build::mapping::{Access, SpaceError, flags};
use crate::build::rcu::{rcu_read_lock, rcu_read_lock_held};
use crate::build::space::AddressSpace;
use crate::build::step::Point;
use crate::build::task::Task;

// Miri is a thousand times slower.
const N_SEEDS: u64 = if cfg!(miri) { 2 } else { 24 };
const N_OPS: usize = if cfg!(miri) { 50 } else { 150 };
const N_WORKERS: u64 = 4;

/// Where the calling thread gives way, one time in four.
fn disturb(seed: u64) {
    let random = std::cell::RefCell::new(Random(seed));
    observe(move |point| {
        let is_window = matches!(
            point,
            Point::AfterLookup
                | Point::AfterEarlyCheck
                | Point::AfterIncrement
                | Point::BetweenPutAndWake
                | Point::BeforeFlagAdded
                | Point::AfterFlagAdded
                | Point::BeforePark
                | Point::BetweenDetachAndClear
                | Point::AfterSpeculateBegin
                | Point::BetweenUpgradeLocks
                | Point::BeforeSeqBegin
                | Point::AfterSeqEnd
        );
        if is_window {
            let n = random.borrow_mut().below(8);
            (0..n.saturating_sub(5)).for_each(|_| std::thread::yield_now());
        }
    });
}

/// Two address spaces that take their VMAs from one slab, four workers that do everything on both,
/// and one that kills them at any moment. At the end nothing is held and every count is 1 (I1, I4,
/// I5, I7, I10 to I13).
pub(crate) fn everything_at_once() {
    for seed in 1..=N_SEEDS {
        let cache = cache();
        let spaces =
            [space_in(cache, &[(16, 24), (32, 40)]), space_in(cache, &[(16, 20), (24, 28), (40, 48)])];
        for space in &spaces {
            space.map(page(4000), page(2), RW | flags::GROWSDOWN).unwrap();
        }
        let (send, tasks) = mpsc::channel();
        let (stages, n_done) = (Stages::new(), Arc::new(AtomicU64::new(0)));
        let workers: Vec<Helper<()>> = (0..N_WORKERS)
            .map(|worker| {
                let (spaces, send) = (spaces.clone(), send.clone());
                let (stages, n_done) = (stages.clone(), Arc::clone(&n_done));
                spawn(move || {
                    send.send(Task::current()).unwrap();
                    disturb((seed << 8) + worker + 1);
                    let mut random = Random((seed << 16) + worker + 1);
                    for _ in 0..N_OPS {
                        let space = &spaces[random.below(2)];
                        step(space, &mut random);
                        step_ended();
                        Task::current().revive();
                        assert!(!rcu_read_lock_held(), "I10: an operation left its RCU section open");
                    }
                    n_done.fetch_add(1, Ordering::Relaxed);
                    stages.wait_for(0);
                    Task::current().revive();
                })
            })
            .collect();
        let killer = spawn(move || {
            let tasks: Vec<_> = (0..N_WORKERS).map(|_| tasks.recv().unwrap()).collect();
            let mut random = Random(seed);
            while n_done.load(Ordering::Relaxed) != N_WORKERS {
                tasks[random.below(tasks.len())].kill();
                std::thread::yield_now();
            }
        });
        killer.join();
        stages.signal(0);
        workers.into_iter().for_each(Helper::join);
        spaces.iter().for_each(|space| check_at_rest(space));
    }
}

/// What a killed operation may say, and what an operation may meet; anything else is a fault.
fn tolerate<T>(result: Result<T, SpaceError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(
            SpaceError::Occupied | SpaceError::NotMapped | SpaceError::AccessDenied | SpaceError::Interrupted,
        ) => None,
        Err(error) => panic!("{error}"),
    }
}

fn step(space: &AddressSpace, random: &mut Random) {
    let n = 16 + random.below(40);
    let len = page(1 + random.below(8));
    match random.below(40) {
        0 => {
            // Stale readers of the other spaces may hold its VMAs for a moment: only the list is at
            // rest.
            if let Some(child) = tolerate(space.fork())
                && let Some(mappings) = tolerate(child.maps())
            {
                assert_eq!(mappings.len(), child.map_count());
            }
        }
        1 => {
            let mappings = tolerate(space.maps()).unwrap_or_default();
            assert!(mappings.windows(2).all(|pair| pair[0].end <= pair[1].start), "out of order");
        }
        2..8 => drop(tolerate(space.map(page(n), len, RW))),
        8..14 => drop(tolerate(space.unmap(page(n), len))),
        14..20 => drop(tolerate(space.protect(page(n), len, [flags::READ, RW][random.below(2)]))),
        20 => fault(space, 4000 - random.below(500), Access::Write),
        21..26 => walk(space, n),
        26..30 => {
            if let Some(vma) = lock_vma_under_rcu(space.mm(), page(n)) {
                assert!(
                    std::ptr::eq(vma.as_raw().vm_mm().unwrap(), space.mm()),
                    "I7: another address space's"
                );
                assert!(vma.contains(page(n)), "I7: another range");
                assert!(vma.as_raw().vm_refcnt().read() >= 2, "I4: locked and detached");
                assert_eq!(vma.vm_pgoff(), vma.vm_start() / page(1), "I6: torn");
            }
        }
        n_kind => fault(space, n, if n_kind % 2 == 0 { Access::Read } else { Access::Write }),
    }
}

fn fault(space: &AddressSpace, n: usize, access: Access) {
    if let Some(resolved) = tolerate(space.fault(page(n), access)) {
        assert_eq!(resolved.pgoff, n, "I6: torn");
    }
}

/// One step of a listing, from page `n`.
fn walk(space: &AddressSpace, n: usize) {
    let mut iterator = VmaIterator::new(space.mm(), page(n));
    let (rcu, next) = lock_next_vma(rcu_read_lock(), &mut iterator, page(n));
    match next {
        Ok(Some(vma)) => assert!(vma.vm_end() > page(n), "behind where it was asked"),
        Ok(None) | Err(NextVmaError::Interrupted) => {}
        Err(error) => panic!("{error}"),
    }
    drop(rcu);
}
