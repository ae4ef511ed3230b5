//! `cargo run -p lockdep-tests --bin overlay_matrix [VERSION]`: runs the async programs with each
//! version of tokio, and prints a table.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use lockdep_tests::overlay_matrix::{Built, PROGRAMS, VERSIONS, run, written};

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
        let (overlay, otherwise) = tried(version, &directory);
        n_broken += otherwise.len() + usize::from(overlay != "watched");
        println!(
            "| {version} | {overlay} | {} | {} |",
            PROGRAMS.len() - otherwise.len(),
            otherwise.join("; ")
        );
    }
    if n_broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is said of the overlay, and the programs that end otherwise than wanted.
fn tried(version: &str, directory: &Path) -> (String, Vec<String>) {
    let built = match Built::of(directory) {
        Ok(built) => built,
        Err(error) => return (error.to_string(), vec!["none is built".to_owned()]),
    };
    let mark = format!("tasks and async locks of tokio {version} ");
    let said = run(directory, PROGRAMS[0].0).map(|ran| ran.said).unwrap_or_default();
    let overlay = said.split_once(&mark).and_then(|(_, said)| said.lines().next()).unwrap_or("not said");
    let mut otherwise = Vec::new();
    for (name, wanted) in PROGRAMS {
        match built.run(name) {
            Ok(ran) if ran.is(wanted) && ran.ended == "exit 0" => {}
            Ok(ran) => otherwise.push(format!("{name}: {:?}, {}", ran.reports, ran.ended)),
            Err(error) => otherwise.push(format!("{name}: {error}")),
        }
    }
    (overlay.trim_start_matches("are ").to_owned(), otherwise)
}
