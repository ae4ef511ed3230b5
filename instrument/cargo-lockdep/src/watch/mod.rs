//! Watching a run: reports are printed as the processes make them, and summed up in the end.

mod printer;
mod process;
mod tail;
mod unseen;

use std::path::Path;
use std::process::{Command, ExitStatus};

use crate::cli::say;
use crate::error::Result;
use crate::suppress::Policy;
use crate::wrapped::WatchArgs;
use crate::{exit, session};

pub(crate) use unseen::unseen_locks;

use process::Ended;
use tail::Tail;

/// What a watched run came to.
#[derive(Debug)]
pub(crate) struct Verdict {
    ended: Ended,
    tally: tail::Tally,
}

impl Verdict {
    /// The exit code of the whole: a denied report first, then what the wrapped command says.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.ended {
            _ if self.tally.n_denied() > 0 => exit::DENIED,
            Ended::TimedOut(_) => exit::TIMED_OUT,
            Ended::Itself(status) => exit::of_status(status),
        }
    }

    /// How the wrapped command ended, unless `--timeout` ended it.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        match self.ended {
            Ended::Itself(status) => Some(status),
            Ended::TimedOut(_) => None,
        }
    }
}

/// Runs the command to its end, or to the timeout, and prints each new report as soon as a record holds it.
///
/// # Errors
///
/// If the command cannot be started, the policy in the environment is malformed, or the output cannot be written.
pub(crate) fn watch(command: Command, records: &Path, args: &WatchArgs) -> Result<Verdict> {
    // Exceptions lie where the user is, whichever directory the command runs in.
    let policy = Policy::from_environment(&session::current_directory()?)?;
    let mut printer = printer::Printer::open(args)?;
    let mut tail = Tail::new(records, policy);
    let ended = process::run(command, args.timeout, || {
        for report in tail.poll() {
            printer.print(&report)?;
        }
        Ok(())
    })?;
    let (tally, joined) = tail.finish();
    for report in &joined {
        printer.print(report)?;
    }
    if let Ended::TimedOut(seconds) = ended {
        say(format_args!("the run was ended after {seconds} s (--timeout)"));
    }
    Ok(Verdict { ended, tally })
}

/// Says in a few lines what was watched, what was found, and what could not be seen.
pub(crate) fn summarise(verdict: &Verdict, records: &Path, expects_processes: bool, unseen: &[&str]) {
    let tally = &verdict.tally;
    if tally.n_processes() == 0 {
        if expects_processes && verdict.status().is_some_and(|status| status.success()) {
            say("no watched program ran, so nothing was judged");
        }
        return;
    }
    say(tally);
    if !unseen.is_empty() {
        say(format_args!("not seen here: {}", unseen.join(", ")));
    }
    if tally.n_reports() > 0 {
        say(format_args!("records: {} (`cargo lockdep report` reads them)", records.display()));
    }
}
