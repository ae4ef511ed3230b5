//! What one uncontended read lock and unlock of a VMA costs, beside two atomic read-modify-writes,
//! and what a whole lookup costs: `cargo bench -p vmalock --bench vma_read`.
//!
//! All candidates are measured in turn, round by round, in one run; the table shows medians, in
//! nanoseconds and as a ratio. The second table is with the validator on.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use vmalock::{PAGE_SIZE, lock_vma_under_rcu, raw, rcu_read_lock};

mod support;

use support::{LockedTree, MmapLock, ParkingLot, PerVma, Random, Space, Std, address, median, read_one};

// Many short rounds: one that the scheduler interrupts is then the exception, and the median leaves
// it out.
const N_ROUNDS: usize = 201;
const N_PER_ROUND: usize = 2_000;

/// One candidate: its name, and what does its operation a number of times.
type Candidate<'a> = (String, Box<dyn FnMut(usize) + 'a>);

/// Medians in nanoseconds, in the order of the candidates. Each runs `n_warm_up` times before the
/// clock starts, or it would measure what the others left in the caches.
fn measure(candidates: &mut [Candidate<'_>], n_warm_up: usize) -> Vec<f64> {
    let mut samples = vec![Vec::new(); candidates.len()];
    for _ in 0..N_ROUNDS {
        for ((_, operation), samples) in candidates.iter_mut().zip(&mut samples) {
            operation(n_warm_up);
            let start = Instant::now();
            operation(N_PER_ROUND);
            samples.push(start.elapsed().as_secs_f64() * 1e9 / N_PER_ROUND as f64);
        }
    }
    samples.iter_mut().map(|samples| median(samples)).collect()
}

fn main() {
    let mode = if std::env::var_os("LOCKDEP").is_some_and(|value| value == "1") { "on" } else { "off" };
    println!("validator {mode}");
    lock_and_unlock();
    for n_vmas in [10, 1_000, 100_000] {
        lookups(n_vmas);
    }
    changes(1_000);
    releasing_many();
    support::run_again_validated();
}

/// The lock alone: the VMA is known, an RCU section is open.
fn lock_and_unlock() {
    let space = PerVma::new(10);
    let mm = space.0.mm();
    let vma = mm.read().vma_lookup(address(3)).expect("mapped").as_raw();
    let count = AtomicU32::new(1);
    let mut candidates: Vec<Candidate<'_>> = vec![
        (
            "two atomic RMWs".to_owned(),
            Box::new(|n| {
                for _ in 0..n {
                    // ORDERING: those of the lock that they stand for.
                    black_box(&count).fetch_add(1, Ordering::Acquire);
                    black_box(&count).fetch_sub(1, Ordering::Release);
                }
            }),
        ),
        (
            "a compare-exchange loop and an RMW".to_owned(),
            Box::new(|n| {
                for _ in 0..n {
                    // ORDERING: those of the lock that they stand for.
                    let _ = black_box(&count).fetch_update(Ordering::Acquire, Ordering::Relaxed, |count| {
                        (count != 0).then_some(count + 1)
                    });
                    black_box(&count).fetch_sub(1, Ordering::Release);
                }
            }),
        ),
        (
            "vma_start_read + vma_end_read".to_owned(),
            Box::new(|n| {
                let mut rcu = rcu_read_lock();
                for _ in 0..n {
                    rcu = raw::vma_start_read(rcu, mm, black_box(vma)).expect("no thread writes");
                    raw::vma_end_read(vma);
                }
            }),
        ),
        (
            "lock_vma_under_rcu, same address".to_owned(),
            Box::new(|n| {
                for _ in 0..n {
                    drop(black_box(lock_vma_under_rcu(mm, black_box(address(3)))));
                }
            }),
        ),
    ];
    print(
        &candidates.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        &measure(&mut candidates, 1000),
    );
}

/// A random VMA of many, found and locked.
fn lookups(n_vmas: usize) {
    let per_vma = PerVma::new(n_vmas);
    let mmap_lock = MmapLock(PerVma::new(n_vmas));
    let (std, parking_lot) = (Std::new(n_vmas), ParkingLot::new(n_vmas));
    let locked_tree = LockedTree::new(n_vmas);
    let spaces: [(&str, &dyn Space); 5] = [
        ("per-VMA lock", &per_vma),
        ("parking_lot RwLock, own tree", &locked_tree),
        ("mmap lock", &mmap_lock),
        ("std RwLock<BTreeMap>", &std),
        ("parking_lot RwLock<BTreeMap>", &parking_lot),
    ];
    let mut candidates: Vec<Candidate<'_>> = spaces
        .iter()
        .map(|&(name, space)| {
            let mut random = Random(42);
            let operation = move |n: usize| {
                for _ in 0..n {
                    read_one(space, &mut random, n_vmas);
                }
            };
            (format!("{name}, {n_vmas} VMAs"), Box::new(operation) as Box<dyn FnMut(usize)>)
        })
        .collect();
    print(
        &candidates.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        &measure(&mut candidates, n_vmas),
    );
}

/// A random VMA of many, found and changed, or replaced by a new one.
fn changes(n_vmas: usize) {
    for (what, change) in [
        ("changing", (|space, addr| space.write(addr, vmalock::flags::WRITE)) as fn(&dyn Space, usize)),
        ("replacing", |space, addr| space.replace(addr)),
    ] {
        change_one(n_vmas, what, change);
    }
}

fn change_one(n_vmas: usize, what: &str, change: fn(&dyn Space, usize)) {
    let (per_vma, std, parking_lot) = (PerVma::new(n_vmas), Std::new(n_vmas), ParkingLot::new(n_vmas));
    let spaces: [(&str, &dyn Space); 3] =
        [("mmap + VMA write lock", &per_vma), ("std RwLock", &std), ("parking_lot RwLock", &parking_lot)];
    let mut candidates: Vec<Candidate<'_>> = spaces
        .iter()
        .map(|&(name, space)| {
            let mut random = Random(42);
            let operation = move |n: usize| {
                for _ in 0..n {
                    change(space, address(random.below(n_vmas)));
                }
            };
            (format!("{what} one of {n_vmas}: {name}"), Box::new(operation) as Box<dyn FnMut(usize)>)
        })
        .collect();
    print(
        &candidates.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        &measure(&mut candidates, n_vmas),
    );
}

fn print(names: &[String], medians: &[f64]) {
    for (name, ns) in names.iter().zip(medians) {
        println!("  {name:<42} {ns:>9.1} ns  {:>6.2} x", ns / medians[0]);
    }
}

/// Dropping one, and ten thousand, VMA write locks: one store.
fn releasing_many() {
    let space = PerVma::new(10_000);
    for n_locked in [1, 10_000] {
        let mut samples = Vec::new();
        for _ in 0..N_ROUNDS {
            let guard = space.0.mm().write();
            for n in 0..n_locked {
                guard.start_write(guard.vma_lookup(address(n) + PAGE_SIZE).expect("mapped"));
            }
            let start = Instant::now();
            drop(guard);
            samples.push(start.elapsed().as_secs_f64() * 1e9);
        }
        println!("  releasing {n_locked:>5} VMA write locks{:>24.0} ns", median(&mut samples));
    }
}
