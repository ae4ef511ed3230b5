//! The wrapped process: started, waited for, and ended by a timeout or a signal, with everything
//! that it started.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::tail::Asked;
use super::tree::{MARK, Tree};
use crate::error::{Context as _, Result};

/// How often records and the process are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How often the process table is looked at while a timeout waits for the first program, or for its
/// end.
const TABLE_INTERVAL: Duration = Duration::from_millis(500);
/// How long a process has to end by itself once it was asked to.
const GRACE: Duration = Duration::from_secs(3);

/// How long a process has to say what its threads do.
const ANSWER: Duration = Duration::from_secs(10);

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    /// By itself, or by a signal that was not ours.
    Itself(ExitStatus),
    /// By us, after so many seconds.
    TimedOut(u64),
}

/// How long the programs of a run may take, and where they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit<'a> {
    /// From the start of the first of them.
    pub(super) seconds: u64,
    /// The directory that cargo puts them in.
    pub(super) programs: &'a Path,
}

/// What looks after a run.
pub(super) trait Watcher {
    /// Reads what the processes of the run have recorded; whether a watched one has been seen.
    fn tick(&mut self) -> Result<bool>;
    /// The watched processes.
    fn processes(&self) -> &[Asked];
    /// How many hang reports were read.
    fn n_hangs(&self) -> usize;
}

/// Runs the command. The watcher looks now and then, and once more when it has ended.
///
/// # Errors
///
/// If it cannot be started, or if the watcher fails (the process is then ended).
pub(super) fn run(
    mut command: Command,
    limit: Option<Limit<'_>>,
    signals: &mut Signals,
    watcher: &mut dyn Watcher,
) -> Result<Ended> {
    let _over = signals.begin();
    if limit.is_some() {
        use std::os::unix::process::CommandExt as _;

        // A group of its own is out of the terminal's foreground: what it is asked to do comes from
        // us alone.
        command.process_group(0);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let value = format!("{}-{}", std::process::id(), now.as_nanos());
    command.env(MARK, &value);
    let program = command.get_program().to_owned();
    let child = command.spawn().context(|| format!("cannot run {}", program.display()))?;
    let tree = Tree::of(Pid::from_child(&child), &value);
    let mut run = Run { child, tree, has_group: limit.is_some(), signals };
    let mut clock = Clock { limit, began: None, looked: Instant::now() };
    let ended = loop {
        let has_program = match watcher.tick() {
            Ok(has_program) => has_program,
            Err(error) => {
                run.end();
                return Err(error);
            }
        };
        if let Some(status) = run.child.try_wait().context(|| program.display().to_string())? {
            break Ended::Itself(status);
        }
        if run.signals.ask_to_stop(limit.is_some())
            && let Some(status) = run.end()
        {
            break Ended::Itself(status);
        }
        if let Some(seconds) = clock.is_over(has_program, &mut run.tree) {
            run.ask(watcher)?;
            run.end();
            break Ended::TimedOut(seconds);
        }
        thread::sleep(POLL_INTERVAL);
    };
    watcher.tick()?;
    Ok(ended)
}

/// The time of a run with a limit. Building is not counted: it says nothing about a hang.
struct Clock<'a> {
    limit: Option<Limit<'a>>,
    began: Option<Instant>,
    /// When the process table was looked at.
    looked: Instant,
}

impl Clock<'_> {
    /// The limit, if it is reached.
    fn is_over(&mut self, has_program: bool, tree: &mut Tree) -> Option<u64> {
        let limit = self.limit?;
        if self.looked.elapsed() >= TABLE_INTERVAL {
            self.looked = Instant::now();
            // Looking also remembers who descends from whom, before a process in between has ended.
            if tree.executes(limit.programs) {
                self.began.get_or_insert_with(Instant::now);
            }
        }
        if has_program {
            self.began.get_or_insert_with(Instant::now);
        }
        self.began.is_some_and(|began| began.elapsed().as_secs() >= limit.seconds).then_some(limit.seconds)
    }
}

/// The signals that end a run.
#[derive(Debug)]
pub(super) struct Signals {
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
    /// While nothing runs, Ctrl-C ends this process as it does others.
    is_over: Arc<AtomicBool>,
    n_interrupts: usize,
}

impl Signals {
    /// Takes over the signals that end a program. Once for all runs of this process.
    pub(super) fn watch() -> Self {
        let flag = |value| Arc::new(AtomicBool::new(value));
        let signals =
            Self { interrupted: flag(false), terminated: flag(false), is_over: flag(true), n_interrupts: 0 };
        let _ = signal_hook::flag::register_conditional_default(SIGINT, Arc::clone(&signals.is_over));
        let _ = signal_hook::flag::register(SIGINT, Arc::clone(&signals.interrupted));
        for signal in [SIGTERM, SIGHUP] {
            let _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&signals.is_over));
            let _ = signal_hook::flag::register(signal, Arc::clone(&signals.terminated));
        }
        signals
    }

    /// A run begins; it is over when what is returned is dropped.
    fn begin(&mut self) -> Over {
        self.n_interrupts = 0;
        // ORDERING: as in `ask_to_stop`.
        self.is_over.store(false, Ordering::Relaxed);
        Over(Arc::clone(&self.is_over))
    }

    /// Whether the run is to be ended now.
    ///
    /// The terminal sends Ctrl-C to the whole foreground group, cargo included, and we outlive it
    /// to sum up. The second one means us, and so does the first if cargo is not in the foreground.
    fn ask_to_stop(&mut self, is_alone: bool) -> bool {
        // ORDERING: the flags carry no data; seeing one late is as good as a signal that came late.
        if self.interrupted.swap(false, Ordering::Relaxed) {
            self.n_interrupts += 1;
        }
        // ORDERING: as above.
        self.terminated.load(Ordering::Relaxed) || self.n_interrupts > usize::from(!is_alone)
    }
}

/// Marks the end of a run.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        // ORDERING: as in `Signals::ask_to_stop`.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A started command with everything that it started.
struct Run<'a> {
    child: Child,
    tree: Tree,
    has_group: bool,
    signals: &'a mut Signals,
}

impl Run<'_> {
    /// Asks every watched process that still runs what its threads do, and waits for the answers, a
    /// while.
    fn ask(&mut self, watcher: &mut dyn Watcher) -> Result<()> {
        let n_before = watcher.n_hangs();
        let alive = self.tree.look();
        let is_alive = |asked: &&Asked| i32::try_from(asked.pid).is_ok_and(|pid| alive.contains(&pid));
        let asked: Vec<Asked> = watcher.processes().iter().filter(is_alive).copied().collect();
        let n_asked = asked.into_iter().filter(|asked| self.tree.ask(*asked)).count();
        let since = Instant::now();
        while watcher.n_hangs() < n_before + n_asked && since.elapsed() < ANSWER {
            thread::sleep(POLL_INTERVAL);
            watcher.tick()?;
            // ORDERING: as in `ask_to_stop`.
            if self.signals.interrupted.load(Ordering::Relaxed) || self.tree.look().is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Asks every process of the run to end, and makes those that do not. One more Ctrl-C makes
    /// them at once.
    fn end(&mut self) -> Option<ExitStatus> {
        self.send(Signal::TERM);
        let asked = Instant::now();
        let mut status = None;
        while asked.elapsed() < GRACE {
            thread::sleep(POLL_INTERVAL);
            status = status.or_else(|| self.child.try_wait().ok().flatten());
            // ORDERING: as in `ask_to_stop`.
            let is_impatient = self.signals.interrupted.swap(false, Ordering::Relaxed);
            if is_impatient || status.is_some() && self.tree.look().is_empty() {
                break;
            }
        }
        // A process may start others while it is being ended.
        for _ in 0..50 {
            if self.send(Signal::KILL) == 0 {
                break;
            }
            status = status.or_else(|| self.child.try_wait().ok().flatten());
            thread::sleep(Duration::from_millis(10));
        }
        status.or_else(|| self.child.wait().ok())
    }

    /// Sends a signal to all of them; how many the process table shows.
    fn send(&mut self, signal: Signal) -> usize {
        let n_known = self.tree.signal(signal);
        // Where there is no process table, the group is what we know. Its number stays taken until
        // cargo is waited for.
        if n_known == 0 && matches!(self.child.try_wait(), Ok(None)) {
            let pid = Pid::from_child(&self.child);
            // Who is gone already needs no signal.
            let _ = if self.has_group {
                rustix::process::kill_process_group(pid, signal)
            } else {
                rustix::process::kill_process(pid, signal)
            };
        }
        n_known
    }
}
