//! Runs one program of the corpus: `corpus NAME`; without a name it lists them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that people call by hand")]

use std::process::ExitCode;

#[path = "../../corpus/mod.rs"]
mod corpus;

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        for case in corpus::cases() {
            println!("{}", case.name);
        }
        for stuck in corpus::stuck() {
            println!("{}", stuck.name);
        }
        return ExitCode::SUCCESS;
    };
    if let Some(stuck) = corpus::stuck().find(|stuck| stuck.name == name) {
        (stuck.run)();
        return ExitCode::SUCCESS;
    }
    match corpus::cases().find(|case| case.name == name) {
        Some(case) => {
            (case.run)();
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("no case is called {name}; without arguments the names are listed");
            ExitCode::from(2)
        }
    }
}
