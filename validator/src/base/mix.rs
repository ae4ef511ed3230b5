//! The hash behind chain keys.

/// Folds `value` into `state`.
///
/// One 64 × 64 → 128 bit multiplication whose halves are joined: every bit of both inputs reaches
/// every bit of the result. Two chains with one key would hide a violation (the kernel's "chain_key
/// collision").
#[inline(always)]
pub(crate) const fn mix(state: u64, value: u64) -> u64 {
    let product = (state ^ 0x9e37_79b9_7f4a_7c15) as u128 * (value ^ 0xd1b5_4a32_d192_ed03) as u128;
    #[expect(clippy::cast_possible_truncation, reason = "the halves are joined")]
    {
        (product as u64) ^ ((product >> 64) as u64)
    }
}

/// [`mix`] for a `state` that is never zero and has no pattern: a constant such as the empty chain,
/// and its successors.
#[inline(always)]
pub(crate) const fn extend(state: u64, value: u64) -> u64 {
    let product = state as u128 * (value ^ 0xd1b5_4a32_d192_ed03) as u128;
    #[expect(clippy::cast_possible_truncation, reason = "the halves are joined")]
    {
        (product as u64) ^ ((product >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use rustc_hash::FxHashSet;

    use super::*;

    #[test]
    fn short_chains_do_not_collide() {
        let mut seen = FxHashSet::default();
        for first in 0..300_u64 {
            for second in 0..300_u64 {
                assert!(seen.insert(mix(mix(0, first << 40 | 1), second << 24)), "{first} {second}");
            }
        }
        // The steps of chain keys: class numbers from one on, and a mode.
        let start = 0x5bd1_e995_9d1d_6ab3;
        let mut seen = FxHashSet::default();
        for first in 1..400_u64 {
            assert!(seen.insert(extend(start, first)), "{first}");
            for second in 1..400_u64 {
                let both = extend(extend(start, first), second | 1 << 27);
                assert!(seen.insert(both), "{first} {second}");
                if second < 20 {
                    assert!((1..20).all(|third| seen.insert(extend(both, third))), "{first} {second}");
                }
            }
        }
    }
}
