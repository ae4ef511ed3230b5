//! What each detector says of small programs, each run in a process of its own.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::peer::{self, Peer};

/// A case that has not ended by then hangs.
const LIMIT: Duration = Duration::from_secs(5);

/// The columns.
const PEERS: &[&str] = &[
    "lockdep on",
    "tracing-mutex",
    "parking_lot deadlock_detection",
    "deloxide order graph",
    "no_deadlocks",
];

/// Builds the detectors, runs every case with each and prints the table.
pub fn run() -> Result<(), String> {
    let kinds = peer::kinds(false).into_iter().filter(|kind| PEERS.contains(&kind.name));
    let peers: Vec<Peer> = kinds.map(|kind| Peer::start(kind, false)).collect::<Result<_, _>>()?;
    let first = peers.first().ok_or("no detector was built")?;
    let names = first.command(&["cases"]).output().map_err(|error| error.to_string())?.stdout;
    let columns: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    println!("| case | {} |", columns.join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    for name in String::from_utf8_lossy(&names).lines() {
        let said: Result<Vec<String>, String> = peers.iter().map(|peer| outcome(peer, name)).collect();
        println!("| {name} | {} |", said?.join(" | "));
    }
    Ok(())
}

/// What became of one case, in the words of the table.
fn outcome(peer: &Peer, case: &str) -> Result<String, String> {
    let path = std::env::temp_dir().join(format!("lockdep-case-{}", std::process::id()));
    let mut command = peer.command(&["case", case]);
    let status = limited(&mut command, &path)?;
    let output = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let _ = std::fs::remove_file(&path);
    let said = reported(&output, status);
    Ok(match (said, status) {
        (Some(said), Some(_)) => said,
        (Some(said), None) => format!("{said}, then it hangs"),
        (None, Some(status)) if status.success() => "–".to_owned(),
        (None, Some(status)) => format!("ends with {status}"),
        (None, None) => "hangs".to_owned(),
    })
}

/// How the program ended; `None` if it had to be killed.
fn limited(command: &mut Command, output: &Path) -> Result<Option<ExitStatus>, String> {
    let both = File::create(output).and_then(|file| Ok((file.try_clone()?, file)));
    let (stdout, stderr) = both.map_err(|error| format!("{}: {error}", output.display()))?;
    let mut child = command.stdout(stdout).stderr(stderr).spawn().map_err(|error| error.to_string())?;
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    Ok(None)
}

/// The level of a report of lockdep, or that another detector has reported.
fn reported(output: &str, status: Option<ExitStatus>) -> Option<String> {
    let level = ["error", "warning", "note"]
        .into_iter()
        .find(|level| output.lines().any(|line| line.starts_with(&format!("{level}[LD"))));
    let has_panicked =
        status.is_some_and(|status| status.code() == Some(101)) || output.contains("panicked at");
    match level {
        Some(level) => Some(level.to_owned()),
        None if output.lines().any(|line| line == "REPORTED") => Some("reported".to_owned()),
        None if has_panicked => Some("panics".to_owned()),
        None => None,
    }
}
