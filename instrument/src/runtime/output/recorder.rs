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

use super::sink::{self, Creation, OwnFile};
use crate::runtime::process::ledger::{self, Counter};
use crate::runtime::process::start as process_start;
use crate::runtime::system::errno;

/// Writes the record. A leaf lock: nothing else is locked, and no code of the program runs, while
/// it is held.
#[derive(Debug)]
pub(crate) struct Recorder {
    dir: PathBuf,
    source_root: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The open record; `None` before the first line and after a failure.
    file: Option<OwnFile>,
    /// The process that opened it; zero before the first.
    pid: u32,
    /// Classes that are in it.
    classes: FxHashSet<ClassId>,
    has_failed: bool,
}

impl Recorder {
    pub(crate) fn new(dir: PathBuf, source_root: String) -> Self {
        Self { dir, source_root, inner: Mutex::default() }
    }

    /// Appends the classes that are not in the record yet, then `records`; returns false if the
    /// record is lost. That is said and counted once for each process.
    pub(super) fn lines(&self, classes: &[(ClassId, Option<ClassRecord>)], records: &[Record]) -> bool {
        let _errno = errno::Kept::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // What failed for the parent may work for a child that it forks.
        if inner.has_failed && inner.pid == std::process::id() {
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
        let pid = std::process::id();
        if inner.file.is_none() || inner.pid != pid {
            // The child of a fork opens a record of its own and repeats the classes that it uses.
            let forked_from = (inner.pid != 0).then_some(inner.pid);
            inner.pid = pid;
            inner.has_failed = false;
            ledger::count(Counter::Announced);
            let (path, file) = self.create(pid)?;
            inner.classes.clear();
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
        file.write_all(record.to_line().as_bytes()).map_err(|error| (self.dir.clone(), error))
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
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
