//! Breaks one rule of the engine after the other, and shows who notices: the kernel's cases, ours, or the oracle.
//!
//! Works only where the engine was built with `--cfg engine_faults`; `cargo test --test engine_faults` does that.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use lockdep_tests::faults;
use lockdep_tests::oracle::compare;
use lockdep_tests::oracle::history::{self, Seed, Shape};
use lockdep_tests::scenario_case::Expected;
use lockdep_validator::Config;
use lockdep_validator::fault::Fault;
use lockdep_validator::replay::{Case, Scenario};

/// Faults that change no verdict, and why.
const EQUIVALENT: &[(Fault, &str)] = &[];

const SHAPES: [(usize, u64, usize); 4] = [(8, 85, 2), (8, 50, 3), (10, 75, 4), (8, 85, 4)];
const N_SEEDS: u64 = 24;

struct Cases {
    kernel: Vec<Case>,
    own: Vec<Case>,
}

fn read(name: &str) -> Vec<Case> {
    let path = format!("{}/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    Scenario::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}")).cases().to_vec()
}

/// Cases that come out wrong; one that panics does.
fn n_wrong(cases: &[Case]) -> usize {
    let is_wrong = |case: &&Case| {
        let config = if case.value["policy"] == "default" { Config::user() } else { Config::kernel() };
        let result = panic::catch_unwind(AssertUnwindSafe(|| case.run(&config)));
        !matches!(result, Ok(Ok(result)) if Expected::of(case).check(&result).is_ok())
    };
    cases.iter().filter(is_wrong).count()
}

/// Whether the oracle and the engine part on one of a few hundred histories.
fn oracle_differs() -> bool {
    let differs = |shape: Shape, seed: u64| {
        let history = history::make(shape, &mut Seed(seed));
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            compare::until_first(shape, &history)?;
            if !shape.contexts {
                compare::to_the_end(shape, &history)?;
            }
            Ok::<_, compare::Difference>(())
        }));
        !matches!(result, Ok(Ok(())))
    };
    [false, true].into_iter().any(|contexts| {
        SHAPES.into_iter().any(|(n_classes, percent_readers, max_depth)| {
            let shape = Shape { n_classes, percent_readers, max_depth, n_events: 100, contexts };
            (0..N_SEEDS).any(|seed| differs(shape, seed))
        })
    })
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn main() -> ExitCode {
    if let Err(message) = faults::switch_on("None") {
        println!("{message}");
        return ExitCode::from(2);
    }
    // A fault may make the engine panic; that is one way to be noticed, and not worth a backtrace each.
    panic::set_hook(Box::new(|_| {}));
    let cases = Cases { kernel: read("selftest_cases.json"), own: read("own_cases.json") };
    println!("{:28} {:>12} {:>9} {:>7}", "rule broken", "kernel cases", "own cases", "oracle");
    let healthy = (n_wrong(&cases.kernel), n_wrong(&cases.own), oracle_differs());
    println!("{:28} {:>12} {:>9} {:>7}", "none", healthy.0, healthy.1, word(healthy.2));
    let (mut n_noticed, mut n_equivalent, mut unnoticed) = (0, 0, Vec::new());
    for fault in Fault::ALL {
        let name = format!("{fault:?}");
        faults::switch_on(&name).expect("every fault can be switched on");
        let (kernel, own, oracle) = (n_wrong(&cases.kernel), n_wrong(&cases.own), oracle_differs());
        let reason = EQUIVALENT.iter().find(|(other, _)| other == fault).map(|(_, reason)| *reason);
        println!("{name:28} {kernel:>12} {own:>9} {:>7}  {}", word(oracle), reason.unwrap_or_default());
        match (kernel + own > 0 || oracle, reason) {
            (true, _) => n_noticed += 1,
            (false, Some(_)) => n_equivalent += 1,
            (false, None) => unnoticed.push(name),
        }
    }
    if !unnoticed.is_empty() {
        println!("nothing notices: {}", unnoticed.join(" "));
    }
    println!("engine faults: {} seeded, {n_noticed} noticed, {n_equivalent} equivalent", Fault::ALL.len());
    let is_right = healthy == (0, 0, false) && unnoticed.is_empty();
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn word(noticed: bool) -> &'static str {
    if noticed { "yes" } else { "-" }
}
