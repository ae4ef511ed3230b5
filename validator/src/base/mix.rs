//! The hash behind chain keys.

/// Folds `value` into `state`.
///
/// One 64 × 64 → 128 bit multiplication whose halves are joined: every bit of both inputs reaches every bit of the result,
/// which matters because two chains with one key would hide a violation (the kernel's "chain_key collision").
#[inline(always)]
pub(crate) const fn mix(state: u64, value: u64) -> u64 {
    let product = (state ^ 0x9e37_79b9_7f4a_7c15) as u128 * (value ^ 0xd1b5_4a32_d192_ed03) as u128;
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
    }
}
