//! What is wrong with records, in words; never a reason not to read the others.

use std::fmt::{self, Display};
use std::path::PathBuf;

use crate::count::counted;
use crate::printable;

/// Something that kept (part of) a record from being read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Problem {
    /// The record.
    pub(crate) path: PathBuf,
    pub(crate) kind: ProblemKind,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ProblemKind {
    /// It cannot be read at all.
    Unreadable(String),
    /// Its last line is cut: the process was killed while it wrote.
    Cut,
    /// Its process wrote no end: it was killed, or still runs.
    NoEnd,
    /// Lines that are no lines of a record: how many, the first one's number, and why.
    Malformed { n_lines: usize, first: usize, why: String },
    /// A newer version of lockdep wrote it.
    Newer { schema: u32 },
    /// It does not start with a `run` line.
    NoStart,
    /// The ledger beside the records counts some that are missing or incomplete.
    Lost { n_records: u32 },
    /// It names classes that it does not describe: their line was lost.
    Undescribed { n_classes: usize },
}

impl Problem {
    /// Whether anything of the record is missing in the result that its writer knew of.
    pub(crate) fn loses_data(&self) -> bool {
        !matches!(self.kind, ProblemKind::NoEnd | ProblemKind::NoStart)
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A path that is not UTF-8 is shown with marks in place of what is not.
        write!(f, "{}: ", printable::line(&self.path.display().to_string()))?;
        match &self.kind {
            ProblemKind::Unreadable(why) => write!(f, "cannot be read ({why}); left out"),
            ProblemKind::Cut => {
                f.write_str("the last line is incomplete, as after a kill; the lines before it count")
            }
            ProblemKind::NoEnd => f.write_str(
                "the process did not end normally (killed, or still running); what it wrote counts",
            ),
            ProblemKind::Malformed { n_lines: 1, first, why } => write!(f, "line {first} left out: {why}"),
            ProblemKind::Malformed { n_lines, first, why } => {
                write!(f, "{n_lines} lines left out, the first is line {first}: {why}")
            }
            ProblemKind::Newer { schema } => write!(
                f,
                "has schema {schema}, this cargo-lockdep reads up to {}; left out (update with `cargo install cargo-lockdep`)",
                lockdep_report::record::SCHEMA
            ),
            ProblemKind::Lost { n_records } => write!(
                f,
                "{} could not be opened or written in full, so a report may be missing",
                counted(*n_records, "record", "records")
            ),
            ProblemKind::NoStart => {
                f.write_str("does not start with a `run` line, so its process has no name")
            }
            ProblemKind::Undescribed { n_classes } => {
                write!(
                    f,
                    "{n_classes} of its classes are not described (their lines are lost), so their numbers are shown"
                )
            }
        }
    }
}
