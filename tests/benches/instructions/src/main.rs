//! Instruction counts of the main paths: what must not creep.
//!
//! `instructions check` compares with `record.txt` and fails when a path grew by more than three
//! per cent; `instructions bless` writes the record; `instructions run PATH N` is what callgrind
//! executes. Counting two runs that differ only in N and dividing the difference leaves out
//! start-up, and repeats exactly.

mod paths;
mod record;

use std::process::{Command, ExitCode, Stdio};

use record::Record;

/// Growth that is tolerated, in per cent.
const TOLERANCE: f64 = 3.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run", path, count] => paths::run(path, count),
        ["check"] => check(),
        ["bless"] => bless(),
        _ => Err("usage: instructions check | bless | run PATH N".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("instructions: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Counts every path.
fn measure() -> Result<Record, String> {
    let mut counts = Vec::new();
    for path in paths::PATHS {
        let (few, many) = (2_000_u64, 12_000_u64);
        let difference = count(path, many)? - count(path, few)?;
        counts.push((path.name.to_owned(), difference as f64 / (many - few) as f64));
    }
    Ok(Record { rustc: rustc()?, counts })
}

fn rustc() -> Result<String, String> {
    let output =
        Command::new("rustc").arg("-V").output().map_err(|error| format!("rustc does not start: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The instructions of one whole process.
fn count(path: &paths::Path, n: u64) -> Result<i64, String> {
    let own = std::env::current_exe().map_err(|error| format!("where am I: {error}"))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own).args([
        "run",
        path.name,
        &n.to_string(),
    ]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOCKDEP") {
            command.env_remove(name);
        }
    }
    command.env("LOCKDEP", if path.on { "1" } else { "0" });
    let output = command
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind does not start ({error}); install it to count instructions"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let total = text
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1))
        .and_then(|rest| rest.trim().parse().ok());
    total.ok_or_else(|| format!("callgrind printed no total for {}:\n{text}", path.name))
}

fn check() -> Result<(), String> {
    let recorded = Record::read()?;
    let now = measure()?;
    println!("{:<22} {:>10} {:>10} {:>8}", "path", "recorded", "now", "growth");
    let comparable = recorded.rustc == now.rustc;
    let (mut grown, mut shrunk) = (Vec::new(), Vec::new());
    for (name, count) in &now.counts {
        let Some(before) = recorded.of(name) else {
            grown.push(format!("{name} is not in the record"));
            continue;
        };
        let growth = (count / before - 1.0) * 100.0;
        println!("{name:<22} {before:>10.1} {count:>10.1} {growth:>7.1}%");
        if growth > TOLERANCE {
            grown.push(format!("{name} grew from {before:.1} to {count:.1} instructions"));
        } else if growth < -TOLERANCE {
            shrunk.push(name.as_str());
        }
    }
    for (name, n_extra, limit) in paths::extra_off(&now) {
        println!("{name}: {n_extra:.1} more than std (at most {limit})");
        // Start-up does not cancel out to the last instruction; a tenth of one is no instruction.
        if n_extra > f64::from(limit) + 0.5 {
            grown.push(format!("{name}: {n_extra:.1} instructions more than std, {limit} are allowed"));
        }
    }
    for (name, ratio) in paths::channels(&now) {
        println!("{name}: a send and its receive execute {ratio:.2} times the instructions of std's");
    }
    if !comparable {
        return Err(format!(
            "the counts cannot be compared: the record was made with {}, this is {}\n\
             install that toolchain and run `rustup run VERSION tests/benches/instructions.sh check`",
            recorded.rustc, now.rustc
        ));
    }
    if !shrunk.is_empty() {
        println!("shorter than recorded: {}; `bless` keeps it so", shrunk.join(", "));
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nif that is meant, run `tests/benches/instructions.sh bless` in the same change",
        grown.join("\n")
    ))
}

fn bless() -> Result<(), String> {
    let record = measure()?;
    record.write()?;
    print!("{record}");
    Ok(())
}
