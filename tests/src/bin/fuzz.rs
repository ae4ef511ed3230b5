//! `cargo run -p lockdep-tests --bin fuzz -- [--seconds N] [--seed S] [--case I] [FORMAT …]`: reads
//! nearly correct inputs of each format, and fails if one panics, hangs, needs too much memory, or
//! steers a terminal. `--seconds` is the time of all formats together; as many formats are read at
//! once as there are processors.

#![forbid(unsafe_code)]

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

use lockdep_tests::fuzz::formats::{FORMATS, FuzzedFormat};
use lockdep_tests::fuzz::{Outcome, run};

/// More memory than any input needs, in KiB.
const MAX_RESIDENT_KIB: u64 = 2 << 20;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for people")]
fn main() -> ExitCode {
    let (mut seconds, mut seed, mut case, mut names) = (60_u64, 1_u64, None, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|value| value.parse::<u64>().ok());
        let known = match arg.as_str() {
            "--seconds" => number().map(|n| seconds = n),
            "--seed" => number().map(|n| seed = n),
            "--case" => number().map(|n| case = Some(n)),
            name if FORMATS.iter().any(|format| format.name == name) => {
                names.push(arg.clone());
                Some(())
            }
            _ => None,
        };
        if known.is_none() {
            let formats: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
            eprintln!(
                "fuzz: `{arg}`: give --seconds N, --seed N, --case N, or formats: {}",
                formats.join(", ")
            );
            return ExitCode::from(2);
        }
    }
    // A panic is reported with its input.
    std::panic::set_hook(Box::new(|_| {}));
    let chosen = |format: &&FuzzedFormat| names.is_empty() || names.iter().any(|name| name == format.name);
    let formats: Vec<&FuzzedFormat> = FORMATS.iter().filter(chosen).collect();
    let time = Duration::from_secs(seconds) / u32::try_from(formats.len()).unwrap_or(1);
    let mut is_well = fuzz_all(&formats, seed, time, case);
    let resident = resident_kib();
    if resident > MAX_RESIDENT_KIB {
        println!("{resident} KiB of memory were needed");
        is_well = false;
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Fuzzes each format for `time`, one format for each processor at once; whether all were well.
#[expect(clippy::print_stdout, reason = "a tool for people")]
fn fuzz_all(formats: &[&FuzzedFormat], seed: u64, time: Duration, case: Option<u64>) -> bool {
    let next = AtomicUsize::new(0);
    let is_well = AtomicBool::new(true);
    let work = || {
        // ORDERING: Relaxed: a number for each; the formats themselves were there before.
        while let Some(format) = formats.get(next.fetch_add(1, Relaxed)) {
            let (text, format_is_well) = match run(format, seed, time, case) {
                Ok(outcome) => outcome_text(format, seed, &outcome),
                Err(error) => (format!("{}: {error}", format.name), false),
            };
            println!("{text}");
            if !format_is_well {
                // ORDERING: Relaxed: read after the threads have been joined.
                is_well.store(false, Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    // ORDERING: Relaxed: the threads have ended.
    is_well.load(Relaxed)
}

/// What came of a format in words, and whether it was well.
fn outcome_text(format: &FuzzedFormat, seed: u64, outcome: &Outcome) -> (String, bool) {
    let mut text = format!("{}: {} inputs of seed {seed}", format.name, outcome.n_inputs);
    let Some((number, why, kept)) = &outcome.found else { return (text, true) };
    let at = format!("--seed {seed} --case {number}; kept in {}", kept.display());
    text.push_str(&format!("\n{}: input {number} ({at}): {why}", format.name));
    (text, false)
}

/// The most memory that this process had; zero where that is not told.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
