//! Real threads without stages: what no one thought of staging. Bounded in operations, not in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fixture::{RW, cache, page, raw_mm, space, space_in};
use super::harness::spawn;
use crate::build::iterator::VmaIterator;
use crate::build::lookup::{lock_next_vma, lock_vma_under_rcu};
use crate::build::mapping::{Access, SpaceError, flags};
use crate::build::rcu::rcu_read_lock;
use crate::build::space::AddressSpace;

// Miri is a thousand times slower.
const N_OPS: usize = if cfg!(miri) { 60 } else { 4000 };

/// xorshift64*, the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40).unwrap() % n
    }
}

/// At rest: parity even, no waiter, every count 1, as many VMAs as counted.
pub(crate) fn check_at_rest(space: &AddressSpace) {
    let mm = space.mm();
    assert_eq!(mm.mm_lock_seq().read_relaxed() & 1, 0, "I1");
    assert!(!mm.has_waiting_writer(), "I11");
    assert!(!mm.mmap_lock.is_locked());
    let (mut from, mut n) = (0, 0);
    while let Some(vma) = mm.mm_mt.ending_above(from).map(|entry| entry.vma) {
        assert_eq!(vma.vm_refcnt().read(), 1, "I5");
        assert!(std::ptr::eq(vma.vm_mm().unwrap(), mm));
        from = vma.fields_unchecked().vm_end();
        n += 1;
    }
    assert_eq!(n, space.map_count());
}

/// Faults, changes, forks and listings on one space; every fault checks its page's offset.
pub(crate) fn torn_reads_and_counts() {
    let space = space(&[(16, 24), (32, 40), (48, 56)]);
    space.map(page(4000), page(2), RW | flags::GROWSDOWN).unwrap();
    let workers: Vec<_> = (0..3)
        .map(|seed| {
            let space = Arc::clone(&space);
            spawn(move || {
                let mut random = Random(0x1234_5678 + seed);
                for _ in 0..N_OPS {
                    step(&space, &mut random);
                }
            })
        })
        .collect();
    workers.into_iter().for_each(super::harness::Helper::join);
    check_at_rest(&space);
}

fn step(space: &AddressSpace, random: &mut Random) {
    let n = 16 + random.below(48);
    let len = page(1 + random.below(8));
    match random.below(100) {
        0 => {
            let child = space.fork().unwrap();
            check_at_rest(&child);
        }
        1 => {
            let mappings = space.maps().unwrap();
            assert!(mappings.windows(2).all(|pair| pair[0].end <= pair[1].start));
            assert!(mappings.iter().all(|mapping| mapping.pgoff == mapping.start / page(1)));
        }
        2..6 => drop(space.map(page(n), len, RW)),
        6..10 => drop(space.unmap(page(n), len)),
        10..16 => drop(space.protect(page(n), len, [flags::READ, RW][random.below(2)])),
        16..18 => fault(space, 4000 - random.below(2000), Access::Write),
        n => fault(space, 16 + random.below(48), if n % 2 == 0 { Access::Read } else { Access::Write }),
    }
}

fn fault(space: &AddressSpace, n: usize, access: Access) {
    match space.fault(page(n), access) {
        Ok(resolved) => assert_eq!(resolved.pgoff, n, "torn read (I6)"),
        Err(SpaceError::NotMapped | SpaceError::AccessDenied) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Two spaces hand one VMA back and forth, while readers of both look it up (I4, I7, I8).
pub(crate) fn recycling_between_spaces() {
    let cache = cache();
    let spaces = [space_in(cache, &[]), space_in(cache, &[])];
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|which| {
            let (space, is_over) = (Arc::clone(&spaces[which]), Arc::clone(&is_over));
            spawn(move || {
                let mm = raw_mm(&space);
                while !is_over.load(Ordering::Relaxed) {
                    if let Some(guard) = lock_vma_under_rcu(mm, page(4 + which)) {
                        assert!(std::ptr::eq(guard.as_raw().vm_mm().unwrap(), mm), "I7: another mm's");
                        assert!(guard.contains(page(4 + which)), "I7: another range");
                        assert_eq!(guard.vm_pgoff(), guard.vm_start() / page(1), "I6");
                        assert!(guard.as_raw().vm_refcnt().read() >= 2, "I4");
                    }
                }
            })
        })
        .collect();
    for n in 0..N_OPS {
        let space = &spaces[n % 2];
        space.map(page(n % 4), page(8), RW).unwrap();
        space.unmap(page(n % 4), page(8)).unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(super::harness::Helper::join);
    spaces.iter().for_each(|space| check_at_rest(space));
}

/// The writer alternates between one VMA over all of a range and two that meet in its middle. A
/// walker that asks for what covers the first page must never be told of a gap there.
pub(crate) fn shrink_and_fill_is_never_a_gap() {
    let space = space(&[(4, 12)]);
    let is_over = Arc::new(AtomicBool::new(false));
    let walker = {
        let (space, is_over) = (Arc::clone(&space), Arc::clone(&is_over));
        spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                for from in [4, 6, 8, 10] {
                    let mut iterator = VmaIterator::new(space.mm(), page(from));
                    let (rcu, next) = lock_next_vma(rcu_read_lock(), &mut iterator, page(from));
                    let guard = next.unwrap().expect("something is always mapped above");
                    assert!(guard.vm_start() <= page(from), "a gap at page {from} that never was");
                    drop(rcu);
                }
            }
        })
    };
    for n in 0..N_OPS / 2 {
        let at = 5 + n % 6;
        space.protect(page(4), page(at - 4), flags::READ).unwrap();
        space.protect(page(4), page(8), RW).unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    walker.join();
    check_at_rest(&space);
}
