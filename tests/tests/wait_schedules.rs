//! Errors about waits (LD0101) against every interleaving of small programs: an error hangs.
//!
//! `WAIT_PROGRAMS=300000 cargo test -p lockdep-tests --test wait_schedules -- --nocapture` tries as
//! many programs and prints the counts.
#![expect(clippy::print_stdout, reason = "the counts are what people run this test for")]

use lockdep_tests::chance;
use lockdep_tests::oracle::history::Seed;
use lockdep_tests::oracle::waits::{self, Operation, Program};
use lockdep_validator::Level;
use proptest::prelude::*;

#[test]
fn an_error_about_a_wait_has_a_schedule_that_hangs() {
    let n_programs = std::env::var("WAIT_PROGRAMS").ok().and_then(|n| n.parse().ok()).unwrap_or(4_000);
    let [mut n_run, mut n_hang, mut n_errors, mut n_warnings, mut n_unsaid] = [0; 5];
    for seed in 0..n_programs {
        let program = waits::make(&mut Seed(0xe7e0_0000_0000 + seed));
        let Some(judged) = waits::judge(&program, &mut Seed(seed * 77 + 5)) else { continue };
        let is_error = judged.level == Some(Level::Error);
        assert!(judged.hangs || !is_error, "seed {seed}: an error, and nothing hangs: {program:#?}");
        n_run += 1;
        n_hang += u64::from(judged.hangs);
        n_errors += u64::from(is_error);
        n_warnings += u64::from(judged.level == Some(Level::Warning));
        n_unsaid += u64::from(judged.hangs && judged.level.is_none() && !judged.other);
    }
    println!(
        "{n_programs} programs, {n_run} ran to their end, {n_hang} can hang; {n_errors} errors and {n_warnings} \
         warnings about waits; of {n_unsaid} that can hang nothing was said"
    );
    // The comparison is worth something only if every sort of program occurs.
    let enough = n_hang > n_run / 40 && n_hang < n_run / 2 && n_errors > 3 && n_warnings > 30;
    assert!(enough, "{n_run} ran, {n_hang} can hang, {n_errors} errors, {n_warnings} warnings");
}

/// Two threads, the second of which takes lock 0 and then does `last`.
fn two(first: &[Operation], last: &[Operation]) -> Program {
    let lock = [Operation::Acquire { lock: 0, reads: false }, Operation::Release(0)];
    Program {
        threads: vec![[&[Operation::Spawn(1)], first].concat(), [&lock[..], last].concat()],
        bounds: [None, Some(1)],
    }
}

#[test]
fn a_flag_orders_and_a_sleep_does_not() {
    use Operation::{Acquire, Await, Join, Release, Set, Sleep};
    let join = [Acquire { lock: 0, reads: false }, Join(1), Release(0)];
    let asleep = two(&[&[Sleep][..], &join].concat(), &[]);
    let flag = two(&[&[Await(0)][..], &join].concat(), &[Set(0)]);
    // Some runs hang, and some have the other thread be faster.
    let level = |program: &Program| {
        let judged = (0..200).filter_map(|seed| waits::judge(program, &mut Seed(seed)));
        judged.fold((false, None), |(hangs, level), judged| (hangs || judged.hangs, level.max(judged.level)))
    };
    assert_eq!(level(&asleep), (true, Some(Level::Error)));
    assert_eq!(level(&flag), (false, Some(Level::Warning)));
}

proptest! {
    #![proptest_config(chance::config(200))]

    #[test]
    fn no_program_that_shrinks(choices in prop::collection::vec(any::<u16>(), 0..80), seed in any::<u64>()) {
        let program = waits::make(&mut choices.iter());
        if let Some(judged) = waits::judge(&program, &mut Seed(seed)) {
            prop_assert!(judged.hangs || judged.level != Some(Level::Error), "{program:#?}");
        }
    }
}
