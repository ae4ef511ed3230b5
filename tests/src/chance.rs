//! How the tests that shrink what they find are seeded.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// `cases` cases, the same in every run: a gate that fails by chance says nothing about the change
/// before it. To look at others, set `PROPTEST_RNG_SEED`.
///
/// ```
/// let config = lockdep_tests::chance::config(200);
/// assert_eq!(config.cases, 200);
/// ```
pub fn config(cases: u32) -> ProptestConfig {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    match config.rng_seed {
        RngSeed::Random => ProptestConfig { rng_seed: RngSeed::Fixed(0x10c4_de90), ..config },
        RngSeed::Fixed(_) => config,
    }
}
