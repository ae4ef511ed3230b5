//! What the validator said in a child, and which lines of source it named.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Runs `command` and returns all that it said on stderr, however it ended; what it had said when it had to be killed after
/// `limit`.
pub(crate) fn stderr_of(command: &mut Command, limit: Duration) -> String {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return format!("cannot start a child: {error}"),
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
    while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
        said.push_str(&line);
        said.push('\n');
    }
    // It has ended, or it hangs.
    let _ = child.kill();
    let _ = child.wait();
    said
}

/// The lines of source that `report` names as `FILE:LINE:COLUMN`, for files whose name ends in `file`: looked up in `source`.
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
