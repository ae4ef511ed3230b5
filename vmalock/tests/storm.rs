//! Runs `fault_storm` in children with the validator on: without a bug it must be clean, and each bug must be reported
//! with its code, once, and with no other. Then the matrix of assertions with the validator on.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, see Cargo.toml")]

use std::process::{Command, ExitCode};

use vmalock::{AddressSpace, PAGE_SIZE, flags, lock_vma_under_rcu, raw, warn};

#[path = "support/child.rs"]
#[expect(dead_code, reason = "shared with the other programs")]
mod child;
#[path = "../examples/fault_storm.rs"]
#[expect(dead_code, reason = "its main is the example's")]
mod fault_storm;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("--as-storm") => return fault_storm::run(args.drain(1..)),
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
    let mut check = |name: &str, codes: &[&str], args: &[&str]| {
        let seen = codes_of(args);
        let is_right = seen.as_ref().is_ok_and(|seen| seen == codes);
        n_failed += usize::from(!is_right);
        let verdict = if is_right { "ok" } else { "WRONG" };
        println!("storm {name:<20} want {codes:?}, got {seen:?}: {verdict}");
    };
    check("without a bug", &[], &["--as-storm", "--ops", "2000"]);
    for bug in fault_storm::BUGS {
        check(bug.name, &[bug.code], &["--as-storm", "--ops", "50", "--vmas", "20", "--bug", bug.name]);
    }
    // Its failures are LD0010, each place once: five assertions over three states without the lock they need.
    let matrix = codes_of(&["--matrix"]);
    let is_right =
        matrix.as_ref().is_ok_and(|codes| codes.iter().all(|code| code == "LD0010") && !codes.is_empty());
    n_failed += usize::from(!is_right);
    println!("storm the matrix: {matrix:?}: {}", if is_right { "ok" } else { "WRONG" });
    println!("storm: {n_failed} wrong");
    if n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The codes that a child reported, in order; `Err` if it failed.
fn codes_of(args: &[&str]) -> Result<Vec<String>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(args)
        .env("LOCKDEP", "1")
        .env("LOCKDEP_BACKTRACE", "0")
        .env("LOCKDEP_ON_VIOLATION", "report")
        .env("LOCKDEP_ON_DEADLOCK", "panic")
        .env_remove("LOCKDEP_EXITCODE")
        .env_remove("LOCKDEP_OUTPUT")
        .env_remove("LOCKDEP_FORMAT")
        .output()
        .map_err(|error| error.to_string())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {stderr}", output.status));
    }
    let code = |line: &str| {
        let rest = line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["))?;
        Some(rest.split(']').next()?.to_owned())
    };
    Ok(stderr.lines().filter_map(code).collect())
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
    let guard = lock_vma_under_rcu(mm, 0x1000).expect("nobody writes");
    assert_eq!(row(vma), [false, false, false, true, true]);
    // What another task holds is not held here. Without the validator it would pass, as in the kernel.
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
