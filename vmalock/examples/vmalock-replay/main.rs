//! Replays what a real program did to its address space, on 1 to 64 threads, validated and not.
//!
//! ```text
//! strace -f -e trace=memory -o out.strace PROGRAM
//! cargo run --release -p vmalock --example vmalock-replay -- out.strace
//! ```
//!
//! Each thread replays the whole record in its own part of one address space. The threads share the
//! mmap lock, the tree and the sequence. At the end each part must look as after a replay alone.
//! Between two operations a thread faults on what it mapped, since a program does little else.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod trace;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use trace::Op;
use vmalock::{Access, AddressSpace, Mapping, PAGE_SIZE, SpaceError, WaitKind, warn};

const USAGE: &str =
    "usage: vmalock-replay [--threads N,N…] [--faults N] [--rounds N] [--validator off|on|both] [FILE…]";

/// How much of the address space one thread has. A record fits: user addresses have 47 bits.
const PART: usize = 1 << 48;

/// Records that come with the example.
const RECORDS: [(&str, &str); 2] = [
    ("rustc, 7 threads", include_str!("../traces/rustc.strace")),
    ("java, the first 620 calls", include_str!("../traces/java.strace")),
];

pub(crate) struct Options {
    pub(crate) threads: Vec<usize>,
    pub(crate) n_faults: usize,
    pub(crate) n_rounds: usize,
    pub(crate) validator: String,
    pub(crate) files: Vec<String>,
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        threads: vec![1, 2, 4, 8, 16, 32, 64],
        n_faults: 16,
        n_rounds: 4,
        validator: "both".to_owned(),
        files: Vec::new(),
    };
    while let Some(arg) = args.next() {
        if !arg.starts_with('-') {
            options.files.push(arg);
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"))?;
        let number = |word: &str| match word.parse::<u16>() {
            Ok(number) if number > 0 => Ok(usize::from(number)),
            _ => Err(format!("{arg} {word}: not a positive number")),
        };
        match arg.as_str() {
            "--threads" => {
                options.threads = value.split(',').map(number).collect::<Result<_, _>>()?;
                if options.threads.iter().any(|n| *n > 64) {
                    return Err(format!("--threads {value}: at most 64"));
                }
            }
            "--faults" => options.n_faults = number(&value)?,
            "--rounds" => options.n_rounds = number(&value)?,
            "--validator" if ["off", "on", "both"].contains(&value.as_str()) => options.validator = value,
            "--validator" => return Err(format!("--validator {value}: off, on or both")),
            _ => return Err(format!("unknown option {arg}\n{USAGE}")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}\n\nWithout a FILE the records that come with the example are replayed.");
        return ExitCode::SUCCESS;
    }
    let options = match parse(args.iter().cloned()) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    if options.validator == "both" {
        // The validator is on or off for a whole process.
        return if run_child(&args, "off") && run_child(&args, "on") {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let is_on = std::env::var_os("LOCKDEP").is_some_and(|value| value == "1");
    if is_on != (options.validator == "on") {
        return if run_child(&args, &options.validator) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match run(&options) {
        Ok(is_right) => ExitCode::from(u8::from(!is_right)),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// Runs this program again with the validator `off` or `on`; whether all was well.
fn run_child(args: &[String], validator: &str) -> bool {
    let program = std::env::current_exe().expect("a running program has a path");
    let status = std::process::Command::new(program)
        .args(args)
        .args(["--validator", validator])
        .env("LOCKDEP", if validator == "on" { "1" } else { "0" })
        .status();
    status.is_ok_and(|status| status.success())
}

/// Replays; whether all was as it should be.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    println!("validator {}, {} faults after each operation", options.validator, options.n_faults);
    println!(
        "{:<26} {:>7} {:>9} {:>9} {:>7} {:>7} {:>7} {:>6}  waits that slept: n, median, 99 % (mmap read | mmap write | VMA)",
        "record", "threads", "op/s", "fault/s", "success", "abort", "retry", "miss"
    );
    let mut is_right = true;
    let mut records = Vec::new();
    for file in &options.files {
        let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?;
        records.push((file.clone(), text));
    }
    if records.is_empty() {
        records.extend(RECORDS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    }
    for (name, text) in &records {
        let (ops, n_skipped) = trace::parse(text);
        if ops.is_empty() {
            return Err(format!(
                "{name}: no call of the memory class in it: record with strace -f -e trace=memory"
            ));
        }
        println!("{name}: {} operations, {n_skipped} lines passed over", ops.len());
        let alone = AddressSpace::new();
        replay(&alone, &ops, 0, options);
        let expected = alone.maps().map_err(|error| error.to_string())?;
        for &n_threads in &options.threads {
            is_right &= replay_on(n_threads, name, &ops, &expected, options);
        }
    }
    println!("{} warnings; reports of the validator, if any, are on stderr", warn::n_warnings());
    Ok(is_right && warn::n_warnings() == 0)
}

/// Replays on some threads and prints a line; whether each part ended as it should.
fn replay_on(n_threads: usize, name: &str, ops: &[Op], expected: &[Mapping], options: &Options) -> bool {
    let space = AddressSpace::new();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..n_threads {
            let space = &space;
            scope.spawn(move || {
                (0..options.n_rounds).for_each(|_| replay(space, ops, thread * PART, options))
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let events = space.mm().vma_lock_events();
    let n_ops = (ops.len() * n_threads * options.n_rounds) as f64;
    let wait = |kind| {
        let times = space.mm().wait_times(kind);
        let percentile = |percent| times.percentile(percent).unwrap_or(Duration::ZERO);
        format!("{} {:.0?} {:.0?}", times.n(), percentile(50), percentile(99))
    };
    println!(
        "{:<26} {n_threads:>7} {:>9.0} {:>9.0} {:>7} {:>7} {:>7} {:>6}  {} | {} | {}",
        name.split(',').next().unwrap_or(name),
        n_ops / seconds,
        n_ops * options.n_faults as f64 / seconds,
        events.n_success(),
        events.n_abort(),
        events.n_retry(),
        events.n_miss(),
        wait(WaitKind::MmapRead),
        wait(WaitKind::MmapWrite),
        wait(WaitKind::VmaWrite),
    );
    let found = space.maps().expect("no kill is pending");
    let wanted = (0..n_threads).flat_map(|thread| expected.iter().map(move |mapping| (thread, mapping)));
    let is_same = found.len() == expected.len() * n_threads
        && found.iter().zip(wanted).all(|(found, (thread, wanted))| {
            let base = thread * PART;
            (found.start, found.end, found.flags) == (wanted.start + base, wanted.end + base, wanted.flags)
        });
    if !is_same {
        println!("WRONG: {n_threads} threads left another list of mappings than one");
    }
    is_same
}

/// Replays the record once, in the part of the address space that begins at `base`.
fn replay(space: &AddressSpace, ops: &[Op], base: usize, options: &Options) {
    // A round begins with an empty part.
    space.unmap(base, PART).expect("a good range");
    let mut mapped: Vec<(usize, usize)> = Vec::new();
    let mut next = 0_usize;
    for op in ops {
        let result = match *op {
            Op::Map { start, len, vm_flags } => {
                mapped.push((base + start, len));
                space.map_fixed(base + start, len, vm_flags).map(drop)
            }
            Op::Unmap { start, len } => space.unmap(base + start, len).map(drop),
            Op::Protect { start, len, vm_flags } => space.protect(base + start, len, vm_flags).map(drop),
            Op::Advise { start, len } => space.advise_with(base + start, len, |_, _| {}),
            Op::Move { start, len, to, new_len } if start == to => {
                space.write().resize(base + start, len, new_len)
            }
            Op::Move { start, len, to, new_len } => {
                mapped.push((base + to, new_len));
                space.write().relocate(base + start, len, base + to, new_len)
            }
        };
        // What was mapped before the record began is not known: calls on it find nothing.
        assert!(matches!(result, Ok(()) | Err(SpaceError::NotMapped)), "{op:x?}: {result:?}");
        // The latest mappings, round and round; what is unmapped by now is refused.
        for _ in 0..options.n_faults {
            next += 1;
            let Some(&(start, len)) = mapped.iter().rev().nth(next % 8) else { break };
            let addr = start + next * PAGE_SIZE * 7 % len;
            let access = if next.is_multiple_of(4) { Access::Write } else { Access::Read };
            // Which of them are refused is the record's business.
            let _ = space.fault(addr, access);
        }
    }
}
