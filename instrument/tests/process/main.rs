//! The runtime as a process sees it: each case is this program run again with an environment of its
//! own, under a watchdog.
//!
//! A harness of its own, because a case needs a process of its own: `cargo test -p lockdep --test
//! process [NAME]`.
#![cfg(unix)]
#![expect(
    clippy::print_stdout,
    reason = "a harness of its own, and children that are checked by what they print"
)]

mod cases;
mod checks;
#[cfg(target_os = "linux")]
mod contention;
mod exceptions;
#[cfg(target_os = "linux")]
mod flood;
#[cfg(target_os = "linux")]
mod harm;
mod holder;
mod just_made;
#[cfg(target_os = "linux")]
mod late;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod steps;

use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a case may take before it counts as hung.
const LIMIT: Duration = Duration::from_secs(60);

/// How a case ended.
pub(crate) struct Ended {
    /// The exit status; `None` for a signal.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Whether the watchdog had to.
    pub(crate) hung: bool,
    /// What it wrote.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// How many reports of `code` were written.
    pub(crate) fn n_reports(&self, code: &str) -> usize {
        self.stderr.matches(&format!("[{code}]: ")).count()
    }
}

/// The process of the case `name` with `env`.
pub(crate) fn command(name: &str, env: &[(&str, &str)]) -> Command {
    let program = std::env::current_exe().expect("a running program has a path");
    let mut command = Command::new(program);
    // The environment of the test run must not leak in: the suite itself may run with LOCKDEP=1.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("LOCKDEP") {
            command.env_remove(variable);
        }
    }
    command.args(["case", name]).env("LOCKDEP", "1").envs(env.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a process; `limit` bounds it, and `meanwhile` gets it once it has started.
pub(crate) fn watch(mut command: Command, limit: Duration, meanwhile: impl FnOnce(&mut Child)) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    let mut child = command.spawn().expect("the program that runs can be started again");
    let pid = libc::pid_t::try_from(child.id()).expect("a pid fits");
    let (done, over) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let hung = over.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        if hung {
            // SAFETY: the child has not been waited for yet, so the number is still its own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        hung
    });
    meanwhile(&mut child);
    let output = child.wait_with_output().expect("the child can be waited for");
    drop(done);
    Ended {
        code: output.status.code(),
        signal: output.status.signal(),
        hung: watchdog.join().expect("the watchdog does not panic"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the case `name` in a process with `env`; `limit` bounds it.
pub(crate) fn run_for(name: &str, env: &[(&str, &str)], limit: Duration) -> Ended {
    watch(command(name, env), limit, |_| ())
}

/// Runs the case `name` in a process with `env`.
pub(crate) fn run(name: &str, env: &[(&str, &str)]) -> Ended {
    let ended = run_for(name, env, LIMIT);
    assert!(!ended.hung, "case {name} hung; it wrote:\n{}", ended.stderr);
    ended
}

/// Every check, by name.
fn all() -> impl Iterator<Item = &'static (&'static str, fn())> {
    #[cfg(target_os = "linux")]
    let more = harm::ALL;
    #[cfg(not(target_os = "linux"))]
    let more: &[(&str, fn())] = &[];
    checks::ALL.iter().chain(holder::ALL).chain(more)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, name] = args.as_slice()
        && word == "case"
    {
        cases::run(name);
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "--list") {
        all().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let is_exact = args.iter().any(|arg| arg == "--exact");
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |name: &str| {
        filters.is_empty()
            || filters
                .iter()
                .any(|filter| if is_exact { *filter == name } else { name.contains(filter.as_str()) })
    };
    let mut n_failed = 0;
    for (name, check) in all().filter(|(name, _)| is_wanted(name)) {
        let failed = std::panic::catch_unwind(check).is_err();
        println!("test {name} ... {}", if failed { "FAILED" } else { "ok" });
        n_failed += usize::from(failed);
    }
    checks::remove_folders();
    println!("\n{n_failed} failed");
    if n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
