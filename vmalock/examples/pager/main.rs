//! A pager: address spaces with pages, which are copied at a write after a fork, and reclaimed.
//!
//! A VMM or a database would build the same on these locks, only larger. The page table is the
//! payload of a VMA. Some threads fault; others unmap, protect, fork and map; one reclaims frames.
//! Every store adds 1 to a word, so the sum of all words says whether a store was lost.
//!
//! ```text
//! LOCKDEP=1 cargo run --release -p vmalock --example pager                               # clean, nothing lost
//! LOCKDEP=1 cargo run --release -p vmalock --example pager -- --mistake reclaim-inversion # one report
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod frames;
mod mistakes;
mod space;
mod table;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use vmalock::{PAGE_SIZE, SpaceError};

pub(crate) use mistakes::MISTAKES;
use mistakes::Mistake;
use space::{Pager, RW};

const USAGE: &str = "usage: pager [--threads N] [--writes N] [--mistake NAME]";

/// First address of what is mapped.
const BASE: usize = 1 << 30;
/// How many pages are mapped to begin with.
const N_PAGES: usize = 512;

struct Options {
    n_threads: usize,
    n_writes: u64,
    mistake: Option<&'static Mistake>,
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits fit") % n
    }
}

#[derive(Default)]
struct Counters {
    n_refused: AtomicU64,
    n_changes: AtomicU64,
    n_forks: AtomicU64,
    n_reclaimed: AtomicU64,
    n_lost_by_children: AtomicU64,
}

fn main() -> ExitCode {
    run(std::env::args().skip(1))
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { n_threads: 4, n_writes: 200_000, mistake: None };
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"))?;
        let number = || match value.parse::<u32>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("{arg} {value}: not a positive number")),
        };
        match arg.as_str() {
            "--threads" => options.n_threads = number()? as usize,
            "--writes" => options.n_writes = number()?.into(),
            "--mistake" => {
                let known = MISTAKES.iter().find(|mistake| mistake.name == value);
                options.mistake = Some(known.ok_or_else(|| {
                    let names: Vec<_> = MISTAKES.iter().map(|mistake| mistake.name).collect();
                    format!("--mistake {value}: no such mistake; there are {}", names.join(", "))
                })?);
            }
            _ => return Err(format!("unknown option {arg}\n{USAGE}")),
        }
    }
    Ok(options)
}

/// The program, for its own `main` and for the test that runs it with every mistake.
pub(crate) fn run(args: impl Iterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print_help();
        return ExitCode::SUCCESS;
    }
    let options = match parse(args.into_iter()) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let pager = Pager::default();
    pager.space.map(BASE, N_PAGES * PAGE_SIZE, RW).expect("the space is empty");
    if let Some(mistake) = options.mistake {
        println!("mistake {}: {}; expect {}", mistake.name, mistake.what, mistake.code);
        (mistake.run)(&pager);
    }
    let counters = Counters::default();
    let start = Instant::now();
    storm(&pager, &options, &counters);
    let lost = pager.n_lost();
    print_counters(&pager, &counters, start.elapsed());
    // ORDERING: Relaxed; all threads are joined.
    let lost_by_children = counters.n_lost_by_children.load(Ordering::Relaxed);
    println!("{lost} writes lost, {lost_by_children} by children");
    if lost == 0 && lost_by_children == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_help() {
    println!("{USAGE}\n");
    println!("Pages, copied on write, from several threads, while others unmap, protect, fork and reclaim.");
    println!("With LOCKDEP=1 the lock validator watches; without a mistake it has nothing to say.\n");
    println!("  --threads N      how many threads (4), besides the reclaimer");
    println!("  --writes N       how many stores in all (200000)");
    println!("  --mistake NAME   first does one thing wrong; what LOCKDEP=1 reports it as stands behind:\n");
    for mistake in MISTAKES {
        println!("  {:<20} {}  {}", mistake.name, mistake.code, mistake.what);
    }
}

fn storm(pager: &Pager, options: &Options, counters: &Counters) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.n_threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (thread as u64 + 1));
                    while pager.n_written() < options.n_writes {
                        step(pager, counters, &mut random);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            // ORDERING: Relaxed; a flag that ends a loop, and a count.
            while !is_over.load(Ordering::Relaxed) {
                let n_taken = pager.reclaim(32).expect("no kill is pending");
                counters.n_reclaimed.fetch_add(n_taken as u64, Ordering::Relaxed);
                // Its pace: one round in a millisecond.
                std::thread::park_timeout(Duration::from_millis(1));
            }
        });
        let results: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        // Before a worker's panic goes on: or the reclaimer would go on, too.
        is_over.store(true, Ordering::Relaxed);
        results.into_iter().for_each(|result| result.expect("a worker panicked"));
    });
}

fn step(pager: &Pager, counters: &Counters, random: &mut Random) {
    let page = BASE + random.below(N_PAGES) * PAGE_SIZE;
    let addr = page + random.below(PAGE_SIZE / 8) * 8;
    let len = (1 + random.below(6)) * PAGE_SIZE;
    let count = |counter: &AtomicU64| {
        // ORDERING: Relaxed; a statistic.
        counter.fetch_add(1, Ordering::Relaxed);
    };
    let result = match random.below(1000) {
        0..20 => pager.space.protect(page, len, RW).map(drop),
        20..22 => pager.space.protect(page, len, vmalock::flags::READ).map(drop),
        22..25 => pager.unmap(page, len).map(drop),
        25..32 => pager.map_over(page, len).map(drop),
        32..36 => pager.dont_need(page, len),
        36..40 if random.below(20) == 0 => fork(pager, counters, random),
        36..100 => pager.read(addr).map(drop),
        _ => pager.write(addr),
    };
    match result {
        Ok(()) => {}
        Err(SpaceError::NotMapped | SpaceError::AccessDenied) => count(&counters.n_refused),
        Err(error) => panic!("at {addr:#x}: {error}"),
    }
    count(&counters.n_changes);
}

/// A child writes on its own pages, and is taken down.
fn fork(pager: &Pager, counters: &Counters, random: &mut Random) -> Result<(), SpaceError> {
    let child = pager.fork()?;
    for _ in 0..50 {
        // What is not mapped or not writable is not in the child either.
        let _ = child.write(BASE + random.below(N_PAGES) * PAGE_SIZE);
    }
    let n_lost = u64::try_from(child.n_lost().unsigned_abs()).unwrap_or(u64::MAX);
    // ORDERING: Relaxed; statistics.
    counters.n_lost_by_children.fetch_add(n_lost, Ordering::Relaxed);
    counters.n_forks.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

fn print_counters(pager: &Pager, counters: &Counters, elapsed: Duration) {
    // ORDERING: Relaxed; all threads are joined.
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{:.1} s: {} writes in {} operations, {} refused, {} forks, {} frames reclaimed, {} free",
        elapsed.as_secs_f64(),
        pager.n_written(),
        read(&counters.n_changes),
        read(&counters.n_refused),
        read(&counters.n_forks),
        read(&counters.n_reclaimed),
        frames::n_free(),
    );
    let events = pager.space.mm().vma_lock_events();
    println!("VMA lock: {} aborts, {} misses", events.n_abort(), events.n_miss());
}
