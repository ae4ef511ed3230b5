//! `cargo run -p lockdep-tests --bin fuzz -- [--seconds N] [--seed S] [--case I] [FORMAT …]`: reads
//! nearly correct inputs of each format, and fails if one panics, hangs, needs too much memory, or
//! steers a terminal.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use lockdep_tests::fuzz::formats::{FORMATS, FuzzedFormat};
use lockdep_tests::fuzz::run;

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
    let mut is_well = true;
    for format in formats {
        match run(format, seed, time, case) {
            Ok(outcome) => {
                println!("{}: {} inputs of seed {seed}", format.name, outcome.n_inputs);
                if let Some((number, why, kept)) = outcome.found {
                    is_well = false;
                    println!(
                        "{}: input {number} (--seed {seed} --case {number}; kept in {}): {why}",
                        format.name,
                        kept.display()
                    );
                }
            }
            Err(error) => {
                is_well = false;
                println!("{}: {error}", format.name);
            }
        }
    }
    let resident = resident_kib();
    if resident > MAX_RESIDENT_KIB {
        println!("{resident} KiB of memory were needed");
        is_well = false;
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The most memory that this process had; zero where that is not told.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
