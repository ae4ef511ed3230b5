//! Replays a trace that is made while it is read: events a second, and whether memory stays what it
//! is.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::peer::cargo_lockdep;

/// Events written at once.
const BLOCK: u64 = 100_000;
const N_THREADS: u64 = 16;
const N_LOCKS: u64 = 1_000;
const N_SECTIONS: u64 = 10_000;

/// Feeds `n_events` to `cargo lockdep replay --format std -` and prints how that goes.
pub fn run(n_events: u64) -> Result<(), String> {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the driver lies in tests/benches")?;
    let binary = cargo_lockdep(benches)?;
    let mut child = Command::new(&binary)
        .args(["lockdep", "replay", "--format", "std", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", binary.display()))?;
    let mut input = child.stdin.take().ok_or("the child has no standard input")?;
    println!("| events | events a second | resident MB |");
    println!("|---|---|---|");
    let start = Instant::now();
    let mut text = String::new();
    let mut made = 0;
    let mut next_line = n_events / 10;
    while made < n_events {
        text.clear();
        let end = (made + BLOCK).min(n_events);
        while made < end {
            made += section(made, &mut text);
        }
        input.write_all(text.as_bytes()).map_err(|error| format!("the replay stopped reading: {error}"))?;
        if made >= next_line {
            next_line += n_events / 10;
            let per_second = made as f64 / start.elapsed().as_secs_f64();
            println!("| {made} | {per_second:.0} | {:.1} |", resident(child.id()) as f64 / 1e6);
        }
    }
    drop(input);
    let status = child.wait().map_err(|error| format!("the replay is gone: {error}"))?;
    println!("\n{made} events in {:.1} s, {status}", start.elapsed().as_secs_f64());
    Ok(())
}

/// Four acquisitions in the order of the locks, a few accesses, four releases; returns how many
/// events it wrote.
fn section(seed: u64, text: &mut String) -> u64 {
    let mix = |value: u64| value.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = mix(seed);
    let thread = (mixed >> 20) % N_THREADS;
    // As in a program: the same sections again and again, by any thread.
    let kind = mix((mixed >> 40) % N_SECTIONS);
    let mut locks = [0, 16, 32, 48].map(|shift| (kind >> shift) % N_LOCKS);
    locks.sort_unstable();
    let mut event = |what: &str, operand: u64| {
        writeln!(text, "T{thread}|{what}({operand})|{operand}").expect("a string takes it");
    };
    for lock in locks {
        event("acq", lock);
    }
    event("r", mixed % 50_000);
    event("w", mixed % 50_000);
    for lock in locks.iter().rev() {
        event("rel", *lock);
    }
    2 * locks.len() as u64 + 2
}

/// The resident bytes of a process.
fn resident(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
