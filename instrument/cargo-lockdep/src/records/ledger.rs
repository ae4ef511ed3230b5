//! The ledger beside the records, in which the watched processes counted.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use lockdep_report::record::ledger::{Counter, FILE_NAME, Ledger, SIZE, blank, value};
use rustix::fs::OFlags;

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
    Ledger::parse(&bytes(&records.join(FILE_NAME))?)
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    input::read(path, 2 * SIZE as u64).ok()
}

/// Tells the watched processes, through the ledger, how far their reports are printed. Lives while
/// the records are read.
#[derive(Debug)]
pub(crate) struct Receipts {
    path: PathBuf,
    n_printed: u32,
}

impl Receipts {
    /// From now on a process may wait for its report to be printed.
    pub(crate) fn begin(records: &Path) -> Self {
        let path = records.join(FILE_NAME);
        let n_printed = bytes(&path).and_then(|bytes| value(&bytes, Counter::Printed)).unwrap_or(0);
        let receipts = Self { path, n_printed };
        receipts.set(Counter::Reading, 1);
        receipts
    }

    /// Returns how many reports are waited for. Each of them is in a record by now.
    pub(crate) fn n_waiting(&self) -> u32 {
        bytes(&self.path).and_then(|bytes| value(&bytes, Counter::Waiting)).unwrap_or(self.n_printed)
    }

    /// Says that so many are printed.
    pub(crate) fn printed(&mut self, n_waiting: u32) {
        if n_waiting != self.n_printed {
            self.n_printed = n_waiting;
            self.set(Counter::Printed, n_waiting);
        }
    }

    /// Writes a counter that no process writes. If it cannot be written, the processes wait for
    /// their longest time.
    fn set(&self, counter: Counter, value: u32) {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW).bits();
        let file = OpenOptions::new().write(true).custom_flags(flags.cast_signed()).open(&self.path);
        if let Ok(file) = file {
            let _ = file.write_all_at(&value.to_ne_bytes(), counter.offset() as u64);
        }
    }
}

impl Drop for Receipts {
    fn drop(&mut self) {
        self.set(Counter::Reading, 0);
    }
}
