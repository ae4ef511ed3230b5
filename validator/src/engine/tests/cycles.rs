//! Cycles of classes with one lock each: what the kernel's rule finds, and nothing else.

use super::check;
use crate::check::violation::{Code, Level};

const CYCLE: (Code, Level) = (Code::CircularDependency, Level::Error);

#[test]
fn exclusive_orders() {
    check("A B -- B A --", &[CYCLE], &[CYCLE.0]);
    check("A B -- B C -- C A --", &[CYCLE], &[CYCLE.0]);
    check("A B C -- A C -- B C --", &[], &[]);
    check("A B -A C -- B C --", &[], &[]);
    check("A B -A C -- C B --", &[CYCLE], &[CYCLE.0]);
    check("A B -- B A -- A B -- B A --", &[CYCLE], &[CYCLE.0]);
    check("A B -- B A -- C D -- D C --", &[CYCLE, CYCLE], &[CYCLE.0, CYCLE.0]);
}

#[test]
fn a_temporary_between_does_not_hide_the_outer_lock() {
    check("A T C -- C A --", &[CYCLE], &[CYCLE.0]);
    check("A RB C -- C A --", &[CYCLE], &[CYCLE.0]);
    check("A ?B C -- C A --", &[CYCLE], &[CYCLE.0]);
}

#[test]
fn readers_and_writers() {
    check("rA B -- rB A --", &[CYCLE], &[CYCLE.0]);
    check("A rB -- B rA --", &[CYCLE], &[CYCLE.0]);
    check("A RB -- B RA --", &[CYCLE], &[CYCLE.0]);
    check("RA B -- B RA --", &[], &[]);
    check("RA RB -- RB RA --", &[], &[]);
    check("RA B -- RB A --", &[CYCLE], &[CYCLE.0]);
    // Without the writers it takes two of them to queue in between.
    check("rA rB -- rB rA --", &[(Code::CircularDependency, Level::Warning)], &[CYCLE.0]);
    // Read A, read B; write A, read B is another kind; no cycle either way round.
    check("RA RB -- A RB -- RA B --", &[], &[]);
}

#[test]
fn the_first_hole_of_the_kernel_is_closed() {
    // B is first met over the weak A -> B, then over the strong A -> C -> B.
    check("RA B -- A C -- C B -- B RA --", &[CYCLE], &[CYCLE.0]);
}

#[test]
fn a_new_kind_on_a_known_dependency_is_looked_at() {
    check("RA B -- B RA -- A B --", &[CYCLE], &[CYCLE.0]);
    check("A RB -- RB A -- B A --", &[CYCLE], &[CYCLE.0]);
}

#[test]
fn tries_wait_for_nobody_but_are_waited_for() {
    check("A ?B -- B A --", &[], &[]);
    check("?A B -- B A --", &[CYCLE], &[CYCLE.0]);
    check("A B -- B ?A --", &[], &[]);
}

#[test]
fn levels_are_classes_of_their_own() {
    check("A1 ^A2 -- A2 ^A1 --", &[], &[]);
    // The levels contradict each other, the locks do not.
    check("A1 ^A2 -- ^A1 A2 --", &[(CYCLE.0, Level::Warning)], &[CYCLE.0]);
}

#[test]
fn a_forbidden_nesting_still_says_something_about_other_classes() {
    let got: Vec<Code> =
        super::Bench::kernel().run("A ?X1 X2 -- X1 A --").found().into_iter().map(|(code, _)| code).collect();
    assert_eq!(got, [Code::SameClassOrder, Code::CircularDependency]);
}

#[test]
fn long_cycles() {
    let mut script = String::new();
    for index in 0..300 {
        script += &format!("L{} L{} -- ", name(index), name((index + 1) % 300));
    }
    check(&script, &[CYCLE], &[CYCLE.0]);
}

/// A number in letters: digits name instances.
fn name(index: usize) -> String {
    let letter = |value: usize| char::from(b'a' + u8::try_from(value % 26).expect("below 26"));
    [letter(index / 676), letter(index / 26), letter(index)].iter().collect()
}
