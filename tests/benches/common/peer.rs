//! The program every peer package is: it waits for `SCENARIO ITERATIONS` lines and answers each
//! with nanoseconds per unit.
//!
//! A package supplies `mod imp` with `NAME`, `Mutex<T>`, `RwLock<T>`, `lock`, `read`, `write`,
//! `start` and `edges`; everything measured is the same source in all of them.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::sync::{Arc, Barrier};
use std::time::Instant;

use crate::{cases, imp};

/// A lock on cache lines of its own, so that two threads with two locks share nothing by accident.
#[repr(align(128))]
struct Padded(imp::Mutex<u64>);

#[repr(align(128))]
struct PaddedRw(imp::RwLock<u64>);

/// Every scenario and the number of units (lock+unlock pairs, mostly) one iteration has.
const SCENARIOS: &[(&str, u64, fn(u64) -> u64)] = &[
    ("single", 1, |n| nested::<1>(n)),
    ("nested2", 2, |n| nested::<2>(n)),
    ("nested4", 4, |n| nested::<4>(n)),
    ("nested8", 8, |n| nested::<8>(n)),
    ("two_threads_own_1", 1, |n| two_threads_own::<1>(n)),
    ("two_threads_own_2", 2, |n| two_threads_own::<2>(n)),
    ("two_threads_own_4", 4, |n| two_threads_own::<4>(n)),
    ("two_threads_same", 1, two_threads_same),
    ("rwlock_read", 1, rwlock_read),
    ("rwlock_write", 1, rwlock_write),
    ("shared_read_2", 1, shared_read_two),
    ("new_drop", 1, new_drop),
    ("new_lock_drop", 1, new_lock_drop),
    ("outer_new_lock_drop", 1, outer_new_lock_drop),
    ("hand_over_hand", 1, hand_over_hand),
    ("sorted_shards", 2, sorted_shards),
    ("tree_walk", 1, tree_walk),
];

/// Runs the scenario loop on standard input and output.
pub fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["startup"] => {
            imp::start();
            *imp::lock(&imp::Mutex::new(0_u64)) += 1;
            return;
        }
        ["cases"] => {
            cases::CASES.iter().for_each(|(name, _)| println!("{name}"));
            return;
        }
        ["case", name] => {
            imp::watch();
            cases::run(name);
            return;
        }
        _ => {}
    }
    imp::start();
    let stdin = std::io::stdin();
    let mut stdout = std::io::stdout();
    for line in stdin.lock().lines() {
        let line = line.expect("standard input is text");
        let mut words = line.split_whitespace();
        let (Some(name), Some(count)) = (words.next(), words.next()) else { continue };
        let count: u64 = count.parse().expect("a number of iterations");
        let answer = answer(name, count);
        writeln!(stdout, "{answer}").expect("the driver reads");
        stdout.flush().expect("the driver reads");
    }
}

fn answer(name: &str, count: u64) -> String {
    if name == "size" {
        return format!("{} {}", size_of::<imp::Mutex<u64>>(), size_of::<imp::RwLock<u64>>());
    }
    if name == "memory" {
        return memory(usize::try_from(count).expect("fits"));
    }
    if let Some(shape) = name.strip_prefix("edges_") {
        return imp::edges(shape, usize::try_from(count).expect("fits"));
    }
    match SCENARIOS.iter().find(|(known, ..)| *known == name) {
        Some((_, units, run)) => format!("{:.3}", run(count) as f64 / (count * units) as f64),
        None => "unknown".to_owned(),
    }
}

fn timed(body: impl FnOnce()) -> u64 {
    let start = Instant::now();
    body();
    u64::try_from(start.elapsed().as_nanos()).expect("less than five hundred years")
}

// Distinct lines, hence distinct classes for a validator that tells locks apart by where they are
// made.
#[rustfmt::skip]
fn eight() -> [Padded; 8] {
    [
        Padded(imp::Mutex::new(0)),
        Padded(imp::Mutex::new(1)),
        Padded(imp::Mutex::new(2)),
        Padded(imp::Mutex::new(3)),
        Padded(imp::Mutex::new(4)),
        Padded(imp::Mutex::new(5)),
        Padded(imp::Mutex::new(6)),
        Padded(imp::Mutex::new(7)),
    ]
}

#[inline(never)]
fn take(locks: &[Padded]) {
    match locks {
        [] => {}
        [only] => *imp::lock(&only.0) += 1,
        [first, rest @ ..] => {
            let mut guard = imp::lock(&first.0);
            *guard += 1;
            take(rest);
        }
    }
}

fn nested<const DEPTH: usize>(n: u64) -> u64 {
    let locks = eight();
    let run = |n: u64| {
        for _ in 0..n {
            match DEPTH {
                1 => *imp::lock(&black_box(&locks[0]).0) += 1,
                2 => {
                    let mut a = imp::lock(&black_box(&locks[0]).0);
                    let mut b = imp::lock(&locks[1].0);
                    *a += 1;
                    *b += 1;
                }
                _ => take(black_box(&locks[..DEPTH])),
            }
        }
    };
    run(n.min(100));
    timed(|| run(n))
}

/// Runs `body` on two threads that start together and gives back the mean time of the two.
fn on_two_threads(body: impl Fn(usize) + Send + Sync + 'static) -> u64 {
    let start = Arc::new(Barrier::new(2));
    let body = Arc::new(body);
    let threads: Vec<_> = (0..2)
        .map(|index| {
            let (start, body) = (Arc::clone(&start), Arc::clone(&body));
            std::thread::spawn(move || {
                pin(index);
                start.wait();
                timed(|| body(index))
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().expect("does not panic")).sum::<u64>() / 2
}

/// Keeps the thread on one processor where that is possible.
fn pin(cpu: usize) {
    // SAFETY: the set is plain data, initialised before use; a refusal leaves the thread where it
    // was.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

fn two_threads_own<const DEPTH: usize>(n: u64) -> u64 {
    let locks = [eight(), eight()];
    on_two_threads(move |index| {
        for _ in 0..n {
            take(black_box(&locks[index][..DEPTH]));
        }
    })
}

fn two_threads_same(n: u64) -> u64 {
    let lock = Padded(imp::Mutex::new(0));
    on_two_threads(move |_| {
        for _ in 0..n {
            *imp::lock(&black_box(&lock).0) += 1;
        }
    })
}

fn rwlock_read(n: u64) -> u64 {
    let lock = imp::RwLock::new(1_u64);
    timed(|| {
        for _ in 0..n {
            black_box(*imp::read(black_box(&lock)));
        }
    })
}

fn rwlock_write(n: u64) -> u64 {
    let lock = imp::RwLock::new(1_u64);
    timed(|| {
        for _ in 0..n {
            *imp::write(black_box(&lock)) += 1;
        }
    })
}

fn shared_read_two(n: u64) -> u64 {
    let lock = PaddedRw(imp::RwLock::new(1_u64));
    on_two_threads(move |_| {
        for _ in 0..n {
            black_box(*imp::read(black_box(&lock.0)));
        }
    })
}

fn new_drop(n: u64) -> u64 {
    timed(|| {
        for i in 0..n {
            drop(black_box(imp::Mutex::new(i)));
        }
    })
}

fn new_lock_drop(n: u64) -> u64 {
    timed(|| {
        for i in 0..n {
            let lock = black_box(imp::Mutex::new(i));
            *imp::lock(&lock) += 1;
        }
    })
}

fn outer_new_lock_drop(n: u64) -> u64 {
    let outer = imp::Mutex::new('o');
    timed(|| {
        for i in 0..n {
            let _outer = imp::lock(&outer);
            let lock = black_box(imp::Mutex::new(i));
            *imp::lock(&lock) += 1;
        }
    })
}

/// A list of `n` nodes, walked hand over hand: built and walked once before the clock starts.
fn hand_over_hand(n: u64) -> u64 {
    let list: Vec<imp::Mutex<u64>> = (0..n.max(2)).map(imp::Mutex::new).collect();
    let walk = || {
        let mut held = imp::lock(&list[0]);
        for next in &list[1..] {
            held = imp::lock(next);
        }
        drop(held);
    };
    walk();
    timed(walk)
}

/// 64 shards, two at a time, in order.
fn sorted_shards(n: u64) -> u64 {
    let shards: Vec<imp::Mutex<u64>> = (0..64).map(imp::Mutex::new).collect();
    let run = |n: u64| {
        for i in 0..n {
            let first = usize::try_from(i % 63).expect("small");
            let second =
                first + 1 + usize::try_from(i.wrapping_mul(7) % (63 - i % 63).max(1)).expect("small");
            let mut a = imp::lock(&shards[first]);
            let mut b = imp::lock(&shards[second.min(63)]);
            *a += 1;
            *b += 1;
        }
    };
    run(n.min(5_000));
    timed(|| run(n))
}

/// A complete binary tree of 2^12 nodes; each step walks from the root to a leaf, parent and child
/// held together.
fn tree_walk(n: u64) -> u64 {
    const NODES: usize = 1 << 12;
    let tree: Vec<imp::Mutex<u64>> = (0..NODES as u64).map(imp::Mutex::new).collect();
    let mut steps = 0;
    let mut run = |n: u64| {
        let mut path = 1_usize;
        steps = 0;
        while steps < n {
            let mut node = 1;
            let mut held = imp::lock(&tree[node]);
            path = path.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut turns = path >> 20;
            while node * 2 + 1 < NODES && steps < n {
                node = node * 2 + (turns & 1);
                turns >>= 1;
                held = imp::lock(&tree[node]);
                steps += 1;
            }
            drop(held);
            steps += 1;
        }
    };
    run(n.min(200_000));
    timed(|| run(n))
}

/// Resident bytes per lock: after creating `n`, after locking each once, after nesting each in one
/// outer lock.
fn memory(n: usize) -> String {
    use crate::edges::resident;
    let before = resident();
    let outer = imp::Mutex::new('o');
    let locks: Vec<imp::Mutex<u64>> = (0..n as u64).map(imp::Mutex::new).collect();
    let created = resident();
    for lock in &locks {
        *imp::lock(lock) += 1;
    }
    let locked = resident();
    for lock in &locks {
        let _outer = imp::lock(&outer);
        *imp::lock(lock) += 1;
    }
    let nested = resident();
    let per = |now: usize| now.saturating_sub(before) / n;
    format!("{} {} {}", per(created), per(locked), per(nested))
}
