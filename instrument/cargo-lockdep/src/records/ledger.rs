//! The ledger beside the records, in which the watched processes counted.

use std::path::Path;

use lockdep_report::record::ledger::{FILE_NAME, Ledger, SIZE, blank};

use crate::error::{Context as _, Result};
use crate::input;

/// Makes the ledger of a directory, if it has none: then no process has to create it when room or
/// descriptors are short.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn prepare(records: &Path) -> Result<()> {
    let path = records.join(FILE_NAME);
    if contents(records).is_some() {
        return Ok(());
    }
    input::write_own(&path, &blank()).context(|| path.display().to_string())
}

/// What is counted so far; nothing if there is no ledger.
pub(crate) fn read(records: &Path) -> Ledger {
    contents(records).unwrap_or_default()
}

fn contents(records: &Path) -> Option<Ledger> {
    Ledger::parse(&input::read(&records.join(FILE_NAME), 2 * SIZE as u64).ok()?)
}
