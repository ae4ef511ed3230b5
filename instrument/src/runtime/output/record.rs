//! What the run record says of each new thing: a class, a dependency, a report, the end.
//!
//! The file itself, and when a line is lost, are in `recorder.rs`.

use std::sync::atomic::Ordering;

use lockdep_report::build::Resolver as _;
#[cfg(hang_report)]
use lockdep_report::hang_report::HangReport;
use lockdep_report::model::Report;
use lockdep_report::place::Frames;
use lockdep_report::record::{ClassRecord, DependencyRecord, EndRecord, Record, RecordedLock, StatRecord};
use lockdep_validator::{Acquisition, ClassHash, ClassId, Kind, NewDependency, Validation, WaitType};

use super::recorder::Recorder;
use crate::runtime::Runtime;
use crate::runtime::process::ledger::{self, Counter};

impl Recorder {
    /// Opens the record, so that a process without a single dependency leaves one too.
    pub(crate) fn open(&self) {
        self.lines(&[], &[]);
    }

    /// A class was registered.
    pub(crate) fn class(&self, runtime: &Runtime, class: ClassId) {
        self.lines(&[(class, class_record(runtime, class))], &[]);
    }

    /// A dependency, or a new kind of one, was seen.
    pub(crate) fn dependency(&self, runtime: &Runtime, new: &NewDependency) {
        let kind = Kind::new(new.from.mode, new.to.mode, new.to.wait).index();
        if !self.wants_order((new.from.class, new.to.class, kind)) {
            return;
        }
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
    pub(crate) fn report(&self, report: &Report) {
        self.lines(&[], &[Record::Report(Box::new(report.clone()))]);
    }

    /// The process seems to hang: what its threads do.
    #[cfg(hang_report)]
    pub(crate) fn hang(&self, report: &HangReport) {
        self.lines(&[], &[Record::Hang(Box::new(report.clone()))]);
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
        let unseen = [
            ("not seen", counters.unseen),
            ("dropped", counters.dropped),
            ("orders of single locks, left out of a long record", self.n_left_out()),
        ];
        let unseen = unseen.into_iter().filter(|(_, n)| *n > 0).map(|(why, n)| (why.to_owned(), n)).collect();
        let n_threads = self.n_threads();
        let end = EndRecord { counters, unseen, n_threads, n_reports, n_denied };
        if self.lines(&[], &[Record::End(end)]) {
            ledger::count(Counter::Ended);
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
