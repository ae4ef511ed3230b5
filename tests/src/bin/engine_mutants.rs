//! Breaks one rule of the engine after the other, and shows who notices: the kernel's cases, the
//! rest of their families, ours, the oracle of histories, or the one of schedules.
//!
//! Works only where the engine was built with `--cfg engine_mutants`; `cargo test --test
//! engine_mutants` does that.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use lockdep_report::replay::{Case, Scenario};
use lockdep_tests::mutants;
use lockdep_tests::oracle::history::{self, Seed, Shape};
use lockdep_tests::oracle::{compare, schedule};
use lockdep_tests::scenario_case::Expected;
use lockdep_validator::mutant::Mutant;
use lockdep_validator::{Code, Config};

/// Mutants that change no verdict, and why.
const EQUIVALENT: &[(Mutant, &str)] = &[];

/// Which mutant takes the rule behind a code away.
const CODES: [(Code, Mutant); 15] = [
    (Code::Recursion, Mutant::NoRecursion),
    (Code::SameClassOrder, Mutant::NoSameClass),
    (Code::CircularDependency, Mutant::NoCircular),
    (Code::InconsistentContext, Mutant::NoInconsistentContext),
    (Code::ContextInversion, Mutant::NoContextOnDependency),
    (Code::WaitType, Mutant::NoWaitTypes),
    (Code::BadRelease, Mutant::BadReleaseAccepted),
    (Code::HeldLockFreed, Mutant::FreedAccepted),
    (Code::HeldAtExit, Mutant::ExitAccepted),
    (Code::Assertion, Mutant::AssertionsAccepted),
    (Code::NestLockNotHeld, Mutant::NestNeedNotBeHeld),
    (Code::PinnedLockReleased, Mutant::PinsIgnored),
    (Code::WoundWait, Mutant::NoWoundWait),
    (Code::RecursiveFairRead, Mutant::NoRecursiveFairRead),
    (Code::WaitHoldingLock, Mutant::NoWaitHoldingLock),
];

const SHAPES: [(usize, u64, usize); 4] = [(8, 85, 2), (8, 50, 3), (10, 75, 4), (8, 85, 4)];
const N_SEEDS: u64 = 24;

/// How many programs are tried in every interleaving.
const N_PROGRAMS: u64 = 120;

struct Cases {
    kernel: Vec<Case>,
    family: Vec<Case>,
    own: Vec<Case>,
}

/// Who notices.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Noticed {
    kernel: usize,
    family: usize,
    own: usize,
    histories: bool,
    schedules: bool,
}

impl Noticed {
    fn by_anyone(self) -> bool {
        self != Self::default()
    }
}

impl Cases {
    fn run(&self) -> Noticed {
        Noticed {
            kernel: n_wrong(&self.kernel),
            family: n_wrong(&self.family),
            own: n_wrong(&self.own),
            histories: oracle_differs(),
            schedules: schedules_differ(),
        }
    }
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

/// Whether the levels and the interleavings of some small program part.
fn schedules_differ() -> bool {
    (0..N_PROGRAMS).any(|seed| {
        let programs = [
            schedule::make(&mut Seed(0x5c4e_d01e_0000 + seed)),
            schedule::make_with_made(&mut Seed(0x3ade_0000 + seed)),
        ];
        programs.into_iter().any(|program| {
            let n_copies = if program.len() == 2 { 2 } else { 1 };
            let one_thread = seed % 2 == 0;
            let result =
                panic::catch_unwind(AssertUnwindSafe(|| schedule::compare(&program, one_thread, n_copies)));
            !matches!(result, Ok(Ok(_)))
        })
    })
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn main() -> ExitCode {
    if let Err(message) = mutants::switch_on(&[]) {
        println!("{message}");
        return ExitCode::from(2);
    }
    // A mutant may make the engine panic; that is one way to be noticed, and not worth a backtrace
    // each.
    panic::set_hook(Box::new(|_| {}));
    let cases = Cases {
        kernel: read("selftest_cases.json"),
        family: read("family_cases.json"),
        own: read("own_cases.json"),
    };
    println!(
        "{:28} {:>6} {:>6} {:>5} {:>9} {:>9}  code",
        "rule broken", "kernel", "family", "own", "histories", "schedules"
    );
    let healthy = cases.run();
    print_row("none", healthy, "");
    let (mut n_noticed, mut n_equivalent, mut unnoticed) = (0, 0, Vec::new());
    for mutant in Mutant::ALL {
        let name = format!("{mutant:?}");
        mutants::switch_on(&[*mutant]).expect("switched on before");
        let noticed = cases.run();
        let reason = EQUIVALENT.iter().find(|(other, _)| other == mutant).map(|(_, reason)| *reason);
        let code = CODES.iter().find(|(_, other)| other == mutant).map(|(code, _)| code.as_str());
        print_row(&name, noticed, reason.or(code).unwrap_or_default());
        match (noticed.by_anyone(), reason) {
            (true, _) => n_noticed += 1,
            (false, Some(_)) => n_equivalent += 1,
            (false, None) => unnoticed.push(name),
        }
    }
    if !unnoticed.is_empty() {
        println!("nothing notices: {}", unnoticed.join(" "));
    }
    println!("engine mutants: {} seeded, {n_noticed} noticed, {n_equivalent} equivalent", Mutant::ALL.len());
    let is_right = !healthy.by_anyone() && unnoticed.is_empty();
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "a command that prints a table")]
fn print_row(name: &str, noticed: Noticed, remark: &str) {
    let Noticed { kernel, family, own, histories, schedules } = noticed;
    let (histories, schedules) = (word(histories), word(schedules));
    println!("{name:28} {kernel:>6} {family:>6} {own:>5} {histories:>9} {schedules:>9}  {remark}");
}

fn word(noticed: bool) -> &'static str {
    if noticed { "yes" } else { "-" }
}
