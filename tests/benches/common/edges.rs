//! First-time edges: what an order costs the first time it is seen.

use std::time::Instant;

/// The pairs of a shape over `n` nodes, outer first, in the order in which they are seen.
pub fn pairs(shape: &str, n: usize) -> Option<Vec<(usize, usize)>> {
    Some(match shape {
        "chain" => (0..n - 1).map(|i| (i, i + 1)).collect(),
        "reverse_chain" => (0..n - 1).rev().map(|i| (i, i + 1)).collect(),
        "star" => (1..n).map(|i| (0, i)).collect(),
        "dag" => {
            let mut state = 0x9e37_79b9_7f4a_7c15_u64;
            let mut random = move |below: usize| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                usize::try_from(state % below as u64).expect("small")
            };
            let mut pairs = Vec::with_capacity(n * 10);
            while pairs.len() < n * 10 {
                let (one, other) = (random(n), random(n));
                if one != other {
                    pairs.push((one.min(other), one.max(other)));
                }
            }
            pairs
        }
        _ => return None,
    })
}

/// Times `nest` on every pair and gives back `MEDIAN P99 MEAN` in nanoseconds.
pub fn measure(pairs: &[(usize, usize)], mut nest: impl FnMut(usize, usize)) -> String {
    let mut times: Vec<u128> = pairs
        .iter()
        .map(|&(outer, inner)| {
            let start = Instant::now();
            nest(outer, inner);
            start.elapsed().as_nanos()
        })
        .collect();
    let mean = times.iter().sum::<u128>() / times.len() as u128;
    times.sort_unstable();
    format!("{} {} {mean}", times[times.len() / 2], times[times.len() * 99 / 100])
}
