//! The file of the run record of this process: `LOCKDEP_DIR/<pid>-<nonce>.jsonl`, one line for each
//! new thing.
//!
//! What the lines say is in `record.rs`.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lockdep_report::record::{ClassRecord, Record, RunRecord, SCHEMA};
use lockdep_validator::ClassId;
use rustc_hash::FxHashSet;

use super::raw_record;
use super::sink::{self, Creation, OwnFile};
use crate::runtime::process::ledger::{self, Counter};
use crate::runtime::process::own_id;
use crate::runtime::process::own_threads;
use crate::runtime::process::start as process_start;
use crate::runtime::system::errno;
use crate::runtime::task::number;

/// From so many bytes on a record gets the first order of each pair of classes only. A program that
/// orders thousands of locks of suspect classes would fill the disk, and say little with it.
const MAX_BYTES: u64 = 64 << 20;

/// Writes the record. A leaf lock: nothing else is locked, and no code of the program runs, while
/// it is held.
#[derive(Debug)]
pub(crate) struct Recorder {
    dir: PathBuf,
    source_root: String,
    max_bytes: u64,
    inner: Mutex<Inner>,
}

/// A pair of classes, first the one that is held, and the bit of the kind.
type Pair = (ClassId, ClassId, u32);

#[derive(Debug, Default)]
struct Inner {
    /// The open record; `None` before the first line and after a failure.
    file: Option<OwnFile>,
    /// The process that opened it; zero before the first.
    pid: u32,
    /// How many threads were numbered before the process began, which is a child by fork.
    n_threads_before: u64,
    /// How long it is.
    n_bytes: u64,
    /// Classes that are in it.
    classes: FxHashSet<ClassId>,
    /// Pairs of classes of which an order is in it.
    pairs: FxHashSet<Pair>,
    /// How many orders were left out since it is long.
    n_left_out: u64,
    has_failed: bool,
}

impl Recorder {
    pub(crate) fn new(dir: PathBuf, source_root: String) -> Self {
        Self { dir, source_root, max_bytes: MAX_BYTES, inner: Mutex::default() }
    }

    /// Whether the record gets an order of this pair of classes. One that it does not get is
    /// counted.
    pub(super) fn wants_order(&self, pair: Pair) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.pairs.insert(pair) || inner.n_bytes < self.max_bytes {
            return true;
        }
        inner.n_left_out += 1;
        false
    }

    /// How many threads the process has had.
    pub(super) fn n_threads(&self) -> u64 {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        number::n_numbered().saturating_sub(inner.n_threads_before)
    }

    /// How many orders the record did not get.
    pub(super) fn n_left_out(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).n_left_out
    }

    /// Appends the classes that are not in the record yet, then `records`; returns false if the
    /// record is lost. That is said and counted once for each process.
    pub(super) fn lines(&self, classes: &[(ClassId, Option<ClassRecord>)], records: &[Record]) -> bool {
        let _errno = errno::Kept::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // What failed for the parent may work for a child that it forks.
        if inner.has_failed && inner.pid == own_id::get() {
            return false;
        }
        let Err((path, error)) = self.append(&mut inner, classes, records) else { return true };
        inner.has_failed = true;
        inner.file = None;
        drop(inner);
        ledger::count(Counter::LostRecord);
        sink::notice(&format!(
            "cannot write the run record {}: {error}; the record ends at this point",
            path.display()
        ));
        false
    }

    fn append(
        &self,
        inner: &mut Inner,
        classes: &[(ClassId, Option<ClassRecord>)],
        records: &[Record],
    ) -> Result<(), (PathBuf, io::Error)> {
        let pid = own_id::get();
        if inner.file.is_none() || inner.pid != pid {
            // The child of a fork opens a record of its own and repeats the classes that it uses.
            let forked_from = (inner.pid != 0).then_some(inner.pid);
            inner.pid = pid;
            inner.has_failed = false;
            ledger::count(Counter::Announced);
            let (path, file) = self.create(pid)?;
            inner.classes.clear();
            inner.pairs.clear();
            (inner.n_bytes, inner.n_left_out) = (0, 0);
            // The thread that forked goes on in the child.
            inner.n_threads_before = forked_from.map_or(0, |_| number::n_numbered().saturating_sub(1));
            raw_record::note(&file);
            let line = Record::Run(self.run_record(pid, forked_from)).to_line();
            inner.file.insert(file).write_all(line.as_bytes()).map_err(|error| (path, error))?;
        }
        for (class, record) in classes {
            if inner.classes.insert(*class)
                && let Some(record) = record
            {
                self.write(inner, &Record::Class(record.clone()))?;
            }
        }
        records.iter().try_for_each(|record| self.write(inner, record))
    }

    /// One line by one write, so that a crash costs at most the last one.
    fn write(&self, inner: &mut Inner, record: &Record) -> Result<(), (PathBuf, io::Error)> {
        let Some(file) = &mut inner.file else { return Ok(()) };
        let line = record.to_line();
        inner.n_bytes += line.len() as u64;
        file.write_all(line.as_bytes()).map_err(|error| (self.dir.clone(), error))
    }

    fn create(&self, pid: u32) -> Result<(PathBuf, OwnFile), (PathBuf, io::Error)> {
        std::fs::create_dir_all(&self.dir).map_err(|error| (self.dir.clone(), error))?;
        let nonce = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let path = self.dir.join(format!("{pid}-{nonce:x}.jsonl"));
        match OwnFile::open(path.clone(), Creation::New) {
            Ok(file) => Ok((path, file)),
            Err(error) => Err((path, error)),
        }
    }

    fn run_record(&self, pid: u32, forked_from: Option<u32>) -> RunRecord {
        let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
        let program = args.next().unwrap_or_default();
        let directory = process_start::directory()
            .map_or_else(String::new, |directory| directory.to_string_lossy().into_owned());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
        RunRecord {
            schema: SCHEMA,
            pid,
            forked_from,
            program,
            args: args.collect(),
            directory,
            source_root: self.source_root.clone(),
            test: std::env::var("NEXTEST_TEST_NAME").unwrap_or_default(),
            started_ms: u64::try_from(now).unwrap_or(u64::MAX),
            hang_signal: own_threads::asking_signal(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_record_gets_one_order_of_each_pair_and_counts_the_others() {
        let recorder = Recorder { max_bytes: 10, ..Recorder::new(PathBuf::new(), String::new()) };
        let class = |index| ClassId::from_index(index).expect("small");
        let pair = |to| (class(1), class(to), 0);
        assert!(recorder.wants_order(pair(2)) && recorder.wants_order(pair(2)), "it is short");
        recorder.inner.lock().expect("not poisoned").n_bytes = 10;
        assert!(!recorder.wants_order(pair(2)) && recorder.wants_order(pair(3)));
        assert!(!recorder.wants_order(pair(3)));
        assert_eq!(recorder.n_left_out(), 2);
    }
}
