//! Child processes that cannot outlive their test.

use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How a child ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status, or `None` if the watchdog had to kill it.
    pub status: Option<ExitStatus>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// The end in words: `exit 0`, `signal 6` or `killed by the watchdog`.
    pub fn describe(&self) -> String {
        match self.status {
            None => "killed by the watchdog".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => format!("{status}"),
            },
        }
    }
}

/// Runs `command` to its end, or kills it after `limit`.
///
/// # Errors
/// When the program cannot be started or waited for.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Ended> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait(&mut child, limit)?;
    let text = |pipe: std::thread::JoinHandle<String>| pipe.join().unwrap_or_default();
    Ok(Ended { status, stdout: text(stdout), stderr: text(stderr) })
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks has said what it had to say.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let (over, watchdog) = mpsc::channel::<()>();
    let pid = child.id();
    // The watchdog has no handle of its own: it kills by number, and only while the child has not
    // been reaped, because `over` is dropped after the wait.
    let killer = std::thread::spawn(move || {
        if watchdog.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            return true;
        }
        false
    });
    let status = child.wait()?;
    drop(over);
    let killed = killer.join().unwrap_or(false);
    Ok((!killed).then_some(status))
}
