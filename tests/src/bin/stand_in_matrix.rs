//! `cargo run -p lockdep-tests --bin stand_in_matrix [CRATE[@VERSION]]`: builds each crate that
//! `cargo lockdep` stands in for with each of its features, on the oldest and the newest version of
//! each line, and prints a table.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use lockdep_tests::stand_in_matrix::{Outcome, VERSIONS, directory, rows};

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let (wanted_name, wanted_version) = wanted.split_once('@').unwrap_or((&wanted, ""));
    let (mut n_rows, mut n_broken) = (0, 0);
    for (name, versions) in VERSIONS {
        for version in versions.iter().filter(|version| version.starts_with(wanted_version)) {
            if !wanted_name.is_empty() && name != wanted_name {
                continue;
            }
            let rows = match rows(name, version, &directory()) {
                Ok(rows) => rows,
                Err(error) => {
                    println!("broken   {error}");
                    n_broken += 1;
                    continue;
                }
            };
            for row in rows {
                n_rows += 1;
                match row.build(&directory()) {
                    Ok(Outcome::Builds) => println!("builds   {}", row.label()),
                    Ok(Outcome::FailsWithoutUs) => println!("neither  {}", row.label()),
                    Ok(Outcome::FailsUnderUs(said)) => {
                        println!("BROKEN   {}\n{said}", row.label());
                        n_broken += 1;
                    }
                    Err(error) => {
                        println!("BROKEN   {}: {error}", row.label());
                        n_broken += 1;
                    }
                }
            }
        }
    }
    println!("{n_rows} rows, {n_broken} broken");
    if n_broken == 0 && n_rows > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
