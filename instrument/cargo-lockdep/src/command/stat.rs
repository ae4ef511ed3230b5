//! `stat`: which locks were fought over, from the records of runs with LOCKDEP_STAT=1.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use crate::error::{Error, Result};
use crate::exit;
use crate::findings::contention::{Row, Sort, duration, rows, sort, sparkline};
use crate::output::print;
use crate::records;

/// The arguments of `stat`.
#[derive(Debug, Args)]
pub(crate) struct StatArgs {
    /// Directories or files of run records; the default is LOCKDEP_DIR.
    #[arg(value_name = "DIR")]
    pub(crate) records: Vec<PathBuf>,
    /// The sort order.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sort: Sort,
    /// The number of lines to show.
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub(crate) top: usize,
    /// Show one line for each place instead of each class.
    #[arg(long)]
    pub(crate) sites: bool,
}

/// Prints the table.
///
/// # Errors
///
/// If there is no record, or none of them has statistics.
pub(crate) fn run(args: &StatArgs) -> Result<u8> {
    let union = records::read(&records::paths(&args.records)?)?;
    if union.stats.is_empty() {
        return Err(Error::new(
            "the records hold no statistics: run with LOCKDEP_STAT=1 as well as LOCKDEP=1",
        ));
    }
    let mut rows = rows(&union, args.sites);
    sort(&mut rows, args.sort);
    print(&table(&rows, args.top))?;
    Ok(exit::CLEAN)
}

fn table(rows: &[Row], top: usize) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "class",
        "acquired",
        "contended",
        "%",
        "wait min",
        "avg",
        "max",
        "total",
        "hold avg",
        "max",
        "waits 1ns … 1s",
    ]);
    for row in rows.iter().take(top) {
        let share = match row.n_contentions.saturating_mul(1000).checked_div(row.n_acquisitions) {
            Some(per_mille) => format!("{}.{}", per_mille / 10, per_mille % 10),
            None => "-".to_owned(),
        };
        table.add_row([
            row.name.clone(),
            row.n_acquisitions.to_string(),
            row.n_contentions.to_string(),
            share,
            duration(row.wait.min_ns),
            duration(row.wait.mean_ns()),
            duration(row.wait.max_ns),
            duration(row.wait.total_ns),
            duration(row.hold.mean_ns()),
            duration(row.hold.max_ns),
            sparkline(&row.wait.buckets),
        ]);
    }
    for column in table.column_iter_mut().skip(1).take(9) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if rows.len() > top {
        text.push_str(&format!("… and {} more (--top)\n", rows.len() - top));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_was_fought_over() {
        let rows = rows(&records::fixture::union(), true);
        insta::assert_snapshot!(table(&rows, 10));
    }
}
