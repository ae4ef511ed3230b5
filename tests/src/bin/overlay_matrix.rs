//! `cargo run -p lockdep-tests --bin overlay_matrix [VERSION]`: runs the async programs with each
//! version of tokio, and prints a table.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use lockdep_tests::overlay_matrix::{PROGRAMS, VERSIONS, run, written};

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let mut n_broken = 0;
    println!(
        "| tokio | the overlay | as wanted, of {} programs | otherwise |\n|---|---|---|---|",
        PROGRAMS.len()
    );
    for version in VERSIONS.iter().filter(|version| version.starts_with(&wanted)) {
        let directory = match written(version) {
            Ok(directory) => directory,
            Err(error) => {
                println!("| {version} | {error} | 0 | |");
                n_broken += 1;
                continue;
            }
        };
        let mut otherwise = Vec::new();
        let mut overlay = String::from("not said");
        for (name, wanted) in PROGRAMS {
            match run(&directory, name) {
                Ok(ran) => {
                    let mark = format!("tasks and async locks of tokio {version} ");
                    if let Some((_, said)) = ran.said.split_once(&mark) {
                        overlay =
                            said.lines().next().unwrap_or_default().trim_start_matches("are ").to_owned();
                    }
                    if !ran.is(wanted) {
                        otherwise.push(format!("{name}: {:?}", ran.reports));
                    }
                }
                Err(error) => otherwise.push(format!("{name}: {error}")),
            }
        }
        n_broken += otherwise.len() + usize::from(overlay != "watched");
        println!(
            "| {version} | {overlay} | {} | {} |",
            PROGRAMS.len() - otherwise.len(),
            otherwise.join("; ")
        );
    }
    if n_broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
