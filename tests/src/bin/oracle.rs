//! Runs random histories through the engine and the oracle, and counts what the engine misses and
//! what it makes up.
//!
//! `cargo run --release -p lockdep-tests --bin oracle -- --histories 100000`
//!
//! `--kernel-holes` runs the histories four times more, with the two holes of the kernel's search
//! switched back on, one by one and together: it builds itself once more with `--cfg
//! engine_mutants` for that. `--seed N` starts elsewhere, `--threads N` uses more or fewer than two
//! threads, `--show` prints the history of each difference, up to the event.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lockdep_tests::mutants;
use lockdep_tests::oracle::compare::{self, Difference};
use lockdep_tests::oracle::history::{self, Seed, Shape};
use lockdep_validator::mutant::Mutant;

/// Classes, percent of readers, depth; the first four are those of the table of the kernel's holes.
const SHAPES: [(usize, u64, usize); 6] =
    [(8, 85, 2), (8, 50, 3), (10, 50, 4), (10, 75, 4), (9, 65, 4), (8, 85, 4)];

/// Which rules are broken, and what the column is called.
const HOLES: [(&str, &[Mutant]); 4] = [
    ("as the kernel is", &[Mutant::SearchShadows, Mutant::WalkStopsAtRecursiveReader]),
    ("only (a) cured", &[Mutant::WalkStopsAtRecursiveReader]),
    ("only (b) cured", &[Mutant::SearchShadows]),
    ("both cured", &[]),
];

#[derive(Clone, Copy, Default)]
struct Counts {
    n_histories: u64,
    n_deadlocks: u64,
    n_missed: u64,
    n_false: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.n_histories += other.n_histories;
        self.n_deadlocks += other.n_deadlocks;
        self.n_missed += other.n_missed;
        self.n_false += other.n_false;
    }
}

/// What the command line asks for.
struct Run {
    n_histories: u64,
    first_seed: u64,
    n_threads: u64,
    kernel_holes: bool,
    show: bool,
    /// Only whether the first deadlock is reported, not what comes after it.
    first_only: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let run = match parse(&arguments) {
        Ok(run) => run,
        Err(message) => return refuse(&message),
    };
    if run.kernel_holes && mutants::switch_on(&[]).is_err() {
        return build_with_faults(&arguments);
    }
    if run.kernel_holes {
        return match kernel_holes(&run) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => refuse(&message),
        };
    }
    let all = table(&run);
    if all.n_missed + all.n_false == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stderr, reason = "a command that explains what it was given")]
fn refuse(message: &str) -> ExitCode {
    eprintln!("oracle: {message}");
    ExitCode::from(2)
}

fn parse(arguments: &[String]) -> Result<Run, String> {
    let mut run = Run {
        n_histories: 10_000,
        first_seed: 0,
        n_threads: 2,
        kernel_holes: false,
        show: false,
        first_only: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let value = rest.next().and_then(|value| value.parse::<u64>().ok());
            value.ok_or_else(|| format!("{argument} needs a number"))
        };
        match argument.as_str() {
            "--histories" => run.n_histories = number()?,
            "--seed" => run.first_seed = number()?,
            "--threads" => run.n_threads = number()?.clamp(1, 64),
            "--kernel-holes" => run.kernel_holes = true,
            "--show" => run.show = true,
            other => {
                return Err(format!(
                    "unknown argument \"{other}\"; known are --histories --seed --threads --kernel-holes --show"
                ));
            }
        }
    }
    Ok(run)
}

/// Runs the same command in a build whose rules can be broken, in a target directory of its own.
#[expect(clippy::print_stderr, reason = "a command that says why it waits")]
fn build_with_faults(arguments: &[String]) -> ExitCode {
    eprintln!("oracle: building the engine with its faults");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--release", "--quiet", "--package", "lockdep-tests", "--bin", "oracle"])
        .arg("--target-dir")
        .arg(mutants::target_directory())
        .arg("--")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", "--cfg engine_mutants")
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => refuse(&format!("cargo does not start: {error}")),
    }
}

/// The table of the kernel's two holes: how many first deadlocks each variant misses.
#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn kernel_holes(run: &Run) -> Result<(), String> {
    let [first, second, third, fourth] = HOLES.map(|(name, _)| name);
    println!("classes readers depth deadlocks | missed: {first}, {second}, {third}, {fourth} | false");
    let shapes = &SHAPES[..4];
    let per_shape = run.n_histories.div_ceil(shapes.len() as u64);
    let run = Run { first_only: true, ..*run };
    let mut total = [Counts::default(); HOLES.len()];
    for &(n_classes, percent_readers, max_depth) in shapes {
        let mut columns = [Counts::default(); HOLES.len()];
        for ((_, broken), column) in HOLES.iter().zip(&mut columns) {
            mutants::switch_on(broken)?;
            let shape = Shape { n_classes, percent_readers, max_depth, n_events: 0, contexts: false };
            *column = histories(&run, shape, per_shape);
        }
        for (all, column) in total.iter_mut().zip(columns) {
            all.add(column);
        }
        println!("{n_classes:7} {percent_readers:6}% {max_depth:5} {}", holes_row(columns));
    }
    println!("kernel holes: {} histories, deadlocks {}", total[3].n_histories, holes_row(total));
    Ok(())
}

fn holes_row(columns: [Counts; 4]) -> String {
    // A deadlock that a variant misses is not counted among those it found.
    let n_deadlocks = columns[3].n_deadlocks + columns[3].n_missed;
    let [first, second, third, fourth] = columns.map(|column| column.n_missed);
    let n_false: u64 = columns.iter().map(|column| column.n_false).sum();
    format!("{n_deadlocks:9} | {first:8} {second:8} {third:8} {fourth:8} | {n_false}")
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn table(run: &Run) -> Counts {
    println!("classes readers depth contexts | histories deadlocks missed false");
    let mut all = Counts::default();
    let start = Instant::now();
    for contexts in [false, true] {
        for (n_classes, percent_readers, max_depth) in SHAPES {
            let shape = Shape { n_classes, percent_readers, max_depth, n_events: 0, contexts };
            let counts = histories(run, shape, run.n_histories.div_ceil(2 * SHAPES.len() as u64));
            let Counts { n_histories, n_deadlocks, n_missed, n_false } = counts;
            println!(
                "{n_classes:7} {percent_readers:6}% {max_depth:5} {contexts:8} | {n_histories:9} {n_deadlocks:9} \
                 {n_missed:6} {n_false:5}"
            );
            all.add(counts);
        }
    }
    let Counts { n_histories, n_deadlocks, n_missed, n_false } = all;
    println!(
        "oracle: {n_histories} histories, {n_deadlocks} with a deadlock, {n_missed} missed, {n_false} false ({:.1} s)",
        start.elapsed().as_secs_f64()
    );
    all
}

/// Runs the histories of one shape on all threads.
#[expect(clippy::print_stderr, reason = "progress")]
fn histories(run: &Run, shape: Shape, n_histories: u64) -> Counts {
    const BATCH: u64 = 64;
    const PROGRESS: Duration = Duration::from_secs(5);
    let next = AtomicU64::new(0);
    let all = Mutex::new((Counts::default(), Instant::now()));
    std::thread::scope(|scope| {
        for _ in 0..run.n_threads {
            scope.spawn(|| {
                loop {
                    // ORDERING: Relaxed: the batches need to be distinct, nothing else.
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    if first >= n_histories {
                        break;
                    }
                    let mut counts = Counts::default();
                    for number in first..n_histories.min(first + BATCH) {
                        history(run, shape, number, &mut counts);
                    }
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    all.0.add(counts);
                    if all.1.elapsed() > PROGRESS {
                        all.1 = Instant::now();
                        eprintln!("  {} of {n_histories} of {shape:?}", all.0.n_histories);
                    }
                }
            });
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner).0
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn history(run: &Run, shape: Shape, number: u64, counts: &mut Counts) {
    // Short ones, so that many have no deadlock at all, and long ones.
    let n_events = 16 + usize::try_from(number % 128).expect("below 128");
    let shape = Shape { n_events, ..shape };
    let seed = run.first_seed + number;
    let history = history::make(shape, &mut Seed(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)));
    counts.n_histories += 1;
    let mut differences = Vec::new();
    match compare::until_first(shape, &history) {
        Ok(agreed) => counts.n_deadlocks += u64::from(agreed.has_deadlock),
        Err(difference) => differences.push(difference),
    }
    // What comes after the first report is compared without contexts: one inversion has many
    // readings.
    if !shape.contexts && !run.first_only && differences.is_empty() {
        differences.extend(compare::to_the_end(shape, &history).err());
    }
    for difference in differences {
        let (Difference::Missed(at, _) | Difference::False(at, _)) = difference;
        match difference {
            Difference::Missed(..) => counts.n_missed += 1,
            Difference::False(..) => counts.n_false += 1,
        }
        if !run.kernel_holes {
            println!("seed {seed}, {shape:?}: {difference:?}");
        }
        if run.show {
            for event in &history[..=at] {
                println!("    {event:?}");
            }
        }
    }
}
