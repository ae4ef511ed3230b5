//! First-time edges: what an order costs the first time it is seen. The driver asks for each shape
//! in a process of its own.

use std::collections::HashSet;
use std::hint::black_box;
use std::time::Instant;

/// The pairs of a shape over `n` nodes, outer first, in the order in which they are seen.
pub fn pairs(shape: &str, n: usize) -> Option<Vec<(usize, usize)>> {
    Some(match shape.strip_suffix("_deep").unwrap_or(shape) {
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

/// Times `nest` on every pair and gives back `MEDIAN P99 MEAN` in nanoseconds, and the resident
/// bytes that each distinct pair added.
pub fn measure(shape: &str, pairs: &[(usize, usize)], mut nest: impl FnMut(usize, usize)) -> String {
    let depth = if shape.ends_with("_deep") { 30 } else { 0 };
    let n_distinct = pairs.iter().collect::<HashSet<_>>().len();
    let mut times = vec![0_u128; pairs.len()];
    let before = resident();
    for (time, &(outer, inner)) in times.iter_mut().zip(pairs) {
        let start = Instant::now();
        deeper(depth, &mut || nest(outer, inner));
        *time = start.elapsed().as_nanos();
    }
    let n_bytes = resident().saturating_sub(before) / n_distinct;
    let mean = times.iter().sum::<u128>() / times.len() as u128;
    times.sort_unstable();
    format!("{} {} {mean} {n_bytes}", times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Runs `body` that many calls further down, where a stack has more frames.
#[inline(never)]
fn deeper(n_calls: usize, body: &mut dyn FnMut()) {
    match black_box(n_calls) {
        0 => body(),
        n => deeper(n - 1, body),
    }
    black_box(n_calls);
}

/// The resident bytes of the process; zero where the system does not tell.
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0) * 1024
}
