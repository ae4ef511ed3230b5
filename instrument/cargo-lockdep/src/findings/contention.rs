//! Which locks were fought over, as `stat` and the page show it.

use clap::ValueEnum;
use lockdep_report::record::Durations;
use lockdep_validator::ClassHash;
use rustc_hash::FxHashMap;

use crate::records::Union;
use crate::records::labels::Labels;

/// What the table is sorted by, highest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Sort {
    /// The time that all callers together waited.
    #[default]
    Wait,
    /// The longest wait.
    MaxWait,
    /// How often a caller had to wait.
    Contentions,
    /// How often the lock was acquired.
    Acquisitions,
    /// The time that it was held after contended acquisitions.
    Hold,
    /// The label, alphabetically.
    Name,
}

/// One line of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) n_acquisitions: u64,
    pub(crate) n_contentions: u64,
    pub(crate) wait: Durations,
    pub(crate) hold: Durations,
}

/// The statistics summed up by class, or by class and place.
pub(crate) fn rows(union: &Union, by_site: bool) -> Vec<Row> {
    let labels = Labels::new(union.classes.values());
    let mut rows: FxHashMap<(ClassHash, String), Row> = FxHashMap::default();
    for stat in union.stats.values() {
        let site = if by_site { format!("{} {}", stat.mode.as_str(), stat.site) } else { String::new() };
        let name = format!("{} {site}", labels.label(stat.class));
        let row = rows
            .entry((stat.class, site))
            .or_insert_with(|| Row { name: name.trim_end().to_owned(), ..Row::default() });
        row.n_acquisitions += stat.n_acquisitions;
        row.n_contentions += stat.n_contentions;
        row.wait.merge(&stat.wait);
        row.hold.merge(&stat.hold);
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    sort(&mut rows, Sort::Wait);
    rows
}

/// Sorts the rows; equal ones by name, so that two runs of us print the same.
pub(crate) fn sort(rows: &mut [Row], by: Sort) {
    let key = |row: &Row| match by {
        Sort::Wait => row.wait.total_ns,
        Sort::MaxWait => row.wait.max_ns,
        Sort::Contentions => row.n_contentions,
        Sort::Acquisitions => row.n_acquisitions,
        Sort::Hold => row.hold.total_ns,
        Sort::Name => 0,
    };
    rows.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
}

/// A duration in the unit that leaves at most three digits before the point.
pub(crate) fn duration(nanoseconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    match UNITS.into_iter().find(|(size, _)| nanoseconds >= *size) {
        Some((size, unit)) => format!("{}.{}{unit}", nanoseconds / size, nanoseconds % size * 10 / size),
        None if nanoseconds == 0 => "-".to_owned(),
        None => format!("{nanoseconds}ns"),
    }
}

/// The histogram from one nanosecond to a second, a character for three powers of two.
pub(crate) fn sparkline(buckets: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let sums: Vec<u64> = (0..10).map(|group| buckets.iter().skip(group * 3).take(3).sum()).collect();
    let highest = sums.iter().copied().max().unwrap_or(0);
    sums.into_iter()
        .map(|sum| match (sum.saturating_mul(7)).checked_div(highest) {
            None | Some(_) if sum == 0 => '·',
            Some(height) => BARS[usize::try_from(height).unwrap_or(7).min(7)],
            None => '·',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (ns, text) in
            [(0, "-"), (999, "999ns"), (1_500, "1.5µs"), (40_000_000, "40.0ms"), (3_210_000_000, "3.2s")]
        {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn rows_are_sorted_by_what_was_asked_for() {
        let row = |name: &str, contentions, total_ns| Row {
            name: name.into(),
            n_contentions: contentions,
            wait: Durations { total_ns, ..Durations::default() },
            ..Row::default()
        };
        let mut rows = [row("b", 1, 9), row("a", 1, 5), row("c", 3, 1)];
        let order = |rows: &[Row]| rows.iter().map(|row| row.name.clone()).collect::<String>();
        sort(&mut rows, Sort::Wait);
        assert_eq!(order(&rows), "bac");
        sort(&mut rows, Sort::Contentions);
        assert_eq!(order(&rows), "cab");
        sort(&mut rows, Sort::Name);
        assert_eq!(order(&rows), "abc");
    }
}
