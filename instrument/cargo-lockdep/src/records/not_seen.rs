//! What a run could not see, noted beside its records: no process knows it, only who looked at the
//! crate graph.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::{input, printable};

/// The file: a kind of lock a line.
const NAME: &str = "not-seen.txt";

/// Adds kinds of locks to what is noted in a directory of records.
///
/// # Errors
///
/// If the file cannot be written.
pub(crate) fn note(directory: &Path, kinds: &[&str]) -> io::Result<()> {
    let path = directory.join(NAME);
    let known = input::read_text(&path).unwrap_or_default();
    let mut text = known.clone();
    for kind in kinds.iter().filter(|kind| !known.lines().any(|line| line == **kind)) {
        text.push_str(kind);
        text.push('\n');
    }
    if text == known { Ok(()) } else { input::write_own(&path, text.as_bytes()) }
}

/// What is noted beside these records, each kind once.
pub(super) fn read(records: &[PathBuf]) -> Vec<String> {
    let directories: BTreeSet<&Path> = records.iter().filter_map(|record| record.parent()).collect();
    let texts = directories.iter().filter_map(|directory| input::read_text(&directory.join(NAME)).ok());
    let lines: BTreeSet<String> = texts
        .flat_map(|text| text.lines().map(|line| printable::line(line).into_owned()).collect::<Vec<_>>())
        .collect();
    lines.into_iter().collect()
}
