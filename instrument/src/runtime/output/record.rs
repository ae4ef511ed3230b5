//! The run record of this process: `LOCKDEP_DIR/<pid>-<nonce>.jsonl`, one line for each new thing.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lockdep_report::build::Resolver as _;
use lockdep_report::model::{Frames, Report};
use lockdep_report::record::{
    ClassRecord, DependencyRecord, EndRecord, Record, RecordedLock, RunRecord, SCHEMA, StatRecord,
};
use lockdep_validator::base::acquisition::Acquisition;
use lockdep_validator::state::class::{Validation, WaitType};
use lockdep_validator::{ClassHash, ClassId, NewDependency};
use rustc_hash::FxHashSet;

use crate::runtime::Runtime;
use crate::runtime::output::sink::{self, Creation, OwnFile};
use crate::runtime::process::ledger::{self, Counter};
use crate::runtime::process::start as process_start;

/// Writes the record. A leaf lock: nothing else is locked, and no code of the program runs, while it is held.
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

    /// Opens the record, so that a process without a single dependency leaves one too.
    pub(crate) fn open(&self, _runtime: &Runtime) {
        self.lines(&[], &[]);
    }

    /// A class was registered.
    pub(crate) fn class(&self, runtime: &Runtime, class: ClassId) {
        self.lines(&[(class, class_record(runtime, class))], &[]);
    }

    /// A dependency, or a new kind of one, was seen.
    pub(crate) fn dependency(&self, runtime: &Runtime, new: &NewDependency) {
        let classes = [new.from.class, new.to.class].map(|class| (class, class_record(runtime, class)));
        let hash = |class| runtime.validator.class(class).map(|class| class.hash);
        let (Some(from), Some(to)) = (hash(new.from.class), hash(new.to.class)) else { return };
        let record = DependencyRecord {
            from: recorded(runtime, &new.from, from),
            to: recorded(runtime, &new.to, to),
            thread: runtime.names.name(new.task),
            task: new.task.0,
            segment: new.segment,
            direct: new.direct,
            unpublished: new.unpublished,
            gates: new.gates.iter().filter_map(|gate| hash(gate.class())).collect(),
            guards: new.guards.iter().filter_map(|guard| hash(guard.class())).collect(),
            // Names of frames cost tens of milliseconds for the first; a record has to be cheap.
            frames_held: Frames::default(),
            frames_acquire: Frames::default(),
        };
        self.lines(&classes, &[Record::Dependency(record)]);
    }

    /// A report was made.
    pub(crate) fn report(&self, _runtime: &Runtime, report: &Report) {
        self.lines(&[], &[Record::Report(Box::new(report.clone()))]);
    }

    /// What was counted under `LOCKDEP_STAT=1`: for each class and place how often, and how long.
    fn stats(&self, runtime: &Runtime) {
        let Some(stats) = &runtime.stats else { return };
        let (mut classes, mut lines) = (Vec::new(), Vec::new());
        for (key, numbers) in stats.take() {
            classes.push((key.class, class_record(runtime, key.class)));
            let Some(class) = runtime.validator.class(key.class) else { continue };
            lines.push(Record::Stat(StatRecord {
                class: class.hash,
                site: runtime.place(key.site),
                mode: key.mode,
                n_acquisitions: numbers.n_acquisitions,
                n_contentions: numbers.n_contentions,
                wait: numbers.wait,
                hold: numbers.hold,
            }));
        }
        self.lines(&classes, &lines);
    }

    /// The process ends in good order.
    pub(crate) fn close(&self, runtime: &Runtime) {
        self.stats(runtime);
        let counters = runtime.counters();
        // ORDERING: Relaxed: counters; other threads may still be counting.
        let [n_reports, n_denied] =
            [&runtime.n_reports, &runtime.n_denied].map(|n| n.load(Ordering::Relaxed));
        let unseen = [("not seen", counters.unseen), ("dropped", counters.dropped)];
        let unseen = unseen.into_iter().filter(|(_, n)| *n > 0).map(|(why, n)| (why.to_owned(), n)).collect();
        if self.lines(&[], &[Record::End(EndRecord { counters, unseen, n_reports, n_denied })]) {
            ledger::count(Counter::Ended);
        }
    }

    /// Appends the classes that are not in the record yet, then `records`; returns false if the record is lost. That is said and
    /// counted once for each process.
    fn lines(&self, classes: &[(ClassId, Option<ClassRecord>)], records: &[Record]) -> bool {
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
            "cannot write the run record {}: {error}; what this process does from here on is not in it",
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

fn recorded(runtime: &Runtime, acquisition: &Acquisition, class: ClassHash) -> RecordedLock {
    RecordedLock {
        class,
        mode: acquisition.mode,
        wait: acquisition.wait,
        instance: acquisition.lock.instance(),
        address: acquisition.address,
        site: runtime.place(acquisition.site),
    }
}

fn class_record(runtime: &Runtime, id: ClassId) -> Option<ClassRecord> {
    let class = runtime.validator.class(id)?;
    let wait = |wait_type: WaitType| match wait_type {
        WaitType::Unchecked => String::new(),
        checked => checked.as_str().to_owned(),
    };
    Some(ClassRecord {
        hash: class.hash,
        subclass: class.key.subclass.level(),
        name: class.key.name,
        kind: class.key.kind,
        type_name: class.key.type_name,
        file: class.key.file,
        site: runtime.place(class.site),
        declared: class.attributes.declared,
        single_instance: false,
        wait_outer: wait(class.attributes.outer),
        wait_inner: wait(class.attributes.inner),
        ordered: class.attributes.validation == Validation::Full,
    })
}
