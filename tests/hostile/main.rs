//! The hostile table: what was tried to make the validator harm or mislead the program that it
//! watches, and whether the promise was kept.
//!
//! `cargo run -p lockdep-tests --bin hostile` runs every row that needs no `cargo lockdep` build
//! and prints the table; it fails on a broken row. `-- --quick` runs the rows that are part of the
//! gate, `-- --cargo` also those that build a fixture with `cargo lockdep`, `-- NAME` the rows
//! whose name contains NAME. Each program runs in a process of its own, under a watchdog.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that people call by hand")]

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod cargo_rows;
#[cfg(target_os = "linux")]
mod command_rows;
#[cfg(target_os = "linux")]
mod early;
#[cfg(target_os = "linux")]
mod guards;
#[cfg(target_os = "linux")]
mod many;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod rights;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod stage;

use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("the hostile programs are written for Linux");
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, name] = args.as_slice()
        && word == "program"
    {
        return stage::run_program(name);
    }
    table::run(&args)
}

#[cfg(target_os = "linux")]
mod table {
    use std::process::ExitCode;
    use std::time::Instant;

    use super::stage::{Cost, NOT_RUN, Row};
    use super::{calls, cargo_rows, command_rows, early, guards, many, output, rights, signals};

    /// Every row, in the order of the issue that asked for them: harm, lies, rights, command line,
    /// scale.
    fn rows() -> impl Iterator<Item = &'static Row> {
        let rooms = [
            output::ROWS,
            guards::ROWS,
            signals::ROWS,
            early::ROWS,
            calls::ROWS,
            rights::ROWS,
            command_rows::ROWS,
            cargo_rows::ROWS,
            many::ROWS,
        ];
        rooms.into_iter().flatten()
    }

    /// Runs what the arguments ask for, and prints the table.
    pub(super) fn run(args: &[String]) -> ExitCode {
        let most = match args.iter().find(|arg| arg.starts_with("--")).map(String::as_str) {
            None => Cost::Slow,
            Some("--quick") => Cost::Quick,
            Some("--cargo") => Cost::Cargo,
            Some("--list") => {
                rows().for_each(|row| println!("{:<4} {}: {}", row.item, row.name, row.attempt));
                return ExitCode::SUCCESS;
            }
            Some(other) => {
                eprintln!("unknown option {other}; use --quick, --cargo, --list or a part of a row's name");
                return ExitCode::from(2);
            }
        };
        let names: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
        let is_named = |row: &Row| names.iter().any(|name| row.name.contains(name.as_str()));
        let is_wanted = |row: &&Row| if names.is_empty() { row.cost <= most } else { is_named(row) };
        let (mut n_kept, mut broken) = (0, Vec::new());
        println!("{:<4} {:<22} {:<66} {:<6} promise", "item", "row", "attempt", "kept");
        for row in rows().filter(is_wanted) {
            let start = Instant::now();
            let result = (row.check)();
            let kept = match &result {
                Ok(()) => "yes",
                Err(why) if why.starts_with(NOT_RUN) => "-",
                Err(_) => "NO",
            };
            println!("{:<4} {:<22} {:<66} {kept:<6} {}", row.item, row.name, row.attempt, row.promise);
            match result {
                Ok(()) => n_kept += 1,
                Err(why) if why.starts_with(NOT_RUN) => println!("     {why}"),
                Err(why) => broken.push(format!("{} ({:.1?}): {why}", row.name, start.elapsed())),
            }
        }
        let n_left = rows().count() - n_kept - broken.len();
        println!("\n{n_kept} kept, {} broken, {n_left} not run", broken.len());
        broken.iter().for_each(|why| println!("\nbroken: {why}"));
        if n_kept == 0 {
            eprintln!("no row was run: no row's name contains what was asked for");
        }
        if broken.is_empty() && n_kept > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
