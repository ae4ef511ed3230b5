//! Watching a run: reports are printed as the processes make them, and summed up in the end.

pub(crate) mod args;
mod ledger;
mod printer;
mod process;
mod tail;
mod tally;
mod tree;
mod unseen;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::count::counted;
use crate::error::Result;
use crate::findings::policy::CommandPolicy;
use crate::output::say;
use crate::records::ledger::{Receipts, prepare as prepare_ledger, read as read_ledger};
use crate::settings::Settings;
use crate::source::Places;
use crate::{exit, input};

pub(crate) use unseen::unseen_locks;

use args::WatchArgs;
use ledger::{Ledger, since};
use printer::Printer;
use process::{Ended, Limit, Signals};
use tail::{Asked, Tail};
use tally::Tally;

/// What a watched run came to.
#[derive(Debug)]
pub(crate) struct RunResult {
    ended: Ended,
    tally: Tally,
    /// What the watched processes counted while they ran.
    ledger: Ledger,
}

impl RunResult {
    /// The exit code of the whole: a denied report first, then what the wrapped command says.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.ended {
            _ if self.tally.n_denied() > 0 => exit::DENIED,
            // What was lost may have been such a report.
            _ if self.has_lost() => exit::RECORD_LOST,
            Ended::TimedOut(_) => exit::TIMED_OUT,
            Ended::Itself(status) => exit::of_status(status),
        }
    }

    /// The classes, by hash, whose locks a second run should distinguish from the start; none if
    /// the run was cut short.
    pub(crate) fn suspects(&self) -> BTreeSet<&str> {
        match self.ended {
            Ended::Itself(status) if status.code().is_some() => self.tally.suspects(),
            _ => BTreeSet::new(),
        }
    }

    /// Adds the results of a second run, in which the suspects of this one were distinguished from
    /// the start.
    pub(crate) fn settle(&mut self, second: Self) {
        for sentence in self.tally.settle(second.tally) {
            say(sentence);
        }
        if self.succeeded() {
            self.ended = second.ended;
        }
        self.ledger = ledger::sum(self.ledger, second.ledger);
    }

    /// Whether records are missing or incomplete.
    fn has_lost(&self) -> bool {
        self.ledger.n_lost_records > 0 || self.tally.n_unreadable > 0
    }

    /// Whether any watched program took a lock.
    pub(crate) fn has_watched(&self) -> bool {
        self.tally.n_processes > 0 || self.ledger.n_announced > 0
    }

    fn succeeded(&self) -> bool {
        matches!(self.ended, Ended::Itself(status) if status.success())
    }
}

/// What stays the same from the first run to the one that settles: where the records are, what is
/// denied, where reports go.
pub(crate) struct Watch<'a> {
    records: &'a Path,
    /// Where cargo puts the programs.
    programs: PathBuf,
    /// What may be shown of the sources.
    places: Places,
    timeout_s: Option<u64>,
    policy: CommandPolicy,
    printer: Printer,
    signals: Signals,
}

impl<'a> Watch<'a> {
    /// Opens the output; `is_coloured` is what cargo was told, if anything.
    ///
    /// # Errors
    ///
    /// If the policy in the environment is malformed, or the output cannot be written.
    pub(crate) fn open(
        records: &'a Path,
        programs: PathBuf,
        places: Places,
        args: &WatchArgs,
        settings: &Settings,
        is_coloured: Option<bool>,
    ) -> Result<Self> {
        // Exceptions lie where the user is, whichever directory the command runs in.
        let policy = CommandPolicy::of(settings, &input::current_directory()?)?;
        let printer = Printer::open(args, is_coloured)?;
        prepare_ledger(records)?;
        let signals = Signals::watch();
        Ok(Self { records, programs, places, timeout_s: args.timeout, policy, printer, signals })
    }

    /// The directory of the records.
    pub(crate) fn records(&self) -> &'a Path {
        self.records
    }

    /// Runs the command to its end, or to the timeout, and prints each report as soon as a record
    /// holds it. What `first`, an earlier run of the same, has printed is not printed again.
    ///
    /// # Errors
    ///
    /// If the command cannot be started, or a report cannot be written.
    pub(crate) fn run(&mut self, command: Command, first: Option<&RunResult>) -> Result<RunResult> {
        let before = read_ledger(self.records);
        if first.is_some() {
            self.printer.begin_anew();
        }
        let Self { records, programs, places, timeout_s, policy, printer, signals } = self;
        let mut tail = Tail::new(records, places, policy, first.map(|first| &first.tally));
        let limit = timeout_s.map(|seconds| Limit { seconds, programs });
        let mut follower = Follower { tail: &mut tail, printer, receipts: Receipts::begin(records) };
        let ended = process::run(command, limit, signals, &mut follower)?;
        drop(follower);
        let (mut tally, joined) = tail.finish();
        tally.has_timed_out = matches!(ended, Ended::TimedOut(_));
        for report in &joined {
            printer.print(report)?;
        }
        if let Ended::TimedOut(seconds) = ended {
            say(format_args!("the run was ended {seconds} s after its first program started (--timeout)"));
        }
        Ok(RunResult { ended, tally, ledger: since(read_ledger(records), before) })
    }
}

/// What happens while a run is watched.
struct Follower<'a, 'w> {
    tail: &'a mut Tail<'w>,
    printer: &'a mut Printer,
    receipts: Receipts,
}

impl process::Watcher for Follower<'_, '_> {
    fn tick(&mut self) -> Result<bool> {
        let n_waiting = self.receipts.n_waiting();
        for report in self.tail.poll() {
            self.printer.print(&report)?;
        }
        self.receipts.printed(n_waiting);
        for hang in self.tail.hangs() {
            self.printer.print_hang(&hang)?;
        }
        Ok(self.tail.has_watched())
    }

    fn processes(&self) -> &[Asked] {
        self.tail.processes()
    }

    fn n_hangs(&self) -> usize {
        self.tail.n_hangs()
    }
}

/// Says what a second run would show, if a report has a stack that may be that of another path.
pub(crate) fn offer_to_settle(verdict: &RunResult) {
    let n_inexact = verdict.tally.n_inexact();
    if n_inexact > 0 {
        say(format_args!(
            "{} of another path to the same place; `--settle` runs once more and records the acquisitions themselves",
            counted(
                n_inexact,
                "report lacks a stack or may show one",
                "reports lack a stack or may show one"
            )
        ));
    }
}

/// From so many groups of denied reports on, a project starts with a baseline.
const MANY_GROUPS: usize = 8;

/// Names the command that fits the outcome; `order` is the project's lock-order file, if there is
/// one.
pub(crate) fn name_the_next_command(verdict: &RunResult, records: &Path, order: Option<&Path>) {
    if let Some(line) = next_command(&verdict.tally, verdict.has_watched(), records, order) {
        say(line);
    }
}

fn next_command(tally: &Tally, has_watched: bool, records: &Path, order: Option<&Path>) -> Option<String> {
    let directory = records.display();
    if tally.n_denied() > 0 && tally.n_groups() >= MANY_GROUPS {
        return Some(format!(
            "next: `cargo lockdep report --open {directory}`; to start green and fail on new reports only: \
             `cargo lockdep report {directory} --baseline lockdep.allow --reason \"there before lockdep\"`"
        ));
    }
    if let Some(code) = tally.foremost_code() {
        return Some(format!(
            "next: `cargo lockdep explain {code}` says what the code means; `cargo lockdep report --open {directory}` shows the page"
        ));
    }
    if tally.n_hangs > 0 {
        return Some(format!("next: `cargo lockdep report --open {directory}` draws who waits for whom"));
    }
    if !has_watched || tally.n_dependencies() == 0 || tally.has_timed_out {
        return None;
    }
    Some(match order {
        Some(_) => {
            format!("next: `cargo lockdep order {directory} --check` compares the lock order with the file")
        }
        None => format!(
            "next: `cargo lockdep order {directory} --bless` writes the lock order down, so that a new order shows up"
        ),
    })
}

/// Says in a few lines what was watched, what was found, and what could not be seen.
///
/// `own` says what of the project's own locks and waits is not watched.
pub(crate) fn summarise(
    verdict: &RunResult,
    records: &Path,
    expects_processes: bool,
    unseen: &[&str],
    own: Option<&str>,
) {
    let tally = &verdict.tally;
    if tally.n_reports() == 0 && tally.n_hangs == 0 && matches!(verdict.ended, Ended::TimedOut(_)) {
        say("no process told what its threads do: none has acquired a watched lock, or all had ended");
    }
    for sentence in ledger::sentences(&verdict.ledger, tally.n_processes, tally.n_unreadable) {
        say(sentence);
    }
    if !verdict.has_watched() {
        if expects_processes && verdict.succeeded() {
            say("no watched program took a lock, so nothing was checked");
        }
        return;
    }
    say(tally);
    for sentence in tally.losses() {
        say(sentence);
    }
    if !unseen.is_empty() {
        say(format_args!("not seen here: {}", unseen.join(", ")));
    }
    if let Some(own) = own {
        say(own);
    }
    let directory = records.display();
    if tally.n_reports() + tally.n_hangs > 0 {
        let in_full = if tally.n_groups() < tally.n_reports() {
            "shows them in groups, `--all` each report in full"
        } else {
            "shows them"
        };
        say(format_args!("records: {directory} (`cargo lockdep report {directory}` {in_full})"));
    } else {
        say(format_args!(
            "records: {directory} (`cargo lockdep report {directory}` shows which locks no test reached)"
        ));
    }
}
