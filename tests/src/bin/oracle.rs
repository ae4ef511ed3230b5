//! Runs random histories through the engine and the oracle, and counts what the engine misses and what it makes up.
//!
//! `cargo run --release -p lockdep-tests --bin oracle -- --histories 100000`

use std::process::ExitCode;
use std::time::Instant;

use lockdep_tests::oracle::compare::{self, Difference};
use lockdep_tests::oracle::history::{self, Seed, Shape};

/// Classes, percent of readers, depth; the first four are those of the table of the kernel's holes.
const SHAPES: [(usize, u64, usize); 6] =
    [(8, 85, 2), (8, 50, 3), (10, 50, 4), (10, 75, 4), (9, 65, 4), (8, 85, 4)];

#[derive(Default)]
struct Counts {
    n_histories: u64,
    n_deadlocks: u64,
    n_missed: u64,
    n_false: u64,
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let n_histories = value("--histories").unwrap_or(10_000);
    let first_seed = value("--seed").unwrap_or(0);
    if let Some(name) = arguments.iter().skip_while(|argument| *argument != "--fault").nth(1)
        && let Err(message) = lockdep_tests::faults::switch_on(name)
    {
        println!("{message}");
        return ExitCode::from(2);
    }
    println!("classes readers depth contexts | histories deadlocks missed false");
    let mut all = Counts::default();
    let start = Instant::now();
    for contexts in [false, true] {
        for (n_classes, percent_readers, max_depth) in SHAPES {
            let mut counts = Counts::default();
            for number in 0..n_histories.div_ceil(2 * SHAPES.len() as u64) {
                // Short ones, so that many have no deadlock at all, and long ones.
                let n_events = 16 + usize::try_from(number % 128).expect("below 128");
                let shape = Shape { n_classes, percent_readers, max_depth, n_events, contexts };
                run(shape, first_seed + number, &mut counts);
            }
            let Counts { n_histories, n_deadlocks, n_missed, n_false } = counts;
            println!(
                "{n_classes:7} {percent_readers:6}% {max_depth:5} {contexts:8} | {n_histories:9} {n_deadlocks:9} \
                 {n_missed:6} {n_false:5}"
            );
            all.n_histories += n_histories;
            all.n_deadlocks += n_deadlocks;
            all.n_missed += n_missed;
            all.n_false += n_false;
        }
    }
    let Counts { n_histories, n_deadlocks, n_missed, n_false } = all;
    println!(
        "oracle: {n_histories} histories, {n_deadlocks} with a deadlock, {n_missed} missed, {n_false} false ({:.1} s)",
        start.elapsed().as_secs_f64()
    );
    if n_missed + n_false == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn run(shape: Shape, seed: u64, counts: &mut Counts) {
    let history = history::make(shape, &mut Seed(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)));
    counts.n_histories += 1;
    let mut differences = Vec::new();
    match compare::until_first(shape, &history) {
        Ok(agreed) => counts.n_deadlocks += u64::from(agreed.has_deadlock),
        Err(difference) => differences.push(difference),
    }
    // What comes after the first report is compared without contexts: one inversion has many readings.
    if !shape.contexts && differences.is_empty() {
        differences.extend(compare::to_the_end(shape, &history).err());
    }
    for difference in differences {
        match difference {
            Difference::Missed(..) => counts.n_missed += 1,
            Difference::False(..) => counts.n_false += 1,
        }
        if counts.n_missed + counts.n_false <= 2 {
            println!("seed {seed}: {difference:?}");
        }
    }
}
