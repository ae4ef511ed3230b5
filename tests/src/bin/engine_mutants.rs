//! Breaks one rule of the engine after the other, and shows who notices: the kernel's cases, the
//! rest of their families, ours, the oracle of histories, or the one of schedules.
//!
//! Works only where the engine was built with `--cfg engine_mutants`; `cargo test --test
//! engine_mutants` does that.

use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, ExitCode, Stdio};
use std::thread;

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
    let engines: Vec<usize> = std::env::args().skip(1).filter_map(|engine| engine.parse().ok()).collect();
    if !engines.is_empty() {
        run_engines(&engines);
        return ExitCode::SUCCESS;
    }
    println!(
        "{:28} {:>6} {:>6} {:>5} {:>9} {:>9}  code",
        "rule broken", "kernel", "family", "own", "histories", "schedules"
    );
    let noticed = run_all_engines();
    let healthy = noticed[HEALTHY];
    print_row("none", healthy, "");
    let (mut n_noticed, mut n_equivalent, mut unnoticed) = (0, 0, Vec::new());
    for (mutant, noticed) in Mutant::ALL.iter().zip(&noticed[HEALTHY + 1..]) {
        let name = format!("{mutant:?}");
        let reason = EQUIVALENT.iter().find(|(other, _)| other == mutant).map(|(_, reason)| *reason);
        let code = CODES.iter().find(|(_, other)| other == mutant).map(|(code, _)| code.as_str());
        print_row(&name, *noticed, reason.or(code).unwrap_or_default());
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

/// The number of the engine without a mutant; mutant `n` of the list makes engine `n + 1`.
const HEALTHY: usize = 0;

/// Looks at these engines, and prints a line of numbers for each.
#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
fn run_engines(engines: &[usize]) {
    // A mutant may make the engine panic; that is one way to be noticed, and not worth a backtrace
    // each.
    panic::set_hook(Box::new(|_| {}));
    let cases = Cases {
        kernel: read("selftest_cases.json"),
        family: read("family_cases.json"),
        own: read("own_cases.json"),
    };
    for &engine in engines {
        let mutant = engine.checked_sub(HEALTHY + 1).map(|index| Mutant::ALL[index]);
        mutants::switch_on(mutant.as_slice()).expect("switched on before");
        let Noticed { kernel, family, own, histories, schedules } = cases.run();
        println!("{engine} {kernel} {family} {own} {} {}", u8::from(histories), u8::from(schedules));
    }
}

/// What notices each engine. A mutant is switched on for a whole process, so each processor gets a
/// process of its own.
fn run_all_engines() -> Vec<Noticed> {
    let n_engines = HEALTHY + 1 + Mutant::ALL.len();
    let n_processes = thread::available_parallelism().map_or(1, NonZero::get);
    let program = std::env::current_exe().expect("this program has a path");
    let children: Vec<_> = (0..n_processes.min(n_engines))
        .map(|first| {
            let engines = (first..n_engines).step_by(n_processes).map(|engine| engine.to_string());
            let child = Command::new(&program).args(engines).stdout(Stdio::piped()).spawn();
            child.expect("this program can be started again")
        })
        .collect();
    let mut noticed = vec![None; n_engines];
    // Their output is shorter than a pipe: none waits until it is read.
    for child in children {
        let output = child.wait_with_output().expect("the child can be waited for");
        assert!(output.status.success(), "a process ended with {}", output.status);
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let numbers: Vec<usize> = line.split(' ').map(|word| word.parse().expect("a number")).collect();
            let [engine, kernel, family, own, histories, schedules] = numbers[..] else {
                panic!("six numbers a line, not {line}")
            };
            let (histories, schedules) = (histories == 1, schedules == 1);
            noticed[engine] = Some(Noticed { kernel, family, own, histories, schedules });
        }
    }
    noticed.into_iter().map(|one| one.expect("every engine was given to a process")).collect()
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
