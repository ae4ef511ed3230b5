//! The ledger of a directory of run records: how many processes were watched there, and what they
//! lost.
//!
//! A record can be lost: the disk is full, the process may open no more descriptors, the program
//! closed ours. A lost record must not look like a clean run, and what tells of the loss must not
//! need what is missing. So each process maps one small file, [`FILE_NAME`], shared, when it
//! starts, and counts in it. Counting needs no descriptor, no space on the disk and no memory.
//!
//! The command writes [`blank`] to the file before a run. Where the file does not exist, the
//! runtime makes it.
//!
//! A process that is about to panic for a report uses the file to wait for the command. It adds one
//! to [`Counter::Waiting`] when its record has the report. The command copies that number to
//! [`Counter::Printed`] when it has printed what the records had until then.
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | [`MAGIC`] |
//! | 8–11 | [`VERSION`] |
//! | 12–63 | thirteen counters of four bytes, in the order of [`Counter`]; those without a name are zero |
//!
//! Numbers have the byte order of the machine, because processors add to them in place. A reader on
//! a machine with the other byte order finds an unknown version.
//!
//! ```
//! use lockdep_report::record::ledger::{self, Ledger};
//!
//! assert_eq!(Ledger::parse(&ledger::blank()), Some(Ledger::default()));
//! assert_eq!(Ledger::parse(b"too short"), None);
//! ```

/// The name of the file, in the directory of the records.
pub const FILE_NAME: &str = "ledger";

/// How long the file is, in bytes.
pub const SIZE: usize = 64;

/// The first bytes of the file.
pub const MAGIC: [u8; 8] = *b"lockdep\n";

/// The version of the layout. A change of what a counter means, or of its place, raises it; a new
/// counter does not.
pub const VERSION: u32 = 1;

/// Where the counters begin.
const COUNTERS: usize = 12;

/// One of the counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counter {
    /// Processes that began to validate. Each adds one before it opens its record.
    Announced,
    /// Processes that wrote the last line of their record. One that was killed, called `_exit` or
    /// executed another program is announced and has not ended.
    Ended,
    /// Records that are incomplete or missing: the file could not be opened, or a line could not be
    /// written.
    LostRecord,
    /// Texts, a report each, that could be written to neither the output nor the standard error
    /// stream. The record has them if it is not lost.
    LostReport,
    /// Children that took locks and were not validated, because a process with several threads
    /// forked them.
    UnwatchedChild,
    /// Reports that the command is to print before their process goes on. Each is in a record
    /// before it is counted.
    Waiting,
    /// How many of these the command has printed, one way or another. Only the command writes it.
    Printed,
    /// One while a command reads the records, so that it is worth waiting for it. Only the command
    /// writes it.
    Reading,
}

impl Counter {
    /// Returns the index of the first byte of the counter in the file.
    pub const fn offset(self) -> usize {
        COUNTERS + 4 * self as usize
    }
}

/// What the counters say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// See [`Counter::Announced`].
    pub n_announced: u32,
    /// See [`Counter::Ended`].
    pub n_ended: u32,
    /// See [`Counter::LostRecord`].
    pub n_lost_records: u32,
    /// See [`Counter::LostReport`].
    pub n_lost_reports: u32,
    /// See [`Counter::UnwatchedChild`].
    pub n_unwatched_children: u32,
}

impl Ledger {
    /// Reads the bytes of the file; `None` if they are not a ledger of this version.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < SIZE || !is_ledger(bytes) {
            return None;
        }
        let counter = |counter: Counter| word(bytes, counter.offset());
        Some(Self {
            n_announced: counter(Counter::Announced)?,
            n_ended: counter(Counter::Ended)?,
            n_lost_records: counter(Counter::LostRecord)?,
            n_lost_reports: counter(Counter::LostReport)?,
            n_unwatched_children: counter(Counter::UnwatchedChild)?,
        })
    }
}

/// Returns whether bytes begin as a ledger of this version does.
pub fn is_ledger(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC) && word(bytes, MAGIC.len()) == Some(VERSION)
}

/// Returns what a counter says in the bytes of a ledger of this version.
pub fn value(bytes: &[u8], counter: Counter) -> Option<u32> {
    is_ledger(bytes).then(|| word(bytes, counter.offset())).flatten()
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

/// Returns the bytes of a ledger in which nothing was counted yet.
pub const fn blank() -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let version = VERSION.to_ne_bytes();
    let mut index = 0;
    while index < MAGIC.len() {
        bytes[index] = MAGIC[index];
        index += 1;
    }
    while index < COUNTERS {
        bytes[index] = version[index - MAGIC.len()];
        index += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_place_of_its_own_in_the_file() {
        let all = [
            Counter::Announced,
            Counter::Ended,
            Counter::LostRecord,
            Counter::LostReport,
            Counter::UnwatchedChild,
            Counter::Waiting,
            Counter::Printed,
            Counter::Reading,
        ];
        let mut bytes = blank();
        for (value, counter) in (1_u32..).zip(all) {
            assert!(counter.offset() % 4 == 0 && counter.offset() + 4 <= SIZE);
            bytes[counter.offset()..counter.offset() + 4].copy_from_slice(&value.to_ne_bytes());
        }
        let expected = Ledger {
            n_announced: 1,
            n_ended: 2,
            n_lost_records: 3,
            n_lost_reports: 4,
            n_unwatched_children: 5,
        };
        assert_eq!(Ledger::parse(&bytes), Some(expected));
        let values = [Counter::Waiting, Counter::Printed, Counter::Reading].map(|one| value(&bytes, one));
        assert_eq!(values, [Some(6), Some(7), Some(8)]);
    }

    #[test]
    fn what_is_not_a_ledger_of_this_version_is_refused() {
        let mut newer = blank();
        newer[8..12].copy_from_slice(&(VERSION + 1).to_ne_bytes());
        assert_eq!(Ledger::parse(&newer), None);
        assert_eq!(Ledger::parse(&[0; SIZE]), None);
        assert_eq!(Ledger::parse(&blank()[..SIZE - 1]), None);
    }
}
