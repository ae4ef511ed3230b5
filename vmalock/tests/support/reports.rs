//! What the validator said in a child, and which lines of source it named.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Runs `command` and returns all that it said on stderr, however it ended; what it had said when
/// it had to be killed after `limit`.
pub(crate) fn stderr_of(command: &mut Command, limit: Duration) -> String {
    ended(command, limit).unwrap_or_else(|(_, said)| said)
}

/// Runs `command` and returns all that it said on stderr if it succeeded; else its status, and what
/// it said. The status of one that had to be killed after `limit` is [`HUNG`], and its last line
/// says so.
pub(crate) fn ended(command: &mut Command, limit: Duration) -> Result<String, (i32, String)> {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Err((HUNG, format!("cannot start a child: {error}"))),
    };
    let stderr = child.stderr.take().expect("piped above");
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // The parent may have given up.
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let end = Instant::now() + limit;
    let mut said = String::new();
    let has_closed = loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                said.push_str(&line);
                said.push('\n');
            }
            Err(error) => break error == mpsc::RecvTimeoutError::Disconnected,
        }
    };
    if !has_closed {
        // It hangs.
        let _ = child.kill();
        said.push_str(&format!("killed: not done after {} s\n", limit.as_secs()));
    }
    match child.wait() {
        Ok(status) if has_closed && status.success() => Ok(said),
        Ok(status) => Err((status.code().filter(|_| has_closed).unwrap_or(HUNG), said)),
        Err(error) => Err((HUNG, format!("cannot wait for a child: {error}"))),
    }
}

/// See [`ended`].
pub(crate) const HUNG: i32 = -1;

/// The lines of source that `report` names as `FILE:LINE:COLUMN`, for files whose name ends in
/// `file`: looked up in `source`.
pub(crate) fn named_lines<'s>(report: &str, file: &str, source: &'s str) -> Vec<&'s str> {
    let mut lines: Vec<&str> = report
        .match_indices(&format!("{file}:"))
        .filter_map(|(at, found)| {
            let digits = report[at + found.len()..].split(|c: char| !c.is_ascii_digit()).next()?;
            source.lines().nth(digits.parse::<usize>().ok()?.checked_sub(1)?)
        })
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}
