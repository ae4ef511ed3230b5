//! A differential fuzz: threads change one address space at once, and each knows exactly what its
//! own pages must say.
//!
//! ```text
//! cargo test -p vmalock --test fuzz                       # ten seconds
//! cargo test -p vmalock --test fuzz -- --seconds 600      # or VMALOCK_FUZZ_SECONDS=600
//! cargo test -p vmalock --test fuzz -- --seed 7 --mutant M34
//! ```
//!
//! The pages of the threads lie in stripes next to each other, so VMAs reach over the stripes of
//! several threads and are split and merged by all of them. What a page maps is changed by its
//! owner alone, so the owner's model is exact at every moment, whatever the others do. The threads
//! give way at the points of the protocol, as their seed says.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, see Cargo.toml")]

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

#[path = "support/std_build.rs"]
#[expect(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the crate's sources, of which the fuzz uses a part"
)]
mod build;
#[path = "support/child.rs"]
#[expect(dead_code, reason = "shared with the other programs")]
mod child;
#[path = "support/fuzz_owner.rs"]
mod fuzz_owner;
#[path = "support/reports.rs"]
#[expect(dead_code, reason = "shared with the other programs")]
mod reports;

use build::mapping::PAGE_SIZE;
use build::mapping::flags::READ;
use fuzz_owner::{N_OWNERS, Owner};

const USAGE: &str = "usage: fuzz [--seconds N] [--seed N] [--mutant ID]";

/// How long the gate lets it run.
const SECONDS: u64 = 10;
/// What a round may take beyond the time that was asked for; more is a hang.
const GRACE: Duration = Duration::from_secs(120);
/// How the last line of a run without a difference begins.
const END: &str = "fuzz: clean,";
/// How many operations each thread makes in a round.
const N_OPS: usize = 1_500;

struct Options {
    seconds: u64,
    seed: u64,
    mutant: Option<String>,
    is_child: bool,
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let by_hand = std::env::var("VMALOCK_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let mut options = Options { seconds: by_hand.unwrap_or(SECONDS), seed: 1, mutant: None, is_child: false };
    while let Some(arg) = args.next() {
        let mut number =
            || args.next().and_then(|text| text.parse().ok()).ok_or(format!("{arg} needs a number"));
        match arg.as_str() {
            "--seconds" => options.seconds = number()?,
            "--seed" => options.seed = number()?,
            "--mutant" => options.mutant = Some(args.next().ok_or("--mutant needs an identifier, as M34")?),
            "--child" => options.is_child = true,
            // The test runner's own, and filters.
            _ if !arg.starts_with("--") || arg == "--nocapture" => {}
            _ => return Err(format!("unknown option {arg}; {USAGE}")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has_options = args.iter().any(|arg| arg.starts_with("--se") || arg == "--mutant" || arg == "--child");
    if !has_options && !child::is_wanted("fuzz", &args) {
        return ExitCode::SUCCESS;
    }
    let options = match options(args.iter().cloned()) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("fuzz: {message}");
            return ExitCode::from(2);
        }
    };
    if options.is_child {
        fuzz(&options);
        return ExitCode::SUCCESS;
    }
    let (is_clean, said) = run(&args, options.seconds);
    print!("{said}");
    if !is_clean {
        println!("fuzz: a model and its space differ, or it hangs: see above");
        return ExitCode::FAILURE;
    }
    // What it is there for, seeded: a fuzz that cannot see it proves nothing.
    if options.mutant.is_none() && run(&["--seconds", "20", "--mutant", "M34"].map(str::to_owned), 20).0 {
        println!("fuzz: NOT NOTICED: M34");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs this program again as the child that fuzzes; whether it came to its end, and what it said.
fn run(args: &[String], seconds: u64) -> (bool, String) {
    let program = std::env::current_exe().expect("a running program has a path");
    let mut command = Command::new(program);
    command.args(args).arg("--child").env("LOCKDEP", "0").env("RUST_BACKTRACE", "0");
    let said = reports::stderr_of(&mut command, Duration::from_secs(seconds) + GRACE);
    (said.lines().last().is_some_and(|line| line.starts_with(END)), said)
}

/// Rounds of changes, each with a seed of its own, until the time is over; panics where a model and
/// the space differ.
fn fuzz(options: &Options) {
    if let Some(mutant) = &options.mutant {
        assert!(build::probe::seed(mutant), "no mutant {mutant}");
    }
    let since = Instant::now();
    let mut seed = options.seed;
    while since.elapsed() < Duration::from_secs(options.seconds) {
        round(seed);
        seed += 1;
    }
    assert_eq!(build::warn::n_warnings(), 0, "the locks warned");
    let n_ops = (seed - options.seed) * u64::try_from(N_OWNERS * N_OPS).expect("small");
    eprintln!("{END} {n_ops} operations in {} s", since.elapsed().as_secs());
}

/// One round: two spaces that take their VMAs from one slab, so that stale readers meet VMAs of the
/// other one.
fn round(seed: u64) {
    let cache: &'static _ = Box::leak(Box::new(build::cache::VmaCache::new()));
    let spaces = [(); 2].map(|()| build::space::AddressSpace::with_cache(cache));
    // No stack can grow down to the stripes: a fault there is an error.
    for space in &spaces {
        space.map(fuzz_owner::SENTINEL * PAGE_SIZE, PAGE_SIZE, READ).expect("the space is empty");
    }
    let owners: Vec<Owner<'_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..N_OWNERS)
            .map(|owner| {
                let spaces = &spaces;
                scope.spawn(move || {
                    let mut owner = Owner::new(spaces, owner, seed);
                    owner.disturb();
                    (0..N_OPS).for_each(|_| owner.step());
                    build::probe::on_points(None);
                    owner
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    owners.iter().for_each(Owner::check_listings);
    for space in &spaces {
        let listed = space.maps().expect("no thread is killed").len();
        assert_eq!(listed, space.map_count(), "seed {seed}: as many lines as VMAs");
    }
}
