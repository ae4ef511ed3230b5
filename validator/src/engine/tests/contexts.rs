//! Contexts and wait types.

use super::Bench;
use crate::base::mode::{Mode, Wait};
use crate::base::site::Site;
use crate::check::violation::{Code, Detail, Level};
use crate::engine::NoStacks;
use crate::state::class::{ClassAttributes, LockType, WaitType};
use crate::state::context::{ContextAttributes, ContextId};

impl Bench {
    fn signal(&mut self) -> ContextId {
        self.validator.register_context("SIGUSR1", ContextAttributes::default()).expect("room")
    }

    /// `{` enters the context, `}` leaves it, `(` masks it, `)` unmasks it.
    fn run_in(&mut self, script: &str) -> Vec<(Code, Level)> {
        let context = self.signal();
        for word in script.split_whitespace() {
            match word {
                "{" => self.validator.context_enter(&mut self.task, context, None),
                "}" => {
                    let outcome = self.validator.context_exit(&mut self.task, context, Site(0), &NoStacks);
                    self.take(outcome);
                }
                "(" => self.validator.context_mask(&mut self.task, context),
                ")" => {
                    let outcome = self.validator.context_unmask(&mut self.task, context, Site(0), &NoStacks);
                    self.take(outcome);
                }
                word => {
                    self.run(word);
                }
            }
        }
        self.found()
    }
}

fn both(script: &str, expected: &[Code]) {
    for mut bench in [Bench::user(), Bench::kernel()] {
        let got: Vec<Code> = bench.run_in(script).into_iter().map(|(code, _)| code).collect();
        assert_eq!(got, expected, "{script}");
    }
}

#[test]
fn one_class_on_both_sides() {
    let inconsistent = [Code::InconsistentContext];
    both("A -A { A -A }", &inconsistent);
    both("{ A -A } A -A", &inconsistent);
    both("( A -A ) { A -A }", &[]);
    both("{ A -A } ( A ) -A", &inconsistent);
    both("{ A -A } ( A -A ) B -B", &[]);
    both("{ RA -A } RA -A", &[]);
    both("{ RA -A } A -A", &inconsistent);
    both("{ A -A } RA -A", &inconsistent);
    both("A -A { ?A -A }", &[]);
}

#[test]
fn a_fair_reader_in_a_handler_is_not_a_recursive_one() {
    let mut bench = Bench::user();
    assert_eq!(bench.run_in("{ rA -A } rA -A"), [(Code::InconsistentContext, Level::Warning)]);
    let mut bench = Bench::user();
    assert_eq!(bench.run_in("( A -A ) { rA -A } rA -A"), [(Code::InconsistentContext, Level::Error)]);
}

#[test]
fn a_path_between_the_sides() {
    let inversion = [Code::ContextInversion];
    // A is used in the handler; A -> B; B is held where it may run.
    both("{ A -A } ( A B -B -A ) B -B", &inversion);
    both("B -B ( A B -B -A ) { A -A }", &inversion);
    both("{ A -A } B -B ( A B -B -A )", &inversion);
    both("{ A -A } B -B ( B A -A -B )", &[]);
    both("{ A -A } ( A C -C -A ) B -B ( C B -B -C )", &inversion);
    // The path has to be strong.
    both("{ A -A } ( A RC -C -A ) B -B ( RC B -B -C )", &[]);
    // A recursive read in the handler does not wait for the readers on the path.
    both("{ RA -A } ( RA B -B -A ) B -B", &[]);
    both("{ RA -A } ( A B -B -A ) B -B", &inversion);
}

#[test]
fn what_is_reported_about_an_inversion() {
    let mut bench = Bench::user();
    let context = bench.signal();
    bench.run("B -B");
    bench.validator.context_enter(&mut bench.task, context, None);
    bench.run("A -A");
    let outcome = bench.validator.context_exit(&mut bench.task, context, Site(0), &NoStacks);
    assert!(outcome.is_clean());
    bench.validator.context_mask(&mut bench.task, context);
    bench.run("A B");
    let (a, b) = (bench.lock("A").class(), bench.lock("B").class());
    let violation = &bench.violations[0];
    assert!(violation.cycle.iter().any(|step| step.closing));
    let Detail::Context { context, used_in, enabled } = &violation.detail else { panic!("{violation:?}") };
    assert_eq!((context.as_str(), used_in.0, enabled.0), ("SIGUSR1", a, b));
}

#[test]
fn per_cpu_classes_end_no_inversion() {
    let mut bench = Bench::kernel();
    bench.class_with("L", ClassAttributes { lock_type: LockType::PerCpu, ..ClassAttributes::default() });
    assert_eq!(bench.run_in("{ A -A } ( A L -L -A ) L B -B -L B -B"), []);
}

#[test]
fn a_handler_has_a_chain_of_its_own() {
    // What was interrupted does not order what the handler takes, but for the context rules.
    both("( A ) -A B -B ( C { D -D } -C D C -C -D )", &[]);
}

#[test]
fn wait_types() {
    let attributes = |inner, outer| ClassAttributes { inner, outer, ..ClassAttributes::default() };
    let table = [
        ("raw spin", true),
        ("raw raw1", false),
        ("spin mutex", true),
        ("raw rcu spin", true),
        ("spin rcu spin1", false),
        ("rcu mutex", true),
        ("raw ?mutex", false),
        ("raw ?over spin", false),
        ("raw over spin", true),
        ("mutex spin raw rcu", false),
    ];
    for (script, reported) in table {
        let mut bench = Bench::kernel();
        bench.class_with("raw", attributes(WaitType::Spin, WaitType::Unchecked));
        bench.class_with("spin", attributes(WaitType::Config, WaitType::Unchecked));
        bench.class_with("mutex", attributes(WaitType::Sleep, WaitType::Unchecked));
        bench.class_with("rcu", attributes(WaitType::Config, WaitType::Free));
        let over = ClassAttributes {
            lock_type: LockType::WaitOverride,
            ..attributes(WaitType::Config, WaitType::Unchecked)
        };
        bench.class_with("over", over);
        for word in script.split_whitespace() {
            let name = word.trim_start_matches('?');
            let wait = if name == word { Wait::Blocking } else { Wait::Try };
            let event = bench.event(name, Mode::Exclusive, wait);
            bench.send(&event);
        }
        let got = bench.found().iter().any(|(code, _)| *code == Code::WaitType);
        assert_eq!(got, reported, "{script}");
    }
}

#[test]
fn a_lock_left_held_by_a_handler_is_reported_and_dropped() {
    both("B { A } -B", &[Code::HeldAtExit]);
}
