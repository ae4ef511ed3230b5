//! Seeds every mutant and looks which test notices: `cargo test --test mutants -- --nocapture`.
//!
//! Each (mutant, test) pair runs in a process of its own, which may hang: a watchdog ends it, and a
//! hang is noticed. First every test runs without a mutant and must pass, so that "noticed" means
//! something.
//!
//! `-- --all` runs every test against every mutant, not only those that must notice it.
#![expect(clippy::print_stdout, reason = "a program of its own, see Cargo.toml")]
#![expect(
    clippy::duplicate_mod,
    reason = "the sources are compiled twice on purpose: over std and over loom"
)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[path = "support/std_build.rs"]
#[expect(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the crate's sources, of which the tests use a part"
)]
mod build;
#[path = "support/child.rs"]
mod child;
#[path = "support/loom_build.rs"]
#[expect(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the crate's sources, of which the models use a part"
)]
mod loom_build;
#[path = "support/models.rs"]
mod models;
#[path = "support/mutant_reports.rs"]
mod mutant_reports;
#[path = "support/mutant_rows.rs"]
mod mutant_rows;
#[path = "support/reports.rs"]
mod reports;
#[expect(dead_code, reason = "shared with groups.rs")]
mod suite;

use mutant_rows::{EQUIVALENT, ROWS};

/// When a case counts as hanging: its own deadline, and the watchdog's behind it.
const DEADLINE_MS: &str = "2000";
/// The same where nothing is expected to hang: a busy machine is no defect.
const BASELINE_DEADLINE_MS: &str = "25000";
const LIMIT: Duration = Duration::from_secs(30);
const MODEL_LIMIT: Duration = Duration::from_secs(120);

/// How many children run at a time.
const N_WORKERS: usize = 2;

/// One run: a test, under a mutant or none.
struct Run {
    test: &'static str,
    mutant: Option<&'static str>,
    result: Mutex<Result<(), String>>,
}

impl Run {
    fn new(test: &'static str, mutant: Option<&'static str>) -> Self {
        Self { test, mutant, result: Mutex::new(Ok(())) }
    }

    fn execute(&self) {
        let result = match self.test.strip_prefix("model:") {
            Some(model) => models::check_in_child(model, self.mutant, MODEL_LIMIT),
            None => {
                let program = std::env::current_exe().expect("a running program has a path");
                let mut command = std::process::Command::new(program);
                command.args(["--case", self.test, self.mutant.unwrap_or("-")]);
                command.env("LOCKDEP", "0").env("RUST_BACKTRACE", "0").env(
                    "VMALOCK_TEST_DEADLINE_MS",
                    if self.mutant.is_some() { DEADLINE_MS } else { BASELINE_DEADLINE_MS },
                );
                child::run(&mut command, LIMIT)
            }
        };
        *self.result.lock().expect("no run panics") = result;
    }

    fn message(&self) -> Option<String> {
        self.result.lock().expect("no run panics").clone().err()
    }
}

fn execute_all(runs: &[Run]) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..N_WORKERS {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run.execute();
                }
            });
        }
    });
}

/// The names of all tests.
fn tests() -> Vec<&'static str> {
    let models =
        models::MODELS.iter().map(|model| &*Box::leak(format!("model:{}", model.name).into_boxed_str()));
    suite::CASES.iter().map(|case| case.name).chain(models).collect()
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if models::is_child(&args) {
        return ExitCode::SUCCESS;
    }
    if let [option, case, mutant] = args.as_slice()
        && option == "--case"
    {
        run_case(case, mutant);
        return ExitCode::SUCCESS;
    }
    if !child::is_wanted("mutants", &args) {
        return ExitCode::SUCCESS;
    }
    let baseline: Vec<Run> = tests().into_iter().map(|test| Run::new(test, None)).collect();
    execute_all(&baseline);
    let broken: Vec<_> = baseline.iter().filter_map(|run| Some((run.test, run.message()?))).collect();
    // The models say which invariants stand behind them.
    for model in models::MODELS {
        println!("model:{} checks {}", model.name, model.invariants);
    }
    for (test, message) in &broken {
        println!("without a mutant, {test} fails: {message}");
    }
    println!("{} tests pass without a mutant", baseline.len() - broken.len());
    let are_reports_right = mutant_reports::check(LIMIT);
    let is_table_right = check_mutants(args.iter().any(|arg| arg == "--all"));
    if broken.is_empty() && are_reports_right && is_table_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_case(name: &str, mutant: &str) {
    assert!(mutant == "-" || build::probe::seed(mutant), "no mutant {mutant}");
    let case =
        suite::CASES.iter().find(|case| case.name == name).expect("the parent took the name from the list");
    suite::harness::run(case.run);
}

/// Whether a test is one of `events.rs`, which runs it under the mutants itself.
fn is_elsewhere(test: &str) -> bool {
    test.starts_with("events::")
}

/// The tests that must notice `mutant`.
fn row(mutant: &str) -> Option<&'static [&'static str]> {
    ROWS.iter().find(|(id, _)| *id == mutant).map(|(_, catchers)| *catchers)
}

/// Runs the mutants and prints the table; whether it is as expected.
fn check_mutants(all: bool) -> bool {
    let mut runs = Vec::new();
    for &(_, mutant, _) in build::probe::MUTANTS {
        match row(mutant) {
            Some(catchers) if !all => {
                runs.extend(
                    catchers
                        .iter()
                        .filter(|test| !is_elsewhere(test))
                        .map(|test| Run::new(test, Some(mutant))),
                );
            }
            _ => runs.extend(tests().into_iter().map(|test| Run::new(test, Some(mutant)))),
        }
    }
    execute_all(&runs);
    let mut is_right = true;
    let (mut n_noticed, mut n_equivalent) = (0, 0);
    for &(_, id, what) in build::probe::MUTANTS {
        let noticed: Vec<(&str, String)> = runs
            .iter()
            .filter(|run| run.mutant == Some(id))
            .filter_map(|run| Some((run.test, run.message()?)))
            .collect();
        println!("{id:<5} {what}");
        for (test, message) in &noticed {
            println!("      noticed by {test}: {}", message.chars().take(110).collect::<String>());
        }
        let elsewhere = row(id).into_iter().flatten().filter(|test| is_elsewhere(test)).count();
        n_noticed += usize::from(!noticed.is_empty() || elsewhere > 0);
        let equivalent = EQUIVALENT.iter().find(|(name, _)| *name == id);
        match (row(id), equivalent) {
            (Some(catchers), None) => {
                let unnoticed =
                    |test: &&&str| !is_elsewhere(test) && !noticed.iter().any(|(name, _)| name == *test);
                for missing in catchers.iter().filter(unnoticed) {
                    is_right = false;
                    println!("      NOT NOTICED by {missing}");
                }
            }
            (None, Some((_, reason))) if noticed.is_empty() => {
                n_equivalent += 1;
                println!("      equivalent: {reason}");
            }
            _ => {
                is_right = false;
                println!("      NOT AS THE TABLE SAYS");
            }
        }
    }
    println!(
        "mutants: {} seeded, {n_noticed} noticed, {n_equivalent} equivalent",
        build::probe::MUTANTS.len()
    );
    is_right
}
