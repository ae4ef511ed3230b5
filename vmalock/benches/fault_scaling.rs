//! Throughput of finding and locking random VMAs while some operations write: per-VMA lock, mmap lock, and a map behind
//! the usual locks: `cargo bench -p vmalock --bench fault_scaling`.
//!
//! The four take turns, several times, in one run; the table shows medians in million operations a second, and how many
//! times the throughput of the better RwLock the per-VMA lock has.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

mod support;

use support::{MmapLock, ParkingLot, PerVma, Random, Space, Std, address, median, read_one};

const N_ROUNDS: usize = 5;
const SLICE: Duration = Duration::from_millis(40);

/// Million operations a second of `n_threads` threads, `writes` of a thousand of which write.
fn throughput(space: &dyn Space, n_vmas: usize, n_threads: usize, writes: usize) -> f64 {
    let (is_over, n_operations) = (AtomicBool::new(false), AtomicU64::new(0));
    let barrier = Barrier::new(n_threads + 1);
    let mut elapsed = 0.0;
    std::thread::scope(|scope| {
        for thread in 0..n_threads {
            let (is_over, n_operations, barrier) = (&is_over, &n_operations, &barrier);
            scope.spawn(move || {
                let mut random = Random(7 + thread as u64);
                let mut n = 0;
                barrier.wait();
                // ORDERING: Relaxed; a stop sign and a counter.
                while !is_over.load(Ordering::Relaxed) {
                    for _ in 0..64 {
                        if random.below(1000) < writes {
                            space.write(address(random.below(n_vmas)), vmalock::flags::WRITE);
                        } else {
                            read_one(space, &mut random, n_vmas);
                        }
                    }
                    n += 64;
                }
                n_operations.fetch_add(n, Ordering::Relaxed);
            });
        }
        barrier.wait();
        let start = Instant::now();
        std::thread::sleep(SLICE);
        is_over.store(true, Ordering::Relaxed);
        elapsed = start.elapsed().as_secs_f64();
    });
    n_operations.load(Ordering::Relaxed) as f64 / elapsed / 1e6
}

fn main() {
    let is_validated = std::env::var_os("LOCKDEP").is_some_and(|value| value == "1");
    println!("validator {}; million operations a second", if is_validated { "on" } else { "off" });
    println!("   VMAs  threads  writes   per-VMA  mmap lock       std  parking_lot   per-VMA / best RwLock");
    for n_vmas in [10, 1_000, 100_000] {
        let (per_vma, mmap_lock) = (PerVma::new(n_vmas), MmapLock(PerVma::new(n_vmas)));
        let (std, parking_lot) = (Std::new(n_vmas), ParkingLot::new(n_vmas));
        let spaces: [&dyn Space; 4] = [&per_vma, &mmap_lock, &std, &parking_lot];
        for n_threads in [1, 2] {
            for writes in [0, 10, 100] {
                let mut samples = vec![Vec::new(); spaces.len()];
                for _ in 0..N_ROUNDS {
                    for (space, samples) in spaces.iter().zip(&mut samples) {
                        samples.push(throughput(*space, n_vmas, n_threads, writes));
                    }
                }
                let medians: Vec<f64> = samples.iter_mut().map(|samples| median(samples)).collect();
                println!(
                    "{n_vmas:>7} {n_threads:>8} {:>6} % {:>9.2} {:>10.2} {:>9.2} {:>12.2} {:>16.2} x",
                    writes / 10,
                    medians[0],
                    medians[1],
                    medians[2],
                    medians[3],
                    medians[0] / medians[2].max(medians[3]),
                );
            }
        }
    }
    support::run_again_validated();
}
