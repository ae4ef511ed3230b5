//! What it costs to replace a VMA, beside a map behind a lock, and what that is made of: `cargo
//! bench -p vmalock --bench replace`.
//!
//! All candidates take turns, round by round, in one run; the table shows medians, in nanoseconds
//! and as a multiple of the first.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;
use std::time::Instant;

use vmalock::{MmRef, PAGE_SIZE, VmaCache, flags, rcu_read_lock};

#[expect(dead_code, reason = "shared with the other benches")]
mod support;

use support::{ParkingLot, PerVma, Random, Space as _, Std, address, median};

// Many short rounds: one that the scheduler interrupts is then the exception, and the median leaves
// it out.
const N_ROUNDS: usize = 301;
const N_PER_ROUND: usize = 500;
const LEN: usize = 2 * PAGE_SIZE;

/// One candidate: its name, and what does its operation once, at an address.
type Candidate<'a> = (&'static str, Box<dyn Fn(usize) + 'a>);

fn main() {
    for n_vmas in [10, 1_000, 100_000] {
        compare(n_vmas);
    }
}

fn compare(n_vmas: usize) {
    let (std, parking_lot) = (Std::new(n_vmas), ParkingLot::new(n_vmas));
    let [two, one, fixed, empty] = [(); 4].map(|()| PerVma::new(n_vmas));
    let (mm, cache) = (MmRef::new(), VmaCache::<()>::shared());
    let candidates: [Candidate<'_>; 8] = [
        ("BTreeMap, std RwLock: remove, insert", Box::new(|addr| std.replace(addr))),
        ("BTreeMap, parking_lot: remove, insert", Box::new(|addr| parking_lot.replace(addr))),
        ("unmap, map", Box::new(|addr| two.replace(addr))),
        (
            "unmap, map in one section",
            Box::new(|addr| {
                let mut guard = one.0.write();
                guard.unmap(addr, LEN).expect("a good range");
                guard.map(addr, LEN, flags::READ).expect("it was just unmapped");
            }),
        ),
        (
            "map_fixed",
            Box::new(|addr| {
                fixed.0.map_fixed(addr, LEN, flags::READ).expect("a good range");
            }),
        ),
        (
            "of that: two empty write sections",
            Box::new(|_| {
                drop(empty.0.write());
                drop(empty.0.write());
            }),
        ),
        ("of that: six epoch pins", Box::new(|_| (0..6).for_each(|_| drop(black_box(rcu_read_lock()))))),
        ("of that: a VMA allocated and freed", Box::new(|_| cache.free(black_box(cache.alloc(mm.as_raw()))))),
    ];
    let mut samples = vec![Vec::new(); candidates.len()];
    for _ in 0..N_ROUNDS {
        for ((_, operation), samples) in candidates.iter().zip(&mut samples) {
            let mut random = Random(42);
            let mut run = |n: usize| (0..n).for_each(|_| operation(address(random.below(n_vmas))));
            run(N_PER_ROUND / 5);
            let start = Instant::now();
            run(N_PER_ROUND);
            samples.push(start.elapsed().as_secs_f64() * 1e9 / N_PER_ROUND as f64);
        }
    }
    let medians: Vec<f64> = samples.iter_mut().map(|samples| median(samples)).collect();
    println!("{n_vmas} VMAs");
    for ((name, _), ns) in candidates.iter().zip(&medians) {
        println!("  {name:<40} {ns:>9.1} ns  {:>6.2} x", ns / medians[0]);
    }
}
