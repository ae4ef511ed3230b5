//! Runs the example `pager` in children with the validator on: without a mistake it is clean and
//! loses nothing; each mistake is reported with its code and the lines where it was made.
#![expect(clippy::print_stdout, reason = "a program of its own, see Cargo.toml")]

use std::process::{Command, ExitCode};

#[path = "support/child.rs"]
#[expect(dead_code, reason = "shared with the other programs")]
mod child;
#[path = "../examples/pager/main.rs"]
#[expect(dead_code, reason = "its main is the example's")]
mod pager;
#[path = "support/reports.rs"]
#[expect(dead_code, reason = "shared with the other programs")]
mod reports;

/// The lines of `mistakes.rs` that the report of each mistake must name.
const SITES: &[(&str, &[&str])] = &[
    ("handler-blocks", &["drop(pager.space.mm().read());", "let looked = pager.space.fault_with"]),
    ("handler-advises", &["pager.dont_need(NOWHERE, 4 * PAGE_SIZE)"]),
    ("nested-fault", &["pager.read(NOWHERE)"]),
    ("write-under-read-lock", &["raw::vm_flags_reset(vma.as_raw(), flags::READ | flags::WRITE);"]),
    ("unlocked-vma", &["raw::vm_flags_reset(vma.as_raw(), flags::READ | flags::WRITE);"]),
    ("no-mmap-lock", &["raw::vma_start_write(vma);"]),
    ("early-end", &["let unmapped = guard.unmap_with("]),
    ("double-put", &["let released = pager.space.fault_with("]),
    ("ignored-interrupt", &["raw::mmap_read_unlock(mm);"]),
    ("leaked-guard", &["std::mem::forget(lock_vma_under_rcu(&mm, BASE))"]),
    ("reclaim-inversion", &["payload(vma).lock();", "drop(pager.space.write());"]),
    ("two-spaces", &["let from_guard = from.mm().write();", "let to_guard = to.mm().write();"]),
    ("recursive-read", &["let walk = pager.space.mm().read();", "pager.dont_need(NOWHERE, 2 * PAGE_SIZE)"]),
    ("free-too-early", &["free(vma.as_raw());"]),
    ("stale-iterator", &["let next = iterator.next(&rcu);"]),
    (
        "self-deadlock",
        &["lock_vma_under_rcu(pager.space.mm(), BASE)", "guard.protect(BASE, PAGE_SIZE, flags::READ)"],
    ),
];

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == "--as-pager") {
        return pager::run(args.drain(1..));
    }
    if !child::is_wanted("pager", &args) {
        return ExitCode::SUCCESS;
    }
    let mut n_failed = 0;
    for threads in ["1", "4"] {
        let said = run(&["--writes", "20000", "--threads", threads]);
        let is_right = said.as_ref().is_ok_and(|said| codes(said).is_empty());
        n_failed += usize::from(!is_right);
        println!(
            "pager clean, {threads} threads: {}",
            if is_right { "ok".to_owned() } else { format!("WRONG: {said:?}") }
        );
    }
    for mistake in pager::MISTAKES {
        n_failed += usize::from(!is_reported(mistake.name, mistake.code));
    }
    let said = run(&["--mistake", "no-such"]);
    let is_right = matches!(&said, Err((2, said)) if said.contains("no-such") && said.contains("double-put"));
    n_failed += usize::from(!is_right);
    println!("pager: {} mistakes, {n_failed} wrong", pager::MISTAKES.len());
    if n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the mistake is reported with its code, and no other one, at its lines. Says so.
fn is_reported(name: &str, code: &str) -> bool {
    let sites = SITES.iter().find(|(other, _)| *other == name).map_or(&[] as &[&str], |(_, sites)| sites);
    // Hardly a storm: what it does after the mistake is not what is asked here.
    let (Ok(said) | Err((_, said))) = run(&["--writes", "1", "--threads", "1", "--mistake", name]);
    let source = include_str!("../examples/pager/mistakes.rs");
    let named = reports::named_lines(&said, "mistakes.rs", source);
    let missing: Vec<_> =
        sites.iter().filter(|site| !named.iter().any(|line| line.contains(**site))).collect();
    let codes = codes(&said);
    let is_right =
        !sites.is_empty() && missing.is_empty() && !codes.is_empty() && codes.iter().all(|seen| seen == code);
    let what = if is_right { "ok".to_owned() } else { format!("WRONG, not named: {missing:?}, said {said}") };
    println!("pager {name:<22} want {code}, got {codes:?}: {what}");
    is_right
}

/// Runs this program as the pager, with the validator on; what it said on stderr, or its status and
/// what it said.
fn run(args: &[&str]) -> Result<String, (i32, String)> {
    let program = std::env::current_exe().map_err(|error| (-1, error.to_string()))?;
    let output = Command::new(program)
        .arg("--as-pager")
        .args(args)
        .env("LOCKDEP", "1")
        .env("LOCKDEP_BACKTRACE", "0")
        .env("LOCKDEP_ON_VIOLATION", "report")
        .env("LOCKDEP_ON_DEADLOCK", "panic")
        .env_remove("LOCKDEP_EXITCODE")
        .env_remove("LOCKDEP_OUTPUT")
        .env_remove("LOCKDEP_FORMAT")
        .output()
        .map_err(|error| (-1, error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err((output.status.code().unwrap_or(-1), said)) }
}

/// The codes of the reports in `said`, in order.
fn codes(said: &str) -> Vec<String> {
    let code = |line: &str| {
        let rest = line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["))?;
        Some(rest.split(']').next()?.to_owned())
    };
    said.lines().filter_map(code).collect()
}
