//! The corpus: small programs with a known verdict, each run in a process of its own.
//!
//! A case is a function. The harness (`tests/tests/corpus.rs`) runs `corpus NAME` with validation
//! on and compares the reports with what the case wants.

mod class_order;
mod codes;
mod condvar;
mod events;
mod flows;
mod hangs;
mod instances;
mod lifecycle;
mod messages;
mod once;
mod order;
mod parking;
mod parking_events;
mod pins;
mod quiet_waits;
mod readers;
mod robustness;
mod rooms;
mod scale;
mod std_locks;
mod stuck;
mod stuck_events;
mod stuck_locks;
mod stuck_vma;
mod support;
mod trylock;
mod waits;
mod wound_wait;

/// What the reports of a case must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// No warning and no error; a note may be there.
    Silent,
    /// A note with this code, and nothing above it.
    Note(&'static str),
    /// A warning with this code, and no error.
    Warning(&'static str),
    /// An error with this code.
    Error(&'static str),
    /// An error or a warning with this code: the schedule decides which.
    Report(&'static str),
    /// Out of reach by design; the reports are shown and not judged.
    Excepted,
}

/// How the program must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this exit status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

/// What must have been counted when the program ends: classes, dependencies, chains, reports.
/// Nothing may be dropped or unseen.
pub(crate) type Counts = [u64; 4];

/// One program of the corpus.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "the harness reads what a case wants, the program runs it")]
pub(crate) struct Case {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it must be told.
    pub(crate) want: Want,
    /// How it ends.
    pub(crate) end: End,
    /// Variables it runs under, besides `LOCKDEP=1`.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// Why that is the right verdict.
    pub(crate) why: &'static str,
    /// How many distinct reports of at least warning level there must be, if that is part of the
    /// case.
    pub(crate) n_reports: Option<usize>,
    /// Which thread waits for which in the ring that is reported, sorted: `a -> b`.
    pub(crate) ring: &'static [&'static str],
    /// What the counters of the process must be at its end, if that is part of the case.
    pub(crate) counts: Option<Counts>,
    /// The program.
    pub(crate) run: fn(),
}

impl Case {
    const fn new(name: &'static str, want: Want, why: &'static str, run: fn()) -> Self {
        Self { name, want, end: End::Exit(0), env: &[], why, n_reports: None, ring: &[], counts: None, run }
    }

    /// A case in which threads really block each other: it is ended by the report itself.
    const fn really_hangs(mut self) -> Self {
        self.end = End::Signal(6);
        self.env = &[("LOCKDEP_ON_VIOLATION", "abort")];
        self
    }

    /// A case whose threads wait for each other, and what waits for what: ended by LD0100 itself.
    const fn has_happened(mut self, ring: &'static [&'static str]) -> Self {
        self.end = End::Signal(6);
        self.env = &[("LOCKDEP_ON_DEADLOCK", "abort")];
        self.ring = ring;
        self
    }

    const fn ends(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    const fn with_env(mut self, env: &'static [(&'static str, &'static str)]) -> Self {
        self.env = env;
        self
    }

    const fn counts(mut self, counts: Counts) -> Self {
        self.counts = Some(counts);
        self
    }

    const fn reports(mut self, n_reports: usize) -> Self {
        self.n_reports = Some(n_reports);
        self
    }
}

/// Every program that hangs, for the hang report.
pub(crate) fn stuck() -> impl Iterator<Item = &'static stuck::Stuck> {
    [stuck::STUCK, stuck_events::STUCK, stuck_locks::STUCK, stuck_vma::STUCK].into_iter().flatten()
}

/// Every case, by topic.
pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    [
        order::CASES,
        class_order::CASES,
        pins::CASES,
        wound_wait::CASES,
        readers::CASES,
        trylock::CASES,
        instances::CASES,
        condvar::CASES,
        once::CASES,
        std_locks::CASES,
        lifecycle::CASES,
        parking::CASES,
        parking_events::CASES,
        scale::CASES,
        robustness::CASES,
        rooms::CASES,
        codes::CASES,
        hangs::CASES,
        events::CASES,
        waits::CASES,
        messages::CASES,
        flows::CASES,
        quiet_waits::CASES,
    ]
    .into_iter()
    .flatten()
}
