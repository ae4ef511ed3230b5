//! Children of a test: how they ended, within a limit, without what loom prints for its own
//! debugging.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Whether a test program without libtest, called `name`, should run: it answers `--list` as
/// libtest would, and a filter that names another test leaves it out.
pub(crate) fn is_wanted(name: &str, args: &[String]) -> bool {
    if args.iter().any(|arg| arg == "--list") {
        if !args.iter().any(|arg| arg == "--ignored") {
            println!("{name}: test");
        }
        return false;
    }
    let mut filters = args.iter().filter(|arg| !arg.starts_with('-')).peekable();
    filters.peek().is_none() || filters.any(|filter| name.contains(filter.as_str()))
}

/// Runs `command`. `Err` with the last words of a child that failed, or that had to be killed after
/// `limit`.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start a child: {error}"))?;
    let stderr = child.stderr.take().expect("piped above");
    let (sender, words) = mpsc::channel();
    std::thread::spawn(move || {
        let mut said: Vec<String> = Vec::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // dbg! of loom.
            let is_noise = line.starts_with('[') || line.starts_with("note:") || line.trim().is_empty();
            if !is_noise && said.len() < 8 {
                said.push(line);
            }
        }
        // The parent may have given up.
        let _ = sender.send(said);
    });
    // The end of its stderr is the end of the child.
    let Ok(said) = words.recv_timeout(limit) else {
        // It may have ended in this very moment.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("hang: not done after {} s", limit.as_secs_f32()));
    };
    let status = child.wait().map_err(|error| format!("cannot wait for a child: {error}"))?;
    // A panic's first line names the thread and the place; what it says comes next.
    let message = said.iter().find(|line| !line.starts_with("thread '") && !line.starts_with("vmalock:"));
    if status.success() { Ok(()) } else { Err(message.cloned().unwrap_or_else(|| status.to_string())) }
}
