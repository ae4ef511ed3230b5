//! Run records, read and joined: which classes, dependencies and reports any number of processes
//! saw together.

mod files;
mod foreign;
pub(crate) mod labels;
pub(crate) mod ledger;
mod not_seen;
mod problem;
pub(crate) mod reader;
mod recheck;
mod union;

#[cfg(test)]
pub(crate) mod fixture;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lockdep_report::record::ledger::FILE_NAME;

use crate::error::Result;

use problem::ProblemKind;

pub(crate) use files::paths;
pub(crate) use not_seen::note as note_not_seen;
pub(crate) use recheck::recheck;
pub(crate) use union::{JoinedReport, Union};

/// Reads every record below `paths` and joins them; a progress bar appears if that takes longer
/// than a second.
///
/// # Errors
///
/// If there is no record at all. What is wrong with single records is in [`Union::problems`].
pub(crate) fn read(paths: &[PathBuf]) -> Result<Union> {
    let files = files::find(paths)?;
    let progress = files::Progress::new(&files);
    let mut union = Union::default();
    for file in &files {
        files::read_into(&mut union, file, &progress);
    }
    progress.finish();
    for directory in files.iter().filter_map(|file| file.parent()).collect::<BTreeSet<&Path>>() {
        let n_records = ledger::read(directory).n_lost_records;
        if n_records > 0 {
            union.problem(&directory.join(FILE_NAME), ProblemKind::Lost { n_records });
        }
    }
    union.complete();
    union.not_seen = not_seen::read(&files);
    Ok(union)
}
