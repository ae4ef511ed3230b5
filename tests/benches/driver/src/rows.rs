//! The rows of the table, and how each is measured.

use std::time::Instant;

use crate::peer::Peer;

/// A timed scenario.
pub struct Row {
    /// Its name in the peers' program.
    pub name: &'static str,
    /// Iterations for about two milliseconds with std, less than a turn of the scheduler; slow
    /// peers get fewer.
    iterations: u64,
    /// Whether threads contend: then the best repetition is one in which a thread ran alone, and
    /// the median is shown instead.
    contends: bool,
}

const fn row(name: &'static str, iterations: u64) -> Row {
    Row { name, iterations, contends: false }
}

/// Lists are walked as a whole, so their repetitions are long: only so many.
const LONG_REPETITIONS: usize = 7;

/// Every timed scenario.
pub const ROWS: &[Row] = &[
    row("single", 150_000),
    row("nested2", 80_000),
    row("nested4", 40_000),
    row("nested8", 20_000),
    row("two_threads_own_1", 150_000),
    row("two_threads_own_2", 80_000),
    row("two_threads_own_4", 40_000),
    Row { contends: true, ..row("two_threads_same", 40_000) },
    row("rwlock_read", 150_000),
    row("rwlock_write", 150_000),
    Row { contends: true, ..row("shared_read_2", 40_000) },
    row("new_drop", 300_000),
    row("new_lock_drop", 100_000),
    row("outer_new_lock_drop", 80_000),
    row("hand_over_hand", 1_000_000),
    row("sorted_shards", 100_000),
    row("tree_walk", 200_000),
];

/// The shapes and sizes of first-time edges.
pub fn edges(quick: bool) -> Vec<(&'static str, u64)> {
    let sizes: &[u64] = if quick { &[1_000] } else { &[1_000, 10_000, 100_000] };
    let mut list = Vec::new();
    for shape in ["chain", "reverse_chain", "star", "dag"] {
        for &size in sizes {
            list.push((shape, size));
        }
    }
    list.extend([("chain_deep", 1_000), ("classes", if quick { 1_000 } else { 100_000 })]);
    list
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn best(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

/// Measures one row: every repetition asks each peer once, in turn.
pub fn timed(peers: &mut [Peer], row: &Row, repetitions: usize, dev: bool) -> Result<Vec<String>, String> {
    let mut times = vec![Vec::new(); peers.len()];
    let mut ratios = vec![Vec::new(); peers.len()];
    let mut scale = vec![1_u64; peers.len()];
    let iterations = if dev && row.name != "hand_over_hand" { row.iterations / 4 } else { row.iterations };
    let repetitions =
        if row.name == "hand_over_hand" { repetitions.min(LONG_REPETITIONS) } else { repetitions };
    for repetition in 0..=repetitions {
        let mut base = None;
        for (index, peer) in peers.iter_mut().enumerate() {
            let slow = matches!(peer.name, "no_deadlocks") || (peer.name.starts_with("deloxide") && dev);
            let count =
                if row.name == "hand_over_hand" { iterations } else { (iterations / scale[index]).max(100) };
            let count = if slow { (count / 20).max(100) } else { count };
            let Some(time) = peer.ask(row.name, count).and_then(|answer| answer.parse::<f64>().ok()) else {
                continue;
            };
            if index == 0 {
                base = Some(time);
            }
            // The first repetition warms up and finds out who is slow.
            if repetition == 0 {
                if time > 100.0 {
                    scale[index] = if time > 1_000.0 { 50 } else { 5 };
                }
                continue;
            }
            times[index].push(time);
            if let Some(base) = base {
                ratios[index].push(time / base);
            }
        }
    }
    let shown: Vec<Option<f64>> =
        times.iter_mut().map(|times| if row.contends { median(times) } else { best(times) }).collect();
    let base = shown.first().copied().flatten();
    Ok(peers
        .iter()
        .zip(&shown)
        .zip(&mut ratios)
        .filter(|((peer, _), _)| peer.is_timed())
        .map(|((_, shown), ratios)| {
            let ratio =
                if row.contends { median(ratios) } else { shown.zip(base).map(|(time, base)| time / base) };
            match (shown, ratio) {
                (Some(time), Some(ratio)) => format!("{time:.1} ({ratio:.2})"),
                _ => "–".to_owned(),
            }
        })
        .collect())
}

/// Asks every peer one question whose answer is a list of numbers.
pub fn asked(peers: &mut [Peer], scenario: &str, count: u64, separator: &str) -> Vec<String> {
    peers
        .iter_mut()
        .map(|peer| match peer.ask(scenario, count) {
            Some(answer) => answer.split_whitespace().collect::<Vec<_>>().join(separator),
            None => "–".to_owned(),
        })
        .collect()
}

/// Asks every peer one question, each in a new process.
pub fn asked_afresh(peers: &[Peer], scenario: &str, count: u64, separator: &str) -> Vec<String> {
    peers
        .iter()
        .map(|peer| match peer.ask_afresh(scenario, count) {
            Some(answer) => answer.split_whitespace().collect::<Vec<_>>().join(separator),
            None => "–".to_owned(),
        })
        .collect()
}

/// Milliseconds from start to end of a process that takes one lock.
pub fn startup(peers: &[Peer], repetitions: usize) -> Vec<String> {
    let mut times = vec![Vec::new(); peers.len()];
    for _ in 0..repetitions * 3 {
        for (index, peer) in peers.iter().enumerate() {
            let start = Instant::now();
            if peer.startup().status().is_ok_and(|status| status.success()) {
                times[index].push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    times.iter_mut().map(|times| median(times).map_or("–".to_owned(), |time| format!("{time:.2}"))).collect()
}
