//! The wrapped process: started, waited for, and ended by a timeout or a signal.

use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::error::{Context as _, Result};

/// How often records and the process are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a process has to end by itself once it was asked to.
const GRACE: Duration = Duration::from_secs(3);

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    /// By itself, or by a signal that was not ours.
    Itself(ExitStatus),
    /// By us, after so many seconds.
    TimedOut(u64),
}

/// Runs the command; `tick` is called now and then, and once more when it has ended.
///
/// # Errors
///
/// If it cannot be started, or if `tick` fails (the process is then ended).
pub(super) fn run(
    mut command: Command,
    timeout_s: Option<u64>,
    mut tick: impl FnMut() -> Result<()>,
) -> Result<Ended> {
    // The terminal sends Ctrl-C to the whole foreground group, cargo included: we outlive it to sum up. A second one is
    // for us as well.
    let interrupted = Arc::new(AtomicBool::new(false));
    let terminated = Arc::new(AtomicBool::new(false));
    let signal = signal_hook::consts::SIGINT;
    let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted));
    let _ = signal_hook::flag::register(signal, Arc::clone(&interrupted));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&terminated));
    if timeout_s.is_some() {
        use std::os::unix::process::CommandExt as _;

        // A group of its own can be ended as a whole: cargo does not end the tests it started.
        command.process_group(0);
    }
    let program = command.get_program().to_owned();
    let mut child = command.spawn().context(|| format!("cannot run {}", program.display()))?;
    let began = Instant::now();
    let ended = loop {
        if let Err(error) = tick() {
            end(&mut child, timeout_s.is_some());
            return Err(error);
        }
        if let Some(status) = child.try_wait().context(|| program.display().to_string())? {
            break Ended::Itself(status);
        }
        // ORDERING: the flags carry no data; seeing one late is as good as a signal that came late.
        let stop = terminated.load(Ordering::Relaxed)
            || (timeout_s.is_some() && interrupted.load(Ordering::Relaxed));
        if stop && let Some(status) = end(&mut child, timeout_s.is_some()) {
            break Ended::Itself(status);
        }
        if let Some(seconds) = timeout_s.filter(|seconds| began.elapsed().as_secs() >= *seconds) {
            end(&mut child, true);
            break Ended::TimedOut(seconds);
        }
        thread::sleep(POLL_INTERVAL);
    };
    tick()?;
    Ok(ended)
}

/// Asks the process (with its group, if it has one of its own) to end, and makes it.
fn end(child: &mut Child, has_group: bool) -> Option<ExitStatus> {
    let pid = Pid::from_child(child);
    let send = |signal| {
        // Whoever is gone already needs no signal.
        let _ = if has_group {
            rustix::process::kill_process_group(pid, signal)
        } else {
            rustix::process::kill_process(pid, signal)
        };
    };
    send(Signal::TERM);
    let asked = Instant::now();
    let mut status = None;
    while status.is_none() && asked.elapsed() < GRACE {
        thread::sleep(POLL_INTERVAL);
        status = child.try_wait().ok().flatten();
    }
    // A program that ignores the polite signal, or outlived its cargo, is in the group still.
    send(Signal::KILL);
    status.or_else(|| child.wait().ok())
}
