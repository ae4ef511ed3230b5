//! Throughput of finding and locking random VMAs while some operations write: per-VMA lock, mmap
//! lock, a map behind the usual locks, and the crate's own tree behind one of them: `cargo bench -p
//! vmalock --bench fault_scaling [-- --vmas N --threads N]`.
//!
//! All take turns, several times, in one run; the table shows medians in million operations a
//! second, and how many times the throughput of the better RwLock the per-VMA lock has. Each turn
//! warms its own memory up before the clock starts, or it would measure what the others left in the
//! caches.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

mod support;

use support::{LockedTree, MmapLock, ParkingLot, PerVma, Random, Space, Std, address, median, read_one};

const N_ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(30);
const SLICE: Duration = Duration::from_millis(60);

/// What some of the operations do instead of reading: a name, and how many in a thousand change
/// flags, or replace a VMA.
const MIXES: [(&str, usize, usize); 4] =
    [("none", 0, 0), ("1 % protect", 10, 0), ("10 % protect", 100, 0), ("1 % unmap, map", 0, 10)];

#[derive(Default)]
#[repr(align(128))]
struct Counter(AtomicU64);

fn sum(counters: &[Counter]) -> u64 {
    // ORDERING: Relaxed; statistics.
    counters.iter().map(|counter| counter.0.load(Ordering::Relaxed)).sum()
}

/// Million operations a second of `n_threads` threads.
fn throughput(space: &dyn Space, n_vmas: usize, n_threads: usize, protects: usize, replaces: usize) -> f64 {
    // Each thread counts on cache lines of its own.
    let n_operations: Vec<Counter> = (0..n_threads).map(|_| Counter::default()).collect();
    let is_over = AtomicBool::new(false);
    let barrier = Barrier::new(n_threads + 1);
    let (mut n_done, mut elapsed) = (0, 0.0);
    std::thread::scope(|scope| {
        for (thread, counter) in n_operations.iter().enumerate() {
            let (is_over, n_own, barrier) = (&is_over, &counter.0, &barrier);
            scope.spawn(move || {
                let mut random = Random(7 + thread as u64);
                barrier.wait();
                // ORDERING: Relaxed; a stop sign and a counter.
                while !is_over.load(Ordering::Relaxed) {
                    for _ in 0..64 {
                        match random.below(1000) {
                            n if n < protects => {
                                space.write(address(random.below(n_vmas)), vmalock::flags::WRITE);
                            }
                            n if n < protects + replaces => space.replace(address(random.below(n_vmas))),
                            _ => read_one(space, &mut random, n_vmas),
                        }
                    }
                    n_own.fetch_add(64, Ordering::Relaxed);
                }
            });
        }
        barrier.wait();
        std::thread::sleep(WARM_UP);
        let (start, n_before) = (Instant::now(), sum(&n_operations));
        std::thread::sleep(SLICE);
        n_done = sum(&n_operations) - n_before;
        elapsed = start.elapsed().as_secs_f64();
        is_over.store(true, Ordering::Relaxed);
    });
    n_done as f64 / elapsed / 1e6
}

/// The number after `option` on the command line, or all of them.
fn chosen(option: &str, all: &[usize]) -> Vec<usize> {
    let mut args = std::env::args().skip_while(|arg| arg != option).skip(1);
    args.next()
        .map_or_else(|| all.to_vec(), |value| vec![value.parse().expect("a number follows the option")])
}

fn main() {
    let is_validated = std::env::var_os("LOCKDEP").is_some_and(|value| value == "1");
    println!("validator {}; million operations a second", if is_validated { "on" } else { "off" });
    println!(
        "   VMAs  threads          writes   per-VMA  mmap lock       std  parking_lot  own tree   per-VMA / best RwLock  / own tree"
    );
    let (sizes, threads) = (chosen("--vmas", &[10, 1_000, 100_000]), chosen("--threads", &[1, 2]));
    for &n_vmas in &sizes {
        let (per_vma, mmap_lock) = (PerVma::new(n_vmas), MmapLock(PerVma::new(n_vmas)));
        let (std, parking_lot) = (Std::new(n_vmas), ParkingLot::new(n_vmas));
        let locked_tree = LockedTree::new(n_vmas);
        let spaces: [&dyn Space; 5] = [&per_vma, &mmap_lock, &std, &parking_lot, &locked_tree];
        for &n_threads in &threads {
            for (mix, protects, replaces) in MIXES {
                let mut samples = vec![Vec::new(); spaces.len()];
                for _ in 0..N_ROUNDS {
                    for (space, samples) in spaces.iter().zip(&mut samples) {
                        samples.push(throughput(*space, n_vmas, n_threads, protects, replaces));
                    }
                }
                let medians: Vec<f64> = samples.iter_mut().map(|samples| median(samples)).collect();
                println!(
                    "{n_vmas:>7} {n_threads:>8} {mix:>15} {:>9.2} {:>10.2} {:>9.2} {:>12.2} {:>9.2} {:>16.2} x {:>13.2} x",
                    medians[0],
                    medians[1],
                    medians[2],
                    medians[3],
                    medians[4],
                    medians[0] / medians[2].max(medians[3]),
                    medians[0] / medians[4],
                );
            }
        }
    }
    support::run_again_validated();
}
