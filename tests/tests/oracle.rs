//! The engine against an oracle that tries everything. `--bin oracle` runs as many histories as it
//! is shown; here a bounded number, and a search that shrinks what it finds.

use lockdep_tests::chance;
use lockdep_tests::oracle::compare;
use lockdep_tests::oracle::history::{self, Event, Seed, Shape};
use proptest::prelude::*;

const SHAPES: [(usize, u64, usize); 6] =
    [(8, 85, 2), (8, 50, 3), (10, 50, 4), (10, 75, 4), (9, 65, 4), (8, 85, 4)];

fn shape(index: usize, contexts: bool, n_events: usize) -> Shape {
    let (n_classes, percent_readers, max_depth) = SHAPES[index];
    Shape { n_classes, percent_readers, max_depth, n_events, contexts }
}

fn compare_both(shape: Shape, history: &[Event]) -> Result<bool, String> {
    let agreed = compare::until_first(shape, history).map_err(|difference| format!("{difference:?}"))?;
    if !shape.contexts {
        compare::to_the_end(shape, history)
            .map_err(|difference| format!("after a report: {difference:?}"))?;
    }
    Ok(agreed.has_deadlock)
}

#[test]
fn two_thousand_histories_without_a_difference() {
    let (mut n_histories, mut n_deadlocks) = (0, 0);
    for index in 0..SHAPES.len() {
        for contexts in [false, true] {
            for number in 0..170_u64 {
                let n_events = 16 + usize::try_from(number % 128).expect("below 128");
                let shape = shape(index, contexts, n_events);
                let history = history::make(shape, &mut Seed(0x5eed_0000 + number));
                match compare_both(shape, &history) {
                    Ok(has_deadlock) => n_deadlocks += u32::from(has_deadlock),
                    Err(difference) => panic!("{shape:?}, seed {number}: {difference}"),
                }
                n_histories += 1;
            }
        }
    }
    // The comparison is worth something only if both kinds of history occur.
    assert!(n_deadlocks > n_histories / 4 && n_deadlocks < n_histories, "{n_deadlocks} of {n_histories}");
}

/// Histories that once came out wrong, as `--bin oracle` makes them: shape, events, seed, and what
/// it was.
const ONCE_WRONG: [(usize, usize, u64, &str); 1] =
    [(4, 118, 102, "a chain through a nested lock was taken for the one without the nest lock")];

#[test]
fn histories_that_once_came_out_wrong() {
    for (index, n_events, seed, what) in ONCE_WRONG {
        let shape = shape(index, false, n_events);
        let history = history::make(shape, &mut Seed(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)));
        if let Err(difference) = compare_both(shape, &history) {
            panic!("{what}: {difference}");
        }
    }
}

proptest! {
    #![proptest_config(chance::config(300))]

    #[test]
    fn no_history_that_shrinks(
        index in 0..SHAPES.len(),
        contexts in any::<bool>(),
        choices in prop::collection::vec(any::<u16>(), 0..400),
    ) {
        let shape = shape(index, contexts, 80);
        let history = history::make(shape, &mut choices.iter());
        if let Err(difference) = compare_both(shape, &history) {
            prop_assert!(false, "{difference}\n{history:#?}");
        }
    }
}
