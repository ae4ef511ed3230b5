//! The default policy against every interleaving of small programs: an error hangs, and what hangs
//! is reported.

use lockdep_tests::chance;
use lockdep_tests::oracle::history::{Lock, Seed};
use lockdep_tests::oracle::schedule::{self, Section, Step};
use lockdep_validator::{Level, Mode, Wait};
use proptest::prelude::*;

/// As many threads as can be tried in a moment.
fn copies(program: &[Section]) -> usize {
    if program.len() == 2 { 2 } else { 1 }
}

#[test]
fn an_error_has_a_schedule_that_hangs_and_what_hangs_is_reported() {
    let (mut n_programs, mut n_hang, mut n_errors, mut n_gated) = (0, 0, 0, 0);
    for seed in 0..600_u64 {
        let program = schedule::make(&mut Seed(0x5c4e_d01e_0000 + seed));
        let agreed = match schedule::compare(&program, seed % 2 == 0, copies(&program)) {
            Ok(agreed) => agreed,
            Err(difference) => panic!("seed {seed}: {difference}\n{program:#?}"),
        };
        n_programs += 1;
        n_hang += u32::from(agreed.hangs);
        n_errors += u32::from(agreed.level == Some(Level::Error));
        n_gated += u32::from(agreed.gated);
    }
    // The comparison is worth something only if every sort of program occurs.
    let enough = n_hang > n_programs / 20 && n_hang < n_programs / 2 && n_errors > 20 && n_gated > 0;
    assert!(enough, "{n_programs} programs, {n_hang} hang, {n_errors} errors, {n_gated} gated");
}

#[test]
fn what_a_section_makes_for_itself_is_no_error() {
    let (mut n_hang, mut n_errors, mut n_unpublished) = (0, 0, 0);
    for seed in 0..600_u64 {
        let program = schedule::make_with_made(&mut Seed(0x3ade_0000 + seed));
        let agreed = match schedule::compare(&program, seed % 2 == 0, copies(&program)) {
            Ok(agreed) => agreed,
            Err(difference) => panic!("seed {seed}: {difference}\n{program:#?}"),
        };
        n_hang += u32::from(agreed.hangs);
        n_errors += u32::from(agreed.level == Some(Level::Error));
        n_unpublished += u32::from(agreed.unpublished);
    }
    assert!(n_hang > 30 && n_errors > 20 && n_unpublished > 10, "{n_hang} hang, {n_errors}, {n_unpublished}");
}

fn lock(name: char) -> Lock {
    // A to D are classes with one lock each as far as these programs go.
    let class = "ABCD".find(name).expect("one of four");
    Lock { class, instance: 0 }
}

/// `G A B -B -A -G` and so on; a lower-case letter is a recursive read.
fn sections(texts: &[&str]) -> Vec<Section> {
    let step = |word: &str| {
        let name = word.trim_start_matches('-');
        let first = name.chars().next().expect("not empty");
        let mode = if first.is_lowercase() { Mode::SharedRecursive } else { Mode::Exclusive };
        let lock = lock(first.to_ascii_uppercase());
        if word.starts_with('-') { Step::Release(lock) } else { Step::Acquire(lock, mode, Wait::Blocking) }
    };
    texts.iter().map(|text| text.split(' ').map(step).collect()).collect()
}

#[test]
fn a_ring_hangs_and_one_under_a_gate_does_not() {
    let plain = sections(&["A B -B -A", "B A -A -B"]);
    assert!(schedule::hangs(&plain, 1));
    let gated = sections(&["D A B -B -A -D", "D B A -A -B -D"]);
    assert!(!schedule::hangs(&gated, 2));
    let by_readers = sections(&["d A B -B -A -d", "d B A -A -B -d"]);
    assert!(schedule::hangs(&by_readers, 1), "readers of D do not exclude each other");
    let reader_and_writer = sections(&["d A B -B -A -d", "D B A -A -B -D"]);
    assert!(!schedule::hangs(&reader_and_writer, 2));
    // What one thread holds does not keep it apart from itself, be it beside the ring or on it.
    let beside = sections(&["D A B C -C -B -A -D", "C A -A -C"]);
    assert!(schedule::hangs(&beside, 1));
    let on_it = sections(&["A B C D -D -C -B -A", "D A -A -D"]);
    assert!(schedule::hangs(&on_it, 1));
    let rings = [
        (plain, true),
        (gated, false),
        (by_readers, true),
        (reader_and_writer, false),
        (beside, true),
        (on_it, true),
    ];
    for (program, hangs) in rings {
        let agreed =
            schedule::compare(&program, false, 2).unwrap_or_else(|difference| panic!("{difference}"));
        assert_eq!((agreed.hangs, agreed.gated), (hangs, !hangs), "{program:?}");
    }
}

#[test]
fn a_ring_over_an_early_release_needs_a_section_twice() {
    let program = sections(&["A B -A C -B -C", "C A -A -C"]);
    assert!(!schedule::hangs(&program, 1) && schedule::hangs(&program, 2));
    assert!(schedule::compare(&program, true, 2).is_ok());
}

proptest! {
    #![proptest_config(chance::config(200))]

    #[test]
    fn no_program_that_shrinks(choices in prop::collection::vec(any::<u16>(), 0..60), one_thread in any::<bool>()) {
        let program = schedule::make(&mut choices.iter());
        if let Err(difference) = schedule::compare(&program, one_thread, copies(&program)) {
            prop_assert!(false, "{difference}\n{program:#?}");
        }
    }

    #[test]
    fn no_program_that_makes_locks_and_shrinks(
        choices in prop::collection::vec(any::<u16>(), 0..60),
        one_thread in any::<bool>(),
    ) {
        let program = schedule::make_with_made(&mut choices.iter());
        if let Err(difference) = schedule::compare(&program, one_thread, copies(&program)) {
            prop_assert!(false, "{difference}\n{program:#?}");
        }
    }
}
