//! Runs `fault_storm` in children with the validator on: without a bug it must be clean with any
//! number of threads, and each bug must be reported with its code, once, with no other, and with
//! the places where it happened. Then the matrix of assertions with the validator on.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, see Cargo.toml")]

use std::process::{Command, ExitCode};
use std::time::Duration;

use vmalock::{AddressSpace, PAGE_SIZE, flags, lock_vma_under_rcu, raw, warn};

#[path = "support/child.rs"]
#[expect(dead_code, reason = "shared with the other programs")]
mod child;
#[path = "../examples/fault_storm.rs"]
#[expect(dead_code, reason = "its main is the example's")]
mod fault_storm;
#[path = "support/reports.rs"]
#[expect(dead_code, reason = "shared with the other programs")]
mod reports;

/// The lines that the report of each bug must name: what was held, and what was wrong about it.
const SITES: &[(&str, &[&str])] = &[
    ("seqnum", &["let _ = space.mm().raw_mm_seqnum();"]),
    (
        "inversion",
        &[
            "lock_vma_under_rcu(space.mm(), SLOTS).expect(\"no thread writes yet\")",
            "drop(space.mm().read());",
        ],
    ),
    ("unbalanced", &["raw::mmap_read_unlock(space.mm());"]),
    ("missing-write-lock", &["raw::vm_flags_reset(vma.as_raw(), flags::READ);"]),
    ("early-end", &["vma.set_vm_flags(flags::READ | flags::WRITE);"]),
    ("ignored-interrupt", &["raw::mmap_read_unlock(space.mm());"]),
    ("recursive-read", &["let outer = space.mm().read();", "drop(space.mm().read());"]),
    ("no-mmap-lock", &["raw::vma_start_write(vma);"]),
    (
        "self-deadlock",
        &[
            "lock_vma_under_rcu(space.mm(), SLOTS).expect(\"not write-locked yet\")",
            "raw::vma_start_write(vma.as_raw());",
        ],
    ),
    ("leaked-guard", &["std::mem::forget(lock_vma_under_rcu(&mm, SLOTS))"]),
];

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("--as-storm") => return fault_storm::run(args.drain(1..)),
        // What the watchdog is for.
        Some("--hang") => loop {
            std::thread::park();
        },
        Some("--matrix") => {
            matrix();
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    if !child::is_wanted("storm", &args) {
        return ExitCode::SUCCESS;
    }
    let mut n_failed = 0;
    for n_threads in ["1", "2", "3", "8"] {
        let said = run(&["--as-storm", "--ops", "600", "--threads", n_threads]);
        n_failed += usize::from(!verdict(&format!("clean, {n_threads} threads"), &said, &[], &[]));
    }
    for bug in fault_storm::BUGS {
        let said = run(&["--as-storm", "--ops", "50", "--vmas", "20", "--bug", bug.name]);
        let sites =
            SITES.iter().find(|(name, _)| *name == bug.name).map_or(&[] as &[&str], |(_, sites)| sites);
        let is_right = !sites.is_empty() && verdict(bug.name, &said, &[bug.code], sites);
        n_failed += usize::from(!is_right);
    }
    for (args, status, words) in MISUSED {
        let said = run(args);
        let is_right = matches!(&said, Err((code, said)) if *code == *status && words.iter().all(|word| said.contains(word)));
        n_failed += usize::from(!is_right);
        println!("storm {args:?}: {}", if is_right { "ok" } else { "WRONG" });
    }
    // Its failures are LD0010, each place once: five assertions over three states without the lock
    // they need.
    let matrix = run(&["--matrix"]).map(|said| codes(&said));
    let is_right =
        matrix.as_ref().is_ok_and(|codes| codes.iter().all(|code| code == "LD0010") && !codes.is_empty());
    n_failed += usize::from(!is_right);
    println!("storm the matrix: {matrix:?}: {}", if is_right { "ok" } else { "WRONG" });
    let hung = run_within(&["--hang"], Duration::from_secs(1));
    let is_right =
        hung.as_ref().is_err_and(|(status, said)| *status == reports::HUNG && said.contains("killed"));
    n_failed += usize::from(!is_right);
    println!("storm the watchdog: {hung:?}: {}", if is_right { "ok" } else { "WRONG" });
    println!("storm: {n_failed} wrong");
    if n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How long one run may take; the longest takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// What a wrong command line must be answered with: the status, and what the message must name.
const MISUSED: &[(&[&str], i32, &[&str])] = &[
    (&["--as-storm", "--bug", "no-such"], 2, &["no-such", "seqnum", "inversion"]),
    (&["--as-storm", "--threads", "0"], 2, &["--threads 0", "not a positive number"]),
    (&["--as-storm", "--threads"], 2, &["--threads needs a value"]),
    (&["--as-storm", "--frobnicate", "1"], 2, &["unknown option --frobnicate", "usage"]),
];

/// Whether a child said what it should: the codes in order, and the lines that its reports name.
/// Says so.
fn verdict(name: &str, said: &Result<String, (i32, String)>, want: &[&str], sites: &[&str]) -> bool {
    let (seen, missing) = match said {
        Err((status, said)) => (vec![format!("status {status}: {said}")], Vec::new()),
        Ok(said) => {
            let named =
                reports::named_lines(said, "fault_storm.rs", include_str!("../examples/fault_storm.rs"));
            let missing = sites.iter().filter(|site| !named.iter().any(|line| line.contains(**site)));
            (codes(said), missing.collect())
        }
    };
    let is_right = seen == want && missing.is_empty();
    let what =
        if is_right { "ok".to_owned() } else { format!("WRONG, not named: {missing:?}, said {said:?}") };
    println!("storm {name:<20} want {want:?}, got {seen:?}: {what}");
    is_right
}

/// Runs this program again with the validator on; what it said on stderr, or its status and what it
/// said.
fn run(args: &[&str]) -> Result<String, (i32, String)> {
    run_within(args, LIMIT)
}

fn run_within(args: &[&str], limit: Duration) -> Result<String, (i32, String)> {
    let program = std::env::current_exe().map_err(|error| (reports::HUNG, error.to_string()))?;
    let mut command = Command::new(program);
    command
        .args(args)
        .env("LOCKDEP", "1")
        .env("LOCKDEP_BACKTRACE", "0")
        .env("LOCKDEP_ON_VIOLATION", "report")
        .env("LOCKDEP_ON_DEADLOCK", "panic")
        .env_remove("LOCKDEP_EXITCODE")
        .env_remove("LOCKDEP_OUTPUT")
        .env_remove("LOCKDEP_FORMAT");
    reports::ended(&mut command, limit)
}

/// The codes of the reports in `said`, in order.
fn codes(said: &str) -> Vec<String> {
    let code = |line: &str| {
        let rest = line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["))?;
        Some(rest.split(']').next()?.to_owned())
    };
    said.lines().filter_map(code).collect()
}

/// The matrix of section 4.11 with the validator on: "held" means held by *this* task.
fn matrix() {
    let space = AddressSpace::new();
    space.map(0x1000, PAGE_SIZE, flags::READ | flags::WRITE).expect("the space is empty");
    let mm = space.mm();
    let row = |vma: &vmalock::Vma| {
        let checks: [&dyn Fn() -> bool; 5] = [
            &|| raw::mmap_assert_locked(mm),
            &|| raw::mmap_assert_write_locked(mm),
            &|| raw::vma_assert_write_locked(vma),
            &|| raw::vma_assert_locked(vma),
            &|| raw::vma_assert_stabilised(vma),
        ];
        checks.map(|check| {
            let (is_held, warnings) = warn::capture(check);
            assert_eq!(is_held, warnings.is_empty(), "a failure warns, a success does not: {warnings:?}");
            is_held
        })
    };
    let guard = mm.read();
    let vma = guard.vma_lookup(0x1000).expect("mapped above").as_raw();
    assert_eq!(row(vma), [true, false, false, false, true]);
    drop(guard);
    assert_eq!(row(vma), [false; 5]);
    let guard = mm.write();
    assert_eq!(row(vma), [true, true, false, false, true]);
    raw::vma_start_write(vma);
    assert_eq!(row(vma), [true; 5]);
    drop(guard);
    let guard = lock_vma_under_rcu(mm, 0x1000).expect("no thread writes");
    assert_eq!(row(vma), [false, false, false, true, true]);
    // What another task holds is not held here. Without the validator it would pass, as in the
    // kernel.
    std::thread::scope(|scope| {
        let other = scope.spawn(|| row(vma)).join().expect("it only asserts");
        assert_eq!(other, [false; 5]);
    });
    drop(guard);
    let guard = mm.read();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| row(vma)).join().expect("it only asserts");
        assert_eq!(other, [false; 5]);
    });
    drop(guard);
    eprintln!("the matrix is right");
}
